"""The report as text: Markdown, and tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from synthetic_to_real_pairs import REFERENCES

METHOD = """
Every frame of the real clips goes through MediaPipe's face landmarker twice: for the keypoints that the network reads,
and for MediaPipe's 52 blendshape scores. The scores are the reference. No network was trained with them, and nothing is
fitted here.

- **Correlation over time.** Spearman's rank correlation of the network's probability with the related blendshape (left
  and right averaged), Pearson's in the tables by clip. Each clip is standardised on its own, then all are joined.
- **Interval.** 95 %, by a bootstrap of blocks of one second within each clip (500 draws). None is given where there are
  fewer than four blocks.
- **Ruler.** The same correlation for one plain distance in the same keypoints, divided by the distance of the eyes. The
  gain is the network's correlation less the ruler's. A network that gains nothing knows nothing that a ruler does not.
- **A reference that does not move** (5th to 95th percentile less than 0.05 of its scale) gives no number.
- **What the reference is not.** The blendshapes are computed from the same mesh as the keypoints, so both share the
  errors of the mesh, and the ruler has an advantage. They are no FACS coding (a tearful grimace in the first clip is
  a `mouthSmile` of 0.9 to MediaPipe), and `cheekSquint`, `noseSneer` and
  `mouthFrown` hardly ever leave 0, whatever the face does. The sample is small: three recordings, three persons.
"""

CAPTION = {
    'follows': 'the interval lies above 0.3',
    'follows weakly': 'the interval lies above 0',
    'does not follow': 'the interval holds 0',
    'goes against': 'the interval lies below 0',
    'too short': 'too few blocks for an interval',
    'no reference': 'nothing to compare with moves in these clips',
}


def verdict(record: Mapping[str, Any]) -> str:
    """Sum up a pooled correlation in words, see :data:`CAPTION`."""
    found = record['network']
    if found is None or found['spearman'] is None:
        return 'no reference'
    if found['spearman_low'] is None:
        return 'too short'
    if found['spearman_low'] > 0.3:
        return 'follows'
    if found['spearman_low'] > 0:
        return 'follows weakly'
    return 'goes against' if found['spearman_high'] < 0 else 'does not follow'


def interval(found: Mapping[str, Any] | None, kind: str = 'spearman') -> str:
    """Write a correlation with its interval: ``0.46 (0.28 to 0.63)``."""
    if found is None or found[kind] is None:
        return '–'
    low, high = found[f'{kind}_low'], found[f'{kind}_high']
    return f'{found[kind]:.2f}' if low is None or high is None else f'{found[kind]:.2f} ({low:.2f} to {high:.2f})'


def gain(found: Sequence[float | None] | None) -> str:
    """Write a difference of correlations with its interval."""
    if found is None or found[0] is None:
        return '–'
    value, low, high = found
    return f'{value:+.2f}' if low is None or high is None else f'{value:+.2f} ({low:+.2f} to {high:+.2f})'


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines) + '\n'


def main_table(pairs: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table over all clips."""
    head = ['AU', 'reference', 'clips', 'network', 'ruler', 'gain', 'the network']
    rows = [
        [
            record['au'],
            record['reference'],
            str(record['pooled_clips']),
            interval(record['network']),
            interval(record['baseline']) + (f' {record["baseline_name"]}' if record['baseline'] else ''),
            gain(record['gain']),
            verdict(record),
        ]
        for record in pairs
    ]
    return head, rows


def clip_table(pairs: Sequence[Mapping[str, Any]], clip: str) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of one clip."""
    head = ['AU', 'reference', 'frames', 'its range', 'Spearman', 'Pearson', 'ruler, Spearman']
    rows = []
    for record in pairs:
        found = record['clips'][clip]
        cells = [record['au'], record['reference'], str(found['frames']), f'{found["range"]:.2f}']
        if found['moves']:
            cells += [interval(found['network']), interval(found['network'], 'pearson'), interval(found['baseline'])]
        else:
            cells += ['reference does not move', '', '']
        rows.append(cells)
    return head, rows


def confusion_table(confusions: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of wrong correlations."""
    head = ['AU', 'follows also (in brackets: how much that goes along with the right reference)']
    rows = []
    for au, found in confusions.items():
        parts = []
        for row in found:
            beside = '' if row['with_reference'] is None else f' ({row["with_reference"]:+.2f})'
            parts.append(f'{row["name"]} {row["spearman"]:+.2f}{beside}')
        rows.append([au, ', '.join(parts)])
    return head, rows


