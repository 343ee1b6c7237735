"""The formula of a Spec with the real numbers of one cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from normviz.formula import Lines, mark, number, stacked, whole
from normviz.layouts import check_cell, layout_of
from normviz.reference import Buffers, FloatArray, aligned, corrections, moments, normalize
from normviz.spec import L2, Affine, Response, Root, Spec, StatSet


def worked(
    x: npt.ArrayLike,
    spec: Spec,
    cell: Sequence[int],
    *,
    running: Buffers | None = None,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
) -> str:
    """The same formula with the numbers of one cell of ``x``, whose axes are those of a layout of the Spec.

    Raises ValueError where the cell is outside the tensor or the parameters do not fit.
    """
    return worked_lines(x, spec, cell, running=running, weight=weight, bias=bias).aligned()


def worked_lines(
    x: npt.ArrayLike,
    spec: Spec,
    cell: Sequence[int],
    *,
    running: Buffers | None = None,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
) -> Lines:
    """The formula with one cell's numbers, step by step."""
    given = np.asarray(x)
    cell = check_cell(cell, given.shape)
    found = moments(given, spec, running=running)

    def here(array: npt.ArrayLike) -> float:
        return float(np.broadcast_to(np.asarray(array), given.shape)[cell])

    mean, second, size, divisor = map(here, found)
    value, plain = here(given), replace(spec, affine=Affine())
    bare = here(normalize(given, plain, running=running))
    y = here(normalize(given, spec, running=running, weight=weight, bias=bias))
    where = ",".join(map(str, cell))
    members = [_interval(part.set, spec, cell, given.shape) for part in spec.parts]
    several = len(members) > 1
    gather = rf"S_{{({where})}}=\varnothing"
    if members:
        gather = stacked([rf"S{mark(k, several)}_{{({where})}}={m}" for k, m in enumerate(members)])
    counted = rf"|S_i|={whole(int(size))}" if len(members) == 1 else ""
    mean_line = rf"\mu_i={_mixed(given, spec, cell, 0)}{number(mean)}" if spec.centred else ""
    match spec.divisor:
        case Root():
            name = r"\sigma_i^2" if spec.centred else r"\mathrm{ms}_i"
            spread = rf"{name}={_mixed(given, spec, cell, 1)}{number(second)}"
        case L2():
            v = "v" if spec.affine.identity_at_start else "x"
            spread = rf"\lVert {v}\rVert_i={number(math.sqrt(second * size))}"
        case Response():
            spread = rf"\textstyle\sum_{{j\in S_i}} x_j^2={number(second * size)}"
    top = rf"{number(value)}-{_bracket(mean)}" if spec.centred else number(value)
    core, correction = rf"\frac{{{top}}}{{{number(divisor)}}}", ""
    if spec.corrected:
        r, d = map(here, corrections(found, spec, given.shape, running=running))
        correction = f"r_i={number(r)}\nd_i={number(d)}"
        core = rf"{number(r)}\cdot {core}+{_bracket(d)}"
    result = rf"y_i={core}={number(bare)}"
    scaled = ""
    if weight is not None or bias is not None or spec.affine.identity_at_start:
        # torch starts Weight Norm's g at the length itself.
        given_weight = (
            found.divisor if weight is None else _at(weight, spec.affine.weight, spec, given, "weight")
        )
        scale = (
            rf"{number(here(given_weight))}\cdot "
            if weight is not None or spec.affine.identity_at_start
            else ""
        )
        shift = ""
        if bias is not None:
            shift = f"+{_bracket(here(_at(bias, spec.affine.bias, spec, given, 'bias')))}"
        scaled = f"y_i={scale}{_bracket(bare)}{shift}={number(y)}"
    standardized = result.replace("y_i", r"\hat{x}_i", 1)
    if scaled:
        result = standardized
    rescaled = scaled or f"y_i={number(y)}"
    return Lines(gather, mean_line, spread, result, counted, scaled, standardized, rescaled, correction)


def _at(value: npt.ArrayLike, axes: tuple[str, ...], spec: Spec, x: FloatArray, what: str) -> FloatArray:
    return aligned(value, axes, spec, x.shape, what)


def _mixed(x: npt.NDArray[np.generic], spec: Spec, cell: Sequence[int], which: int) -> str:
    """Every set's own statistic and its weight, where there are several: 0.500*1.2 + 0.500*0.9 ="""
    if len(spec.parts) < 2:
        return ""
    terms = []
    for part in spec.parts:
        own = moments(x, replace(spec, parts=(replace(part, weight=1.0, variance_weight=None),)))[which]
        statistic = float(np.broadcast_to(own, x.shape)[tuple(cell)])
        terms.append(rf"{number(part.weights[which])}\cdot {_bracket(statistic)}")
    return "+".join(terms) + "="


def _interval(shared: StatSet, spec: Spec, cell: Sequence[int], shape: Sequence[int]) -> str:
    axes = layout_of(shape, spec.layouts)
    pieces = []
    for axis, box in zip(axes, shared.box(shape, cell), strict=True):
        last = box.stop - 1
        pieces.append(f"{axis.lower()}{{=}}{box.start}" + (rf"..{last}" if last > box.start else ""))
    return r"\{" + r",\,".join(pieces) + r"\}"


def _bracket(v: float) -> str:
    return f"({number(v)})" if v < 0 else number(v)
