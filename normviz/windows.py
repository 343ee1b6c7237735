"""Which indices of an axis a pooling window reads: the geometry shared by the numbers, the figures and the page.

Along one axis of length n, output o reads the indices start[o] + step * j for j < size[o]; those outside 0 … n-1 are
padding. A window and its transpose, the outputs that an input reaches:

>>> windows = sliding(7, kernel_size=3, stride=2, padding=1)
>>> windows.start, windows.of(0).tolist(), windows.of(1).tolist()
((-1, 1, 3, 5), [0, 1], [1, 2, 3])
>>> windows.reach(1).tolist(), windows.reach(2).tolist()
([0, 1], [1])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from normviz.extents import IntArray


@dataclass(frozen=True)
class Windows:
    """The windows along one axis of ``length``: where each starts (negative: in the padding) and how many it counts.

    ``step`` is the dilation; ``padded`` how many indices of padding lie before and after the axis.
    """

    length: int
    start: tuple[int, ...]
    size: tuple[int, ...]
    step: int = 1
    padded: tuple[int, int] = (0, 0)

    @property
    def count(self) -> int:
        """How many outputs there are."""
        return len(self.start)

    def all_of(self, output: int) -> IntArray:
        """The indices that this output reads, padding included."""
        return self.start[output] + self.step * np.arange(self.size[output])

    def of(self, output: int) -> IntArray:
        """The indices of the input that this output reads."""
        found = self.all_of(output)
        return found[(found >= 0) & (found < self.length)]

    def reach(self, index: int) -> IntArray:
        """The outputs that read this index of the input: the transpose of ``of``."""
        past = index - np.asarray(self.start)
        read = (past >= 0) & (past % self.step == 0) & (past < self.step * np.asarray(self.size))
        return np.flatnonzero(read)

    @property
    def overlap(self) -> bool:
        """Whether some index is read by several outputs."""
        return any(self.reach(i).size > 1 for i in range(self.length))


def sliding(
    length: int,
    *,
    kernel_size: int,
    stride: int,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> Windows:
    """Windows of one size at equal strides: floor((n + 2p - d(k - 1) - 1) / s + 1) of them.

    With ``ceil_mode`` the quotient is rounded up, but a last window that would start in the padding behind the input is
    left out. Source: torch.nn.MaxPool2d. What does not fit is refused by :mod:`normviz.poolings`, in words.
    """
    room = length + 2 * padding - dilation * (kernel_size - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= length + padding:
        count -= 1
    start = tuple(o * stride - padding for o in range(count))
    return Windows(length, start, (kernel_size,) * count, dilation, (padding, padding))


def adaptive(length: int, output_size: int) -> Windows:
    """``output_size`` windows that cover the axis: output o reads floor(o n / m) … ceil((o + 1) n / m) - 1.

    Source: torch.nn.AdaptiveAvgPool2d.

    >>> [adaptive(5, 3).of(o).tolist() for o in range(3)]
    [[0, 1], [1, 2, 3], [3, 4]]
    """
    edges = [(o * length // output_size, -(-(o + 1) * length // output_size)) for o in range(output_size)]
    return Windows(length, tuple(a for a, _ in edges), tuple(b - a for a, b in edges))
