"""One step of a normalization layer, on one device or on several taken together, and how far two such steps differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normviz.reference import FloatArray


@dataclass(frozen=True)
class LayerStep:
    """One step of the layer on some samples: output and gradients of sum(upstream * y), and the buffers afterwards.

    ``y`` and ``grad_x`` are (n, S, R); the others (S,).
    """

    y: FloatArray
    grad_x: FloatArray
    grad_weight: FloatArray
    grad_bias: FloatArray
    running_mean: FloatArray
    running_var: FloatArray

    @classmethod
    def joined(cls, steps: Sequence[LayerStep]) -> LayerStep:
        """The devices' steps as one: all samples in turn, parameters' gradients added, the first one's buffers."""
        return cls(
            np.concatenate([step.y for step in steps]),
            np.concatenate([step.grad_x for step in steps]),
            np.sum([step.grad_weight for step in steps], axis=0),
            np.sum([step.grad_bias for step in steps], axis=0),
            steps[0].running_mean,
            steps[0].running_var,
        )


@dataclass(frozen=True)
class Gap:
    """The largest absolute differences between two steps, each beside the largest value it is a difference of."""

    forward: float
    gradient_x: float
    gradient_parameters: float
    buffers: float
    #: The largest of the four, each divided by its largest value where that is above 1.
    relative: float
    #: Places where one of the two is NaN or infinite and the other is not.
    disagreements: int

    @classmethod
    def between(cls, found: LayerStep, wanted: LayerStep) -> Gap:
        """How far ``found`` is from ``wanted``, over what is finite in both."""
        pairs = (
            ((found.y, wanted.y),),
            ((found.grad_x, wanted.grad_x),),
            ((found.grad_weight, wanted.grad_weight), (found.grad_bias, wanted.grad_bias)),
            ((found.running_mean, wanted.running_mean), (found.running_var, wanted.running_var)),
        )
        differences, relatives, missing = [], [], 0
        for group in pairs:
            a = np.concatenate([one.reshape(-1) for one, _ in group])
            b = np.concatenate([other.reshape(-1) for _, other in group])
            both = np.isfinite(a) & np.isfinite(b)
            missing += int((np.isfinite(a) != np.isfinite(b)).sum())
            largest = float(np.abs(a[both] - b[both]).max(initial=0.0))
            differences.append(largest)
            relatives.append(largest / max(1.0, float(np.abs(b[both]).max(initial=0.0))))
        forward, of_x, of_parameters, buffers = differences
        return cls(forward, of_x, of_parameters, buffers, max(relatives), missing)


@dataclass(frozen=True)
class DevicesRun:
    """What K processes computed: the layer on their own samples, and synchronised; and how long it took, in seconds."""

    #: Empty where torch refused the devices' samples; ``refusal`` is then its sentence.
    alone: tuple[LayerStep, ...]
    synchronised: tuple[LayerStep, ...]
    refusal: str
    #: Until all processes had found each other; then the slowest process's forward and backward.
    start_seconds: float
    alone_seconds: float
    synchronised_seconds: float


@dataclass(frozen=True)
class Verdict:
    """A run held against one process on all samples: ``alone`` is None where torch refused; times are the run's."""

    devices: int
    synchronised: Gap
    alone: Gap | None
    refusal: str
    start_seconds: float
    alone_seconds: float
    synchronised_seconds: float

    @classmethod
    def of(cls, run: DevicesRun, whole: LayerStep) -> Verdict:
        """The verdict on this run; ``whole`` is one process's step on all samples, device by device."""
        alone = Gap.between(LayerStep.joined(run.alone), whole) if run.alone else None
        return cls(
            len(run.synchronised),
            Gap.between(LayerStep.joined(run.synchronised), whole),
            alone,
            run.refusal,
            run.start_seconds,
            run.alone_seconds,
            run.synchronised_seconds,
        )
