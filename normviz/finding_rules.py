"""The rules behind the findings about single layers: what is not finite, collapsed, dead, sparse or saturated.

A rule takes a trace and gives a Finding or None. The thresholds are far apart from what sound networks show: they are
meant to find what is broken, not to grade what works.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from normviz.traces import INPUT, LayerTrace, Trace

SERIOUS: Final = "serious"
NOTABLE: Final = "notable"

#: The spread within the channels against the size of their means. The significands of bfloat16 and float16 have 8 and
#: 11 bits: closer together than that, values are told apart no longer.
COLLAPSED: Final = {NOTABLE: 2.0**-8, SERIOUS: 2.0**-11}
#: Fewer values than this may all be on one side of 0 by chance: 2**-16 is 1 in 65,536 for independent, symmetric ones.
EVIDENCE: Final = 16
#: The share of channels that are 0 everywhere. A channel that is silent on one picture may wait for another one; on
#: this many different ones it hardly does.
DEAD: Final = {NOTABLE: 0.5, SERIOUS: 0.9}
MANY: Final = 16
DEAD_IN_MANY: Final = {NOTABLE: 0.1, SERIOUS: 0.5}
#: The share of zeros. Rectifier networks work well with 50 to 80 % and lose accuracy beyond about 85 %. Source: Glorot,
#: Bordes and Bengio 2011, "Deep Sparse Rectifier Neural Networks", sections 4.1 and 4.2.
SPARSE: Final = 0.95
#: The share of values where the activation is nearly flat: most, and nearly all.
SATURATED: Final = {NOTABLE: 0.5, SERIOUS: 0.9}

#: The largest numbers of float16 and float32.
FLOAT16, FLOAT32 = int(np.finfo(np.float16).max), float(np.finfo(np.float32).max)

#: What carries the signal on at its own scale; a softmax, for one, has a scale of its own.
CARRIERS: Final = ("conv", "linear", "norm", "activation", "pool", "combine", "attention", "recurrent")

#: What torch says where nothing is left to take a variance of.
ALONE: Final = re.compile(r"Expected more than 1 (value per channel|spatial element)")


Numbers = dict[str, float | int | str]


@dataclass(frozen=True)
class Finding:
    """Something that is off: its code, "serious" or "notable", where, and the numbers of its sentence.

    ``layers`` are the numbers of all layers it holds for, ``layer`` of the one its sentence speaks of; -1 is the input.
    """

    code: str
    severity: str
    layers: tuple[int, ...]
    layer: int
    numbers: Mapping[str, float | int | str]


def error(trace: Trace) -> Finding | None:
    """The pass ended early."""
    if not trace.error or ALONE.search(trace.error):
        return None
    last = len(trace.layers) - 1
    numbers: Numbers = {
        "layer": name_of(trace, last),
        "layers": len(trace.layers),
        "error": trace.error[:300],
    }
    return Finding("error", SERIOUS, (last,), last, numbers)


def nonfinite_input(trace: Trace) -> Finding | None:
    """The input itself holds NaN or Inf."""
    if not trace.input.nonfinite:
        return None
    after = _nonfinite(trace)
    numbers: Numbers = {"values": trace.input.nonfinite, "count": trace.input.count, "others": len(after)}
    return Finding("nonfinite_input", SERIOUS, (INPUT, *after), INPUT, numbers)


def nonfinite(trace: Trace) -> Finding | None:
    """NaN or Inf appears in a layer and reaches the output."""
    found = _nonfinite(trace)
    return (
        None
        if not found or trace.input.nonfinite or _ends_well(trace)
        else _first("nonfinite", SERIOUS, trace, found)
    )


def nonfinite_within(trace: Trace) -> Finding | None:
    """NaN or Inf appears, but the output is finite, as after a mask of -inf."""
    found = _nonfinite(trace)
    return (
        _first("nonfinite_within", NOTABLE, trace, found)
        if found and not trace.input.nonfinite and _ends_well(trace)
        else None
    )


def collapsed(trace: Trace) -> Finding | None:
    """Every channel is nearly constant: the input makes next to no difference any more."""
    ratios = {}
    for number, layer in ((INPUT, trace.input), *enumerate(trace.layers[: silenced(trace)])):
        if (number == INPUT or layer.kind in CARRIERS) and judged(layer):
            means, within = _means_and_spread(layer)
            if means > 0 and math.isfinite(within):
                ratios[number] = within / means
    found = [number for number, ratio in ratios.items() if ratio <= COLLAPSED[NOTABLE]]
    if not found:
        return None
    means, within = _means_and_spread(layer_of(trace, found[0]))
    worst = min(ratios[number] for number in found)
    numbers: Numbers = {"layer": name_of(trace, found[0]), "std": within, "mean": means, "ratio": ratios[found[0]],
                        "smallest": worst, "others": len(found) - 1, "limit": COLLAPSED[NOTABLE]}  # fmt: skip
    severity = SERIOUS if worst <= COLLAPSED[SERIOUS] else NOTABLE
    return Finding("collapsed", severity, tuple(found), found[0], numbers)


def dead(trace: Trace) -> Finding | None:
    """Channels that an activation leaves 0 everywhere."""
    limits = DEAD_IN_MANY if samples(trace) >= MANY else DEAD
    shares = {
        number: layer.dead_channels / layer.channels for number, layer in _activations(trace) if judged(layer)
    }
    if not (found := [number for number, share in shares.items() if share >= limits[NOTABLE]]):
        return None
    worst = max(found, key=lambda number: shares[number])
    layer = trace.layers[worst]
    numbers: Numbers = {"layer": name_of(trace, worst), "dead": layer.dead_channels, "channels": layer.channels,
                        "share": shares[worst], "samples": samples(trace), "others": len(found) - 1}  # fmt: skip
    return Finding("dead", severity_of(shares[worst], limits), tuple(found), worst, numbers)


def sparse(trace: Trace) -> Finding | None:
    """Nearly all of an activation's output is 0, though its channels are not dead."""
    gone = dead(trace)
    shares = {
        number: layer.zeros_share
        for number, layer in _activations(trace)
        if layer.finite >= EVIDENCE and not (gone and number in gone.layers)
    }
    found = [number for number, share in shares.items() if share >= SPARSE]
    return _worst_share("sparse", trace, shares, found, {NOTABLE: SPARSE, SERIOUS: math.inf})


