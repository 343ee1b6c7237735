"""The stages of a network: consecutive layers that belong together, at most about a dozen.

They follow from the modules' paths. Layers below one part of the path ("layer1") are one stage, what lies between such
parts ("conv1", "bn1", "relu") is one too. A part that holds more than half of all layers is cut by the next part of its
path ("blocks.0"); a plain list of layers is cut where height and width change, as VGG's ``features`` do at every
pooling, or, where they never change, before its convolutions and linear layers. Where there are still too many,
siblings are joined evenly.

>>> names = ["conv1", "bn1", "layer1.0.conv1", "layer1.0.relu", "layer2.0.conv1", "fc"]
>>> trace = Trace(tuple(LayerTrace.of(name, "conv2d", [[0.0]]) for name in names), LayerTrace.of("", "", [[0.0]]))
>>> [(stage.label, stage.first, stage.last) for stage in stages(trace)]
[('conv1 … bn1', 0, 1), ('layer1', 2, 3), ('layer2', 4, 4), ('fc', 5, 5)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from normviz.traces import LayerTrace, Trace

#: How many stages there are at most.
LIMIT = 12
#: A plain list of layers of one size is cut where it is longer than this.
LONG = 8
#: More runs than this are joined without a look at what they are, and no path is read deeper than this.
MANY, DEEPEST = 1000, 16
WEIGHTS = ("conv", "linear", "recurrent", "attention")


@dataclass(frozen=True)
class Stage:
    """Layers ``first`` to ``last``, both included; its label is made of paths, in no language."""

    label: str
    first: int
    last: int

    @property
    def numbers(self) -> range:
        """The numbers of its layers."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class _Run:
    """Consecutive layers below one path; ``plain`` where they lie directly in it and in nothing deeper."""

    path: tuple[str, ...]
    first: int
    last: int
    plain: bool
    label: str = ""

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def stages(trace: Trace, limit: int = LIMIT) -> tuple[Stage, ...]:
    """The stages in order: every layer is in exactly one. At most ``limit``, which must be at least 1."""
    if limit < 1:
        raise ValueError(f"limit = {limit} stages cannot hold a layer: give at least 1, such as {LIMIT}.")
    if not trace.layers:
        return ()
    paths = [_path(layer) for layer in trace.layers]
    runs = _children(_Run((), 0, len(paths) - 1, False), paths)
    # Down to where the network branches out: the largest part may hold nearly all of it.
    while (found := _largest(runs, len(paths))) is not None:
        runs[found : found + 1] = _children(runs[found], paths)
    runs = [piece for run in runs for piece in (_pieces(run, trace.layers) if run.plain else [run])]
    named = [replace(run, label=run.label or _label(run, trace.layers)) for run in runs]
    return tuple(Stage(run.label, run.first, run.last) for run in _joined(named, limit))


def _path(layer: LayerTrace) -> tuple[str, ...]:
    return tuple(layer.name.split(".", DEEPEST))


def _children(run: _Run, paths: Sequence[tuple[str, ...]]) -> list[_Run]:
    """The runs one part deeper: one for every part that holds something deeper still, one for what lies between."""
    depth = len(run.path)
    deeper = {path[: depth + 1] for path in paths[run.first : run.last + 1] if len(path) > depth + 1}

    def inside(number: int) -> tuple[str, ...]:
        below = paths[number][: depth + 1]
        return below if below in deeper else run.path

    found = []
    for path, group in groupby(range(run.first, run.last + 1), inside):
        numbers = list(group)
        found.append(_Run(path, numbers[0], numbers[-1], path == run.path))
    return found


def _largest(runs: Sequence[_Run], layers: int) -> int | None:
    """The run to cut next: one that holds more than half of the layers and is no plain list."""
    return next((n for n, run in enumerate(runs) if not run.plain and 2 * run.length > layers), None)


def _pieces(run: _Run, layers: Sequence[LayerTrace]) -> list[_Run]:
    """A plain list cut where the size changes: after a pooling, before anything else that changes it."""
    sizes = {number: _size(layers[number]) for number in range(run.first, run.last + 1)}
    starts = [run.first]
    for before, here in pairwise(sizes):
        if len(sizes[here]) == 2 and len(sizes[before]) == 2 and sizes[here] != sizes[before]:
            starts.append(here + (layers[here].kind == "pool"))
    if len(starts) == 1 and run.length > LONG:
        starts += [n for n in sizes if n > run.first and layers[n].kind in WEIGHTS]
    ends = [*(start - 1 for start in starts[1:]), run.last]
    return [
        replace(run, first=first, last=last)
        for first, last in zip(starts, ends, strict=True)
        if last >= first
    ]


def _size(layer: LayerTrace) -> tuple[int, ...]:
    """Height and width, where the layer has them."""
    return layer.shape[2:] if len(layer.shape) == 4 and layer.channel_axis == 1 else ()


def _label(run: _Run, layers: Sequence[LayerTrace]) -> str:
    if not run.plain:
        return ".".join(run.path)
    first, last = (layers[number].name or layers[number].op for number in (run.first, run.last))
    return _between(first, last)


def _between(first: str, last: str) -> str:
    """Both names, without what the second repeats: "features.0 … 4"."""
    if first == last:
        return first
    shared = first[: first.rfind(".") + 1]
    return f"{first} … {last.removeprefix(shared)}"


def _joined(runs: list[_Run], limit: int) -> list[_Run]:
    """At most that many: the longest row of siblings (blocks.0, blocks.1, …) is joined evenly."""
    if len(runs) > MANY:
        cuts = [len(runs) * n // MANY for n in range(MANY + 1)]
        runs = [_join(runs[a:b]) for a, b in pairwise(cuts)]
    while len(runs) > limit:
        families = [list(group) for _, group in groupby(range(len(runs)), lambda n: _family(runs[n]))]
        siblings = max(families, key=len)
        if len(siblings) > 1:
            kept = max(1, len(siblings) - (len(runs) - limit))
            cuts = [siblings[0] + len(siblings) * n // kept for n in range(kept + 1)]
        else:
            at = min(range(len(runs) - 1), key=lambda n: runs[n].length + runs[n + 1].length)
            cuts = [at, at + 2]
        runs[cuts[0] : cuts[-1]] = [_join(runs[a:b]) for a, b in pairwise(cuts)]
    return runs


def _family(run: _Run) -> tuple[bool, tuple[str, ...]]:
    return run.plain, run.path if run.plain else run.path[:-1]


def _join(runs: Sequence[_Run]) -> _Run:
    if len(runs) == 1:
        return runs[0]
    label = _between(runs[0].label.partition(" … ")[0], _end(runs[-1].label))
    return replace(runs[0], last=runs[-1].last, label=label)


def _end(label: str) -> str:
    first, _, last = label.partition(" … ")
    if not last:
        return first
    return last if "." in last else first[: first.rfind(".") + 1] + last
