"""Saying where in a config the cause of an error stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyskl.errors import InputError

__all__ = ['config_errors']


@contextmanager
def config_errors(where: str, name_it: bool = False) -> Iterator[None]:
    """Turn what a component raises at a value it cannot use into an :class:`InputError` that says where it stands.

    Args:
        where: config file and key.
        name_it: put ``where`` before messages that are InputErrors already and do not know where they stand.
    """
    try:
        yield
    except InputError as error:
        if not name_it:
            raise
        raise InputError(f'{where}: {error}') from error
    except (
        TypeError,
        ValueError,
        KeyError,
        AssertionError,
        AttributeError,
        RuntimeError,
        IndexError,
        ArithmeticError,
    ) as error:
        reason = ' '.join(str(error).split())[:300]
        raise InputError(f'{where}: {type(error).__name__}: {reason}') from error
