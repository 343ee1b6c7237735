"""The rules about normalizations: what they have to normalize, and what their running averages say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from normviz.catalogue import METHODS
from normviz.extents import Own, Whole
from normviz.finding_rules import ALONE, NOTABLE, SERIOUS, Finding, Numbers, layer_of, name_of
from normviz.reference import FloatArray
from normviz.spec import Root, Spec
from normviz.traces import LayerTrace, Trace

#: How far from 0, in running standard deviations, or how many times wider or narrower than 1 what comes out is: a
#: Batch Norm that fits its input gives mean 0 and standard deviation 1. One picture alone strays by a fraction of that.
FAR: Final = {NOTABLE: (1.0, 2.0), SERIOUS: (10.0, 10.0)}
#: The share of channels whose variance is at most eps: of var / (var + eps), at most a half is left.
FLAT: Final = {NOTABLE: 0.1, SERIOUS: 0.5}
#: Longer axes are not looked at one by one.
LONGEST: Final = 1_000_000


def one_value(trace: Trace) -> Finding | None:
    """A normalization takes its mean and variance from one value each: what comes out does not depend on the input."""
    found = [number for number, layer, spec, _ in _norms(trace) if spec.sets and _alone(spec, layer)]
    if ALONE.search(trace.error) and (last := len(trace.layers) - 1) not in found:
        # torch refused: the last layer is what the normalization was to read.
        found.append(last)
    if not found:
        return None
    shape = " × ".join(map(str, layer_of(trace, found[0]).shape))
    numbers: Numbers = {"layer": name_of(trace, found[0]), "shape": shape, "others": len(found) - 1}
    return Finding("one_value", SERIOUS, tuple(found), found[0], numbers)


def running_initial(trace: Trace) -> Finding | None:
    """In evaluation, running averages that no training has touched: mean 0 and variance 1."""
    known = [n for n, layer in enumerate(trace.layers) if trace.mode == "eval" and layer.running is not None]
    found = [n for n in known if initial(trace.layers[n])]
    if not found:
        return None
    numbers: Numbers = {"layer": name_of(trace, found[0]), "found": len(found), "norms": len(known)}
    return Finding("running_initial", NOTABLE, tuple(found), found[0], numbers)


def running_far(trace: Trace) -> Finding | None:
    """In evaluation, running averages that do not fit what goes in."""
    strays: dict[int, tuple[float, float]] = {}
    for number, layer, spec, source in _norms(trace):
        fits = source is not None and source.channels == layer.channels and layer.running is not None
        if trace.mode != "eval" or not fits or initial(layer):
            continue
        assert source is not None and layer.running is not None
        strays[number] = _stray(source, *layer.running, spec)
    found = [number for number, stray in strays.items() if _beyond(stray, NOTABLE)]
    if not found:
        return None
    worst = max(found, key=lambda number: max(strays[number][0], abs(math.log(strays[number][1] or 1e-300))))
    mean, std = strays[worst]
    numbers: Numbers = {"layer": name_of(trace, worst), "mean": mean, "std": std, "others": len(found) - 1,
               "norms": len(strays)}  # fmt: skip
    severity = SERIOUS if any(_beyond(strays[number], SERIOUS) for number in found) else NOTABLE
    return Finding("running_far", severity, tuple(found), worst, numbers)


def flat_channels(trace: Trace) -> Finding | None:
    """Channels that a normalization is to bring to variance 1, though eps outweighs what they have."""
    flat: dict[int, tuple[int, int, float]] = {}
    for number, layer, spec, source in _norms(trace):
        eps = spec.divisor.eps if isinstance(spec.divisor, Root) else None
        if not eps or source is None or source.channels != layer.channels or not _by_channel(spec):
            continue
        if layer.channels and not _alone(spec, layer):
            flat[number] = int((source.channel_var <= eps).sum()), layer.channels, eps
    found = [number for number, (few, channels, _) in flat.items() if few / channels >= FLAT[NOTABLE]]
    if not found:
        return None
    worst = max(found, key=lambda number: flat[number][0] / flat[number][1])
    few, channels, eps = flat[worst]
    numbers: Numbers = {"layer": name_of(trace, worst), "flat": few, "channels": channels,
                        "share": few / channels, "eps": eps, "others": len(found) - 1}  # fmt: skip
    severity = SERIOUS if few / channels >= FLAT[SERIOUS] else NOTABLE
    return Finding("flat_channels", severity, tuple(found), worst, numbers)


def _norms(trace: Trace) -> Iterator[tuple[int, LayerTrace, Spec, LayerTrace | None]]:
    """Every normalization of the catalogue: its number, itself, its Spec, and what it reads."""
    for number, layer in enumerate(trace.layers):
        if layer.method not in METHODS:
            continue
        entry = METHODS[layer.method]
        names = {knob.name for knob in entry.knobs}
        try:
            spec = entry.spec(**{name: value for name, value in layer.knobs.items() if name in names})
        except ValueError:  # a file may say anything
            continue
        yield number, layer, spec, trace.source(layer)


def _alone(spec: Spec, layer: LayerTrace) -> bool:
    """Whether every set is a single cell, whose mean is itself."""
    if not spec.centred or not layer.count or max(layer.shape, default=0) > LONGEST:
        return False
    try:
        return all(bool((shared.sizes(layer.shape) == 1).all()) for shared in spec.sets)
    except ValueError:  # a shape that the method does not know, or a knob that does not divide it
        return False


def _by_channel(spec: Spec) -> bool:
    """Whether the statistics are a channel's: over all positions, of one sample or of all."""
    return bool(spec.sets) and all(
        shared.extent("C") == Own() and shared.extent("H") == Whole() for shared in spec.sets
    )


def initial(layer: LayerTrace) -> bool:
    """Whether its running averages are those of a new layer: mean 0 and variance 1."""
    if layer.running is None:
        return False
    mean, var = layer.running
    return bool((mean == 0).all() and (var == 1).all())


def _stray(source: LayerTrace, mean: FloatArray, var: FloatArray, spec: Spec) -> tuple[float, float]:
    """The channels' median distance from 0 and median standard deviation, normalized but not yet scaled."""
    eps = (spec.divisor.eps if isinstance(spec.divisor, Root) else None) or 0.0
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        by = np.sqrt(var + eps)
        away, wide = np.abs(source.channel_mean - mean) / by, np.sqrt(source.channel_var) / by
    known = np.isfinite(away) & np.isfinite(wide)
    return (float(np.median(away[known])), float(np.median(wide[known]))) if known.any() else (0.0, 1.0)


def _beyond(stray: tuple[float, float], severity: str) -> bool:
    away, wide = FAR[severity]
    return stray[0] >= away or stray[1] >= wide or stray[1] <= 1 / wide
