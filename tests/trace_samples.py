"""Traces for tests: of numpy's values, with everything that a field can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from normviz.histograms import Histogram
from normviz.text.lookup import section
from normviz.trace_file import TraceError, read
from normviz.traces import INPUT, LayerTrace, Trace

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | WORDS
VALUES = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, 1e-45, 3e38, math.inf, math.nan])


def layer(name: str, op: str, values: npt.ArrayLike, **rest: Any) -> LayerTrace:
    """A record of these values, read from the layer before it or from the input."""
    return LayerTrace.of(name, op, values, **rest)


def chain(*layers: LayerTrace, x: npt.ArrayLike = ((-1.0, 2.0), (0.5, 0.0)), **rest: Any) -> Trace:
    """A trace in which every layer reads the one before."""
    linked = [LayerTrace(**{**_fields(one), "inputs": (number - 1,)}) for number, one in enumerate(layers)]
    return Trace(tuple(linked), LayerTrace.of("", "", x), **rest)


def small() -> Trace:
    """A little of everything: a convolution, a norm with its buffers, an activation with NaN, a head."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 4))
    y = 2 * x + 1
    z = np.maximum(y, 0)
    z[0, 1, 0, 0], z[1, 1, 0, 1] = math.nan, math.inf
    return chain(
        layer("conv", "conv2d", y, parameters=30, multiply_adds=2**40, gradient_square=0.25),
        layer("norm", "batch_norm", x, method="batch_norm_eval", knobs={"eps": 1e-5, "affine": True},
              running=(np.array([0.1, math.nan, 2.0]), np.array([1.0, math.inf, 3.0])), gradient_square=math.inf),
        layer("act", "leaky_relu", z, saturated=3, knobs={"negative_slope": 0.01, "shape": (3, 4), "top": math.inf}),
        layer("head", "linear", z.reshape(2, -1)[:, :5], gradient_square=math.nan),
        layer("gone", "sqrt", np.full((2, 2), math.nan)),
        layer("all", "sum", 3.5),
        x=x, model="Tiny \"net\"", mode="train", device="cpu", error="Line one\nline two: 形状",
        about={"seed": 7, "lr": 0.1, "who": "你", "odd": -math.inf, "on": True},
    )  # fmt: skip


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Random traces of up to four layers."""
    layers = []
    for number in range(draw(st.integers(0, 4))):
        shape = tuple(draw(st.lists(st.integers(1, 4), min_size=0, max_size=4)))
        axis = draw(st.none() | st.integers(0, len(shape) - 1)) if shape else None
        count = math.prod(shape)
        values = np.array(draw(st.lists(VALUES, min_size=count, max_size=count)), np.float64).reshape(shape)
        channels = 1 if axis is None else shape[axis]
        reals = st.lists(st.floats(), min_size=channels, max_size=channels).map(np.array)
        layers.append(
            layer(
                draw(WORDS), draw(st.sampled_from(["conv2d", "relu", "batch_norm", "add"])), values, channel_axis=axis,
                parameters=draw(st.integers(0, 2**53)), multiply_adds=draw(st.integers(0, 2**53)),
                inputs=tuple(draw(st.lists(st.integers(INPUT, number - 1), max_size=3))),
                saturated=draw(st.none() | st.integers(0, count)),
                method=draw(st.sampled_from(["", "batch_norm", "odd"])),
                knobs=draw(st.dictionaries(WORDS, SCALARS | st.lists(SCALARS, max_size=3).map(tuple), max_size=3)),
                running=draw(st.none() | st.tuples(reals, reals)),
                gradient_square=draw(st.none() | st.floats(0, math.inf) | st.just(math.nan)),
            )
        )  # fmt: skip
    about: Any = st.dictionaries(WORDS, SCALARS.filter(lambda value: value is not None), max_size=3)
    return Trace(tuple(layers), layer("", "", [[1.0, math.nan]]), draw(WORDS), draw(st.sampled_from(["train", "eval"])),
                 "cuda", "bfloat16", draw(WORDS), draw(about))  # fmt: skip


def differences(a: Any, b: Any, where: str = "trace") -> Iterator[str]:
    """Where two traces, or two of their fields, are not the same to the last bit."""
    if isinstance(a, Trace | LayerTrace | Histogram):
        for key, value in _fields(a).items():
            yield from differences(value, getattr(b, key), f"{where}.{key}")
    elif isinstance(a, np.ndarray):
        if type(b) is not np.ndarray or (a.dtype, a.shape) != (b.dtype, b.shape) or _bits(a) != _bits(b):
            yield f"{where}: {a} and {b}"
    elif isinstance(a, dict):
        if list(a) != list(b):
            yield f"{where}: {list(a)} and {list(b)}"
        for key in a:
            yield from differences(a[key], b.get(key), f"{where}[{key!r}]")
    elif isinstance(a, Sequence) and not isinstance(a, str):
        if type(a) is not type(b) or len(a) != len(b):
            yield f"{where}: {a} and {b}"
        for number, (x, y) in enumerate(zip(a, b, strict=False)):
            yield from differences(x, y, f"{where}[{number}]")
    elif type(a) is not type(b) or (_bits(a) != _bits(b) if isinstance(a, float) else a != b):
        yield f"{where}: {a!r} and {b!r}"


def refused(data: str | bytes, **rest: Any) -> TraceError:
    """The error that this is refused with; its sentences can be written in both languages."""
    with pytest.raises(TraceError) as caught:
        read(data, **rest)
    error = caught.value
    for lang in ("en", "zh"):
        sentence = section(lang, "trace_error")[error.code].format(**error.details)
        assert sentence and "\n" not in sentence and len(sentence) < 600
        assert sentence.count("`") % 2 == 0, "nothing of the file is read as Markdown"
    assert "\n" not in str(error)
    return error


def survives(data: str | bytes) -> Trace | None:
    """The trace, or None where it is refused; anything but a TraceError is a failure."""
    try:
        return read(data)
    except TraceError as error:
        assert str(error)
        return None


def _bits(values: Any) -> bytes:
    array = np.asarray(values)
    # Every NaN is the same NaN.
    return (np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array).tobytes()


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
