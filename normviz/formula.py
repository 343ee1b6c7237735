"""A Spec as LaTeX: which cells share, what is computed over them, what comes out; with symbols or with real numbers.

>>> import normviz as nv
>>> lines(nv.METHODS["layer_norm"].spec()).gather
'S_i=\\\\{\\\\,k : k_N=i_N\\\\,\\\\}'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import Extent, Groups, Own, Window
from normviz.layouts import check_cell, layout_of
from normviz.reference import Buffers, aligned, moments, normalize
from normviz.spec import L2, Response, Root, Spec, StatSet


@dataclass(frozen=True)
class Lines:
    """The formula in four steps; a step is empty where the method has none.

    With numbers the first step also says how many cells are gathered, and the last how scale and shift end. The
    last step is there once more in two, ``standardized`` and ``rescaled``, for those who show it in two.
    """

    gather: str
    mean: str
    spread: str
    result: str
    size: str = ""
    scaled: str = ""
    standardized: str = ""
    rescaled: str = ""

    def aligned(self) -> str:
        """One LaTeX block, aligned at the first relation of each line."""
        steps = (self.gather, self.size, self.mean, self.spread, self.result, self.scaled)
        shown = [line for line in steps if line]
        return r"\begin{aligned} " + r" \\[4pt] ".join(_align(line) for line in shown) + r" \end{aligned}"


def latex(spec: Spec, *, layout: str = "") -> str:
    """The formula of a Spec in LaTeX, for a layout of its own (by default the one with most axes).

    >>> import normviz as nv
    >>> "\\\\mu_i" in latex(nv.METHODS["batch_norm"].spec())
    True
    """
    return lines(spec, layout=layout).aligned()


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


def lines(spec: Spec, *, layout: str = "") -> Lines:
    """The formula in symbols, step by step."""
    axes = layout or spec.layouts[-1]
    batch = bool(spec.parts)
    several = len(spec.parts) > 1
    if not batch:
        gather = r"S_i=\varnothing"
    else:
        gather = r"\quad ".join(
            f"S{_mark(k, several)}_i={_members(part.set, axes, spec)}" for k, part in enumerate(spec.parts)
        )
    mean = spread = ""
    if not batch:
        mean, spread = r"\mu_i=\mathtt{running\_mean}", r"\sigma_i^2=\mathtt{running\_var}"
    elif several:
        mean = r"\mu_i=\sum_m \lambda_m\,\mu_i^{(m)}" if spec.centred else ""
        spread = r"\sigma_i^2=\sum_m \lambda'_m\,\bigl(\sigma_i^{(m)}\bigr)^2"
    else:
        mean = r"\mu_i=\frac{1}{|S_i|}\sum_{k\in S_i}x_k" if spec.centred else ""
        spread = _spread(spec)
    core = _core(spec)
    gamma, beta = r"\gamma\," if spec.affine.weight else "", r"+\beta" if spec.affine.bias else ""
    return Lines(
        gather,
        mean,
        spread,
        f"y_i={gamma}{core}{beta}",
        standardized=rf"\hat{{x}}_i={core}",
        rescaled=rf"y_i={gamma}\hat{{x}}_i{beta}",
    )


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
    layout = layout_of(given.shape, spec.layouts)
    found = moments(given, spec, running=running)
    full = [
        np.broadcast_to(a, given.shape)[cell] for a in (found.mean, found.second, found.size, found.divisor)
    ]
    mean, second, size, divisor = (float(v) for v in full)
    bare = y = float(normalize(given, spec, running=running)[cell])
    if weight is not None or bias is not None:
        y = float(normalize(given, spec, running=running, weight=weight, bias=bias)[cell])
    where = ",".join(map(str, cell))
    value = number(float(given[cell]))
    members = [_interval(part.set, layout, cell, given.shape) for part in spec.parts]
    if members:
        gather = r"\quad ".join(rf"S_{{({where})}}={m}" for m in members)
    else:
        gather = rf"S_{{({where})}}=\varnothing"
    counted = rf"|S_i|={whole(int(size))}" if len(members) == 1 else ""
    mean_line = rf"\mu_i={number(mean)}" if spec.centred else ""
    match spec.divisor:
        case Root():
            spread = rf"\sigma_i^2={number(second)}" if spec.centred else rf"\mathrm{{ms}}_i={number(second)}"
        case L2():
            spread = rf"\lVert x\rVert_i={number(math.sqrt(second * size))}"
        case Response():
            spread = rf"\textstyle\sum_{{k\in S_i}} x_k^2={number(second * size)}"
    top = rf"{value}-{_bracket(mean)}" if spec.centred else value
    result = rf"y_i=\frac{{{top}}}{{{number(divisor)}}}={number(bare)}"
    scaled = ""
    if weight is not None or bias is not None:
        here = {
            what: float(np.broadcast_to(aligned(value, axes, spec, given.shape, what), given.shape)[cell])
            for what, value, axes in (
                ("weight", weight, spec.affine.weight),
                ("bias", bias, spec.affine.bias),
            )
            if value is not None
        }
        scale = rf"{number(here['weight'])}\cdot " if "weight" in here else ""
        shift = f"+{_bracket(here['bias'])}" if "bias" in here else ""
        scaled = f"y_i={scale}{_bracket(bare)}{shift}={number(y)}"
    standardized = result.replace("y_i", r"\hat{x}_i", 1)
    rescaled = scaled or f"y_i={number(y)}"
    return Lines(gather, mean_line, spread, result, counted, scaled, standardized, rescaled)


def number(v: float) -> str:
    """A number for LaTeX: four significant digits or more, a proper minus, powers of ten.

    >>> number(-0.00001234)
    '{-}1.234\\\\times10^{-5}'
    """
    if not math.isfinite(v):
        return r"\mathrm{NaN}" if math.isnan(v) else (r"{-}\infty" if v < 0 else r"\infty")
    sign, size = ("{-}" if v < 0 else ""), abs(v)
    if size == 0 or 1e-3 <= size < 1e5:
        decimals = 3 - math.floor(math.log10(size)) if 0 < size < 1 else 3 if size < 100 else 1
        return sign + f"{size:.{decimals}f}"
    mantissa, exponent = f"{size:.3e}".split("e")
    return rf"{sign}{mantissa}\times10^{{{int(exponent)}}}"


def whole(n: int) -> str:
    """A whole number for LaTeX, thousands apart."""
    return f"{n:,}".replace(",", "{,}")


def _bracket(v: float) -> str:
    return f"({number(v)})" if v < 0 else number(v)


def _align(line: str) -> str:
    left, relation, right = line.partition("=")
    return f"{left}&{relation}{right}" if relation else f"&{line}"


def _mark(k: int, several: bool) -> str:
    return f"^{{({k + 1})}}" if several else ""


def _members(shared: StatSet, axes: str, spec: Spec) -> str:
    conditions = [_condition(shared.extent(a), a) for a in axes]
    if axes.endswith("HW") and conditions[-2:] == ["k_H=i_H", "k_W=i_W"]:
        conditions[-2:] = ["k_{HW}=i_{HW}"]  # one position, and a shorter line
    text = r",\ ".join(c for c in conditions if c)
    return rf"\{{\,k : {text}\,\}}" if text else r"\{\,k\,\}"


def _condition(extent: Extent, axis: str) -> str:
    k, i = f"k_{axis}", f"i_{axis}"
    match extent:
        case Own():
            return f"{k}={i}"
        case Groups(count):
            part = rf"\tfrac{{{count}}}{{{axis}}}"
            return rf"\lfloor {k}{part}\rfloor=\lfloor {i}{part}\rfloor"
        case Window(size):
            down, up = size // 2, (size - 1) // 2
            if down == up:
                return rf"|{k}-{i}|\le {down}"
            return rf"{{-}}{down}\le {k}-{i}\le {up}"
        case _:
            return ""


def _interval(shared: StatSet, axes: str, cell: Sequence[int], shape: Sequence[int]) -> str:
    pieces = []
    for axis, box in zip(axes, shared.box(shape, cell), strict=True):
        last = box.stop - 1
        pieces.append(f"{axis.lower()}{{=}}{box.start}" + (rf"..{last}" if last > box.start else ""))
    return r"\{" + r",\,".join(pieces) + r"\}"


def _spread(spec: Spec) -> str:
    match spec.divisor:
        case Root():
            if spec.centred:
                return r"\sigma_i^2=\frac{1}{|S_i|}\sum_{k\in S_i}(x_k-\mu_i)^2"
            return r"\mathrm{ms}_i=\frac{1}{|S_i|}\sum_{k\in S_i}x_k^2"
        case L2():
            return r"\lVert x\rVert_i=\sqrt{\textstyle\sum_{k\in S_i}x_k^2}"
        case Response():
            return r"b_i=\Bigl(k+\frac{\alpha}{n}\sum_{k\in S_i}x_k^2\Bigr)^{\beta}"


def _core(spec: Spec) -> str:
    top = r"x_i-\mu_i" if spec.centred else "x_i"
    match spec.divisor:
        case Root():
            under = r"\sqrt{\sigma_i^2+\epsilon}" if spec.centred else r"\sqrt{\mathrm{ms}_i+\epsilon}"
        case L2():
            under = r"\max(\lVert x\rVert_i,\,\epsilon)"
        case Response():
            under = "b_i"
    core = rf"\frac{{{top}}}{{{under}}}"
    if spec.running and spec.running.r_max is not None:
        core = rf"\Bigl({core}\,r+d\Bigr)"
    return core
