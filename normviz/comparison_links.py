"""Where each claim of the comparison can be seen happening: one table of views, as data.

A derived claim asks the Spec which views show it (``DERIVED``). A stated one is a sentence about one method, so its
view stands beside that method's key (``STATED``), as its words do.

>>> from normviz.catalogue import METHODS
>>> [view.topic for view in views(METHODS["batch_norm"], "modes")]
['stream', 'conventions']
>>> [dict(view.choices) for view in views(METHODS["layer_norm"], "batch")]
[{'colour': 'after', 'disturb': 'nan'}]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from normviz.comparison import on_weights
from normviz.convention_table import aspects
from normviz.methods import Method

Choices = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class View:
    """One view of the app: a page, a topic of the forward page, and what else its link says.

    ``label`` is the key of its words below ``comparison.view``; without one it is called what its topic or page is.
    """

    page: str
    topic: str = ""
    choices: Choices = ()
    label: str = ""


@dataclass(frozen=True)
class Seen:
    """A claim's view, and for which methods it shows the claim."""

    claim: str
    view: View
    when: Callable[[Method], bool] = lambda method: True


def on_activations(method: Method) -> bool:
    """Whether it normalizes what flows through the network."""
    return not on_weights(method)


def moves_averages(method: Method) -> bool:
    """Whether training moves running averages: not where they are frozen."""
    return "running" in aspects(method)


def gathers_averages(method: Method) -> bool:
    """Whether its stream shows them: not where they only correct the batch's."""
    return moves_averages(method) and not method.spec().corrected


SETS, PASS = View("cube"), View("forward")
STREAM, FOLD, RENORM = View("forward", "stream"), View("forward", "fold"), View("forward", "renorm")
LONE = View("forward", "lone", (("lone_case", "vectors"),))
DEVICES, WEIGHTS = View("forward", "devices"), View("forward", "weights")
CONVENTIONS = View("forward", "conventions")
NAN = View("cube", choices=(("colour", "after"), ("disturb", "nan")), label="nan")
MOVED = View("forward", choices=(("gamma", "2.0"), ("beta", "1.0")), label="moved")
SCALED = View("forward", choices=(("gamma", "2.0"),), label="scaled")
ONE_CELL = View("cube", choices=(("shape", "8x12x1x1"), ("colour", "after")), label="one_cell")
SHIFTED = View("forward", choices=(("mean", "3.0"), ("rows", "overall")), label="shifted")
STRONG = View("forward", choices=(("alpha", "1"),), label="strong")
PHOTOGRAPH = View("forward", choices=(("input", "photo"), ("shape", "4x12x16x16")), label="photograph")
ONE_GROUP = View("cube", choices=(("num_groups", "1"),), label="one_group")

DERIVED = (
    Seen("principle", SETS),
    Seen("statistics", PASS, on_activations),
    Seen("statistics", WEIGHTS, on_weights),
    Seen("learned", MOVED, lambda m: bool(m.spec().affine.bias) and m.spec().affine.origin == "learned"),
    Seen("learned", SCALED, lambda m: bool(m.spec().affine.weight) and not m.spec().affine.bias and on_activations(m)),
    Seen("learned", WEIGHTS, lambda m: m.spec().affine.identity_at_start),
    Seen("modes", STREAM, gathers_averages),
    Seen("modes", RENORM, lambda m: m.spec().corrected),
    Seen("modes", CONVENTIONS, moves_averages),
    Seen("modes", PASS, lambda m: not moves_averages(m) and on_activations(m)),
    Seen("batch", NAN, on_activations),
)  # fmt: skip

STATED: Mapping[tuple[str, str], View] = {
    ("batch_norm", "strengths"): FOLD,
    ("batch_norm", "weaknesses"): LONE,
    ("batch_renorm", "strengths"): RENORM,
    ("batch_norm_devices", "weaknesses"): DEVICES,
    ("sync_batch_norm", "strengths"): DEVICES,
    ("batch_norm_eval", "strengths"): FOLD,
    ("batch_norm_eval", "weaknesses"): STREAM,
    ("batch_norm_frozen", "weaknesses"): SHIFTED,
    ("layer_norm", "weaknesses"): CONVENTIONS,
    ("layer_norm_last", "strengths"): NAN,
    ("instance_norm", "strengths"): PHOTOGRAPH,
    ("instance_norm", "weaknesses"): ONE_CELL,
    ("adaptive_instance_norm", "strengths"): PASS,
    ("group_norm", "strengths"): ONE_GROUP,
    ("rms_norm", "weaknesses"): SHIFTED,
    ("local_response_norm", "strengths"): STRONG,
    ("local_response_norm", "weaknesses"): CONVENTIONS,
    ("positional_norm", "weaknesses"): PHOTOGRAPH,
    ("l2_norm", "weaknesses"): PASS,
    ("weight_norm", "strengths"): WEIGHTS,
}


def views(method: Method, claim: str) -> tuple[View, ...]:
    """The views that show a claim about a method, in the order in which they are offered."""
    found = [seen.view for seen in DERIVED if seen.claim == claim and seen.when(method)]
    stated = STATED.get((method.key, claim))
    return (*found, stated) if stated else tuple(found)