def portrait_rows(portraits: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the portraits, one column each: expected AUs in bold, their rank below."""
    rows = []
    for au in portraits[0]['probability']:
        cells = [f'{row["probability"][au]:.2f}' for row in portraits]
        marked = [f'**{cell}**' if au in row['expected'] else cell for cell, row in zip(cells, portraits, strict=True)]
        rows.append([au, *marked])
    rows.append(['rank', *('–' if row['rank'] is None else f'{row["rank"]:.2f}' for row in portraits)])
    return ['AU', *(row['expression'] for row in portraits)], rows


def level_table(levels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of probabilities by clip."""
    clips = list(next(iter(levels.values())))
    rows = []
    for au, found in levels.items():
        texts = [f'{found[c]["median"]:.2f} ({found[c]["low"]:.2f} to {found[c]["high"]:.2f})' for c in clips]
        rows.append([au, *texts])
    return ['AU', *clips], rows


def change_table(changes: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of altered tracks."""
    names = list(changes)
    aus = list(changes[names[0]])
    rows = []
    for au in aus:
        found = [changes[name][au] for name in names]
        rows.append([au, *(f'{_number(one["spearman"])} [{one["high"]:.2f}]' for one in found)])
    return ['AU', *names], rows


def _number(value: float | None) -> str:
    return '–' if value is None else f'{value:.2f}'


def wrapped(text: str) -> str:
    """Break the lines of paragraphs anew."""
    return '\n\n'.join(fill(' '.join(part.split()), 120, break_on_hyphens=False) for part in text.split('\n\n'))


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write the whole report."""
    about = report['about']
    parts = ['# Synthetic to real', '', METHOD.strip(), '', '## This run', '']
    parts += [f'- {name}: {value}' for name, value in about.items()]
    parts += ['', '## All clips together', '', markdown_table(*main_table(report['pairs']))]
    caption = '; '.join(f'*{word}*: {meaning}' for word, meaning in CAPTION.items())
    parts += [wrapped(f'Spearman, with 95 % interval. {caption}.'), '']
    parts += ['## What correlates and what does not', '', summary(report['pairs']), '']
    confusions = markdown_table(*confusion_table(report['confusions']))
    parts += ['## What an AU follows though it should not', '', confusions]
    parts += ['## How high the probabilities are', '', 'Median, and 5th to 95th percentile of the frames.', '']
    parts += [markdown_table(*level_table(report['levels']))]
    parts += ['## Portraits', '', PORTRAIT_NOTE.format(frames=report['still_frames']), '']
    parts += [markdown_table(*portrait_rows(report['portraits'])), PICTURE_NOTE, '']
    parts += [markdown_table(['face', 'AU12', 'mouthSmile', 'AU25', 'AU4', 'browDown'], report['pictures'])]
    if report.get('gaps'):
        parts += [
            '## Where synthetic and real tracks differ',
            '',
            wrapped(GAP_NOTE.format(**report['gaps']['about'])),
            '',
        ]
        head = ['difference', 'real', 'synthetic', 'size']
        rows = [[r['what'], r['real'], r['synthetic'], f'{r["size"]:.1f}'] for r in report['gaps']['rows'][:30]]
        parts += [markdown_table(head, rows), 'The landmarks that are furthest off at rest:', '']
        head = ['landmark', 'region', 'real is aside by', 'real is lower by', 'spread real', 'synthetic', 'deviations']
        parts += [markdown_table(head, [_landmark(row) for row in report['gaps']['landmarks'][:12]])]
    if report.get('changes'):
        parts += ['## Which difference does the harm', '', CHANGE_NOTE, '']
        parts += [markdown_table(*change_table(report['changes']))]
    parts += ['## Clip by clip', '']
    for clip in report['clips']:
        again = '' if clip['pooled'] else ' The recording of single_face again: not in the figures above.'
        frames = f'{clip["frames"]} frames with a face, {clip["fps"]:.1f} a second.'
        parts += [f'### {clip["name"]}', '', frames + again, '']
        parts += [markdown_table(*clip_table(report['pairs'], clip['name']))]
    return '\n'.join(parts).rstrip() + '\n'


def summary(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Sort the AUs by verdict, one line each; the first reference of an AU that moves counts."""
    first: dict[str, Mapping[str, Any]] = {}
    for record in pairs:
        if record['au'] not in first or verdict(first[record['au']]) == 'no reference':
            first[record['au']] = record
    lines = []
    for kind in CAPTION:
        found = []
        for au, record in first.items():
            if verdict(record) == kind:
                found.append(au if kind == 'no reference' else _named(record))
        if found:
            lines.append(f'- *{kind}*: {", ".join(found)}')
    sure = {au: record['gain'] for au, record in first.items() if record['gain'] and record['gain'][1] is not None}
    better, worse = [au for au, ends in sure.items() if ends[1] > 0], [au for au, ends in sure.items() if ends[2] < 0]
    lines.append(f'- better than the ruler (interval of the gain above 0): {", ".join(better) or "none"}')
    lines.append(f'- worse than the ruler (below 0): {", ".join(worse) or "none"}')
    return '\n'.join(lines)


def _named(record: Mapping[str, Any]) -> str:
    """Name an AU with its correlation, and its reference where that is not the usual one."""
    other = '' if record['reference'] == REFERENCES[record['au']][0] else f' (by {record["reference"]})'
    return f'{record["au"]} {record["network"]["spearman"]:.2f}{other}'


def _landmark(row: Mapping[str, Any]) -> list[str]:
    offsets = [f'{row[name]:+.1f} %' for name in ('dx', 'dy')]
    spreads = [f'{row[name]:.1f} %' for name in ('real_spread', 'synthetic_spread')]
    return [str(row['landmark']), row['region'], *offsets, *spreads, f'{row["z"]:.1f}']


PORTRAIT_NOTE = """
Each portrait is shown as a film of {frames} equal frames: nothing moves, which no face does, so the network sees
something that training never showed. Bold: the AUs that Ekman and Friesen's tables expect of the expression, as far
as the network has them. Rank: how often an expected AU is more probable than one that is not expected; 1 is perfect,
0.5 is chance. Four pictures prove little.
""".strip()

PICTURE_NOTE = 'Every face of the other pictures, read the same way, beside MediaPipe on the same picture:'

GAP_NOTE = """
{real} ({real_windows} windows of 64 frames for motion, {real_faces} faces at rest for geometry) against {synthetic}
({synthetic_windows} windows, {synthetic_faces} people). Tracks are aligned by the eyes as the network sees them;
percent are of the distance between the centres of the eyes. At rest: calm blendshapes, or no AU of intensity 1; the
lips closed where a clip has such frames; the head not turned aside.

Size: for a face at rest, by how many standard deviations of the simulated people the mean of the real ones is off; for
an amplitude, how many times it doubles; for movements beyond those simulated, how many times their range would have to
double; for the shared jitter, four times the difference. A few real faces fix no spread: read the first rows, not the
last.
""".strip()

CHANGE_NOTE = """
The real tracks are altered and read again: Spearman's correlation with the first reference that moves, all clips
together, and in brackets the 95th percentile of the probability. *at rest as synthetic*: every landmark is shifted by a
constant, relative to the eyes, so that the resting face is the mean simulated one; *only ...*: the landmarks of that
region alone; *trembling*: independent noise of 0.4 % of the distance of the eyes, as the simulator adds. What rises
shows what does harm.
""".strip()


def print_report(report: Mapping[str, Any]) -> None:
    """Show the main tables on the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    shown = [('all clips together (Spearman, 95 %)', main_table(report['pairs'])),
             ('portraits (probability; expected AUs in bold)', portrait_rows(report['portraits']))]  # fmt: skip
    for title, (head, rows) in shown:
        table = Table(title=title)
        for name in head:
            table.add_column(name)
        for row in rows:
            table.add_row(*(f'[bold]{c.strip("*")}[/bold]' if c.startswith('**') else c for c in row))
        console.print(table)
    console.print(summary(report['pairs']))
