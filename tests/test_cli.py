"""How commands end."""

from __future__ import annotations

import pytest

from pyskl.cli import run
from pyskl.errors import InputError


def ending(main, capsys, argv=None) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        run(main, argv)
    return (caught.value.code, *capsys.readouterr())


@pytest.mark.parametrize(('returned', 'status'), [(None, 0), (0, 0), (3, 3)])
def test_the_status_is_what_the_command_returns(capsys, returned, status):
    assert ending(lambda argv: returned, capsys) == (status, '', '')


def test_arguments_are_handed_on(capsys):
    seen = []
    ending(seen.append, capsys, ['--x', '1'])
    ending(seen.append, capsys)
    assert seen == [['--x', '1'], None]


def test_a_mistake_of_the_user_is_one_line_on_stderr(capsys):
    def main(argv):
        print('so far')
        raise InputError("a.pkl: track 'x': no label")

    assert ending(main, capsys) == (1, 'so far\n', "error: a.pkl: track 'x': no label\n")


def test_an_interrupt_ends_with_130(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert ending(main, capsys) == (130, '', 'interrupted\n')


def test_a_defect_keeps_its_traceback():
    def main(argv):
        raise ValueError('a defect')

    with pytest.raises(ValueError, match='a defect'):
        run(main)


def test_argparse_decides_for_itself(capsys):
    def main(argv):
        raise SystemExit(2)

    assert ending(main, capsys) == (2, '', '')


def test_an_error_is_one_line_even_if_a_path_is_not(capsys):
    def main(argv):
        raise InputError('a\nb: no such file')

    with pytest.raises(SystemExit):
        run(main)
    assert capsys.readouterr().err == 'error: a b: no such file\n'
