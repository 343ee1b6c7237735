"""The rules behind the findings about depth: a signal or a gradient that grows or shrinks from layer to layer."""

from __future__ import annotations

import math
from typing import Final

from normviz.finding_rules import (
    CARRIERS,
    NOTABLE,
    SERIOUS,
    Finding,
    Numbers,
    layer_of,
    name_of,
    severity_of,
    silenced,
)
from normviz.traces import INPUT, Trace

#: A standard deviation this many times the input's, or its inverse. A gain of 1.26 a layer gives 100 after 20 layers;
#: 10,000 times a standardized input is within a few standard deviations of float16's largest number, 65,504.
SIGNAL: Final = {NOTABLE: 1e2, SERIOUS: 1e4}
#: |dL/dy| against that of the last layer, or its inverse. Three decimal digits are what bfloat16 has, so one learning
#: rate no longer suits both ends; float16's smallest number above 0 is 6e-8, and what falls below becomes 0. Source:
#: Micikevicius et al. 2018, "Mixed Precision Training", section 3.2.
GRADIENT: Final = {NOTABLE: 1e3, SERIOUS: 1e6}
WEIGHTED: Final = ("conv", "linear", "attention", "recurrent")


def signal_explodes(trace: Trace) -> Finding | None:
    """The standard deviation grows over depth."""
    return _signal("signal_explodes", trace, 1)


def signal_vanishes(trace: Trace) -> Finding | None:
    """The standard deviation shrinks over depth."""
    return _signal("signal_vanishes", trace, -1)


def gradient_nonfinite(trace: Trace) -> Finding | None:
    """The backward pass, which begins at the end, holds NaN or Inf."""
    found = [n for n, layer in enumerate(trace.layers) if not math.isfinite(layer.gradient or 0.0)]
    if not found:
        return None
    numbers: Numbers = {"layer": name_of(trace, found[-1]), "others": len(found) - 1}
    return Finding("gradient_nonfinite", SERIOUS, tuple(found), found[-1], numbers)


def gradient_explodes(trace: Trace) -> Finding | None:
    """The gradient grows on its way back."""
    return _gradient("gradient_explodes", trace, 1)


def gradient_vanishes(trace: Trace) -> Finding | None:
    """The gradient shrinks on its way back."""
    return _gradient("gradient_vanishes", trace, -1)


def spine(trace: Trace) -> frozenset[int]:
    """The layers that every way from the input to the last layer goes through: a branch beside a skip is none of them.

    Each layer's nearest such ancestor (its immediate dominator) is where the ways to all that it reads meet. Source:
    Cooper, Harvey and Kennedy 2001, "A Simple, Fast Dominance Algorithm".

    >>> from normviz.traces import LayerTrace
    >>> reads = {"conv": (-1,), "branch": (0,), "add": (1, 0), "head": (2,)}
    >>> layers = tuple(LayerTrace.of(name, name, [[1.0]], inputs=read) for name, read in reads.items())
    >>> sorted(spine(Trace(layers, layers[0])))
    [0, 2, 3]
    """
    above: dict[int, int] = {}
    for number, layer in enumerate(trace.layers):
        meeting, *others = layer.inputs or (number - 1,)
        for other in others:
            while (
                meeting != other
            ):  # a layer reads what was before it, so the later of two is never the ancestor
                if meeting > other:
                    meeting = above[meeting]
                else:
                    other = above[other]
        above[number] = meeting
    found, at = set(), len(trace.layers) - 1
    while at != INPUT:
        found.add(at)
        at = above[at]
    return frozenset(found)


def _signal(code: str, trace: Trace, power: int) -> Finding | None:
    """Where std / std of the input, or (power -1) its inverse, is beyond the limits."""
    start = next((n for n, layer in enumerate(trace.layers) if layer.kind == "embedding"), INPUT)
    base = layer_of(trace, start).std
    if not base > 0 or not math.isfinite(base):
        return None
    passed = spine(trace)
    ratios = {
        number: layer.std / base
        for number, layer in enumerate(trace.layers[: silenced(trace)])
        if number > start and number in passed and layer.kind in CARRIERS and layer.std > 0
    }
    found = [number for number, ratio in ratios.items() if ratio**power >= SIGNAL[NOTABLE]]
    if not found:
        return None
    worst = max(found, key=lambda number: ratios[number] ** power)
    weighted = sum(layer.kind in WEIGHTED for layer in trace.layers[start + 1 : worst + 1])
    numbers: Numbers = {"layer": name_of(trace, found[0]), "worst": name_of(trace, worst),
                        "std": layer_of(trace, worst).std, "base": base, "ratio": ratios[worst],
                        "gain": ratios[worst] ** (1 / max(1, weighted)), "weighted": max(1, weighted),
                        "limit": SIGNAL[NOTABLE] ** power, "others": len(found) - 1}  # fmt: skip
    return Finding(code, severity_of(ratios[worst] ** power, SIGNAL), tuple(found), found[0], numbers)


def _gradient(code: str, trace: Trace, power: int) -> Finding | None:
    known = {n: layer.gradient for n, layer in enumerate(trace.layers) if layer.gradient is not None}
    reached = [n for n, gradient in known.items() if 0 < gradient < math.inf]
    if not reached:
        return None
    last = reached[-1]
    # A layer with none is off the path to the loss, unless nothing before it has any either.
    ratios = {
        n: g / known[last]
        for n, g in known.items()
        if n < last and math.isfinite(g) and (g > 0 or n < reached[0])
    }
    found = [
        n
        for n, ratio in ratios.items()
        if (ratio >= GRADIENT[NOTABLE] if power > 0 else ratio <= 1 / GRADIENT[NOTABLE])
    ]
    if not found:
        return None
    worst = max(found, key=lambda n: power * ratios[n])
    numbers: Numbers = {"layer": name_of(trace, worst), "last": name_of(trace, last), "gradient": known[worst],
                        "base": known[last], "ratio": ratios[worst], "others": len(found) - 1}  # fmt: skip
    severe = ratios[worst] >= GRADIENT[SERIOUS] if power > 0 else ratios[worst] <= 1 / GRADIENT[SERIOUS]
    return Finding(code, SERIOUS if severe else NOTABLE, tuple(found), worst, numbers)
