"""The feature maps of the pinned cell's sample as pictures, before and after."""

from __future__ import annotations

from normviz.figures.maps import MOST, feature_maps
from normviz.records import Forward, Tensor
from normviz.text.lookup import section
from normviz.ui.cached import Source, pictures
from normviz.ui.choices import Choices
from normviz.ui.parts import chart

#: Maps of more cells a side would be megabytes of picture.
LARGEST = 128


def show_maps(c: Choices, source: Source, images: list[Tensor], done: Forward) -> None:
    """Up to eight channels of one sample around the pinned cell; nothing where the input is no picture's maps."""
    if source.kind not in ("photo", "upload") or c.layout != "NCHW" or max(c.shape[2:]) > LARGEST:
        return
    from normviz.nets.filters import describe

    n, channel, h, w = c.cell
    first = channel // MOST * MOST
    shown = slice(first, first + MOST)
    figure = feature_maps(
        done.x[n, shown],
        done.y[n, shown],
        names=describe(source.bank, c.shape[1])[shown],
        words=section(c.lang, "maps"),
        pictures=[pictures(source, images)[n]],
        cell=(h, w),
        channel=channel - first,
        first=first,
    )
    chart(figure, "maps")
