"""The component: both maps, and the window under the hand."""

from __future__ import annotations

from normviz.text.lookup import section
from normviz.ui.pool import PoolPicture, PoolState, pool_view
from normviz.ui.poolings.shown import Shown
from normviz.ui.poolings.spot import KEY, spot_now


def show_view(shown: Shown) -> PoolState:
    """Draw both maps and return what is pinned."""
    done = shown.done
    picture = PoolPicture(done.x, done.y, done.rows, done.columns, done.winner)
    spot = spot_now(picture)
    words = section(shown.c.lang, "pool_view")
    words["computed"] = shown.say("mean_of")
    pool_view(picture, words=words, key=KEY, cell=spot.cell, side=spot.side)
    return spot
