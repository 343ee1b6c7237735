"""The methods: one entry each, and nothing about a method anywhere else (but its words in ``text/``).

Each entry is a row of a table: which extents differ from ``Own()``, what is divided by, what is learned, and torch's
layer. Sets, colours, counts, formula, reference, snippet and widgets follow from the row. The rows lie in ``entries/``,
a file for each family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from normviz.entries import batch, local, sample, weight
from normviz.methods import Method

ENTRIES = (*batch.ENTRIES, *sample.ENTRIES, *local.ENTRIES, *weight.ENTRIES)


class Catalogue(dict[str, Method]):
    """Methods by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Method:
        raise ValueError(f"There is no method {key!r}: the methods are {', '.join(self)}.")


#: Every method by its key, in the order in which they are offered.
METHODS = Catalogue({entry.key: entry for entry in ENTRIES})


def method(key: str | Method) -> Method:
    """The entry of that key."""
    return key if isinstance(key, Method) else METHODS[key]


def evaluation(entry: Method, knobs: Mapping[str, Any]) -> tuple[Method, dict[str, Any]]:
    """What a method becomes in evaluation, and those of its knobs that still matter there.

    >>> found, knobs = evaluation(METHODS["batch_renorm"], {"r_max": 2.0, "eps": 1e-3})
    >>> found.key, knobs
    ('batch_norm_eval', {'eps': 0.001})
    """
    if not entry.evaluating:
        return entry, dict(knobs)
    then = METHODS[entry.evaluating]
    known = {knob.name for knob in then.knobs}
    return then, {name: value for name, value in knobs.items() if name in known}
