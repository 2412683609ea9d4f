"""A synthetic data set in a folder: the data, and a summary by which a later run knows that it is intact."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pyskl.synth.dataset import SYNTH_VERSION, metainfo_of, write_pickle, write_store
from pyskl.synth.face_model import DEFAULT_FILE
from pyskl.synth.own_folder import PICTURES, check_free, place, read_summary, staging
from pyskl.synth.presets import Preset
from pyskl.synth.raw_layout import LABELS, SKELETONS, write_raw
from pyskl.synth.track import check_seed

__all__ = ['FORMS', 'intact_pictures', 'intact_summary', 'write_output', 'write_pictures']

FORMS: dict[str, tuple[str, ...]] = {
    'pickle': ('annotation.pkl',),
    'store': ('store',),
    'raw': (LABELS, SKELETONS),
}
"""Form -> what lies in the folder."""


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their names."""
    digest = hashlib.sha256()
    files = sorted(item for item in path.rglob('*') if item.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f'{file.relative_to(path).as_posix()}:{file.stat().st_size};'.encode())
        with file.open('rb') as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _digests(folder: Path, form: str) -> str:
    digests = [_digest(folder / name) for name in FORMS[form]]
    return digests[0] if len(digests) == 1 else hashlib.sha256(''.join(digests).encode()).hexdigest()


def _recipe(name: str, preset: Preset, seed: int, form: str) -> dict[str, object]:
    return {
        'preset': name,
        'seed': seed,
        'form': form,
        'version': SYNTH_VERSION,
        'face_model_sha256': _digest(DEFAULT_FILE),
        'settings': repr(preset),
    }


def intact_summary(out: Path, name: str, preset: Preset, seed: int, form: str) -> dict[str, object] | None:
    """Return the summary of an intact result of the same recipe, or None."""
    summary = read_summary(out)
    try:
        same = summary is not None and summary['recipe'] == _recipe(name, preset, seed, form)
        return summary if same and summary['sha256'] == _digests(out, form) else None
    except (OSError, KeyError):
        return None


def intact_pictures(out: Path, summary: dict[str, object]) -> bool:
    """Tell whether both pictures of a result are there as they were drawn."""
    pictures = summary.get('pictures') or {}
    try:
        return set(pictures) == set(PICTURES) and all(_digest(out / name) == pictures[name] for name in PICTURES)
    except OSError:
        return False


def write_output(
    out: Path, name: str, preset: Preset, seed: int, form: str, workers: int = 0, progress: bool = False
) -> dict[str, object]:
    """Make a data set in a folder, in the place of an older one of ours.

    Args:
        out: the folder; made if it does not exist.
        name: of the preset, for the record.
        preset: what to make.
        seed: same seed, same bytes.
        form: ``pickle``, ``store`` or ``raw``.
        workers: number of processes; 0 works in this one.
        progress: show a progress bar on stderr.

    Returns:
        What stands in ``summary.json``: ``splits`` (see :func:`pyskl.synth.summary.summarize`), ``recipe``, ``files``,
        ``sha256``...

    Raises:
        InputError: if the settings cannot be used, something is there that is not ours, another process is at work
            there, or something cannot be written.
    """
    check_seed(seed)
    metainfo = metainfo_of(preset, seed)
    check_free(out, FORMS[form])
    write = {'pickle': write_pickle, 'store': write_store, 'raw': write_raw}[form]
    with staging(out) as folder:
        splits = write(folder if form == 'raw' else folder / FORMS[form][0], preset, seed, workers, progress)
        before = read_summary(out) or {}
        recipe = _recipe(name, preset, seed, form)
        summary = {
            'dataset': 'synthetic',
            'synthetic': True,
            'recipe': recipe,
            'files': list(FORMS[form]),
            'sha256': _digests(folder, form),
            'pictures': before['pictures'] if before.get('recipe') == recipe else {},
            'aus': metainfo['aus'],
            'splits': splits,
        }
        place(out, folder, FORMS[form], summary)
    return summary


def write_pictures(out: Path, summary: dict[str, object], preset: Preset, seed: int) -> None:
    """Draw the faces of a result: its Action Units one by one, and the first track as a film.

    Args:
        out: the folder of the result.
        summary: of the result; the pictures are entered.
        preset: what the result was made of.
        seed: of the result.

    Raises:
        InputError: as :func:`write_output`.
    """
    from pyskl.synth.preview import draw_animation, draw_preview
    from pyskl.synth.track import load_model, simulate_track

    check_free(out, PICTURES)
    with staging(out) as folder:
        sheet, film = (folder / name for name in PICTURES)
        draw_preview(sheet, load_model(preset.layout), summary['aus'])
        draw_animation(film, simulate_track(seed, 'train', 0, preset), summary['aus'])
        summary['pictures'] = {name: _digest(folder / name) for name in PICTURES}
        place(out, folder, PICTURES, summary)
