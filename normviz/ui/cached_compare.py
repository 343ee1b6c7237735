"""The compare page's results, cached as :mod:`normviz.ui.cached` caches the others: small records, bounded."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from normviz.figures import overlay
from normviz.records import Tensor
from normviz.relations import Relation
from normviz.ui import cached
from normviz.ui.cached import CACHE, Pass, Source
from normviz.ui.serving import compute_slot


def outcomes(source: Source, passes: tuple[Pass, ...], images: Sequence[Tensor] = ()) -> overlay.Outcomes:
    """What each pass makes of the input, on one axis."""
    return _outcomes(source.whole(), passes, images)


@st.cache_data(max_entries=32, **CACHE)
def _outcomes(source: Source, passes: tuple[Pass, ...], _images: Sequence[Tensor]) -> overlay.Outcomes:
    done = [cached.forward(source, what, _images) for what in passes]
    return overlay.outcomes(done[0].x, [one.y for one in done])


def relations(source: Source, images: Sequence[Tensor] = ()) -> tuple[Relation, ...]:
    """The statements tried on the input; see :func:`normviz.nets.relations.relations`."""
    return _relations(source.whole(), images)


@st.cache_data(max_entries=32, **CACHE)
def _relations(source: Source, _images: Sequence[Tensor]) -> tuple[Relation, ...]:
    x = cached.tensor(source, _images)
    with compute_slot():
        from normviz.nets.relations import relations as run

        return run(x, seed=source.sample.seed)
