"""One pass of images through one of the networks: bounded before it starts, traced while it goes on.

>>> plan = Plan("small_cnn", "trained")
>>> images = [np.zeros((8, 8, 3), np.float32)] * 2
>>> done = run(plan, images)
>>> done.scores.shape, done.trace.layers[0].shape == values(plan, images, 0).shape
((2, 10), True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.nets.devices import check as check_device
from normviz.nets.network_limits import (
    MAX_VALUES,
    WAY_BACK,
    Estimate,
    NetworkLimit,
    check,
    check_images,
)
from normviz.nets.networks import build, prepare
from normviz.nets.runtime import one_thread
from normviz.nets.trace import Enough, record
from normviz.nets.trace_plan import Planned
from normviz.nets.trace_plan import plan as planned
from normviz.nets.weights import fill
from normviz.network_runs import TOP, Plan, Run
from normviz.networks import NETWORKS, Network, network
from normviz.traces import INPUT

Image = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32]
Own = Mapping[str, torch.Tensor]
#: Called after every layer: how many are done, of how many (0: not known), and the last one's name.
Progress = Callable[[int, int, str], None]
#: Bytes of a float32, and what torch itself takes for a pass (measured: 90 to 230 MB).
FLOAT, WORKSPACE = 4, 2**28
#: Networks whose inputs are no larger are within the limits.
LIGHT_SIDE = 128


def run(
    plan: Plan, images: Sequence[Image], *, own: Own | None = None, progress: Progress | None = None
) -> Run:
    """The network of the plan on these images, float32 (H, W, 3) in [0, 1], as one batch.

    ``own`` are the visitor's weights, where the plan says so. ``progress`` is called after every layer; what it raises
    ends the run and is passed on. The module is built for this run alone, so that its running statistics and its mode
    are nobody else's; what training mode draws (dropout) is drawn by the plan's seed.

    Raises :class:`~normviz.nets.network_limits.NetworkLimit` where the run would be too large, before anything of it is
    built; :class:`~normviz.nets.weights_errors.WeightsError` where the weights do not fit; ValueError for a norm,
    activation, side or device that there is not.
    """
    total = _within_limits(plan, len(images))
    with _ready(plan, images, own) as (module, x):
        done = record(
            module,
            x,
            target=plan.target,
            progress=None if progress is None else lambda k, name: progress(k + 1, total, name),
        )
    about: dict[str, str | int] = {
        "network": plan.network,
        "weights": plan.weights,
        "init": plan.init if plan.weights == "random" else "",
        "norm": NETWORKS[plan.network].chosen_norm(plan.norm),
        "activation": NETWORKS[plan.network].chosen_activation(plan.activation),
        "seed": plan.seed,
        "side": NETWORKS[plan.network].chosen_side(plan.side),
        "images": len(images),
        "torch": str(torch.__version__),
    }
    trace = replace(done.trace, model=plan.network, about=about)
    return Run(plan, trace, _scores(done.output))


def values(plan: Plan, images: Sequence[Image], number: int, own: Own | None = None) -> Values:
    """The real output of layer ``number`` (-1: the network's input) in a pass as :func:`run` makes it.

    Of more than ``MAX_VALUES`` values only the first images are kept, one at least: all go through the network, as
    their statistics may be shared. Raises as :func:`run` does, and IndexError where there is no such layer.
    """
    _within_limits(plan, len(images))
    kept: list[Values] = []

    def watch(at: int, output: torch.Tensor) -> None:
        if at != number:
            return
        each = max(1, output[:1].numel()) if output.ndim else 1
        most = max(1, MAX_VALUES // each)
        first = output[:most] if output.ndim else output
        kept.append(first.detach().to("cpu", torch.float32, copy=True).numpy())
        raise Enough

    with _ready(plan, images, own) as (module, x):
        record(module, x, watch=watch)
    if not kept:
        raise IndexError(f"{plan.network} has no layer {number}: the input is -1, the layers count from 0.")
    return kept[0]


def estimate(plan: Plan, count: int) -> Estimate:
    """What a run of so many images will need, from a walk through the network without memory.

    Raises :class:`~normviz.nets.network_limits.NetworkLimit` where that is more than one run may take.
    """
    entry = _checked(plan, count)
    side = entry.chosen_side(plan.side)
    layers, parameters = _walk(
        plan.network,
        entry.chosen_norm(plan.norm),
        entry.chosen_activation(plan.activation),
        side,
        plan.mode == "train",
        count,
    )
    sizes = [FLOAT * layer.count for layer in layers]
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    fixed = FLOAT * parameters + WORKSPACE
    given = FLOAT * entry.channels * side * side * count
    if plan.target is None:
        peak = fixed + given + alive(sizes, [layer.inputs for layer in layers])
    else:
        # The way back keeps every activation.
        peak = fixed + given + sum(sizes) + 2 * max(sizes, default=0)
        multiply_adds *= WAY_BACK
    found = Estimate(len(layers), sum(sizes), FLOAT * parameters, fixed, peak, multiply_adds)
    check(found, count=count, side=side)
    return found


def _within_limits(plan: Plan, count: int) -> int:
    """How many layers there will be, 0 where that was not worth a walk. Raises as :func:`estimate` does."""
    if not light(plan.network):
        return estimate(plan, count).layers
    _checked(plan, count)
    return 0


def light(key: str) -> bool:
    """Whether every run of this network that has no more than the images allowed is small enough.

    The first walk in a process makes torch load its compiler, which takes seconds and 100 MB: these need none.
    """
    return network(key).sides[1] <= LIGHT_SIDE


def _checked(plan: Plan, count: int) -> Network:
    """The network, after all that can be checked without a walk."""
    entry = network(plan.network)
    check_images(count, fewest=entry.fewest(plan.norm) if plan.mode == "train" else 1)
    if plan.target is not None:
        if not entry.classes:
            raise NetworkLimit("no_scores", {})
        if plan.target != TOP and not 0 <= plan.target < entry.classes:
            raise NetworkLimit("target", {"target": plan.target, "last": entry.classes - 1})
    return entry


@lru_cache(maxsize=64)
def _walk(
    key: str, norm: str, activation: str, side: int, training: bool, count: int
) -> tuple[tuple[Planned, ...], int]:
    """The layers to come, and how many parameters there are."""
    module = build(key, norm=norm, activation=activation, side=side, init="none", device="meta")
    shape = (count, network(key).channels, side, side)
    layers = planned(module.train(training), shape)
    if layers is None:
        raise ValueError(f"{key} cannot be walked through without values: choose another network.")
    return layers, sum(p.numel() for p in module.parameters())


def alive(sizes: Sequence[int], inputs: Sequence[tuple[int, ...]]) -> int:
    """The most bytes of outputs that are held at one time: each from its layer to the last that reads it.

    >>> alive([4, 4, 1], [(-1,), (0,), (1,)]), alive([4, 4, 1], [(-1,), (0,), (1, 0)])
    (8, 9)
    """
    last = list(range(len(sizes)))
    for reader, read in enumerate(inputs):
        for number in read:
            if number != INPUT:
                last[number] = reader
    most = held = 0
    for number, size in enumerate(sizes):
        held += size
        most = max(most, held)
        held -= sum(sizes[k] for k in {*inputs[number], number} if k != INPUT and last[k] == number)
    return most


@contextmanager
def _ready(
    plan: Plan, images: Sequence[Image], own: Own | None
) -> Iterator[tuple[torch.nn.Module, torch.Tensor]]:
    """The module and its input, on the plan's device; random numbers drawn inside are those of the plan's seed."""
    check_device(plan.device, "float32")
    module = build(plan.network, norm=plan.norm, activation=plan.activation, side=plan.side, init="none")
    fill(module, plan, own=own)
    module = module.to(plan.device).train(plan.mode == "train")
    x = prepare(images, plan.network, plan.side).to(plan.device)
    with one_thread(), torch.random.fork_rng(devices=[0] if plan.device == "cuda" else []):
        torch.manual_seed(plan.seed)
        yield module, x


def _scores(output: Any) -> npt.NDArray[np.float64] | None:
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        return None
    return output.detach().cpu().double().numpy()
