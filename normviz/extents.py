"""How far a statistic reaches along one axis: the four extents everything else is built from.

Along an axis of length n, index i shares its statistic with the indices lo[i] <= k < hi[i]:

===============  ==========================================================
extent           indices that share with i
===============  ==========================================================
``Own()``        i alone
``Whole()``      all n
``Groups(g)``    the block of n/g that holds i (g must divide n)
``Window(s)``    i - s//2 ... i + (s-1)//2, cut at the ends
===============  ==========================================================

>>> Groups(2).intervals(6)
Interval(lo=array([0, 0, 0, 3, 3, 3]), hi=array([3, 3, 3, 6, 6, 6]))
>>> Window(3).intervals(4).hi
array([2, 3, 4, 4])
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.intp]


class Interval(NamedTuple):
    """The half-open interval lo[i] <= k < hi[i] of every index i of one axis."""

    lo: IntArray
    hi: IntArray

    @property
    def is_partition(self) -> bool:
        """Whether the intervals cut the axis into blocks: every member of an interval has that same interval."""
        edges = zip(self.lo.tolist(), self.hi.tolist(), strict=True)
        return all((self.lo[a:b] == a).all() and (self.hi[a:b] == b).all() for a, b in set(edges))

    def blocks(self) -> tuple[IntArray, IntArray]:
        """The distinct intervals, shape (count, 2), and for every index the number of its own, shape (n,)."""
        distinct, number = np.unique(np.stack([self.lo, self.hi], axis=1), axis=0, return_inverse=True)
        return distinct, number.reshape(-1)


class Extent(ABC):
    """Which indices of an axis share a statistic with index i."""

    @abstractmethod
    def intervals(self, n: int, axis: str = "axis") -> Interval:
        """The interval of every index of an axis of length n; ``axis`` names it in errors."""


@dataclass(frozen=True)
class Own(Extent):
    """i alone: the statistic is not shared along this axis."""

    def intervals(self, n: int, axis: str = "axis") -> Interval:
        i = np.arange(n)
        return Interval(i, i + 1)


@dataclass(frozen=True)
class Whole(Extent):
    """All indices of the axis."""

    def intervals(self, n: int, axis: str = "axis") -> Interval:
        return Interval(np.zeros(n, np.intp), np.full(n, n, np.intp))


@dataclass(frozen=True)
class Groups(Extent):
    """``count`` consecutive blocks of equal length; ``name`` is what the count is called in errors."""

    count: int
    name: str = "num_groups"

    def intervals(self, n: int, axis: str = "axis") -> Interval:
        if self.count < 1 or n % self.count:
            raise ValueError(
                f"{self.name} = {self.count} does not divide {axis} = {n}: "
                f"all groups must be equally large. Try {', '.join(map(str, divisors(n)))}."
            )
        block = n // self.count
        lo = np.arange(n) // block * block
        return Interval(lo, lo + block)


@dataclass(frozen=True)
class Window(Extent):
    """``size`` neighbours, cut at the ends of the axis; an even window reaches one further down than up."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"A window of size {self.size} holds nothing: size must be 1 or more. Try 5.")

    def intervals(self, n: int, axis: str = "axis") -> Interval:
        i = np.arange(n)
        return Interval(np.maximum(0, i - self.size // 2), np.minimum(n, i + (self.size - 1) // 2 + 1))


def divisors(n: int) -> tuple[int, ...]:
    """The numbers that divide n, ascending.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    return tuple(d for d in range(1, n + 1) if n % d == 0)
