"""The size of a pooling's output as a sum that can be followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from normviz.pooling import AXES, Pooling
from normviz.windows import Windows


def formulas(entry: Pooling, along: Sequence[Windows], knobs: Mapping[str, Any], left_out: str) -> list[str]:
    """The output's size along every pooled axis with its numbers, one line for axes that have the same.

    Where ``ceil_mode`` leaves out a last window that would start in the padding, 1 is taken off and ``left_out``, which
    says so, is the last line. What has no stride is no quotient: only both lengths are said.

    >>> from normviz.poolings import POOLINGS
    >>> knobs = {"kernel_size": 3, "stride": 2, "padding": 1}
    >>> formulas(POOLINGS["max"], POOLINGS["max"].windows((7, 8), **knobs), knobs, "")
    ['H: ⌊(7 + 2 × 1 − 3) / 2⌋ + 1 = 4', 'W: ⌊(8 + 2 × 1 − 3) / 2⌋ + 1 = 4']
    """
    complete = entry.complete(knobs)
    found: dict[str, list[str]] = {}
    missing = False
    for axis, (name, windows) in enumerate(zip(AXES[len(along)], along, strict=True)):
        said, cut = f"{windows.length} → {windows.count}", False
        if "stride" in complete:
            stride = complete["stride"] or complete["kernel_size"]
            stride = stride[axis] if isinstance(stride, tuple) else stride
            said, cut = _quotient(windows, stride, bool(complete.get("ceil_mode")))
        missing |= cut
        found.setdefault(said, []).append(name)
    lines = [f"{', '.join(names)}: {said}" for said, names in found.items()]
    return [*lines, left_out] if missing else lines


def _quotient(windows: Windows, stride: int, up: bool) -> tuple[str, bool]:
    """The sum along one axis, and whether a window was left out."""
    kernel, padding, step = windows.size[0], windows.padded[0], windows.step
    room = windows.length + 2 * padding - step * (kernel - 1) - 1
    count = (-(-room // stride) if up else room // stride) + 1
    cut = count > windows.count
    padded = f" + 2 × {padding}" if padding else ""
    reads = f"{kernel}" if step == 1 else f"{step} × ({kernel} − 1) − 1"
    left, right = "⌈⌉" if up else "⌊⌋"
    return (
        f"{left}({windows.length}{padded} − {reads}) / {stride}{right} + 1{' − 1' * cut} = {windows.count}",
        cut,
    )
