"""The pictures of the topic of weights: the arrows of both rules side by side, their directions, and all lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from normviz.figures.kernel_maps import MOST, kernel_maps
from normviz.figures.weights import arrows, bars, window
from normviz.methods import Method
from normviz.records import Tensor
from normviz.text.lookup import section
from normviz.ui.choices import Choices
from normviz.ui.fitted import show_fitted
from normviz.ui.numbers import plain
from normviz.ui.parts import chart
from normviz.weights import Split, cosines, lengths

#: Pictures whose scales differ by more than this factor do not share one.
APART = 4.0
#: Pixels on a phone: of the arrows' plane, and of a kernel's map.
LOW, SMALL = 232, 33


@dataclass(frozen=True)
class Panel:
    """One rule's picture: its method, v and what it makes of it, which arrow is looked at, and how far it reaches."""

    method: Method
    v: Tensor
    after: Tensor
    dim: int
    place: int
    reach: float

    @property
    def outcome(self) -> str:
        """What the rule leaves in common."""
        return self.method.spec().outcome

    @property
    def size(self) -> int:
        """How many weights an arrow has."""
        return self.v.size // self.v.shape[self.dim]

    @property
    def lengths(self) -> tuple[float, float]:
        """Of the arrow looked at, before and after."""
        before, after = (float(lengths(kernel, self.dim)[self.place]) for kernel in (self.v, self.after))
        return before, after

    @property
    def cosine(self) -> float:
        """Between the arrow looked at before and after."""
        return float(cosines(self.v, self.after, self.dim)[self.place])


def panels(
    v: Tensor, rules: tuple[tuple[Method, Tensor, int], ...], cell: tuple[int, ...], furthest: float
) -> tuple[Panel, ...]:
    """The pictures of these rules: (method, what it makes of v, its axis); one scale where that shows both.

    ``furthest`` is the longest that the first rule's arrows can be made: it is inside from the first, so that the axes
    stand still while an arrow grows.
    """
    reaches = []
    for k, (_, _, dim) in enumerate(rules):
        sizes = lengths(v, dim)
        longest = float(sizes.max(initial=0, where=np.isfinite(sizes)))
        beyond = furthest if k == 0 else math.sqrt(v.size / v.shape[dim])
        reaches.append(1.1 * max(longest, beyond) or 1.0)
    if max(reaches) <= APART * min(reaches):
        reaches = [max(reaches)] * len(reaches)
    return tuple(
        Panel(method, v, after, dim, cell[dim], reach)
        for (method, after, dim), reach in zip(rules, reaches, strict=True)
    )


def show_arrows(c: Choices, shown: tuple[Panel, ...]) -> None:
    """The rules' arrows side by side, each with its two lengths and its cosine."""
    words = section(c.lang, "weights_figure")
    for column, panel in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column:
            before, after = panel.lengths
            said = {
                "name": c.say(f"method.{panel.method.key}.name"),
                "place": place_name(c, panel.dim),
                "before": plain(before),
                "after": plain(after),
                "ratio": plain(after / before if before else math.nan),
                "cosine": plain(panel.cosine),
            }
            st.markdown(c.say("weights_page.panel", **said))
            draw = partial(
                arrows, panel.v, panel.after, dim=panel.dim, place=panel.place, reach=panel.reach, words=words
            )
            show_fitted(draw(), draw(height=LOW), f"arrows-{panel.method.key}")
    first, last = shown[0], shown[-1]
    notes = [c.say("weights_page.plane", n=f"{first.size:,}")]
    if first.reach != last.reach:
        notes.append(c.say("weights_page.plane_scales", n=f"{last.size:,}", root=plain(math.sqrt(last.size))))
    st.caption(c.prose(notes))


def show_directions(c: Choices, shown: tuple[Panel, ...]) -> None:
    """The direction of the arrow looked at, before and after each rule."""
    for column, panel in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        beside = 1 if panel.dim == 0 else 0
        count = panel.v.shape[beside]
        maps = panel.v.ndim == 4
        first = window(c.cell[beside], count, MOST) if maps else 0
        draw = partial(
            kernel_maps,
            panel.v,
            panel.after,
            dim=panel.dim,
            place=panel.place,
            first=first,
            words=section(c.lang, "weights_figure"),
            axis=c.axes[beside].lower(),
        )
        words = c.say("weights_page.maps", place=place_name(c, panel.dim))
        if maps and count > MOST:
            words = c.prose([words, c.say("weights_page.shown", shown=min(MOST, count - first), count=count)])
        with column:
            st.markdown(f"**{c.say(f'method.{panel.method.key}.name')}**")
            show_fitted(draw(), draw(tile=SMALL), f"maps-{panel.method.key}")
            st.caption(words)


def show_lengths(c: Choices, done: Split, shown: tuple[Panel, ...]) -> None:
    """The lengths of all arrows, and where the other rule would put them."""
    first, last = shown[0], shown[-1]
    words = section(c.lang, "weights_figure")
    other = _other(last)
    if other != last.lengths[1]:
        # The arrow looked at has no length: the line is that of the others.
        words["other"] = words["rest"].replace("{index}", place_name(c, last.dim).strip())
    figure = bars(
        done.v,
        done.w,
        dim=first.dim,
        place=first.place,
        reach=first.reach,
        words=words,
        axis=c.axes[first.dim].lower(),
        other=other if first.dim == last.dim else None,
    )
    st.markdown(f"**{c.say('weights_page.bars')}**")
    chart(figure, "bars")


def _other(panel: Panel) -> float:
    """The length that this rule gives the arrow looked at; where that is 0, the middle one of those that have any."""
    own, sizes = panel.lengths[1], lengths(panel.after, panel.dim)
    some = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.median(some)) if own == 0 and some.size else own


def place_name(c: Choices, dim: int) -> str:
    """The arrow looked at along this axis, as a sentence names it."""
    return c.say(f"weights_page.place_{c.axes[dim]}", index=c.cell[dim])


def degrees(cosine: float) -> str:
    """The angle of this cosine.

    >>> degrees(0.0), degrees(1.0 + 1e-16)
    ('90.0°', '0.0°')
    """
    return f"{math.degrees(math.acos(min(1.0, max(-1.0, cosine)))):.1f}°"
