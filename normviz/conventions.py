"""How frameworks differ where they name the same method: a frozen value for each aspect that can compute what it says.

The values themselves, one row a framework, are in :mod:`normviz.convention_table`; what they do to the numbers on the
page is computed with real passes in ``nets/conventions.py``.

>>> keras = Average("keras", "BatchNormalization", "momentum", "", 0.99, weighs_new=False, unbiased=False)
>>> round(keras.weight, 12), keras.kept(np.array([2.0, 2.0]), start=1.0).round(4).tolist()
(0.01, [1.0, 1.01, 1.0199])
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from normviz.extents import Whole
from normviz.layouts import Shape
from normviz.reference import FloatArray
from normviz.spec import Affine, Part, Spec, StatSet


@dataclass(frozen=True)
class Convention:
    """One framework's layer, the argument in question, and the page where it is written."""

    framework: str
    layer: str
    argument: str
    source: str


@dataclass(frozen=True)
class Average(Convention):
    """How running statistics are kept: new = (1 - w) * old + w * batch, with w from the ``argument``."""

    default: float
    #: Whether the argument is w, the weight of the batch, or 1 - w, the weight of the old value.
    weighs_new: bool
    #: Whether the variance kept is divided by n - 1; what normalizes in training is divided by n everywhere.
    unbiased: bool

    @property
    def weight(self) -> float:
        """w, the weight of the new batch: torch's ``momentum``."""
        return self.default if self.weighs_new else 1 - self.default

    def kept(self, batch: FloatArray, start: float, correction: float = 1.0) -> FloatArray:
        """The buffer after 0, 1, 2 ... batches of these statistics, each times ``correction``; shape (batches + 1,)."""
        values = [start]
        for statistic in batch:
            values.append((1 - self.weight) * values[-1] + self.weight * float(statistic) * correction)
        return np.array(values)


@dataclass(frozen=True)
class Epsilon(Convention):
    """What keeps the division defined, and where it is put.

    ``place`` is ``variance`` (sqrt(var + eps)), ``std`` (std + eps), ``norm`` (max(norm, eps)) or ``squares``
    (sqrt(max(norm^2, eps))); ``default=None`` is the machine epsilon of the dtype.
    """

    default: float | None
    place: str = "variance"
    #: Whether the standard deviation is divided by n - 1.
    unbiased: bool = False

    def value(self, dtype: str = "float32") -> float:
        """The default as a number."""
        return float(np.finfo(dtype).eps) if self.default is None else self.default

    def divisor(self, size: FloatArray, eps: float, count: float = math.inf) -> FloatArray:
        """What is divided by, where ``size`` is the set's standard deviation, root mean square or length."""
        if self.unbiased:
            size = size * (math.sqrt(count / (count - 1)) if 1 < count < math.inf else 1.0)
        match self.place:
            case "std":
                return size + eps
            case "norm":
                return np.maximum(size, eps)
            case "squares":
                return np.sqrt(np.maximum(size * size, eps))
        return np.sqrt(size * size + eps)


@dataclass(frozen=True)
class Damping(Convention):
    """Local Response Norm's arguments by default, and whether alpha is divided by the size of the window."""

    size: int
    alpha: float
    beta: float
    k: float
    divides: bool
    #: Where a window of even size has its odd channel: ``before`` (torch), ``after``, or ``both``, one channel more.
    leans: str = "before"
    #: What the names of size, alpha, beta and k are here.
    names: tuple[str, str, str, str] = ("size", "alpha", "beta", "k")

    def reach(self, size: int) -> tuple[int, int]:
        """How many channels before and after its own a cell answers for; windows of odd size are the same everywhere.

        >>> wide = Damping("torch", "", "size", "", 5, 1e-4, 0.75, 1.0, divides=True)
        >>> wide.reach(5), wide.reach(4), replace(wide, leans="after").reach(4), replace(wide, leans="both").reach(4)
        ((2, 2), (2, 1), (1, 2), (2, 2))
        """
        short, long = (size - 1) // 2, size // 2
        return (short if self.leans == "after" else long), (short if self.leans == "before" else long)

    def in_torch(self, size: int, alpha: float) -> tuple[int, float] | None:
        """The size and alpha for ``torch.nn.LocalResponseNorm`` to do the same; None where it has none.

        >>> paper = Damping("paper", "AlexNet", "n", "", 5, 1e-4, 0.75, 2.0, divides=False)
        >>> paper.in_torch(5, 1e-4)
        (5, 0.0005)
        """
        before, after = self.reach(size)
        if after > before:
            return None
        window = before + after + 1
        return window, alpha * window / size if self.divides else alpha * window

    def response(self, x: FloatArray, size: int, alpha: float, beta: float, k: float) -> FloatArray:
        """x / (k + alpha * sum)^beta, or alpha / size, with the window along axis 1; shape (N, C, ...)."""
        before, after = self.reach(size)
        pads = [(0, 0), (before, after), *([(0, 0)] * (x.ndim - 2))]
        padded = np.pad(x * x, pads)
        sums = sum((padded[:, j : j + x.shape[1]] for j in range(before + after + 1)), np.zeros_like(x))
        return np.asarray(x / (k + (alpha / size if self.divides else alpha) * sums) ** beta)


@dataclass(frozen=True)
class Axes(Convention):
    """Which axes a layer normalizes unless told otherwise, and the shape of what it learns.

    With no axes named it is the last one of the tensor as torch lays it out, where the channels are not the last.
    """

    axes: tuple[str, ...] = ()
    affine: tuple[str, ...] = ()

    def spec(self, base: Spec, shape: Shape) -> Spec:
        """``base`` over these axes, for a tensor of this shape."""
        last = (base.axes(shape)[-1],)
        shared = StatSet.over(base.layouts, **dict.fromkeys(self.axes or last, Whole()))
        learned = self.affine or last
        affine = Affine(learned, learned if base.centred else ())
        return replace(base, parts=(Part(shared),), affine=affine)


@dataclass(frozen=True)
class Start(Convention):
    """What Weight Norm's g is before training: the length of v, or a number."""

    g: float | None = None
