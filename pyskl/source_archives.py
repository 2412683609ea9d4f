"""Packages that come as source: fetched and unpacked without running any of their code.

To learn the name and version of a source package pip calls the build backend, which for old packages runs ``setup.py``.
Here pip is given a backend that only reads the package's metadata file, and the archive's hash is checked before that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pyskl.errors import InputError

__all__ = ['builds_nothing', 'unpack_source_archive']

_BACKEND = r"""
from pathlib import Path


class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        lines = Path('PKG-INFO').read_text(encoding='utf-8').splitlines()
        fields = dict(line.split(': ', 1) for line in lines if line.startswith(('Name: ', 'Version: ')))
        name = fields['Name'].replace('-', '_')
        folder = Path(metadata_directory, f'{name}-{fields["Version"]}.dist-info')
        folder.mkdir()
        content = f'Metadata-Version: 2.1\nName: {fields["Name"]}\nVersion: {fields["Version"]}\n'
        (folder / 'METADATA').write_text(content, encoding='utf-8')
        return folder.name


__legacy__ = Backend()
"""


def builds_nothing(folder: Path) -> dict[str, str]:
    """Write a build backend that builds nothing, and return the environment in which pip takes it for setuptools.

    It serves packages that name no backend of their own.

    Args:
        folder: where to write it; made if needed.
    """
    package = folder / 'setuptools'
    package.mkdir(parents=True, exist_ok=True)
    (package / '__init__.py').touch()
    (package / 'build_meta.py').write_text(_BACKEND, encoding='utf-8')
    return {**os.environ, 'PYTHONPATH': str(folder), 'PIP_USE_PEP517': '1', 'SETUPTOOLS_USE_DISTUTILS': 'stdlib'}


def unpack_source_archive(archive: Path, sha256: str, wanted: Callable[[str], bool], target: Path) -> None:
    """Unpack some files of a ``.tar.gz`` source package.

    Args:
        archive: the package.
        sha256: what its content must hash to.
        wanted: whether a member is, by its path below the package's top folder.
        target: where to write; the top folder is left out.

    Raises:
        InputError: if the hash differs, the archive is unreadable, or the path of a wanted member leads out.
    """
    digest = hashlib.sha256()
    with archive.open('rb') as source:
        while block := source.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise InputError(f'{archive.name} has sha256 {digest.hexdigest()}, expected {sha256}; it was not used')
    try:
        with tarfile.open(archive, 'r:gz') as members:
            for member in members:
                path = PurePosixPath(member.name)
                inner = PurePosixPath(*path.parts[1:])
                if not member.isfile() or not wanted(str(inner)):
                    continue
                if path.is_absolute() or '..' in path.parts or '\\' in member.name or ':' in member.name:
                    raise InputError(f"{archive.name}: refused, the member '{member.name}' leads out of its folder")
                place = target / inner
                place.parent.mkdir(parents=True, exist_ok=True)
                content = members.extractfile(member)
                if content is not None:
                    with content, place.open('wb') as sink:
                        shutil.copyfileobj(content, sink)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f'{archive.name}: not a readable source package ({error})') from error
