"""A trace's fields as JSON values, and back: every one is checked against the others.

What is written is what can be read again: a field that is None or empty is left out, NaN is null, an infinity "inf" or
"-inf" (in knobs ``{"float": "inf"}``), and channels that all have equally many values give that number once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from normviz.histograms import BINS, LEAST, Histogram, bin_number, span
from normviz.network_runs import MODES
from normviz.trace_json import WHOLE, At, shown
from normviz.traces import INPUT, IntArray, LayerTrace, Trace

#: The longest text of each kind, in characters; the most layers, axes, inputs of a layer, entries and list elements.
NAME, KEY, ERROR = 500, 100, 4000
LAYERS, AXES, INPUTS, ENTRIES = 10_000, 16, 1000, 100

_NEEDED = (
    "name", "op", "shape", "channel_axis", "channel_count", "channel_mean", "channel_var", "min", "max", "zeros",
    "histogram",
)  # fmt: skip
_ALLOWED = (
    "parameters", "multiply_adds", "inputs", "saturated", "method", "knobs", "running", "gradient_square",
)  # fmt: skip
_TRACE = ("model", "mode", "device", "dtype", "error", "about", "input", "layers")


def content(trace: Trace) -> dict[str, Any]:
    """The trace as JSON values, before any check."""
    return {
        "model": _text(trace.model),
        "mode": trace.mode,
        "device": _text(trace.device),
        "dtype": _text(trace.dtype),
        "error": _text(trace.error, ERROR, lines=True),
        "about": {_text(key, KEY): _scalar(value) for key, value in trace.about.items()},
        "input": _layer_content(trace.input),
        "layers": [_layer_content(layer) for layer in trace.layers],
    }


def _layer_content(layer: LayerTrace) -> dict[str, Any]:
    counts = [int(n) for n in layer.channel_count]
    found: dict[str, Any] = {
        "name": _text(layer.name),
        "op": _text(layer.op),
        "shape": [int(n) for n in layer.shape],
        "channel_axis": None if layer.channel_axis is None else layer.channel_axis % len(layer.shape),
        "channel_count": counts[0] if counts and len(set(counts)) == 1 else counts,
        "channel_mean": [_real(x) for x in layer.channel_mean],
        "channel_var": [_real(x) for x in layer.channel_var],
        "min": _real(layer.min),
        "max": _real(layer.max),
        "zeros": int(layer.zeros),
        "histogram": {
            "exponent": layer.histogram.exponent,
            "first": layer.histogram.first,
            "counts": layer.histogram.counts.tolist(),
        },
        "parameters": int(layer.parameters),
        "multiply_adds": int(layer.multiply_adds),
        "inputs": [int(n) for n in layer.inputs],
        "method": _text(layer.method, KEY),
        "knobs": {_text(key, KEY): _knob(value) for key, value in layer.knobs.items()},
    }
    found = {key: value for key, value in found.items() if key in _NEEDED or value}
    if layer.saturated is not None:
        found["saturated"] = int(layer.saturated)
    if layer.running is not None:
        found["running"] = [[_real(x) for x in one] for one in layer.running]
    if layer.gradient_square is not None:
        found["gradient_square"] = _real(layer.gradient_square)
    return found


def _real(value: float) -> float | str | None:
    value = float(value)
    return value if math.isfinite(value) else None if math.isnan(value) else str(value)


def _text(value: str, most: int = NAME, lines: bool = False) -> str:
    return shown(value[:most], lines)


def _scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value if value is None or isinstance(value, bool | int | float) else _text(str(value))


def _knob(value: Any) -> Any:
    return [_scalar(one) for one in value] if isinstance(value, tuple | list) else _scalar(value)


def restored(at: At) -> Trace:
    """The trace of such values. Raises TraceError where they contradict themselves."""
    part = at.object(_TRACE)
    layers = tuple(_layer(one, number) for number, one in enumerate(part["layers"].items(LAYERS)))
    mode = part["mode"].text(10)
    part["mode"].check(mode in MODES, " | ".join(MODES))
    return Trace(
        layers=layers,
        input=_layer(part["input"], INPUT),
        model=part["model"].text(NAME),
        mode=mode,
        device=part["device"].text(NAME),
        dtype=part["dtype"].text(NAME),
        error=part["error"].text(ERROR, lines=True),
        about={key: _read_scalar(value, False) for key, value in part["about"].pairs(ENTRIES)},
    )


def _layer(at: At, number: int) -> LayerTrace:
    part = at.object(_NEEDED, _ALLOWED)
    shape = tuple(n.integer(0) for n in part["shape"].items(AXES))
    count = math.prod(shape)
    part["shape"].check(count <= WHOLE, f"prod <= {WHOLE}")
    axis = part["channel_axis"]
    channel_axis = None if axis.value is None else axis.integer(0, len(shape) - 1)
    channels = 1 if channel_axis is None else shape[channel_axis]
    # Their lists first: from here on there are as many channels as the file has numbers for.
    mean = part["channel_mean"].reals(channels)
    var = part["channel_var"].reals(channels, infinite=True)
    counted = _channel_count(part["channel_count"], channels, count)
    finite = int(counted.sum())
    for key, values in (("channel_mean", mean), ("channel_var", var)):
        part[key].check(np.array_equal(np.isnan(values), counted == 0), "null <=> channel_count = 0")
    part["channel_var"].check(bool((var[counted > 0] >= 0).all()), "… >= 0")
    low, high = (part[key].real(nothing=not finite) for key in ("min", "max"))
    part["min"].check(not low > high, "min <= max")
    histogram = _histogram(part["histogram"], low, high, finite)
    zero = histogram.counts[-histogram.first] if histogram.first <= 0 <= histogram.last else 0
    gradient = (
        part["gradient_square"].real(infinite=True, nothing=True) if "gradient_square" in part else None
    )
    if gradient is not None:
        part["gradient_square"].check(not gradient < 0, "… >= 0")
    return LayerTrace(
        name=part["name"].text(NAME),
        op=part["op"].text(NAME),
        shape=shape,
        channel_axis=channel_axis,
        channel_count=counted,
        channel_mean=mean,
        channel_var=var,
        min=low,
        max=high,
        zeros=part["zeros"].integer(0, int(zero)),
        histogram=histogram,
        parameters=_optional(part, "parameters"),
        multiply_adds=_optional(part, "multiply_adds"),
        inputs=tuple(n.integer(INPUT, number - 1) for n in part["inputs"].items(INPUTS))
        if "inputs" in part
        else (),
        saturated=part["saturated"].integer(0, count) if "saturated" in part else None,
        method=part["method"].text(KEY) if "method" in part else "",
        knobs={k: _read_knob(v) for k, v in part["knobs"].pairs(ENTRIES)} if "knobs" in part else {},
        running=_running(part["running"], channels) if "running" in part else None,
        gradient_square=gradient,
    )


def _optional(part: Mapping[str, At], key: str) -> int:
    return part[key].integer(0) if key in part else 0


def _channel_count(at: At, channels: int, count: int) -> IntArray:
    most = count // channels if channels else 0
    if isinstance(at.value, list):
        at.check(len(at.value) == channels, f"[…], len = {channels}")
        found = [one.integer(0, most) for one in at.items(channels)]
    else:
        found = [at.integer(0, most)] * channels
    return np.array(found, np.int64)


def _histogram(at: At, low: float, high: float, finite: int) -> Histogram:
    part = at.object(("exponent", "first", "counts"))
    counts = [one.integer(0) for one in part["counts"].items(BINS)]
    part["counts"].check(sum(counts) == finite, f"sum = {finite}")
    if not finite:
        part["counts"].check(not counts, "[]")
        part["exponent"].check(part["exponent"].integer(LEAST) == LEAST, str(LEAST))
        part["first"].check(part["first"].integer(0) == 0, "0")
        return Histogram()
    part["counts"].check(counts[0] > 0 and counts[-1] > 0, "[…], [0] > 0, [-1] > 0")
    exponent, first = span(low, high)
    part["exponent"].check(part["exponent"].integer(LEAST) == exponent, str(exponent))
    part["first"].check(part["first"].integer(-WHOLE) == first, str(first))
    found = Histogram(exponent, first, np.array(counts, np.int64))
    part["counts"].check(
        found.last == bin_number(high, exponent), f"[…], len = {bin_number(high, exponent) - first + 1}"
    )
    return found


def _running(at: At, channels: int) -> tuple[Any, Any]:
    mean, var = (one.reals(channels, infinite=True) for one in at.items(2, least=2))
    return mean, var


def _read_scalar(at: At, nothing: bool = True) -> Any:
    value = at.value
    if isinstance(value, dict):
        inner = at.object(("float",))["float"]
        inner.check(inner.value in ("inf", "-inf", "nan"), '"inf" | "-inf" | "nan"')
        return float(inner.value)
    if isinstance(value, str):
        return at.text(NAME)
    if isinstance(value, bool) or (nothing and value is None):
        return value
    if isinstance(value, int):
        return at.integer(-(2**63), 2**63 - 1)
    return at.real()


def _read_knob(at: At) -> Any:
    return tuple(map(_read_scalar, at.items(ENTRIES))) if isinstance(at.value, list) else _read_scalar(at)
