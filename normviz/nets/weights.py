"""A network's weights, wherever they come from: random, trained by this project, published, or the visitor's own.

>>> from normviz.nets.networks import build
>>> plan = Plan("small_cnn", weights="trained")
>>> filled = fill(build("small_cnn"), plan)
>>> filled.file, filled.tested, bool(filled.mismatch)
('digits_small_cnn_batch_norm.safetensors', 360, False)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from normviz.activations import ACTIVATIONS
from normviz.nets import own_weights, published
from normviz.nets.networks import initialize
from normviz.nets.own_weights import Mismatch
from normviz.nets.weights_errors import WeightsError
from normviz.network_runs import WEIGHTS, Plan
from normviz.networks import NETWORKS

#: Where the weights trained by :mod:`normviz.nets.train_digits` lie.
FOLDER: Final = Path(__file__).parents[2] / "assets" / "weights"


@dataclass(frozen=True)
class Filled:
    """Where a network's weights are from, how good they are as far as that is known, and what did not fit.

    ``accuracy`` is the share of test images whose class has the highest score: of ``tested`` held-out digits
    ``correct`` were right (``data`` "digits"), or of ImageNet's validation images, as published ("imagenet"); None
    where it is not known. ``mismatch`` names what stayed random and what was not used, ``prefix`` is what was cut off
    before every name of the visitor's file.
    """

    source: str
    file: str = ""
    data: str = ""
    accuracy: float | None = None
    correct: int | None = None
    tested: int | None = None
    prefix: str = ""
    mismatch: Mismatch = Mismatch()


def trained_file(network: str, norm: str = "") -> Path:
    """Where the weights trained by this project are for this network and norm ("": its own), there or not."""
    entry = NETWORKS[network]
    return FOLDER / f"digits_{network}_{norm or entry.norm}.safetensors"


def trained_norms(network: str) -> tuple[str, ...]:
    """The norms with which this project has trained this network.

    >>> "batch_norm" in trained_norms("small_cnn"), trained_norms("resnet50")
    (True, ())
    """
    return tuple(norm for norm in NETWORKS[network].norms if trained_file(network, norm).is_file())


def trained_as(network: str, norm: str = "") -> tuple[str, int]:
    """The activation and the side of the input with which the weights in :func:`trained_file` were trained.

    >>> trained_as("small_cnn")
    ('relu', 32)
    """
    about = own_weights.read_header(trained_file(network, norm)).metadata
    return about["activation"], NETWORKS[network].side


def available(network: str, norm: str = "") -> tuple[str, ...]:
    """Where weights of this network with this norm ("": its own) can come from, the network's usual source first.

    >>> "trained" in available("small_cnn"), available("resnet18"), available("resnet18", "group_norm")
    (True, ('random', 'published', 'own'), ('random', 'own'))
    """
    trained = trained_file(network, norm).is_file()
    return tuple(source for source in NETWORKS[network].weights_for(norm) if source != "trained" or trained)


def fill(
    module: torch.nn.Module,
    plan: Plan,
    *,
    own: Mapping[str, torch.Tensor] | None = None,
    partial: bool = False,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Filled:
    """Fill the module, in place, with the weights that the plan names.

    ``own`` are the visitor's, from ``own_weights.read``; they are loaded only when all fit, or, with ``partial``, as
    far as they fit: the rest is then random, by the plan's ``init`` and ``seed``. ``progress(done, total)`` counts the
    bytes of a download; what it raises, or ``stop()`` returning True, ends that. Raises WeightsError, and the module
    is then as it was; ValueError for a plan that names no source of weights.
    """
    norm = NETWORKS[plan.network].chosen_norm(plan.norm)
    if plan.weights == "random":
        initialize(module, plan.init, plan.seed)
        return Filled("random")
    if plan.weights == "trained":
        return _trained(module, plan, norm)
    if plan.weights == "published":
        return _published(module, plan, norm, progress, stop)
    if plan.weights == "own":
        return _own(module, plan, own, partial)
    raise ValueError(f"weights={plan.weights!r} is not known: it must be one of {', '.join(WEIGHTS)}.")


def _trained(module: torch.nn.Module, plan: Plan, norm: str) -> Filled:
    path = trained_file(plan.network, norm)
    if not path.is_file():
        known = ", ".join(trained_norms(plan.network)) or "–"
        raise WeightsError("not_trained", {"network": plan.network, "norm": norm, "known": known})
    about = own_weights.read_header(path).metadata
    load(module, own_weights.read(path), plan)
    correct, tested = int(about["correct"]), int(about["tested"])
    return Filled("trained", path.name, "digits", correct / tested, correct, tested)


def _published(
    module: torch.nn.Module,
    plan: Plan,
    norm: str,
    progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> Filled:
    found = published.of(plan.network, norm)
    if found is None:
        with_norms = (other for other in NETWORKS[plan.network].norms if published.of(plan.network, other))
        known = ", ".join(with_norms) or "–"
        raise WeightsError("not_published", {"network": plan.network, "norm": norm, "known": known})
    load(module, published.load(found, progress=progress, stop=stop), plan)
    return Filled("published", found.file, "imagenet", found.accuracy)


def _own(
    module: torch.nn.Module, plan: Plan, own: Mapping[str, torch.Tensor] | None, partial: bool
) -> Filled:
    if own is None:
        raise WeightsError("no_own", {})
    wanted = own_weights.shapes_of(module.state_dict())
    prefix, mismatch = own_weights.unwrapped(wanted, own_weights.shapes_of(own))
    if mismatch and partial and len(mismatch.unexpected) + len(mismatch.shapes) < len(own):
        initialize(module, plan.init, plan.seed)
    load(module, {name.removeprefix(prefix): tensor for name, tensor in own.items()}, plan, partial)
    return Filled("own", prefix=prefix, mismatch=mismatch)


def load(
    module: torch.nn.Module, state: Mapping[str, torch.Tensor], plan: Plan, partial: bool = False
) -> None:
    """Load what fits into the module. Raises WeightsError where not all fits (with ``partial``: where nothing does)."""
    mismatch = own_weights.fit(module, state)
    learned = _learned_by_activations(module)
    mismatch = replace(mismatch, missing=tuple(name for name in mismatch.missing if name not in learned))
    fitting = {name: tensor for name, tensor in state.items() if name not in set(mismatch.names)}
    if mismatch and not (partial and fitting):
        raise WeightsError(
            "mismatch",
            {
                "network": plan.network,
                "norm": NETWORKS[plan.network].chosen_norm(plan.norm),
                "missing": len(mismatch.missing),
                "unexpected": len(mismatch.unexpected),
                "shapes": len(mismatch.shapes),
                "first": mismatch.names[0],
            },
        )
    # What Batch Norm counts its batches with is missing in old files.
    counters = {name: torch.tensor(0) for name in module.state_dict() if name.endswith(own_weights.COUNTER)}
    module.load_state_dict(counters | fitting, strict=False)


def _learned_by_activations(module: torch.nn.Module) -> set[str]:
    """The names of what activations learn: they start at a number of their own, with whatever weights around them."""
    classes = {entry.layer for entry in ACTIVATIONS.values() if entry.learned}
    return {
        f"{path}.{name}"
        for path, part in module.named_modules()
        if type(part).__name__ in classes
        for name, _ in part.named_parameters(recurse=False)
    }
