"""The frameworks' conventions on real numbers: torch's own layers, with the arguments that make them do as the others.

Where torch can do what another framework does, torch does it, and is held against that framework's own formula
(``Reading.converted``); where it has no argument for it, the formula alone is computed.

>>> from normviz.catalogue import METHODS
>>> x = np.random.default_rng(0).standard_normal((8, 12, 4, 4))
>>> effect = response(x, METHODS["local_response_norm"].spec(), (0, 5, 1, 0))
>>> [(r.row.framework, r.converted < 1e-6) for r in effect.readings]
[('torch', True), ('onnx', True), ('tensorflow', True), ('paper', True)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from normviz.convention_effects import Effect, Reading
from normviz.convention_table import DAMPINGS, EPSILONS, LAYER_AXES, RMS_AXES, STARTS, kind
from normviz.conventions import Axes, Damping, Epsilon
from normviz.extents import Own, Whole
from normviz.nets.devices import check
from normviz.nets.forward import compare, forward
from normviz.nets.tensors import array
from normviz.records import Forward, set_box, set_count, shared_edges
from normviz.reference import FloatArray, moments, normalize
from normviz.spec import L2, Response, Spec

#: How many sets' sizes are drawn at most, and the eps that stands for none.
SETS, TINY = 256, 1e-12
NAN = float("nan")


def epsilon(
    x: npt.ArrayLike,
    method_key: str,
    knobs: Mapping[str, Any],
    spec: Spec,
    cell: Sequence[int],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    second: npt.ArrayLike | None = None,
) -> Effect:
    """y with every framework's default eps, by torch's layer of the method.

    ``drawn`` is, for each set (``at``: its standard deviation, root mean square or length), how much of its size
    after normalization is left, against an eps of next to nothing. ``difference`` is to the first row. ``second`` is
    the other input of a method that takes one.
    """
    values = np.asarray(x, np.float64)

    def run(eps: float | None) -> Forward:
        asked = {**knobs, "eps": eps}
        return forward(values, method_key, asked, dtype=dtype, device=device, seed=seed, second=second)

    without = run(TINY)
    numbers, boxes = _places(values, spec)
    at = np.array([_size(values[box], spec) for box in boxes])
    if without.running and not spec.parts:
        at = np.sqrt(without.running[1].reshape(-1)[numbers])
    full = np.array([_size(np.asarray(without.y[box], np.float64), spec) for box in boxes])
    readings: list[Reading] = []
    first: FloatArray | None = None
    done: dict[float | None, Forward] = {}
    for row in EPSILONS[kind(spec)]:
        y, converted = _with_eps(values, spec, row, run, done, dtype)
        first = y if first is None else first
        with np.errstate(all="ignore"):
            left = np.array([_size(y[box], spec) for box in boxes]) / full
        readings.append(Reading(row, float(y[tuple(cell)]), compare(y, first)[0], converted, left))
    return Effect(tuple(readings), at, np.array([]))


def _with_eps(
    x: FloatArray,
    spec: Spec,
    row: Epsilon,
    run: Callable[[float | None], Forward],
    done: dict[float | None, Forward],
    dtype: str,
) -> tuple[FloatArray, float]:
    """y by this convention, and how far torch's layer is from the formula; NaN where no layer of torch's does it."""
    if row.place == "std":
        found = moments(x, spec)
        count = spec.sets[0].size(x.shape, (0,) * x.ndim)
        with np.errstate(all="ignore"):
            return (x - found.mean) / row.divisor(np.sqrt(found.second), row.value(dtype), count), NAN
    eps = math.sqrt(row.value(dtype)) if row.place == "squares" else row.default
    if eps not in done:
        done[eps] = run(eps)
    return np.asarray(done[eps].y, np.float64), done[eps].difference


def _places(x: FloatArray, spec: Spec) -> tuple[npt.NDArray[np.intp], list[tuple[slice, ...]]]:
    """The numbers of up to SETS sets, evenly spread, and where they lie."""
    count = set_count(spec, x.shape)
    numbers = np.unique(np.linspace(0, count - 1, min(count, SETS)).astype(np.intp))
    boxes = [tuple(slice(a, b) for a, b in set_box(spec, x.shape, int(k))) for k in numbers]
    return numbers, boxes


def _size(values: FloatArray, spec: Spec) -> float:
    """The standard deviation of a set, or its root mean square or length where the Spec is not centred."""
    with np.errstate(all="ignore"):
        if spec.centred:
            return float(values.std())
        squares = (values * values).sum()
        return float(np.sqrt(squares if isinstance(spec.divisor, L2) else squares / values.size))


def response(
    x: npt.ArrayLike,
    spec: Spec,
    cell: Sequence[int],
    *,
    own: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
) -> Effect:
    """Local Response Norm with the Spec's size, alpha, beta and k as every framework reads them, or with its ``own``.

    ``drawn`` is y / x along the channels (``at``) at the cell's place; ``difference`` is to the first row.
    Raises ValueError where the Spec is none of Local Response Norm.
    """
    values = np.asarray(x, np.float64)
    names = spec.axes(values.shape)
    if not isinstance(spec.divisor, Response):
        raise ValueError(f"{spec.divisor} is no response of a neighbourhood. Try local_response_norm.")
    given = spec.divisor
    precision = check(device, dtype)
    forth = np.ascontiguousarray(np.moveaxis(values, names.index("C"), 1))
    seen = torch.tensor(forth, dtype=precision, device=device)
    forth = array(seen)
    at = list(cell)
    at.insert(1, at.pop(names.index("C")))
    line: tuple[Any, ...] = (at[0], slice(None), *at[2:])
    readings: list[Reading] = []
    first: FloatArray | None = None
    for row in DAMPINGS:
        size, alpha, beta, k = given.size, given.alpha, given.beta, given.k
        if own:
            size, alpha, beta, k = row.size, row.alpha, row.beta, row.k
        with np.errstate(all="ignore"):
            y = row.response(forth, size, alpha, beta, k)
        y, converted = _damped(seen, row, y, size, alpha, beta, k)
        first = y if first is None else first
        with np.errstate(all="ignore"):
            kept = y[line] / forth[line]
        readings.append(Reading(row, float(y[tuple(at)]), compare(y, first)[0], converted, kept))
    return Effect(tuple(readings), np.arange(forth.shape[1], dtype=np.float64), np.array([]))


def _damped(
    x: torch.Tensor, row: Damping, formula: FloatArray, size: int, alpha: float, beta: float, k: float
) -> tuple[FloatArray, float]:
    """torch's own pass with the arguments converted and how far it is from the formula, or the formula alone."""
    arguments = row.in_torch(size, alpha)
    if arguments is None:
        return formula, NAN
    with torch.inference_mode():
        rows = x.unsqueeze(-1) if x.ndim == 2 else x
        damped = functional.local_response_norm(rows, arguments[0], arguments[1], beta, k)
    y = array(damped.reshape(x.shape))
    return y, compare(y, formula)[0]


