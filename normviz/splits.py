"""A batch split over devices: who gets which samples, each device's statistics, and how far they scatter.

Without synchronising, device k normalizes with the mean and variance of its own samples; the synchronised ones are
those of all samples together. With m_k values on device k and M in all,

    mean = sum_k m_k / M * mean_k        var = sum_k m_k / M * (var_k + (mean_k - mean)^2)

so that averaging the variances alone would miss the second term (Chan, Golub, LeVeque 1979).

>>> shares(8, 3)
((0, 1, 2), (3, 4, 5), (6, 7))
>>> from normviz.spec import StatSet
>>> found = DeviceStatistics.of([[1.0], [3.0], [7.0], [9.0]], StatSet.over(N=Whole()), shares(4, 2))
>>> found.mean.tolist(), found.joined_mean.tolist(), found.between
([[2.0], [8.0]], [5.0], 0.9)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray, Own, Whole
from normviz.layouts import axes_of
from normviz.reference import FloatArray
from normviz.spec import Root, Spec, StatSet

#: How a batch that K does not divide is dealt out, as torch does it; the first serves where K divides it.
WAYS = ("chunk", "pad", "drop")
#: The indices along N of every device's samples.
Shares = tuple[tuple[int, ...], ...]


def shares(n: int, devices: int, way: str = "chunk") -> Shares:
    """The samples of every device, as torch deals out ``n`` of them.

    ``chunk`` is ``torch.chunk`` (DataParallel): blocks of ceil(n / K), so that the last devices get fewer, or none.
    ``pad`` and ``drop`` are ``DistributedSampler``, in turn one sample a device: the first samples are used again until
    all devices have as many, or the last ones are left out (``drop_last=True``).

    Raises ValueError where n or K is below 1, or the way is not known.

    >>> shares(8, 3, "pad"), shares(8, 3, "drop")
    (((0, 3, 6), (1, 4, 7), (2, 5, 0)), ((0, 3), (1, 4), (2, 5)))
    """
    if n < 1 or devices < 1:
        raise ValueError(
            f"{n} samples over {devices} devices: both must be 1 or more. Try 8 samples over 2 devices."
        )
    if way not in WAYS:
        raise ValueError(f"The way {way!r} is not known: it is one of {', '.join(WAYS)}.")
    most = -(-n // devices)
    if way == "chunk":
        return tuple(tuple(range(min(k * most, n), min((k + 1) * most, n))) for k in range(devices))
    each = most if way == "pad" else n // devices
    dealt = [k % n for k in range(each * devices)]
    return tuple(tuple(dealt[rank::devices]) for rank in range(devices))


def across_batch(spec: Spec) -> StatSet | None:
    """The set of this Spec that reaches beyond one sample and gives a mean and a standard deviation, or None.

    >>> import normviz as nv
    >>> across_batch(nv.METHODS["layer_norm"].spec()) is None
    True
    """
    if not spec.centred or not isinstance(spec.divisor, Root):
        return None
    return next((found for found in spec.sets if found.extent("N") != Own()), None)


def over_batch(shared: StatSet) -> StatSet:
    """The same set, reaching over all samples of the batch it is given."""
    return StatSet(tuple(sorted({**dict(shared.extents), "N": Whole()}.items())), shared.layouts)


def by_set(x: npt.ArrayLike, shared: StatSet) -> FloatArray:
    """x as (N, S, R): for every sample the S sets that cross the batch, in the order of their labels, and R cells each.

    So every such method becomes one on channels: a set's values are ``by_set(x, shared)[:, s]``.
    Raises ValueError where the sets overlap: they are then no channels.
    """
    values = np.asarray(x, np.float64)
    whole = over_batch(shared)
    if not whole.is_partition(values.shape):
        raise ValueError(
            "These sets overlap, so a tensor cannot be cut into them: sets that cross the batch must be separate. "
            "Try batch_norm."
        )
    axes = axes_of(values.shape, shared.layouts)
    cut: list[int] = []
    for name, interval in zip(axes, whole.intervals(values.shape), strict=True):
        if name != "N":
            count = len(interval.blocks()[0])
            cut += [count, len(interval.lo) // count]
    n = axes.index("N")
    parted = np.moveaxis(values, n, 0).reshape(values.shape[n], *cut)
    places = range(1, parted.ndim)
    parted = parted.transpose(0, *places[::2], *places[1::2])
    return np.ascontiguousarray(parted.reshape(len(parted), math.prod(cut[::2]), -1))


@dataclass(frozen=True)
class DeviceStatistics:
    """Every device's mean and variance (biased) beside those of all its samples together.

    ``mean`` and ``var`` are (K, S), NaN where a device has no samples; ``joined_mean`` and ``joined_var`` are (S,);
    ``values`` counts the values behind each of a device's means, (K,). ``blocks`` has every axis's distinct intervals.
    """

    samples: Shares
    values: npt.NDArray[np.intp]
    mean: FloatArray
    var: FloatArray
    joined_mean: FloatArray
    joined_var: FloatArray
    blocks: tuple[IntArray, ...]

    @classmethod
    def of(cls, x: npt.ArrayLike, shared: StatSet, samples: Shares) -> DeviceStatistics:
        """The statistics of x (a layout of activations) for these samples on each device."""
        parted = by_set(x, shared)
        joined = parted[[i for share in samples for i in share]]
        found = [_moments(parted[list(share)]) for share in samples]
        mean, var = _moments(joined)
        counts = np.array([len(share) * parted.shape[2] for share in samples], np.intp)
        blocks = tuple(along.blocks()[0] for along in over_batch(shared).intervals(np.shape(x)))
        means, variances = (np.stack(rows) for rows in zip(*found, strict=True))
        return cls(samples, counts, means, variances, mean, var, blocks)

    @property
    def sets(self) -> int:
        """How many sets cross the batch."""
        return len(self.joined_mean)

    def box(self, number: int) -> tuple[tuple[int, int], ...]:
        """Where the set of this number lies: start and stop an axis."""
        along = np.unravel_index(number, [len(block) for block in self.blocks])
        return tuple(
            (int(block[k][0]), int(block[k][1])) for block, k in zip(self.blocks, along, strict=True)
        )

    @property
    def shift(self) -> FloatArray:
        """(mean_k - mean) / std, shape (K, S): how far each device's mean lies from the synchronised one."""
        with np.errstate(all="ignore"):
            return np.asarray((self.mean - self.joined_mean) / np.sqrt(self.joined_var))

    @property
    def ratio(self) -> FloatArray:
        """std_k / std, shape (K, S)."""
        with np.errstate(all="ignore"):
            return np.asarray(np.sqrt(self.var / self.joined_var))

    @property
    def mean_scatter(self) -> float:
        """Root mean square of ``shift`` over devices and sets, in standard deviations; NaN where none is finite."""
        return _rms(self.shift)

    @property
    def std_scatter(self) -> float:
        """Root mean square of ``ratio - 1``."""
        return _rms(self.ratio - 1)

    @property
    def shuffled_scatter(self) -> float:
        """What ``mean_scatter`` would be, were each set's values shuffled over the devices at random.

        E[(mean_k - mean)^2] = var / m_k * (M - m_k) / (M - 1), the mean of m_k values drawn from M without replacement.
        """
        m = self.values[self.values > 0].astype(np.float64)
        total = float(m.sum())
        return math.sqrt(float(((total - m) / (m * (total - 1))).mean())) if total > 1 else 0.0

    @property
    def between(self) -> float:
        """The share of the synchronised variance that lies between the devices, averaged over the sets.

        Averaging the devices' variances would miss it.
        """
        with np.errstate(all="ignore"):
            apart = np.where(self.values[:, None] > 0, (self.mean - self.joined_mean) ** 2, 0.0)
            parts = (self.values[:, None] * apart).sum(0) / self.values.sum() / self.joined_var
        finite = parts[np.isfinite(parts)]
        return float(finite.mean()) if finite.size else math.nan

    @property
    def imbalance(self) -> float:
        """How many times as much the gradient of a sample weighs where a device has fewest, as where it has most.

        DDP averages over the devices, however many samples each has.
        """
        sizes = [len(share) for share in self.samples if share]
        return max(sizes) / min(sizes) if sizes else 1.0

    def holder(self, sample: int) -> int | None:
        """The first device that has this sample, or None where it was left out."""
        return next((k for k, share in enumerate(self.samples) if sample in share), None)


def communicated(sets: int) -> tuple[int, int]:
    """How many numbers a device sends for one step: forward count, mean and M2 of every set, backward two sums of each.

    torch's SyncBatchNorm sends as many: count, mean and 1 / std, and the sums of dy and of dy * (x - mean).

    >>> communicated(12)
    (25, 24)
    """
    return 2 * sets + 1, 2 * sets


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and biased variance over the first and the last axis; NaN where there are no values."""
    if not values.size:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing
    with np.errstate(all="ignore"):
        mean = values.mean((0, 2))
        return mean, ((values - mean[:, None]) ** 2).mean((0, 2))


def _rms(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return math.sqrt(float((finite**2).mean())) if finite.size else math.nan
