"""The poolings: one row each. What a window is, what is made of it, and torch's layers for one, two and three axes.

    y[..., o] = max or mean of x[..., k] over k in W(o),   W(o) = {o s - p + d j : j < k} along every pooled axis

Arrays have torch's layouts: the pooled axes are the last ones. (N, C, L) is pooled along 1 axis, (N, C, H, W) along 2,
(N, C, D, H, W) along 3, and (L,) and (C, L) along 1; ``dims`` says otherwise, for (H, W) or (C, H, W).

>>> import numpy as np
>>> x = np.arange(16.0).reshape(1, 1, 4, 4)
>>> POOLINGS["max"](x, kernel_size=2).tolist()
[[[[5.0, 7.0], [13.0, 15.0]]]]
>>> POOLINGS["global_average"](x).shape
(1, 1, 1, 1)
>>> POOLINGS["max"].output_size((224, 224), kernel_size=3, stride=2, padding=1)
(112, 112)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from normviz.methods import Knob
from normviz.pooling import Pooling, PoolingError
from normviz.windows import Windows, adaptive, sliding

LARGEST = 4096
KERNEL = Knob("kernel_size", 2, "k", low=1, high=LARGEST)
#: torch takes the kernel's size where no stride is given.
STRIDE = Knob("stride", None, "s", low=1, high=LARGEST)
PADDING = Knob("padding", 0, "p", low=0, high=LARGEST)
DILATION = Knob("dilation", 1, "d", low=1, high=LARGEST)
CEIL = Knob("ceil_mode", False, options=(False, True))
COUNTED = Knob("count_include_pad", True, options=(True, False))
OUTPUT = Knob("output_size", 2, "m", low=1, high=LARGEST)


def slide(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """The windows of a kernel along one axis; what torch refuses is refused with a working neighbour."""
    k, p, d = knobs["kernel_size"], knobs.get("padding", 0), knobs.get("dilation", 1)
    if 2 * p > k:
        raise PoolingError("padding", {"padding": p, "kernel": k, "axis": axis}, {"padding": k // 2})
    windows = sliding(
        length,
        kernel_size=k,
        stride=knobs.get("stride") or k,
        padding=p,
        dilation=d,
        ceil_mode=knobs.get("ceil_mode", False),
    )
    if windows.count < 1:
        room = length + 2 * p
        numbers = {"kernel": k, "reach": d * (k - 1) + 1, "dilation": d, "axis": axis, "room": room}
        raise PoolingError("reach" if d > 1 else "large", numbers, {"kernel_size": (room - 1) // d + 1})
    return windows


def whole(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """One window over the whole axis."""
    return adaptive(length, 1)


def adapt(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """As many windows as the output is to have."""
    return adaptive(length, knobs["output_size"])


ADAPTIVE_WINDOW = (
    r"\left\lfloor \frac{o\,n}{m} \right\rfloor \;\dots\; \left\lceil \frac{(o + 1)\,n}{m} \right\rceil - 1"
)
WHOLE_WINDOW = r"0 \;\dots\; n - 1"
SLIDING_SIZE = r"\left\lfloor \frac{n + 2p - d\,(k - 1) - 1}{s} \right\rfloor + 1"
ENTRIES = (
    Pooling(
        "max",
        True,
        "MaxPool",
        slide,
        r"y_o = \max_{i \in W(o)} x_i",
        SLIDING_SIZE,
        (KERNEL, STRIDE, PADDING, DILATION, CEIL),
        window_latex=r"o\,s - p \;\dots\; o\,s - p + d\,(k - 1)",
    ),
    Pooling(
        "average",
        False,
        "AvgPool",
        slide,
        r"y_o = \frac{1}{|W(o)|} \sum_{i \in W(o)} x_i",
        r"\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1",
        (KERNEL, STRIDE, PADDING, CEIL, COUNTED),
        window_latex=r"o\,s - p \;\dots\; o\,s - p + k - 1",
    ),
    Pooling(
        "global_max",
        True,
        "AdaptiveMaxPool",
        whole,
        r"y = \max_{i} x_i",
        "1",
        fixed={"output_size": 1},
        window_latex=WHOLE_WINDOW,
    ),
    Pooling(
        "global_average",
        False,
        "AdaptiveAvgPool",
        whole,
        r"y = \frac{1}{H W} \sum_{i} x_i",
        "1",
        fixed={"output_size": 1},
        window_latex=WHOLE_WINDOW,
    ),
    Pooling(
        "adaptive_average",
        False,
        "AdaptiveAvgPool",
        adapt,
        r"y_o = \frac{1}{|W(o)|} \sum_{i \in W(o)} x_i",
        "m",
        (OUTPUT,),
        window_latex=ADAPTIVE_WINDOW,
    ),
    Pooling(
        "adaptive_max",
        True,
        "AdaptiveMaxPool",
        adapt,
        r"y_o = \max_{i \in W(o)} x_i",
        "m",
        (OUTPUT,),
        window_latex=ADAPTIVE_WINDOW,
    ),
)


class Poolings(dict[str, Pooling]):
    """Poolings by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Pooling:
        raise ValueError(f"There is no pooling {key!r}: the poolings are {', '.join(self)}.")


#: Every pooling by its key, in the order in which they are offered.
POOLINGS = Poolings({entry.key: entry for entry in ENTRIES})
