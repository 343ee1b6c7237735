"""The page's answer, from the numbers of this very trace."""

from __future__ import annotations

import math

from normviz.figures.entries import share
from normviz.findings import findings
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.literal import code, literal
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import scientific
from normviz.ui.parts import head


def show_head(c: Choices, shown: Shown | None) -> None:
    """What the norms, or the layers, make of the spread; how many layers, what is zero, and what looks wrong."""
    if shown is None:
        head(c.say("network_page.title_none"), c.say("network_page.lead_none"))
        return
    trace = shown.trace
    if trace.error:
        last = literal(trace.layers[-1].name) if trace.layers else "–"
        head(
            c.say("network_page.title_ended", layers=len(trace.layers), last=last),
            code(trace.error),
        )
        return
    head(_title(c, trace), _lead(c, shown))


def short(value: float) -> str:
    """Three digits, as a title has room for.

    >>> short(0.98765), short(-12.345), short(1e-9).replace(chr(160), " ")
    ('0.988', '−12.3', '1.0 × 10⁻⁹')
    """
    if not math.isfinite(value) or (value and not 0.001 <= abs(value) < 1e4):
        return scientific(value)
    return f"{value:.3g}".replace("-", "−")


def around_norms(trace: Trace) -> tuple[list[float], list[float]]:
    """The standard deviation before and after every norm of which both are known."""
    before, after = [], []
    for layer in trace.layers:
        source = trace.source(layer)
        if layer.kind == "norm" and source is not None and source.finite and layer.finite:
            before.append(source.std)
            after.append(layer.std)
    return before, after


def _title(c: Choices, trace: Trace) -> str:
    before, after = around_norms(trace)
    if before:
        said = {"before": _range(c, before), "after": _range(c, after)}
        words = "same" if said["before"] == said["after"] else "norms" if len(before) > 1 else "norm"
        return c.say(f"network_page.title_{words}", **said)
    if not trace.layers:
        return c.say("network_page.title_empty")
    ends = {"first": trace.layers[0].std, "last": trace.layers[-1].std}
    return c.say("network_page.title_plain", **{key: short(value) for key, value in ends.items()})


def _range(c: Choices, values: list[float]) -> str:
    """From the least to the greatest, or the one number that both are."""
    low, high = short(min(values)), short(max(values))
    return low if low == high else c.say("network_page.range", low=low, high=high)


def _lead(c: Choices, shown: Shown) -> str:
    trace = shown.trace
    active = [layer for layer in trace.layers if layer.kind == "activation"]
    zeros, count = sum(layer.zeros for layer in active), sum(layer.count for layer in active)
    found = findings(trace)
    numbers = {
        "layers": len(trace.layers),
        "parameters": f"{trace.parameters:,}",
        "zeros": share(zeros, count) if count else "",
        "found": len(found),
    }
    words = "lead_zeros" if count else "lead_plain"
    sentences = [c.say(f"network_page.{words}", **numbers)]
    if trace.about.get("weights") == "random":
        sentences.insert(0, c.say("network_page.lead_random"))
    if found:
        sentences.append(
            c.say("network_page.lead_found" if len(found) > 1 else "network_page.lead_one", **numbers)
        )
    return c.prose(sentences)
