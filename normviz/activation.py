"""What an activation's row is made of, and what follows from it: its range, and where it is dead or saturated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.layers import Layer
from normviz.methods import Knob, Paper
from normviz.numbers import real
from normviz.reference import FloatArray

#: On a tail that flattens out, values count as saturated where the slope is smaller than this.
SATURATED = 0.05
#: Where a tail is looked at, and what counts as rounding, as a share of a value.
FAR, ROUNDING = 1e7, 1e-12
#: Points along the axis, dense near 0, to look for extremes and for the ends of tails.
GRID = np.sinh(np.linspace(-14.0, 14.0, 20001))


@dataclass(frozen=True)
class Region:
    """An interval of inputs: ``dead``, where the slope is exactly 0, or ``saturated``, where it is nearly that."""

    kind: str
    low: float
    high: float

    def holds(self, x: FloatArray) -> npt.NDArray[np.bool_]:
        """Which of these values lie within; the border of a dead region passes nothing either."""
        if self.kind == "dead":
            return np.asarray((x >= self.low) & (x <= self.high))
        return np.asarray((x > self.low) & (x < self.high))


@dataclass(frozen=True)
class Limits:
    """The smallest and largest outputs there can be, and whether some finite input reaches them."""

    low: float
    high: float
    low_reached: bool
    high_reached: bool

    @property
    def latex(self) -> str:
        r"""As an interval.

        >>> Limits(0.0, float("inf"), True, False).latex
        '[0,\\ \\infty)'
        """
        left, right = ("[" if self.low_reached else "("), ("]" if self.high_reached else ")")
        return f"{left}{_number(self.low)},\\ {_number(self.high)}{right}"


@dataclass(frozen=True)
class Activation:
    """An entry of ``ACTIVATIONS``: y = f(x), each value alone.

    ``rule(x, **knobs)`` and ``slope(x, **knobs)`` are f and f' in numpy, ``layer`` the name of torch's class, ``kinks``
    the inputs at which its pieces meet and f' may jump. ``latex`` and ``derivative_latex`` are f and f' as formulas;
    where knobs change these, ``written(**knobs)`` gives both. ``learned`` names the argument that is learned (PReLU's
    weight), which starts at the knob ``init`` and runs along axis 1, ``counted`` the knob that says how many numbers
    it has.
    """

    key: str
    paper: Paper
    layer: str
    rule: Callable[..., FloatArray]
    slope: Callable[..., FloatArray]
    latex: str
    derivative_latex: str
    kinks: Callable[..., tuple[float, ...]] = lambda **_: ()
    knobs: tuple[Knob, ...] = ()
    learned: str = ""
    counted: str = ""
    written: Callable[..., tuple[str, str]] | None = None

    def __call__(self, x: npt.ArrayLike, **knobs: Any) -> FloatArray:
        """f(x), float64, of x's shape; knobs under torch's names.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["relu"]([-1.0, 2.0]).tolist()
        [0.0, 2.0]
        >>> ACTIVATIONS["prelu"]([[-1.0, -1.0]], weight=[0.1, 0.2]).tolist()
        [[-0.1, -0.2]]
        """
        return self._apply(self.rule, x, knobs)

    def derivative(self, x: npt.ArrayLike, **knobs: Any) -> FloatArray:
        """f'(x), float64, of x's shape; at a kink what torch passes back, at NaN NaN.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["relu"].derivative([-1.0, 0.0, 2.0]).tolist()
        [0.0, 0.0, 1.0]
        """
        return self._apply(self.slope, x, knobs)

    def module(self, nn: ModuleType, **knobs: Any) -> Any:
        """A fresh ``torch.nn.Module``; ``nn`` is ``torch.nn``.

        >>> import torch
        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["leaky_relu"].module(torch.nn, negative_slope=0.1)
        LeakyReLU(negative_slope=0.1)
        """
        return self.torch_layer(**knobs).build(nn)

    def torch_layer(self, **knobs: Any) -> Layer:
        """torch's layer, as a value."""
        return Layer(self.layer, self.complete(knobs))

    def complete(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """All knobs, the ones given checked and the others at their defaults."""
        known = {knob.name: knob for knob in self.knobs}
        if self.learned in knobs:
            raise ValueError(
                f"{self.learned} is learned by {self.key}'s layer, which only takes where it starts. "
                f"Try init={known['init'].default}."
            )
        for name in knobs:
            if name not in known:
                has = ", ".join(known) or "none"
                raise ValueError(f"{self.key} has no knob {name!r}: its knobs are {has}.")
        return {name: knob.check(knobs.get(name, knob.default)) for name, knob in known.items()}

    def formulas(self, **knobs: Any) -> tuple[str, str]:
        r"""f and f' as LaTeX, for these knobs.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["gelu"].formulas()[0], ACTIVATIONS["tanh"].formulas()[1]
        ('f(x) = x\\,\\Phi(x)', "f'(x) = 1 - \\tanh^2 x")
        """
        complete = self.complete(knobs)
        return (self.latex, self.derivative_latex) if self.written is None else self.written(**complete)

    def anywhere(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """These knobs without how many numbers are learned: at the start one, on any width, does what many do.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["prelu"].anywhere({"init": 0.1, "num_parameters": 6})
        {'init': 0.1}
        """
        return {name: value for name, value in knobs.items() if name != self.counted}

    def limits(self, **knobs: Any) -> Limits:
        """The range of f over all finite inputs.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["sigmoid"].limits().latex, round(ACTIVATIONS["silu"].limits().low, 4)
        ('(0,\\\\ 1)', -0.2785)
        """
        dead = {side for region in self.regions(**knobs) if region.kind == "dead" for side in _sides(region)}
        ends = self(np.array([-FAR, FAR]), **knobs)
        found = []
        for sign in (-1.0, 1.0):
            side = int(np.argmax(sign * ends))
            tail, peak = float(ends[side]) + 0.0, self._extreme(sign, knobs)
            ahead = sign * (tail - peak)
            if ahead > 0 and self._grows(side, knobs):
                found.append((sign * np.inf, False))
            elif ahead < -ROUNDING * max(abs(tail), abs(peak)):
                found.append((peak, True))
            else:
                found.append((tail, side in dead))
        (low, low_reached), (high, high_reached) = found
        return Limits(low, high, low_reached, high_reached)

    def regions(self, **knobs: Any) -> tuple[Region, ...]:
        """Where nothing passes back (``dead``: f' = 0 on a piece between kinks) or nearly nothing (``saturated``).

        Saturated is a tail along which f' tends to 0, from where ``|f'| < SATURATED``. Leaky ReLU's small constant
        slope is no saturation: it never tends to 0. Source: Gulcehre et al. 2016, "Noisy Activation Functions".

        >>> from normviz.activations import ACTIVATIONS
        >>> [(r.kind, r.low, r.high) for r in ACTIVATIONS["relu"].regions()]
        [('dead', -inf, 0.0)]
        >>> [(r.kind, round(r.high, 2)) for r in ACTIVATIONS["elu"].regions()]
        [('saturated', -3.0)]
        """
        edges = (-np.inf, *self.kinks_at(**knobs), np.inf)
        dead = [
            Region("dead", low, high)
            for low, high in pairwise(edges)
            if len(edges) > 2 and not self.derivative(_within(low, high), **knobs).any()
        ]
        taken = {side for region in dead for side in _sides(region)}
        tails = [self._tail(side, knobs) for side in (0, 1) if side not in taken]
        return (*dead, *(tail for tail in tails if tail))

    def kinks_at(self, **knobs: Any) -> tuple[float, ...]:
        """The inputs at which the pieces of f meet, for these knobs.

        >>> from normviz.activations import ACTIVATIONS
        >>> ACTIVATIONS["softplus"].kinks_at(beta=2.0)
        (10.0,)
        """
        return self.kinks(**self._arguments(np.zeros(1), knobs))

    def dead(self, x: npt.ArrayLike, **knobs: Any) -> npt.NDArray[np.bool_]:
        """Which values lie in a dead region."""
        return self._inside("dead", x, knobs)

    def saturated(self, x: npt.ArrayLike, **knobs: Any) -> npt.NDArray[np.bool_]:
        """Which values lie in a saturated region."""
        return self._inside("saturated", x, knobs)

    def _inside(self, kind: str, x: npt.ArrayLike, knobs: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
        values = np.asarray(x, np.float64)
        weight = np.asarray(knobs.get(self.learned, 0.0), np.float64)
        if weight.size > 1:  # every channel has a slope of its own, and so regions of its own
            slopes = self._along(values, weight).reshape(-1)
            channels = zip(np.moveaxis(values, 1, 0), slopes, strict=True)
            return np.stack(
                [self._inside(kind, part, {**knobs, self.learned: one}) for part, one in channels], axis=1
            )
        inside = np.zeros(values.shape, bool)
        for region in self.regions(**knobs):
            if region.kind == kind:
                inside |= region.holds(values)
        return inside

    def _tail(self, side: int, knobs: Mapping[str, Any]) -> Region | None:
        """The saturated end of the axis on this side, 0 left and 1 right."""
        sign = (-1.0, 1.0)[side]
        near, far = np.abs(self.derivative(sign * FAR * np.array([0.01, 1.0]), **knobs))
        if far >= SATURATED or far > near / 2:  # a constant slope, however small, tends to no 0
            return None
        points = GRID[:: -int(sign)]
        steep = np.abs(self.derivative(points, **knobs)) >= SATURATED
        if not steep.any():
            return Region("saturated", -np.inf, np.inf) if side == 0 else None
        k = int(np.argmax(steep))
        flat, over = float(points[k - 1]) if k else sign * FAR, float(points[k])
        for _ in range(60):  # halving reaches the last digit
            middle = (flat + over) / 2
            if abs(float(self.derivative(np.array([middle]), **knobs)[0])) >= SATURATED:
                over = middle
            else:
                flat = middle
        return Region("saturated", -np.inf, flat) if side == 0 else Region("saturated", flat, np.inf)

    def _grows(self, side: int, knobs: Mapping[str, Any]) -> bool:
        """Whether f goes on growing along this end of the axis: from one power of ten to the next by no less."""
        first, second, last = self((-1.0, 1.0)[side] * FAR * np.array([0.01, 0.1, 1.0]), **knobs)
        step = abs(last - second)
        return bool(step > abs(second - first) / 2 and step > ROUNDING * abs(last))

    def _extreme(self, sign: float, knobs: Mapping[str, Any]) -> float:
        """The smallest (-1) or largest (1) output on the grid, refined once."""
        values = sign * self(GRID, **knobs)
        k = int(np.argmax(values))
        finer = np.linspace(GRID[max(k - 1, 0)], GRID[min(k + 1, GRID.size - 1)], 20001)
        best = max(float(values[k]), float((sign * self(finer, **knobs)).max()))
        return sign * best + 0.0

    def _apply(
        self, rule: Callable[..., FloatArray], x: npt.ArrayLike, knobs: Mapping[str, Any]
    ) -> FloatArray:
        values = real(x)
        with np.errstate(all="ignore"):  # infinity and NaN are answers, as in torch
            return np.asarray(rule(values, **self._arguments(values, knobs)), np.float64)

    def _arguments(self, x: FloatArray, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """The rule's arguments: the knobs, or the learned one in their place."""
        if not self.learned:
            return self.complete(knobs)
        given = dict(knobs)
        value = given.pop(self.learned, None)
        start = self.complete(given)["init"]
        return {self.learned: self._along(x, start if value is None else value)}

    def _along(self, x: FloatArray, value: npt.ArrayLike) -> FloatArray:
        """A learned argument laid along axis 1, where torch has the channels."""
        weight = np.asarray(value, np.float64)
        if weight.size == 1:
            return weight.reshape(())
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.ndim != 1 or weight.size != channels:
            raise ValueError(
                f"{self.learned} of shape {weight.shape} for an input of shape {x.shape}: {self.key} takes one number, "
                f"or one for each of the {channels} channels along axis 1. Try {self.learned}=0.25."
            )
        return weight.reshape(-1, *(1,) * (x.ndim - 2))


def _within(low: float, high: float) -> FloatArray:
    """A few inputs inside an interval, near its finite ends too."""
    low, high = (max(low, -FAR), min(high, FAR))
    middle = [low + share * (high - low) for share in (0.25, 0.5, 0.75)]
    near = [low + 1e-3, low + 1.0, high - 1e-3, high - 1.0]
    return np.array([x for x in (*middle, *near) if low < x < high])


def _sides(region: Region) -> list[int]:
    """The ends of the axis that a region reaches: 0 left, 1 right."""
    return [side for side, end in enumerate((region.low, region.high)) if np.isinf(end)]


def _number(value: float) -> str:
    if np.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    return f"{value:.4g}"
