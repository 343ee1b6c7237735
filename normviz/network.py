"""What a network's row is made of, and what follows from it: the normalizations that can stand in it.

These are asked of the catalogue, never listed: whatever works on the layout of the network's maps, looks at its input,
and needs nothing besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.methods import Method, Paper

#: No normalization at all: a key of its own beside the catalogue's.
NONE = "none"
#: Where the smallest maps are normalized: enough to ask how many cells share a statistic.
_SMALLEST = {"N": 2, "C": 8, "H": 2, "W": 2, "L": 2}


@dataclass(frozen=True)
class Network:
    """A network: its input, its classes, and what stands in it by default.

    ``sides`` are the least and the greatest side of an input, a multiple of ``step``; ``mean`` and ``std``, of each
    channel, scale an image in [0, 1]. ``layout`` is that of the tensors it normalizes. ``norm_knobs`` are the knobs in
    which it differs from the catalogue's defaults, by method. ``variants`` are torchvision's models whose published
    weights fit, by norm.
    """

    key: str
    family: str
    paper: Paper | None
    channels: int
    side: int
    sides: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int
    labels: str
    norm: str
    activation: str
    layout: str = "NCHW"
    step: int = 1
    norm_knobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    variants: Mapping[str, str] = field(default_factory=dict, hash=False)
    weights: tuple[str, ...] = ("random", "own")

    @property
    def fixed(self) -> bool:
        """Whether there is one side only, as fully connected layers demand it."""
        return self.sides[0] == self.sides[1]

    @property
    def norms(self) -> tuple[str, ...]:
        """The keys that can stand in it: "none", and the catalogue's in their order.

        >>> from normviz.networks import NETWORKS
        >>> NETWORKS["mlp"].norms[:3], "instance_norm" in NETWORKS["mlp"].norms
        (('none', 'batch_norm', 'batch_renorm'), False)
        """
        return _norms(self.layout)

    @property
    def activations(self) -> tuple[str, ...]:
        """The keys of the activations, any of which can stand in it."""
        return tuple(ACTIVATIONS)

    def published(self, norm: str = "") -> str:
        """torchvision's name of the model with this norm whose weights are published, or ""."""
        return self.variants.get(norm or self.norm, "")

    def weights_for(self, norm: str = "") -> tuple[str, ...]:
        """Where weights can come from with this norm: published ones fit the norm they were trained with."""
        return tuple(one for one in self.weights if one != "published" or self.published(norm))

    def moves(self, norm: str) -> bool:
        """Whether torch's layer of this norm wants the axes in another order than this network has them.

        >>> from normviz.networks import NETWORKS
        >>> [NETWORKS["resnet50"].moves(norm) for norm in ("none", "group_norm", "layer_norm_last")]
        [False, False, True]
        """
        if norm == NONE:
            return False
        lengths = {axis: _SMALLEST[axis] for axis in self.layout}
        entry = METHODS[norm]
        return entry.torch_layer(tuple(lengths.values()), **entry.defaults(lengths)).move is not None

    def fewest(self, norm: str = "") -> int:
        """How many images training mode needs at least, so that no statistic is of a single value.

        >>> from normviz.networks import NETWORKS
        >>> NETWORKS["mlp"].fewest("batch_norm"), NETWORKS["mlp"].fewest("layer_norm")
        (2, 1)
        """
        key = self.chosen_norm(norm)
        return 1 if key == NONE or _shares(METHODS[key], self.layout, 1) else 2

    def chosen_norm(self, norm: str = "") -> str:
        """The norm's key, the network's own for an empty one. Raises ValueError where it cannot stand here."""
        chosen = norm or self.norm
        if chosen not in self.norms:
            raise ValueError(
                f"{chosen!r} cannot stand in {self.key}: it normalizes ({', '.join(self.layout)}), with one of "
                f"{', '.join(self.norms)}."
            )
        return chosen

    def chosen_activation(self, activation: str = "") -> str:
        """The activation's key, the network's own for an empty one. Raises ValueError for an unknown one."""
        return ACTIVATIONS[activation or self.activation].key

    def chosen_side(self, side: int = 0) -> int:
        """The side of the input, the network's own for 0. Raises ValueError where there is no such input.

        >>> from normviz.networks import NETWORKS
        >>> NETWORKS["resnet18"].chosen_side()
        224
        """
        chosen = side or self.side
        least, most = self.sides
        if not least <= chosen <= most or chosen % self.step:
            needed = f"{least}" if self.fixed else f"{least} to {most}"
            steps = f", a multiple of {self.step}" if self.step > 1 else ""
            raise ValueError(f"{self.key} takes no input of {chosen} x {chosen}: the side must be {needed}{steps}. "
                             f"Try {self.side}.")  # fmt: skip
        return chosen


@cache
def _norms(layout: str) -> tuple[str, ...]:
    return (NONE, *(key for key, entry in METHODS.items() if stands(entry, layout)))


def stands(entry: Method, layout: str) -> bool:
    """Whether a method can be a layer of a network whose maps have this layout.

    It works on that layout; it shares a statistic of its input (what only reads buffers is the evaluation of another);
    it takes no second input; no knob of it depends on how many images there are; and no set is a single cell, which
    would leave zeros.
    """
    if layout not in entry.layouts or any(knob.divides == "N" for knob in entry.knobs):
        return False
    spec = entry.spec()
    return bool(spec.parts) and not spec.second and _shares(entry, layout, _SMALLEST["N"])


def _shares(entry: Method, layout: str, samples: int) -> bool:
    """Whether every cell of the smallest maps of so many samples shares its statistics with another."""
    lengths = {axis: samples if axis == "N" else _SMALLEST[axis] for axis in layout}
    spec = entry.spec(**entry.defaults(lengths))
    return all(bool(np.all(shared.sizes(tuple(lengths.values())) > 1)) for shared in spec.sets)
