"""What was measured of every layer of a network in one pass, or in many merged into one.

Statistics are of the finite values, channel by channel; those of the whole layer follow from its channels. All of it
merges: counts and histograms to the last count, means and variances by Chan's formula.

>>> first, second = (LayerTrace.of("conv1", "conv2d", np.full((1, 2, 4, 4), value)) for value in (1.0, 3.0))
>>> both = first.merge(second)
>>> both.shape, both.mean, both.var
((2, 2, 4, 4), 2.0, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.histograms import Histogram
from normviz.layer_kinds import kind_of
from normviz.reference import FloatArray

IntArray = npt.NDArray[np.int64]
#: The number of what is not a layer's output but the network's input.
INPUT = -1


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One output of the network: where it comes from, its shape, and the distribution of its values.

    ``name`` is the module's path, with the operation behind it where a module computes several; ``op`` is torch's name
    of the operation ("conv2d", "relu", "add"). ``inputs`` are the numbers of the layers it reads, -1 for the network's
    input. ``channel_axis`` is None where all values are one channel. ``saturated`` is None where the operation
    has no range to reach the end of. ``method`` is the catalogue's key of a normalization and ``knobs`` torch's
    arguments for it (or the activation's); ``running`` holds the mean and variance it keeps, as before the pass.
    """

    name: str
    op: str
    shape: tuple[int, ...]
    channel_axis: int | None
    #: How many finite values a channel has, their mean and their biased variance: (C,) each. NaN where there is none.
    channel_count: IntArray
    channel_mean: FloatArray
    channel_var: FloatArray
    #: Of all finite values; NaN where there is none.
    min: float
    max: float
    zeros: int
    histogram: Histogram
    #: Learned numbers of the module, counted where it is first used.
    parameters: int = 0
    #: Multiplications with a weight (or of queries, keys and values), each with its addition.
    multiply_adds: int = 0
    inputs: tuple[int, ...] = ()
    saturated: int | None = None
    method: str = ""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    running: tuple[FloatArray, FloatArray] | None = None
    #: The sum of the squares of dL/dy over the layer's values; None where there was no backward pass.
    gradient_square: float | None = None

    @classmethod
    def of(
        cls, name: str, op: str, values: npt.ArrayLike, *, channel_axis: int | None = 1, **rest: Any
    ) -> LayerTrace:
        """The record of these values, computed plainly in float64: ``nv.trace`` does it faster, inside the pass.

        >>> layer = LayerTrace.of("relu", "relu", [[0.0, 2.0], [0.0, float("nan")]])
        >>> layer.zeros, layer.nonfinite, layer.dead_channels, layer.mean
        (2, 1, 1, 0.6666666666666666)
        """
        array = np.asarray(values, np.float64)
        if array.ndim == 0:
            channel_axis = None
        rows = (
            array.reshape(1, -1)
            if channel_axis is None
            else np.moveaxis(array, channel_axis, 0).reshape(array.shape[channel_axis], -1)
        )
        finite = np.isfinite(rows)
        count = finite.sum(1)
        kept = np.where(finite, rows, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = kept.sum(1) / count
            var = (np.where(finite, rows - mean[:, None], 0.0) ** 2).sum(1) / count
        all_finite = rows[finite]
        low, high = (float(all_finite.min()), float(all_finite.max())) if all_finite.size else (math.nan,) * 2
        zeros = int((all_finite == 0).sum())
        return cls(name, op, array.shape, channel_axis, count.astype(np.int64), mean, var, low, high, zeros,
                   Histogram.of(all_finite), **rest)  # fmt: skip

    @property
    def kind(self) -> str:
        """What kind of operation it is: see :mod:`normviz.layer_kinds`."""
        return "norm" if self.method else kind_of(self.op)

    @property
    def count(self) -> int:
        """How many values there are, finite or not."""
        return math.prod(self.shape)

    @property
    def finite(self) -> int:
        """How many values are finite."""
        return int(self.channel_count.sum())

    @property
    def nonfinite(self) -> int:
        """How many values are NaN or infinite."""
        return self.count - self.finite

    @property
    def negatives(self) -> int:
        """How many finite values are below 0."""
        return self.histogram.negatives

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return len(self.channel_count)

    @property
    def mean(self) -> float:
        """The mean of the finite values; NaN where there is none."""
        some = self.channel_count > 0
        if not some.any():
            return math.nan
        return math.fsum(self.channel_mean[some] * (self.channel_count[some] / self.finite))

    @property
    def var(self) -> float:
        """Their biased variance: that within the channels, and that between them."""
        some = self.channel_count > 0
        if not some.any():
            return math.nan
        with np.errstate(over="ignore"):
            around = self.channel_var[some] + (self.channel_mean[some] - self.mean) ** 2
        return math.fsum(around * (self.channel_count[some] / self.finite))

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.var)

    @property
    def dead_mask(self) -> npt.NDArray[np.bool_]:
        """Which channels are 0 everywhere, (C,): those with a finite value, and all of them 0."""
        return (self.channel_count > 0) & (self.channel_mean == 0) & (self.channel_var == 0)

    @property
    def dead_channels(self) -> int:
        """How many channels are 0 everywhere."""
        return int(self.dead_mask.sum())

    @property
    def zeros_share(self) -> float:
        """The share of zeros among the finite values, from 0 to 1; NaN where there is none."""
        return self._share(self.zeros)

    @property
    def negatives_share(self) -> float:
        """The share of them that is below 0."""
        return self._share(self.negatives)

    @property
    def saturated_share(self) -> float:
        """The share of them where the operation is nearly flat; NaN also where it has no such range."""
        return math.nan if self.saturated is None else self._share(self.saturated)

    def _share(self, part: int) -> float:
        return part / self.finite if self.finite else math.nan

    @property
    def gradient(self) -> float | None:
        """|dL/dy|, the Euclidean norm over all values of the layer."""
        return None if self.gradient_square is None else math.sqrt(self.gradient_square)

    def merge(self, other: LayerTrace) -> LayerTrace:
        """Both passes as one: the first axis, the samples, adds up. Raises ValueError where it is another layer."""
        for what in ("name", "op", "channel_axis", "inputs", "method"):
            mine, yours = getattr(self, what), getattr(other, what)
            if mine != yours:
                raise ValueError(
                    f"Layer {self.name} has {what} {mine!r} in one trace and {yours!r} in the other: only passes "
                    "through the same network merge. Trace both with one network."
                )
        # A single number is a batch of one.
        mine, yours = self.shape or (1,), other.shape or (1,)
        if mine[1:] != yours[1:]:
            raise ValueError(
                f"Layer {self.name} puts out {self.shape} in one trace and {other.shape} in the other: only the "
                "first length may differ. Use inputs of one size."
            )
        if self.channel_axis == 0:
            raise ValueError(
                f"Layer {self.name} has its channels along the first axis, which adds up: it has no merge."
            )
        count = self.channel_count + other.channel_count
        mean, var = _chan(self, other, count)
        return replace(
            self,
            shape=(mine[0] + yours[0], *mine[1:]),
            channel_count=count,
            channel_mean=mean,
            channel_var=var,
            min=_least(self.min, other.min),
            max=-_least(-self.max, -other.max),
            zeros=self.zeros + other.zeros,
            histogram=self.histogram.merge(other.histogram),
            multiply_adds=self.multiply_adds + other.multiply_adds,
            saturated=_sum(self.saturated, other.saturated),
            gradient_square=_sum(self.gradient_square, other.gradient_square),
            running=self.running if _same(self.running, other.running) else None,
        )


