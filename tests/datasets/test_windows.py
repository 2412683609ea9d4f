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
    with pytest.raises(InputError, match='clip_len' if clip_len == 0 else 'stride'):
        WindowIndex([10], clip_len, stride)


@given(st.integers(1, 300), st.integers(1, 50), st.data())
def test_spans_and_borders_are_those_of_the_literal_windows(total, clip_len, data):
    stride = data.draw(st.integers(1, clip_len))
    index = WindowIndex([7, total], clip_len, stride)
    starts = window_starts(total, clip_len, stride)
    spans = [index.span(1, window) for window in range(len(starts))]
    assert [span.start for span in spans] == starts.tolist()
    assert [(span.first, span.end) for span in spans] == [
        owned_frames(window, total, clip_len, stride) for window in range(len(starts))
    ]
    assert index.borders(1).tolist() == [0, *(span.end for span in spans)]


@given(st.integers(1, 100), st.integers(1, 20), st.data())
def test_centred_windows_have_their_own_frames_in_the_middle(total, clip_len, data):
    stride = data.draw(st.integers(1, clip_len))
    index = WindowIndex([total], clip_len, stride, 'centred')
    owned = []
    for number in range(len(index)):
        span = index.span(*index[number])
        owned += range(span.first, span.end)
        before, after = span.first - span.start, span.start + clip_len - (span.first + stride)
        assert before >= 0
        assert after >= 0
        assert abs(before - after) <= 1
    assert owned == list(range(total))
    assert index.borders(0).tolist() == [*range(0, total, stride), total]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(1, 9), st.data())
def test_windows_can_be_left_out(lengths, clip_len, data):
    index = WindowIndex(lengths, clip_len)
    everything = [index[number] for number in range(len(index))]
    wanted = [
        np.array(data.draw(st.lists(st.booleans(), min_size=len(index.kept(track)), max_size=len(index.kept(track)))))
        for track in range(len(lengths))
    ]
    index.keep(wanted)
    kept = [index[number] for number in range(len(index))]
    assert kept == [(track, window) for track, window in everything if wanted[track][window]]
    for track in range(len(lengths)):
        assert index.kept(track).tolist() == np.flatnonzero(wanted[track]).tolist()


def test_an_unknown_kind_of_windows_is_refused():
    with pytest.raises(InputError, match="did you mean 'centred'"):
        WindowIndex([5], 3, 1, 'centered')
