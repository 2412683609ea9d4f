"""A page that shows the pictures of a folder together."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from pyskl.files import replacing

__all__ = ['pictures_of_page', 'write_page']

_MARK = '<meta name="generator" content="pyskl browse_dataset">'

_STYLE = (
    'body{font-family:sans-serif;margin:2em auto;max-width:1340px;color:#222}'
    'img{max-width:100%;border:1px solid #ddd;margin:.4em 0}'
    'pre{background:#f6f6f6;padding:1em;overflow:auto}'
)


def write_page(out: Path | str, title: str, text: str, pictures: Sequence[tuple[str, str]]) -> None:
    """Write an HTML page that stands on its own beside its pictures.

    Args:
        out: the file to write.
        title: its title.
        text: shown above the pictures as it is, in a fixed-width font.
        pictures: (caption, file name) of each picture in the same folder.

    Raises:
        InputError: if the file cannot be written.
    """
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{_MARK}<title>{html.escape(title)}</title>',
        f'<style>{_STYLE}</style></head><body>',
        f'<h1>{html.escape(title)}</h1>',
        f'<pre>{html.escape(text)}</pre>',
    ]
    for caption, name in pictures:
        escaped = html.escape(caption)
        parts.append(f'<h2>{escaped}</h2>\n<img src="{quote(name)}" alt="{escaped}">')
    with replacing(out) as temporary:
        temporary.write_text('\n'.join([*parts, '</body></html>\n']), encoding='utf-8', errors='replace')


def pictures_of_page(page: Path | str) -> list[str]:
    """Return the pictures that a page of :func:`write_page` shows; none for any other file.

    Returns:
        Names of files in the page's folder; they need not exist. A name that leads elsewhere is left out.
    """
    try:
        text = Path(page).read_text(encoding='utf-8', errors='replace')
    except OSError:
        return []
    if _MARK not in text:
        return []
    names = [unquote(name) for name in re.findall(r'^<img src="([^"]+)" alt=', text, re.MULTILINE)]
    return [name for name in names if Path(name).name == name and name not in ('.', '..')]