def saturated(trace: Trace) -> Finding | None:
    """An activation works where it is nearly flat, though its channels are not dead."""
    gone = dead(trace)
    shares = {
        number: layer.saturated_share
        for number, layer in _activations(trace)
        if layer.saturated is not None and layer.finite >= EVIDENCE and not (gone and number in gone.layers)
    }
    found = [number for number, share in shares.items() if share >= SATURATED[NOTABLE]]
    return _worst_share("saturated", trace, shares, found, SATURATED)


def silenced(trace: Trace) -> int:
    """The number of the first activation that is 0 altogether, or of the end: sizes after it say nothing."""
    gone = (
        n for n, layer in _activations(trace) if layer.dead_channels == layer.channels > 0 and judged(layer)
    )
    return next(gone, len(trace.layers))


def layer_of(trace: Trace, number: int) -> LayerTrace:
    """The layer of that number, -1: the input."""
    return trace.input if number == INPUT else trace.layers[number]


def name_of(trace: Trace, number: int) -> str:
    """What the layer is called."""
    return (layer_of(trace, number).name or layer_of(trace, number).op) if number != INPUT else "input"


def judged(layer: LayerTrace) -> bool:
    """Whether its channels have values enough to be called dead or constant."""
    return bool(layer.channels) and bool(np.median(layer.channel_count) >= EVIDENCE)


def samples(trace: Trace) -> int:
    """How many samples the input has."""
    return trace.input.shape[0] if trace.input.shape else 1


def severity_of(value: float, limits: Mapping[str, float]) -> str:
    """Serious from the higher limit on."""
    return SERIOUS if value >= limits[SERIOUS] else NOTABLE


def _nonfinite(trace: Trace) -> list[int]:
    return [number for number, layer in enumerate(trace.layers) if layer.nonfinite]


def _ends_well(trace: Trace) -> bool:
    return not trace.error and not trace.layers[-1].nonfinite


def _first(code: str, severity: str, trace: Trace, found: Sequence[int]) -> Finding:
    layer = trace.layers[found[0]]
    source = trace.source(layer) or trace.input
    numbers: Numbers = {"layer": name_of(trace, found[0]), "values": layer.nonfinite, "count": layer.count,
                        "largest": max(abs(source.min), abs(source.max)), "float16": FLOAT16, "float32": FLOAT32,
                                 "others": len(found) - 1}  # fmt: skip
    return Finding(code, severity, tuple(found), found[0], numbers)


def _activations(trace: Trace) -> Iterable[tuple[int, LayerTrace]]:
    return ((number, layer) for number, layer in enumerate(trace.layers) if layer.kind == "activation")


def _worst_share(
    code: str, trace: Trace, shares: Mapping[int, float], found: Sequence[int], limits: Mapping[str, float]
) -> Finding | None:
    if not found:
        return None
    worst = max(found, key=lambda number: shares[number])
    numbers: Numbers = {"layer": name_of(trace, worst), "op": trace.layers[worst].op, "share": shares[worst],
                        "others": len(found) - 1}  # fmt: skip
    return Finding(code, severity_of(shares[worst], limits), tuple(found), worst, numbers)


def _means_and_spread(layer: LayerTrace) -> tuple[float, float]:
    """The root mean square of the channels' means, and the standard deviation within them."""
    some = layer.channel_count > 0
    if not some.any():
        return 0.0, math.nan
    share = layer.channel_count[some] / layer.finite
    with np.errstate(over="ignore"):
        return tuple(
            math.sqrt(float((x * share).sum()))
            for x in (layer.channel_mean[some] ** 2, layer.channel_var[some])
        )  # type: ignore[return-value]