@dataclass(frozen=True, eq=False)
class Trace:
    """A pass through a network: its input and every layer in the order of execution.

    ``error`` is empty, or says why the pass ended early: the layers are those up to there. ``model`` names the
    network, ``mode`` is "train" or "eval". ``about`` holds what else is known (texts and numbers: network, weights, …).
    """

    layers: tuple[LayerTrace, ...]
    input: LayerTrace
    model: str = ""
    mode: str = "eval"
    device: str = "cpu"
    dtype: str = "float32"
    error: str = ""
    about: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def merge(self, other: Trace) -> Trace:
        """The trace of both inputs together, exactly: counts and histograms are those of one pass over all.

        Raises TypeError for what is no trace, ValueError where the layers are not the same, or a pass ended early.
        """
        check_trace(other)
        for one in (self, other):
            if one.error:
                raise ValueError(
                    f"A pass that ended early does not merge ({one.error}): trace it again, whole."
                )
        if len(self.layers) != len(other.layers):
            raise ValueError(
                f"One trace has {len(self.layers)} layers, the other {len(other.layers)}: only passes through the "
                "same network merge. Trace both with one network."
            )
        for what in ("model", "mode"):
            mine, yours = getattr(self, what), getattr(other, what)
            if mine != yours:
                raise ValueError(f"One trace has {what} {mine!r}, the other {yours!r}: trace both alike.")
        layers = tuple(a.merge(b) for a, b in zip(self.layers, other.layers, strict=True))
        same = {key: value for key, value in self.about.items() if other.about.get(key) == value}
        return replace(self, layers=layers, input=self.input.merge(other.input), about=same)

    @property
    def parameters(self) -> int:
        """Learned numbers of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all layers, for the whole input."""
        return sum(layer.multiply_adds for layer in self.layers)

    def source(self, layer: LayerTrace) -> LayerTrace | None:
        """What this layer reads first: another layer, or the network's input; None where that is not known."""
        if not layer.inputs:
            return None
        return self.input if layer.inputs[0] == INPUT else self.layers[layer.inputs[0]]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the trace to a file, as JSON, for the network page or :func:`normviz.load_trace`."""
        from normviz.trace_file import written

        with open(path, "w", encoding="utf-8") as file:
            file.write(written(self))


def check_trace(value: object) -> None:
    """Raises TypeError for what is no trace.

    >>> check_trace("run.json")
    Traceback (most recent call last):
    TypeError: A trace is needed, and this is a str: give what nv.trace(model, x) or nv.load_trace(path) returned.
    """
    if not isinstance(value, Trace):
        raise TypeError(
            f"A trace is needed, and this is a {type(value).__name__}: give what nv.trace(model, x) or "
            "nv.load_trace(path) returned."
        )


def _chan(a: LayerTrace, b: LayerTrace, count: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of two groups, channel by channel. Source: Chan, Golub and LeVeque 1979, equation 2.1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = b.channel_count / count
        mean_a, mean_b = (np.where(one.channel_count > 0, one.channel_mean, 0.0) for one in (a, b))
        var_a, var_b = (np.where(one.channel_count > 0, one.channel_var, 0.0) for one in (a, b))
        apart = mean_b - mean_a
        mean = np.where(share == 1, mean_b, mean_a + apart * share)
        var = (1 - share) * var_a + share * var_b + apart**2 * share * (1 - share)
    return np.where(count > 0, mean, math.nan), np.where(count > 0, var, math.nan)


def _least(a: float, b: float) -> float:
    return b if math.isnan(a) else a if math.isnan(b) else min(a, b)


def _sum(a: Any, b: Any) -> Any:
    return None if a is None or b is None else a + b


def _same(a: tuple[FloatArray, FloatArray] | None, b: tuple[FloatArray, FloatArray] | None) -> bool:
    if a is None or b is None:
        return a is b
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))
