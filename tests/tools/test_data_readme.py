"""The commands of tools/data/README.md, run as they stand there on miniatures of the folders it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from miniatures import KnownFace, read_samples, write_bp4d, write_disfa, write_images, write_text, write_video

from pyskl.preprocess.bp4d import BP4D_FOLDS
from pyskl.preprocess.disfa import DISFA_FOLDS

README = Path(__file__).resolve().parents[2] / 'tools' / 'data' / 'README.md'


def blocks():
    """The lines of every block of shell, with continued lines joined."""
    for text in re.findall(r'```bash\n(.*?)```', README.read_text(), re.DOTALL):
        yield [line for line in text.replace('\\\n', ' ').splitlines() if line and not line.startswith('#')]


def commands(script):
    """The arguments of each command of the README that runs a script, in its order."""
    lines = [line for block in blocks() for line in block]
    return [shlex.split(line)[2:] for line in lines if line.startswith(f'python tools/data/{script}')]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folders that the README shows, in the current folder."""
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    monkeypatch.setattr('pyskl.preprocess.jobs._work_in_processes', lambda tasks, workers: map(_work(), tasks))
    monkeypatch.chdir(tmp_path)
    sequences = ('F001_T1', 'F003_T1', 'F007_T1')
    write_bp4d(tmp_path / 'data/bp4d', sequences)
    subjects = ('SN001', 'SN013', 'SN003')
    write_disfa(tmp_path / 'data/disfa', subjects)
    for name in sequences:
        write_images(tmp_path / 'data/bp4d/2D' / name.replace('_', '/'), range(1, 21))
        write_video(tmp_path / 'data/bp4d/videos' / f'{name}.avi', 20)
    for name in subjects:
        write_video(tmp_path / 'data/disfa/Videos_LeftCamera' / f'LeftVideo{name}_comp.avi', 20)
        write_images(tmp_path / 'data/disfa/images' / name, range(1, 21), '{:05d}.jpg')
    table = re.search(r'```\n(video,frame.*?)```', README.read_text(), re.DOTALL)
    write_text(tmp_path / 'data/custom/labels.csv', table[1])
    for name in ('anna_1', 'ben_1'):
        write_video(tmp_path / 'data/custom/videos' / f'{name}.mp4', 20)
    return tmp_path


def _work():
    from pyskl.preprocess import jobs

    return jobs._work


def test_bp4d(place, tool):
    run = tool('tools/data/bp4d_preproc.py')
    one, store, shard, merge = commands('bp4d_preproc.py')
    assert run(one) == 0
    whole = (place / 'data/bp4d/BP4D.pkl').read_bytes()
    assert run(store) == 0
    from pyskl.datasets.annotation import open_annotations

    samples = open_annotations(place / 'data/bp4d/store').samples
    assert samples['F001_T1']['intensity'].shape == (20, 12)
    (place / 'data/bp4d/BP4D.pkl').unlink()
    for number in range(1, 21):
        assert run([word.replace('$SLURM_ARRAY_TASK_ID', str(number)) for word in shard]) == 0
    assert run(merge) == 0
    assert (place / 'data/bp4d/BP4D.pkl').read_bytes() == whole


def test_disfa(place, tool):
    run = tool('tools/data/disfa_preproc.py')
    one, four = commands('disfa_preproc.py')
    assert run(one) == run(four) == 0
    assert set(read_samples(place / 'data/disfa/DISFA.pkl')[0]) == {'SN001', 'SN013', 'SN003'}
    samples, _, metainfo = read_samples(place / 'data/disfa/four.pkl')
    assert metainfo['aus'] == ['AU1', 'AU4', 'AU5', 'AU12']
    assert np.array_equal(samples['SN001']['label'], samples['SN001']['intensity'] >= 1)


def test_custom(place, tool):
    (one,) = commands('custom_preproc.py')
    assert tool('tools/data/custom_preproc.py')(one) == 0
    samples, splits, metainfo = read_samples(place / 'data/custom/annotation.pkl')
    assert metainfo['aus'] == ['AU6', 'AU12']
    assert samples['anna_1']['label'][:3].tolist() == [[0, 1], [-1, 1], [-1, -1]]
    assert sorted(map(len, splits.values())) == [1, 1]


@pytest.mark.parametrize('line', sorted({line for block in blocks() for line in block if 'python tools/' in line}))
def test_every_command_and_every_option_exists(line, tool, capsys, root):
    script, *words = shlex.split(line)[1:]
    assert (root / script).is_file()
    with pytest.raises(SystemExit) as stop:
        tool(script)(['--help'])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for word in words:
        if word.startswith('--'):
            assert re.search(rf'{word}\b', printed), word


@pytest.mark.parametrize('name', sorted(set(re.findall(r'(?<![\w/.])(?:tools|configs|docs)/[\w./]+\.(?:py|sh|md)',
                                                       README.read_text()))))  # fmt: skip
def test_every_file_that_is_named_exists(root, name):
    assert (root / name).is_file()


def test_every_link_leads_somewhere():
    for target in re.findall(r'\]\(([^)#]+)\)', README.read_text()):
        assert (README.parent / target).exists(), target
    headings = {
        re.sub(r'[^\w\- ]', '', heading).strip().lower().replace(' ', '-')
        for heading in re.findall(r'^#+ (.*)', README.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r'\]\(#([^)]+)\)', README.read_text())) <= headings


@pytest.mark.parametrize('number', [1, 2, 3])
def test_the_folds_it_lists_are_those_of_the_code(number):
    row = re.search(rf'^\| fold {number} \|(.*)\|(.*)\|$', README.read_text(), re.MULTILINE)
    for text, folds in zip(row.groups(), (BP4D_FOLDS, DISFA_FOLDS), strict=True):
        assert tuple(text.split()) == folds.folds[number - 1]


def test_the_overrides_of_the_other_folds_fit_the_config(root):
    from pyskl.engine import load_config

    (line,) = (line for block in blocks() for line in block if '--cfg-options' in line)
    words = shlex.split(line)
    overrides = dict(word.split('=') for word in words[words.index('--cfg-options') + 1 :])
    for name in ('bp4d', 'disfa'):
        cfg = load_config(root / f'configs/posec3d/slowonly_r50_{name}_xsub/joint.py', overrides)
        assert cfg.train_dataloader.dataset.split == 'train_fold2'
        assert cfg.val_dataloader.dataset.split == cfg.test_dataloader.dataset.split == 'test_fold2'
