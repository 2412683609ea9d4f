"""What backbones have in common whose first stages can be kept from training."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['FreezableBackbone']


class FreezableBackbone(nn.Module):
    """A backbone with ``frozen_stages`` and ``norm_eval``.

    Attributes:
        frozen_stages: stages up to this one are not trained: 0 the stem, 1 stem and first stage...; -1 none.
        norm_eval: keep the running statistics of all batch norms fixed.
        res_layers: names of the stages, in order.
    """

    frozen_stages: int
    norm_eval: bool
    res_layers: list[str]

    def _stem_modules(self) -> list[nn.Module]:
        """Return the modules before the first stage."""
        raise NotImplementedError

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        stages = [getattr(self, name) for name in self.res_layers[: self.frozen_stages]]
        for module in self._stem_modules() + stages:
            module.eval()
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> FreezableBackbone:
        """Switch between training and evaluation; what is frozen stays in evaluation."""
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
