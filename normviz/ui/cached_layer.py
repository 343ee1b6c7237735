"""What the opened layer needs of its real values, cached: one image's maps, and the part of a norm that a cube shows.

The key tells one pass from another, the number one of its layers; the values themselves are never part of a key. Of
a whole output only what is shown is kept.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from normviz.layer_check import NormPart, norm_part
from normviz.layer_sets import layer_sets
from normviz.records import Tensor
from normviz.ui.cached import CACHE
from normviz.ui.network.shown import Shown, Values


class Lost(LookupError):
    """There are no values: only a trace was opened."""


def image(shown: Shown, number: int, index: int) -> Tensor:
    """What the layer (-1: the network's input) puts out for one image of the batch: its values without the first axis.

    Raises Lost where there are no values.
    """
    return _image(shown.key, number, index, shown)


def sheet(shown: Shown, number: int, most: int) -> Tensor:
    """What it puts out for the first ``most`` images; raises Lost as well."""
    return _sheet(shown.key, number, most, shown)


def norm(shown: Shown, number: int) -> NormPart | None:
    """The shown part of a normalization, its statistics and the comparison with the reference; None where its sets are
    not known. Raises Lost where there are no values."""
    return _norm(shown.key, number, shown)


def count(shown: Shown, number: int) -> int:
    """Of how many images of the batch there are values: of a large output only of the first ones."""
    return _count(shown.key, number, shown)


@st.cache_data(max_entries=64, **CACHE)
def _count(key: str, number: int, _shown: Shown) -> int:
    return len(_values(_shown, number))


@st.cache_data(max_entries=6, **CACHE)
def _image(key: str, number: int, index: int, _shown: Shown) -> Tensor:
    return np.array(_values(_shown, number)[index], np.float32)


@st.cache_data(max_entries=6, **CACHE)
def _sheet(key: str, number: int, most: int, _shown: Shown) -> Tensor:
    return np.array(_values(_shown, number)[:most], np.float32)


@st.cache_data(max_entries=12, **CACHE)
def _norm(key: str, number: int, _shown: Shown) -> NormPart | None:
    layer = _shown.trace.layers[number]
    found = layer_sets(layer)
    if found is None:
        return None
    after = _values(_shown, number)
    before = _values(_shown, layer.inputs[0]) if layer.inputs else None
    source = _shown.trace.source(layer)
    batch = None
    if source is not None and source.shape == layer.shape and source.channel_axis == layer.channel_axis:
        batch = (source.channel_mean, source.channel_var)
    return norm_part(found, before, after, running=layer.running, batch=batch)


def _values(shown: Shown, number: int) -> Values:
    if shown.values is None:
        raise Lost("Only a trace was opened, and a trace holds no values: run the network here to see them.")
    return shown.values(number)
