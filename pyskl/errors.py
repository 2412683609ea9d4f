"""Errors that speak to the user."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ['InputError', 'closest', 'did_you_mean']


class InputError(ValueError):
    """Something the user gave cannot be used: a file, a field, a config key or an argument.

    The message is one line that says what is wrong, where (file, field, frame or key) and, where it helps, what to
    do. Commands print it alone, without a traceback, and end with exit status 1.
    """


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, or begins with it; None when none is close."""
    folded = {option.lower(): option for option in known}
    name = name.lower()
    matches = get_close_matches(name, folded, n=1, cutoff=0.5)
    matches += [option for option in folded if name and option.startswith(name)]
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the tail of an error message: the closest known name, or all known names when none is close."""
    known = sorted(known)
    match = closest(name, known)
    if match is not None:
        return f"did you mean '{match}'?"
    return f'known: {", ".join(known)}' if known else 'none are known'
