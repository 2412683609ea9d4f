"""Windows over tracks: every frame is owned once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.datasets.windows import WindowIndex, owned_frames, window_starts
from pyskl.errors import InputError


@given(st.integers(1, 300), st.integers(1, 50), st.data())
def test_every_frame_is_owned_exactly_once_by_a_window_that_holds_it(total, clip_len, data):
    stride = data.draw(st.integers(1, clip_len))
    owners = np.zeros(total, int)
    starts = window_starts(total, clip_len, stride)
    for window, start in enumerate(starts):
        first, end = owned_frames(window, total, clip_len, stride)
        assert start <= first <= end <= start + clip_len
        owners[first:end] += 1
    assert (owners == 1).all()


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20), st.integers(1, 30), st.data())
def test_the_index_is_the_list_of_all_windows(lengths, clip_len, data):
    stride = data.draw(st.integers(1, clip_len))
    index = WindowIndex(lengths, clip_len, stride)
    expected = [
        (track, window)
        for track, total in enumerate(lengths)
        for window in range(len(window_starts(total, clip_len, stride)))
    ]
    assert [index[number] for number in range(len(index))] == expected
    with pytest.raises(IndexError):
        index[len(index)]


def test_windows_by_hand():
    assert window_starts(10, 4, 4).tolist() == [0, 4, 6]
    assert [owned_frames(window, 10, 4, 4) for window in range(3)] == [(0, 4), (4, 7), (7, 10)]
    assert window_starts(3, 4, 4).tolist() == [0]
    assert owned_frames(0, 3, 4, 4) == (0, 3)


def test_without_clip_len_every_track_is_one_sample():
    index = WindowIndex([5, 7])
    assert len(index) == 2
    assert index.span(1, 0) == (0, 0, 7)


@pytest.mark.parametrize(('clip_len', 'stride'), [(4, 5), (4, 0), (0, None), (None, 3)])
def test_windows_that_leave_gaps_are_refused(clip_len, stride):
    with pytest.raises(InputError, match='stride'):
        WindowIndex([10], clip_len, stride)
