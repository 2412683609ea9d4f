"""A synthetic data set in a folder: the data, and a summary by which a later run knows that it is intact."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from pyskl.errors import InputError
from pyskl.files import replacing
from pyskl.synth.dataset import SYNTH_VERSION, metainfo_of, write_pickle, write_store
from pyskl.synth.presets import Preset
from pyskl.synth.raw_layout import LABELS, SKELETONS, write_raw
from pyskl.synth.track import check_seed

__all__ = ['FORMS', 'intact_summary', 'write_output']

FORMS: dict[str, tuple[str, ...]] = {
    'pickle': ('annotation.pkl',),
    'store': ('store',),
    'raw': (LABELS, SKELETONS),
}
"""Form -> what lies in the folder."""

SUMMARY = 'summary.json'


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their names.

    Of the JSON files, which can be a million, names and sizes stand for the content.
    """
    digest = hashlib.sha256()
    files = sorted(item for item in path.rglob('*') if item.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f'{file.relative_to(path).as_posix()}:{file.stat().st_size};'.encode())
        if path.name == SKELETONS:
            continue
        with file.open('rb') as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _digests(out: Path, form: str) -> str:
    digests = [_digest(out / name) for name in FORMS[form]]
    return digests[0] if len(digests) == 1 else hashlib.sha256(''.join(digests).encode()).hexdigest()


def _recipe(name: str, preset: Preset, seed: int, form: str) -> dict[str, object]:
    models = sorted(Path(__file__).parent.glob('face_model*.npz'))
    return {
        'preset': name,
        'seed': seed,
        'form': form,
        'version': SYNTH_VERSION,
        'face_model_sha256': [_digest(path) for path in models],
        'settings': repr(preset),
    }


def intact_summary(out: Path, name: str, preset: Preset, seed: int, form: str) -> dict[str, object] | None:
    """Return the summary of an intact result of the same recipe, or None."""
    try:
        summary = json.loads((out / SUMMARY).read_text(encoding='utf-8'))
        same = summary['recipe'] == _recipe(name, preset, seed, form)
        return summary if same and summary['sha256'] == _digests(out, form) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_output(
    out: Path, name: str, preset: Preset, seed: int, form: str, workers: int = 0, progress: bool = False
) -> dict[str, object]:
    """Make a data set in a folder.

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
        InputError: if the settings cannot be used, or something cannot be written.
    """
    check_seed(seed)
    metainfo = metainfo_of(preset, seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{out}: cannot be written ({error.strerror})') from None
    if form == 'raw':
        _remove_raw(out)
    write = {'pickle': write_pickle, 'store': write_store, 'raw': write_raw}[form]
    path = out if form == 'raw' else out / FORMS[form][0]
    splits = write(path, preset, seed, workers, progress)
    summary = {
        'dataset': 'synthetic',
        'synthetic': True,
        'recipe': _recipe(name, preset, seed, form),
        'files': list(FORMS[form]),
        'sha256': _digests(out, form),
        'aus': metainfo['aus'],
        'splits': splits,
    }
    with replacing(out / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + '\n', encoding='utf-8')
    return summary


def _remove_raw(out: Path) -> None:
    """Remove an older result of ours; folders of the same names that are not ours stay and are refused later."""
    try:
        summary = json.loads((out / SUMMARY).read_text(encoding='utf-8'))
        ours = summary['synthetic'] is True and summary['files'] == list(FORMS['raw'])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if ours:
        for name in FORMS['raw']:
            shutil.rmtree(out / name, ignore_errors=True)
