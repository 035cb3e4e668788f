"""`docs/pictures/flow.svg`: the stages of `dvc.yaml` and what they hand on, drawn from the file itself.

An arrow leads from a stage to another that reads what it wrote, unless a way through others says so already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts.files import write_text
from contracts.params import read_yaml

A_ROW = 6
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 118, 40, 34, 34, 14
FONT = 'font-family="system-ui, sans-serif" font-size="15"'
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#5f6b76"/></marker></defs>'
)
Edge = tuple[str, str]


def edges(stages: Mapping[str, Mapping[str, Any]]) -> set[Edge]:
    """Pairs of stages of which the second reads what the first wrote, without those that follow from others."""
    wrote = {_path(out): name for name, stage in stages.items() for out in stage.get("outs", ())}
    read = {(wrote[out], name) for name, stage in stages.items() for out in _inputs(stage["deps"], wrote)}
    return {pair for pair in read if not _reaches(*pair, read - {pair})}


def _path(out: str | Mapping[str, Any]) -> str:
    return out if isinstance(out, str) else str(next(iter(out)))


def _inputs(deps: Iterable[str], wrote: Mapping[str, str]) -> set[str]:
    return {out for dep in deps for out in wrote if dep == out or dep.startswith(f"{out}/")}


def _reaches(first: str, last: str, among: set[Edge]) -> bool:
    nexts = {end for begin, end in among if begin == first}
    return last in nexts or any(_reaches(one, last, among) for one in nexts)


def places(names: Iterable[str], among: set[Edge]) -> dict[str, tuple[int, int]]:
    """Column and row of each stage: as far right as the longest way to it, in lines of `A_ROW`."""
    depth: dict[str, int] = {}
    for name in names:
        depth[name] = max((depth[begin] + 1 for begin, end in among if end == name), default=0)
    found: dict[str, tuple[int, int]] = {}
    for name, layer in depth.items():
        above = sum(other == layer for other in list(depth.values())[: list(depth).index(name)])
        found[name] = (layer % A_ROW, 2 * (layer // A_ROW) + above)
    return found


def picture(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """The SVG."""
    among = edges(stages)
    at = places(_in_order(stages, among), among)
    columns, rows = (max(place[k] for place in at.values()) + 1 for k in (0, 1))
    wide, high = columns * (WIDTH + GAP_X) - GAP_X + 2 * EDGE, rows * (HEIGHT + GAP_Y) - GAP_Y + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" {FONT}>',
        f"<title>{len(at)} stages and what they hand on</title>",
        TIP,
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        *(_arrow(at[begin], at[end]) for begin, end in sorted(among)),
        *(_box(name, place) for name, place in at.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_order(stages: Iterable[str], among: set[Edge]) -> list[str]:
    """Every stage after those that it reads from, otherwise as in the file."""
    left, done = list(stages), []
    while left:
        ready = next(one for one in left if all(begin in done for begin, end in among if end == one))
        left.remove(ready)
        done.append(ready)
    return done


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return EDGE + place[0] * (WIDTH + GAP_X), EDGE + place[1] * (HEIGHT + GAP_Y)


def _box(name: str, place: tuple[int, int]) -> str:
    x, y = _corner(place)
    middle, line = x + WIDTH // 2, y + HEIGHT // 2 + 5
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#e8f1ed" stroke="#0b6e4f"/>'
        f'<text x="{middle}" y="{line}" text-anchor="middle" fill="#1c1c1c">{escape(name)}</text>'
    )


def _arrow(begin: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = _corner(begin), _corner(end)
    level1, level2, half = y1 + HEIGHT // 2, y2 + HEIGHT // 2, WIDTH // 2
    if end[0] > begin[0]:
        turn = x1 + WIDTH + GAP_X // 2
        points = [(x1 + WIDTH, level1), (turn, level1), (turn, level2), (x2, level2)]
    else:
        turn = y2 - GAP_Y // 2
        points = [(x1 + half, y1 + HEIGHT), (x1 + half, turn), (x2 + half, turn), (x2 + half, y2)]
    bends = [one for one, nxt in pairwise(points) if one != nxt] + [points[-1]]
    way = " ".join(f"{x},{y}" for x, y in bends)
    return f'<polyline points="{way}" fill="none" stroke="#5f6b76" stroke-width="1.5" marker-end="url(#tip)"/>'


def main(arguments: Sequence[str]) -> None:
    """Draw the first file into the second."""
    plain: Any = read_yaml(arguments[0])
    write_text(Path(arguments[1]), picture(plain["stages"]))


if __name__ == "__main__":
    main(sys.argv[1:])
