"""A network's weights, wherever they come from: random, trained by this project, published, or the visitor's own.

>>> from normviz.nets.networks import build
>>> plan = Plan("small_cnn", weights="trained")
>>> module = build("small_cnn")
>>> fill(module, plan)
>>> training(plan.network, plan.norm, plan.weights).tested
360
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from normviz.activations import ACTIVATIONS
from normviz.nets import own_weights, published
from normviz.nets.networks import initialize
from normviz.nets.weights_errors import WeightsError
from normviz.network_runs import WEIGHTS, Plan, Training
from normviz.networks import NETWORKS

#: Where the weights trained by :mod:`normviz.nets.train_digits` lie.
FOLDER: Final = Path(__file__).parents[2] / "assets" / "weights"


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


def training(network: str, norm: str, weights: str) -> Training | None:
    """How the weights of this source for this network and norm ("": its own) were trained; None where it is not known.

    >>> training("resnet18", "", "published")
    Training(activation='relu', side=224, accuracy=0.69758, correct=None, tested=None)
    >>> training("resnet18", "", "random") is None
    True
    """
    entry = NETWORKS[network]
    if weights == "trained" and (file := trained_file(network, norm)).is_file():
        about = own_weights.read_header(file).metadata
        correct, tested = int(about["correct"]), int(about["tested"])
        return Training(about["activation"], entry.side, correct / tested, correct, tested)
    if weights == "published" and (found := published.of(network, norm)):
        return Training(entry.activation, entry.side, found.accuracy)
    return None


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
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> None:
    """Fill the module, in place, with the weights that the plan names.

    ``own`` are the visitor's, from ``own_weights.read``; they are loaded only when all fit. ``progress(done, total)``
    counts the bytes of a download; what it raises, or ``stop()`` returning True, ends that. Raises WeightsError, and
    the module is then as it was; ValueError for a plan that names no source of weights.
    """
    norm = NETWORKS[plan.network].chosen_norm(plan.norm)
    match plan.weights:
        case "random":
            initialize(module, plan.init, plan.seed)
        case "trained":
            load(module, _trained(plan.network, norm), plan)
        case "published":
            load(module, _published(plan.network, norm, progress, stop), plan)
        case "own":
            load(module, _own(module, own), plan)
        case _:
            raise ValueError(
                f"weights={plan.weights!r} is not known: it must be one of {', '.join(WEIGHTS)}."
            )


def _trained(network: str, norm: str) -> dict[str, torch.Tensor]:
    path = trained_file(network, norm)
    if not path.is_file():
        raise _absent("trained", network, norm, trained_norms)
    return own_weights.read(path)


def _published(
    network: str,
    norm: str,
    progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> dict[str, torch.Tensor]:
    found = published.of(network, norm)
    if found is None:
        raise _absent("published", network, norm, _published_norms)
    return published.load(found, progress=progress, stop=stop)


def _published_norms(network: str) -> tuple[str, ...]:
    return tuple(norm for norm in NETWORKS[network].norms if published.of(network, norm))


def _absent(
    source: str, network: str, norm: str, norms_with: Callable[[str], tuple[str, ...]]
) -> WeightsError:
    """What is said where weights of this source are not there: its norms with such weights, or what else there is."""
    if norms := norms_with(network):
        return WeightsError(f"not_{source}", {"network": network, "norm": norm, "known": ", ".join(norms)})
    networks = ", ".join(other for other in NETWORKS if norms_with(other))
    sources = ", ".join(available(network, norm))
    return WeightsError(f"never_{source}", {"network": network, "sources": sources, "known": networks})


def _own(module: torch.nn.Module, own: Mapping[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    """The visitor's weights without what a wrapper has put before every name."""
    if own is None:
        raise WeightsError("no_own", {})
    wanted = own_weights.shapes_of(module.state_dict())
    prefix, _ = own_weights.unwrapped(wanted, own_weights.shapes_of(own))
    return {name.removeprefix(prefix): tensor for name, tensor in own.items()}


def load(module: torch.nn.Module, state: Mapping[str, torch.Tensor], plan: Plan) -> None:
    """Load all of it into the module. Raises WeightsError where not all fits."""
    mismatch = own_weights.fit(module, state)
    learned = _learned_by_activations(module)
    mismatch = replace(mismatch, missing=tuple(name for name in mismatch.missing if name not in learned))
    if mismatch:
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
    module.load_state_dict(counters | dict(state), strict=False)


def _learned_by_activations(module: torch.nn.Module) -> set[str]:
    """The names of what activations learn: they start at a number of their own, with whatever weights around them."""
    classes = {entry.layer for entry in ACTIVATIONS.values() if entry.learned}
    return {
        f"{path}.{name}"
        for path, part in module.named_modules()
        if type(part).__name__ in classes
        for name, _ in part.named_parameters(recurse=False)
    }
