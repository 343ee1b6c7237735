"""The topics of the forward page, and for which methods each has something to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from normviz.layouts import WEIGHTS
from normviz.methods import Method
from normviz.ui.choices import Choices
from normviz.ui.topics import conventions, devices, fold, lone, one_pass, renorm, stream, weights


@dataclass(frozen=True)
class Topic:
    """One view of the forward page: its key (in links and words), what draws it, and which methods have it."""

    key: str
    show: Callable[[Choices], None]
    fits: Callable[[Method], bool] = lambda method: True


TOPICS = (
    Topic("pass", one_pass.show),
    Topic("stream", stream.show, lambda method: bool(method.evaluating or method.spec().running)),
    Topic("fold", fold.show, fold.fits),
    Topic("lone", lone.show, lone.fits),
    Topic("renorm", renorm.show, lambda method: getattr(method.spec().running, "r_max", None) is not None),
    Topic("devices", devices.show, devices.fits),
    Topic("weights", weights.show, lambda method: method.layouts == WEIGHTS),
    Topic("conventions", conventions.show),
)


def topics_of(method: Method) -> dict[str, Topic]:
    """The topics that say something about this method, by key."""
    return {topic.key: topic for topic in TOPICS if topic.fits(method)}
