"""A Spec as LaTeX: which cells share, what is computed over them, what comes out.

>>> import normviz as nv
>>> lines(nv.METHODS["layer_norm"].spec()).gather
'S_i=\\\\{\\\\,k : k_N=i_N\\\\,\\\\}'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from normviz.extents import Extent, Groups, Own, Window
from normviz.spec import L2, Response, Root, Spec, StatSet


@dataclass(frozen=True)
class Lines:
    """The formula in four steps; a step is empty where the method has none.

    ``correction`` is Batch Renorm's r and d, a line each.

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
    correction: str = ""

    def aligned(self) -> str:
        """One LaTeX block, aligned at the first relation of each line."""
        steps = (
            *(self.gather, self.size, self.mean, self.spread),
            *(self.correction, self.result, self.scaled),
        )
        shown = [line for step in steps for line in step.split("\n") if line]
        return r"\begin{aligned} " + r" \\[4pt] ".join(_align(line) for line in shown) + r" \end{aligned}"


def latex(spec: Spec, *, layout: str = "") -> str:
    """The formula of a Spec in LaTeX, for a layout of its own (by default the one with most axes).

    >>> import normviz as nv
    >>> "\\\\mu_i" in latex(nv.METHODS["batch_norm"].spec())
    True
    """
    return lines(spec, layout=layout).aligned()


def lines(spec: Spec, *, layout: str = "") -> Lines:
    """The formula in symbols, step by step."""
    axes = layout or spec.layouts[-1]
    batch = bool(spec.parts)
    several = len(spec.parts) > 1
    if not batch:
        gather = r"S_i=\varnothing"
    else:
        gather = stacked(
            [f"S{mark(k, several)}_i={_members(part.set, axes, spec)}" for k, part in enumerate(spec.parts)]
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
    scale, shift = _affine(spec)
    gamma, beta = rf"{scale}\," if spec.affine.weight else "", f"+{shift}" if spec.affine.bias else ""
    return Lines(
        gather,
        mean,
        spread,
        f"y_i={gamma}{core}{beta}",
        standardized=rf"\hat{{x}}_i={core}",
        rescaled=rf"y_i={gamma}\hat{{x}}_i{beta}",
        correction=_correction(spec),
    )


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


def _align(line: str) -> str:
    left, relation, right = ("", "", line) if line.startswith(r"\begin") else line.partition("=")
    return f"{left}&{relation}{right}" if relation else f"&{line}"


def stacked(lines: Sequence[str]) -> str:
    """One line as it is; several below each other."""
    if len(lines) == 1:
        return lines[0]
    return r"\begin{array}{l}" + r"\\".join(lines) + r"\end{array}"


def mark(k: int, several: bool) -> str:
    """What tells the sets of a mixture apart."""
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


def _spread(spec: Spec) -> str:
    match spec.divisor:
        case Root():
            if spec.centred:
                return r"\sigma_i^2=\frac{1}{|S_i|}\sum_{k\in S_i}(x_k-\mu_i)^2"
            return r"\mathrm{ms}_i=\frac{1}{|S_i|}\sum_{k\in S_i}x_k^2"
        case L2():
            v = _vector(spec)
            return rf"\lVert {v}\rVert_i=\sqrt{{\textstyle\sum_{{k\in S_i}}{v}_k^2}}"
        case Response():
            # k is an offset here, as in the paper and in torch: the sum runs over j.
            return r"b_i=\Bigl(k+\frac{\alpha}{n}\sum_{j\in S_i}x_j^2\Bigr)^{\beta}"


def _core(spec: Spec) -> str:
    top = rf"{_cell(spec)}-\mu_i" if spec.centred else _cell(spec)
    match spec.divisor:
        case Root():
            under = r"\sqrt{\sigma_i^2+\epsilon}" if spec.centred else r"\sqrt{\mathrm{ms}_i+\epsilon}"
        case L2(eps):
            norm = rf"\lVert {_vector(spec)}\rVert_i"
            under = rf"\max({norm},\,\epsilon)" if eps else norm
        case Response():
            under = "b_i"
    core = rf"\frac{{{top}}}{{{under}}}"
    return rf"\Bigl(r_i\,{core}+d_i\Bigr)" if _correction(spec) else core


def _correction(spec: Spec) -> str:
    if not spec.corrected:
        return ""
    old = r"\sqrt{\mathtt{running\_var}+\epsilon}"
    r = rf"r_i=\Bigl[\tfrac{{\sqrt{{\sigma_i^2+\epsilon}}}}{{{old}}}\Bigr]_{{1/r_{{\max}}}}^{{r_{{\max}}}}"
    d = rf"d_i=\Bigl[\tfrac{{\mu_i-\mathtt{{running\_mean}}}}{{{old}}}\Bigr]_{{-d_{{\max}}}}^{{d_{{\max}}}}"
    return f"{r}\n{d}"


def _affine(spec: Spec) -> tuple[str, str]:
    if spec.affine.identity_at_start:
        return "g_i", r"\beta"
    if spec.second:
        return r"\sigma_i(s)", r"\mu_i(s)"
    return r"\gamma", r"\beta"


def _vector(spec: Spec) -> str:
    """What is divided by its length: the field writes v for a weight's direction."""
    return "v" if spec.affine.identity_at_start else "x"


def _cell(spec: Spec) -> str:
    return f"{_vector(spec)}_i"
