"""What is to be run through a network, and what came out of it."""

from __future__ import annotations

from dataclasses import dataclass

from normviz.reference import FloatArray
from normviz.traces import Trace

#: Where a network's weights come from: drawn at random, trained by this project, published, or the visitor's file.
WEIGHTS = ("random", "trained", "published", "own")
#: How random weights are drawn: as torch's layers draw them, Xavier's or He's way.
INITS = ("default", "xavier", "he")
MODES = ("eval", "train")
#: The output a backward pass starts from, besides the number of a class: each sample's highest.
TOP = -1


@dataclass(frozen=True)
class Plan:
    """Which network, with what in it, in which mode; small and hashable, the key of what is cached.

    ``norm`` and ``activation`` are keys of the catalogue, "none" for none, empty for the network's own. ``side`` is
    the height and width of the input, 0 for the network's own. ``target`` is the class whose score a backward pass
    starts from (``TOP``: each image's highest), None for no backward pass. ``digest`` tells one of the visitor's
    weight files from another.
    """

    network: str
    weights: str = "random"
    init: str = "default"
    norm: str = ""
    activation: str = ""
    mode: str = "eval"
    side: int = 0
    seed: int = 0
    device: str = "cpu"
    target: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Training:
    """How weights were trained, and how good they are with the activation and the side of their training.

    ``accuracy`` is the share of test images whose class has the highest score: of ImageNet's validation images, as
    published, or, where both are known, ``correct`` of ``tested`` held-out digits.
    """

    activation: str
    side: int
    accuracy: float
    correct: int | None = None
    tested: int | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """A pass: what was asked for, every layer, and the scores (N, classes) where the network gives scores."""

    plan: Plan
    trace: Trace
    scores: FloatArray | None = None
