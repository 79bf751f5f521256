"""Where the nodes of a graph are drawn: columns by level, few crossings, edges that bend around what they pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 196, 46
"""The size of a node's box, in pixels at a zoom of 1."""
COLUMN_GAP, ROW_GAP = 84, 20
BEND_GAP = 12
"""Room around an edge that passes a column."""
MAX_BENDS = 1500
"""Above so many bends edges run straight, behind the nodes that they pass."""
SWEEPS = 12

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The upper left corner of each node, and for each edge (input, reader) the points that it runs through."""

    places: list[Point]
    edges: dict[tuple[int, int], list[Point]]
    width: float
    height: float


def layout(inputs: Sequence[Sequence[int]], levels: Sequence[int]) -> Layout:
    """Lay out nodes 0, 1, …: `inputs` are those that each one reads, all on lower levels than its own."""
    columns = _columns(inputs, levels)
    column_of = {node: i for i, column in enumerate(columns) for node in column}
    pairs = [(source, reader) for reader, sources in enumerate(inputs) for source in dict.fromkeys(sources)]
    bends: dict[tuple[int, int], list[int]] = {pair: [] for pair in pairs}
    if sum(column_of[b] - column_of[a] - 1 for a, b in pairs) <= MAX_BENDS:
        following = len(inputs)
        for a, b in pairs:
            for i in range(column_of[a] + 1, column_of[b]):
                columns[i].append(following)
                bends[a, b].append(following)
                following += 1
    left: dict[int, list[int]] = {node: [] for column in columns for node in column}
    right: dict[int, list[int]] = {node: [] for column in columns for node in column}
    for pair, chain in bends.items():
        path = [pair[0], *chain, pair[1]]
        for a, b in pairwise(path):
            right[a].append(b)
            left[b].append(a)
    sizes = {node: HEIGHT + ROW_GAP if node < len(inputs) else BEND_GAP for node in left}
    middle = _arrange(columns, left, right, sizes)
    top = min((middle[node] - HEIGHT / 2 for node in range(len(inputs))), default=0.0)
    step = WIDTH + COLUMN_GAP
    places = [(float(column_of[node] * step), middle[node] - HEIGHT / 2 - top) for node in range(len(inputs))]
    edges = {}
    for (a, b), chain in bends.items():
        points = [(places[a][0] + WIDTH, places[a][1] + HEIGHT / 2)]
        for offset, bend in enumerate(chain, column_of[a] + 1):
            points += [(offset * step, middle[bend] - top), (offset * step + WIDTH, middle[bend] - top)]
        edges[a, b] = [*points, (places[b][0], places[b][1] + HEIGHT / 2)]
    bottom = max((y + HEIGHT for _, y in places), default=0.0)
    return Layout(places, edges, max(0.0, len(columns) * step - COLUMN_GAP), bottom)


def _columns(inputs: Sequence[Sequence[int]], levels: Sequence[int]) -> list[list[int]]:
    """The nodes of each level in one column, or in several where the picture would become too tall."""
    tallest = max(14, math.ceil(1.8 * math.sqrt(len(inputs))))
    columns = []
    for level in range(max(levels, default=-1) + 1):
        nodes = [node for node in range(len(inputs)) if levels[node] == level]
        parts = math.ceil(len(nodes) / tallest)
        columns += [nodes[part::parts] for part in range(parts)]
    return columns


def _arrange(
    columns: list[list[int]], left: dict[int, list[int]], right: dict[int, list[int]], sizes: dict[int, int]
) -> dict[int, float]:
    """The vertical middle of everything: order and places follow the neighbours, now on one side, now on the other."""
    middle: dict[int, float] = {}
    for column in columns:
        _place(column, [float(i) for i in range(len(column))], sizes, middle)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        near = left if forward else right
        for column in columns if forward else reversed(columns):
            wanted = {node: _mean(near[node], middle, middle[node]) for node in column}
            if sweep < SWEEPS - 4:
                column.sort(key=lambda node, wanted=wanted: wanted[node])  # type: ignore[misc]
            else:  # the order stands: now both sides pull
                wanted = {node: _mean(left[node] + right[node], middle, middle[node]) for node in column}
            _place(column, [wanted[node] for node in column], sizes, middle)
    return middle


def _mean(nodes: list[int], middle: dict[int, float], default: float) -> float:
    return sum(middle[node] for node in nodes) / len(nodes) if nodes else default


def _place(column: list[int], wanted: list[float], sizes: dict[int, int], middle: dict[int, float]) -> None:
    """Put a column's nodes, in this order and without overlaps, as near as can be to where they want to be.

    Least squares under a fixed order: isotonic regression, by pooling neighbours that would overlap.
    """
    offsets = [0.0]
    for a, b in pairwise(column):
        offsets.append(offsets[-1] + (sizes[a] + sizes[b]) / 2)
    pools: list[tuple[float, int]] = []
    for i, want in enumerate(wanted):
        total, count = want - offsets[i], 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            total, count = total + pools[-1][0], count + pools[-1][1]
            pools.pop()
        pools.append((total, count))
    position = 0
    for total, count in pools:
        for _ in range(count):
            middle[column[position]] = total / count + offsets[position]
            position += 1
