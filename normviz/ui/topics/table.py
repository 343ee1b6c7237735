"""The topics of the forward page, and for which methods each has something to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from normviz.catalogue import evaluation
from normviz.extents import Own
from normviz.layouts import WEIGHTS
from normviz.methods import Method
from normviz.splits import across_batch
from normviz.ui.choices import Choices


def _trains_averages(method: Method) -> bool:
    """Plain running averages that training goes on gathering: neither frozen nor what it is corrected towards."""
    spec = method.spec()
    reads = spec.running is not None and spec.affine.origin != "frozen"
    return not spec.corrected and (bool(method.evaluating) or reads)


def _is_linear_in_evaluation(method: Method) -> bool:
    """Evaluation reads running averages of each channel and nothing of the input: a line per channel."""
    spec = evaluation(method, {})[0].spec()
    return not spec.sets and spec.running is not None and spec.running.axes == ("C",)


def _is_erased_by_one_sample(method: Method) -> bool:
    """One centred set reaches across the samples, and with it alone the output is made."""
    spec = method.spec()
    return len(spec.sets) == 1 and spec.outcome == "standard" and spec.sets[0].extent("N") != Own()


def _crosses_samples(method: Method) -> bool:
    return across_batch(method.spec()) is not None


@dataclass(frozen=True)
class Topic:
    """One view of the forward page: its key in links and words, the module that draws it, which methods have it."""

    key: str
    #: Imported when it is first opened: all of them with their figures would keep the first visitor waiting.
    module: Callable[[], ModuleType]
    fits: Callable[[Method], bool] = lambda method: True

    def show(self, c: Choices) -> None:
        """Draw it."""
        self.module().show(c)


TOPICS = (
    Topic("pass", lambda: import_module("normviz.ui.topics.one_pass")),
    Topic("stream", lambda: import_module("normviz.ui.topics.stream"), _trains_averages),
    Topic("fold", lambda: import_module("normviz.ui.topics.fold"), _is_linear_in_evaluation),
    Topic("lone", lambda: import_module("normviz.ui.topics.lone"), _is_erased_by_one_sample),
    Topic(
        "renorm", lambda: import_module("normviz.ui.topics.renorm"), lambda method: method.spec().corrected
    ),
    Topic("devices", lambda: import_module("normviz.ui.topics.devices"), _crosses_samples),
    Topic(
        "weights",
        lambda: import_module("normviz.ui.topics.weights"),
        lambda method: method.layouts == WEIGHTS,
    ),
    Topic("conventions", lambda: import_module("normviz.ui.topics.conventions")),
)


def topics_of(method: Method) -> dict[str, Topic]:
    """The topics that say something about this method, by key."""
    return {topic.key: topic for topic in TOPICS if topic.fits(method)}