def axes(
    x: npt.ArrayLike, spec: Spec, cell: Sequence[int], *, dtype: str = "float32", device: str = "cpu"
) -> Effect:
    """Layer Norm or RMSNorm over the axes that every framework takes by default, all with the Spec's own eps.

    ``drawn`` are the counts of y in shared bins (edges: ``at``), ``difference`` is to the Spec itself.
    """
    values = np.asarray(x, np.float64)
    seen = torch.tensor(values, dtype=check(device, dtype), device=device)
    own = _over(seen, spec)
    rows: tuple[Axes, ...] = LAYER_AXES if spec.centred else RMS_AXES
    found = []
    for row in rows:
        theirs = row.spec(spec, values.shape)
        y = _over(seen, theirs)
        found.append((row, y, compare(y, normalize(seen.cpu().numpy(), theirs))[0]))
    edges = shared_edges(values, own, bins=64, cover=0.998)
    readings = tuple(
        Reading(row, float(y[tuple(cell)]), compare(y, own)[0], converted, _counts(y, edges))
        for row, y, converted in found
    )
    return Effect(readings, edges, _counts(values, edges))


def _over(x: torch.Tensor, spec: Spec) -> FloatArray:
    """torch's layer_norm or rms_norm over the whole axes of the Spec's set, moved to the end and back."""
    names = spec.axes(tuple(x.shape))
    over = [k for k, name in enumerate(names) if spec.sets[0].extent(name) == Whole()]
    back = list(range(-len(over), 0))
    eps = spec.eps
    with torch.inference_mode():
        moved = x.movedim(over, back).contiguous()
        shape = tuple(moved.shape[-len(over) :])
        if spec.centred:
            y = functional.layer_norm(moved, shape, eps=1e-5 if eps is None else eps)
        else:
            y = functional.rms_norm(moved, shape, eps=eps)
        return array(y.movedim(back, over))


def start(
    weight: npt.ArrayLike, spec: Spec, cell: Sequence[int], *, dtype: str = "float32", device: str = "cpu"
) -> Effect:
    """The weight that a layer computes with right after Weight Norm is put on it, by torch's own parametrization.

    ``drawn`` are the counts of its entries in shared bins (edges: ``at``), ``difference`` is to the weight without.
    """
    v = np.asarray(weight, np.float64)
    seen = torch.tensor(v, dtype=check(device, dtype), device=device)
    dim = [spec.sets[0].extent(name) for name in spec.axes(v.shape)].index(Own())
    found = []
    for row in STARTS:
        layer = torch.nn.Linear(1, 1, bias=False)
        layer.weight = torch.nn.Parameter(seen.clone())
        parametrized = weight_norm(layer, dim=dim)
        with torch.no_grad():
            if row.g is not None:
                parametrized.parametrizations.weight.original0.fill_(row.g)
            w = array(parametrized.weight)
        length = np.sqrt((array(seen) ** 2).sum(tuple(k for k in range(v.ndim) if k != dim), keepdims=True))
        with np.errstate(all="ignore"):
            theirs = v if row.g is None else row.g * v / length
        found.append((row, w, compare(w, theirs)[0]))
    edges = shared_edges(v, found[-1][1], bins=64)
    readings = tuple(
        Reading(row, float(w[tuple(cell)]), compare(w, v)[0], converted, _counts(w, edges))
        for row, w, converted in found
    )
    return Effect(readings, edges, _counts(v, edges))


def _counts(values: FloatArray, edges: FloatArray) -> FloatArray:
    return np.histogram(values[np.isfinite(values)], edges)[0].astype(np.float64)
