"""Where something is off in a trace, in words' numbers: dead, exploding, saturated, collapsed, not finite, and why.

A finding is one cause. What follows from it in a hundred later layers is not said a hundred times: ``layers`` holds all
of them, ``layer`` the one to look at. The thresholds are the constants of the files of rules, each with its reason; the
sentences are ``finding.<code>.title``, ``.says``, ``.why`` and ``.helps`` of the words.

>>> from normviz.traces import LayerTrace
>>> first, last = (LayerTrace.of(name, "linear", values) for name, values in (("a", [[1.0]]), ("b", [[float("nan")]])))
>>> [(found.code, found.severity, found.layer) for found in findings(Trace((first, last), first))]
[('nonfinite', 'serious', 1)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from normviz import finding_depth, finding_norms, finding_rules
from normviz.finding_rules import NOTABLE, SERIOUS, Finding
from normviz.traces import Trace

__all__ = ["CODES", "NOTABLE", "RULES", "SERIOUS", "Finding", "findings", "told"]

#: Every rule by its code; of two findings about one layer, the earlier one here is listed first.
RULES: Final[Mapping[str, Callable[[Trace], Finding | None]]] = {
    "error": finding_rules.error,
    "one_value": finding_norms.one_value,
    "nonfinite_input": finding_rules.nonfinite_input,
    "nonfinite": finding_rules.nonfinite,
    "nonfinite_within": finding_rules.nonfinite_within,
    "signal_explodes": finding_depth.signal_explodes,
    "signal_vanishes": finding_depth.signal_vanishes,
    "collapsed": finding_rules.collapsed,
    "dead": finding_rules.dead,
    "sparse": finding_rules.sparse,
    "saturated": finding_rules.saturated,
    "running_initial": finding_norms.running_initial,
    "running_far": finding_norms.running_far,
    "flat_channels": finding_norms.flat_channels,
    "gradient_nonfinite": finding_depth.gradient_nonfinite,
    "gradient_explodes": finding_depth.gradient_explodes,
    "gradient_vanishes": finding_depth.gradient_vanishes,
}
CODES: Final = tuple(RULES)

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def findings(trace: Trace) -> tuple[Finding, ...]:
    """What is off, empty where nothing is: what is serious first, then by depth; the way back comes last."""
    found = [finding for rule in RULES.values() if (finding := rule(trace)) is not None]
    return tuple(sorted(found, key=_order))


def told(finding: Finding) -> dict[str, str]:
    """The numbers as a sentence has them: shares in per cent (without the sign), small and large with powers of ten.

    >>> told(Finding("dead", NOTABLE, (3,), 3, {"layer": "relu", "dead": 1200, "share": 0.253, "std": 1.5e-7}))
    {'layer': 'relu', 'dead': '1,200', 'share': '25.3', 'std': '1.5 × 10⁻⁷'}
    """
    return {key: _written(key, value) for key, value in finding.numbers.items()}


def _order(finding: Finding) -> tuple[bool, bool, bool, int]:
    backward = finding.code.startswith("gradient")
    return (
        finding.severity != SERIOUS,
        finding.code != "error",
        backward,
        0 if backward else finding.layers[0],
    )


def _written(key: str, value: float | int | str) -> str:
    if isinstance(value, str):
        # It stands in backticks: nothing in it is read as Markdown.
        return " ".join(value.replace("`", "'").split())
    if key.startswith("share"):
        return f"{100 * value:.3g}"
    return f"{value:,}" if isinstance(value, int) else _amount(value)


def _amount(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "−∞" if value < 0 else "∞"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = mantissa.removesuffix(".0").replace("-", "−")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if digits == "1" else f"{digits} × {power}"
