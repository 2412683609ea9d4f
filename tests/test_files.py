"""What a file that is written whole may take the place of."""

from __future__ import annotations

import os

import pytest

from pyskl.errors import InputError
from pyskl.files import follow_links, replacing


def test_replacing_writes_through_links(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'disk' / 'real').write_text('old')
    (tmp_path / 'link').symlink_to(tmp_path / 'disk' / 'real')
    (tmp_path / 'other').symlink_to('link')
    with replacing(tmp_path / 'other') as temporary:
        temporary.write_text('new')
    assert (tmp_path / 'other').is_symlink() and (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'disk' / 'real').read_text() == 'new'
    assert [path.name for path in (tmp_path / 'disk').iterdir()] == ['real']


def test_a_block_that_fails_leaves_the_file_a_link_points_to(tmp_path):
    (tmp_path / 'real').write_text('old')
    (tmp_path / 'link').symlink_to(tmp_path / 'real')
    with pytest.raises(RuntimeError), replacing(tmp_path / 'link') as temporary:
        temporary.write_text('half')
        raise RuntimeError
    assert (tmp_path / 'real').read_text() == 'old'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['link', 'real']


def test_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'link').symlink_to(tmp_path / 'pipe')
    for name in ('pipe', 'link'):
        with pytest.raises(InputError, match='no regular file'), replacing(tmp_path / name) as temporary:
            temporary.write_text('x')
    assert (tmp_path / 'pipe').is_fifo()


def test_links_in_a_circle_are_one_line(tmp_path):
    (tmp_path / 'a').symlink_to('b')
    (tmp_path / 'b').symlink_to('a')
    with pytest.raises(InputError, match='cannot write'):
        follow_links(tmp_path / 'a')
