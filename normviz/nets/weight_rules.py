"""What torch's own Weight Norm does to a kernel, to its gradient and to its layer's output, beside what Weight
Standardization does.

>>> from normviz.nets.kernels import kernel
>>> from normviz.catalogue import METHODS
>>> v = kernel("initial", (12, 8, 3, 3))
>>> twice = weight_norm(v, METHODS["weight_norm"].spec(), factor=2.0)
>>> bool(np.allclose(twice.w, 2 * v, atol=1e-6)), twice.start < 1e-6, twice.difference64 < 1e-12
(True, True, True)
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from torch.nn.utils import parametrizations

from normviz.nets.devices import check
from normviz.nets.forward import compare
from normviz.nets.kernel_network import Network, digits, layer, network
from normviz.nets.tensors import array, float64_device
from normviz.nets.weight_conventions import eps_of
from normviz.reference import FloatArray, normalize
from normviz.spec import Spec
from normviz.weights import (
    Gradients,
    Outputs,
    Split,
    Standardized,
    directions,
    kept_axis,
    lengths,
    rows,
)

#: How many digits the loss and the outputs are taken over, and the plain step against the gradient.
PICTURES, RATE = 64, 1.0


def weight_norm(
    v: npt.ArrayLike,
    spec: Spec,
    *,
    start: str = "torch",
    factor: float = 1.0,
    only: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> Split:
    """w = g v / |v| by ``torch.nn.utils.parametrizations.weight_norm``, beside the same by the reference.

    ``v`` is (O, I, H, W) or (O, I), without unit; ``spec`` is Weight Norm's, for either ``dim``. g is |v| as torch
    starts, or 1 as Flax starts (``start="flax"``), times ``factor``: for every place along ``dim``, or for the place
    ``only`` alone. A v of length 0 gives NaN, in torch and here. Raises ValueError where the device, the dtype or the
    start is not allowed.

    Source: Salimans and Kingma 2016, equation 2.
    """
    if start not in ("torch", "flax"):
        raise ValueError(f"start = {start!r}: g starts as |v| (torch) or as 1 (flax). Try torch.")
    kind, values = check(device, dtype), np.asarray(v, np.float64)
    dim = kept_axis(spec, values.shape)
    g = lengths(values, dim) if start == "torch" else np.ones(values.shape[dim])
    g[slice(None) if only is None else only] *= factor
    own = start == "torch" and factor == 1.0
    w, begin = _by_torch(values, None if own else g, dim, device, kind)
    w64, _ = _by_torch(values, g, dim, float64_device(device), torch.float64)
    reference = normalize(values, spec, weight=g)
    difference, disagreements = compare(w, reference)
    return Split(
        values.astype(np.float32),
        w.astype(np.float32),
        g,
        dim,
        compare(begin, values)[0],
        difference,
        compare(w64, reference)[0],
        disagreements,
    )


def standardize(v: npt.ArrayLike, spec: Spec, *, device: str = "cpu", dtype: str = "float32") -> Standardized:
    """(v - mean) / sqrt(var + eps) for every output, by torch's ``layer_norm`` over (I, H, W), beside the reference.

    ``spec`` is Weight Standardization's; the variance is biased. Source: Qiao et al. 2019, Weight Standardization.
    """
    kind, values = check(device, dtype), np.asarray(v, np.float64)
    eps = eps_of(spec)
    reference = normalize(values, spec)
    found = []
    for where, each in ((device, kind), (float64_device(device), torch.float64)):
        x = torch.tensor(values, dtype=each, device=where)
        found.append(array(functional.layer_norm(x, x.shape[1:], eps=eps)))
    difference, disagreements = compare(found[0], reference)
    return Standardized(
        found[0].astype(np.float32), difference, compare(found[1], reference)[0], disagreements
    )


def gradients(split: Split, *, seed: int = 0, row: int = 0, rate: float = RATE) -> Gradients:
    """Backpropagate a real loss to g and v: of digits read by the small network with w as its second layer.

    The loss is the mean cross entropy of 64 digits; the other two layers are untrained, by ``seed``. Nothing is
    trained here. Source: Salimans and Kingma 2016, equation 3, and section 2.1 for the growth of |v|.
    """
    pictures, labels = (part[:PICTURES] for part in digits())
    net = _in_float64(split.v.shape, seed)
    v = torch.tensor(np.asarray(split.v, np.float64), requires_grad=True)
    g = torch.tensor(_broadcast(split.g, split), requires_grad=True)
    with torch.enable_grad():
        w = torch._weight_norm(v, g, split.dim)
        loss = functional.cross_entropy(net.scores(pictures.double(), w), labels)
        dv, dg, dw = torch.autograd.grad(loss, (v, g, w))
    flat_v, flat_dv, flat_w, flat_dw = (rows(t.detach().numpy(), split.dim) for t in (v, dv, w, dw))
    by_g = rows(dg.numpy(), split.dim)[:, 0]
    with np.errstate(all="ignore"):
        projected = (flat_dw * flat_v).sum(1) / np.linalg.norm(flat_v, axis=1)
        # Both as shares of the same gradient, that of w: where it has no part across v, 0 / 0 would be rounding's.
        radial = (flat_v * flat_dv).sum(1) / (np.abs(split.g) * np.linalg.norm(flat_dw, axis=1))
    plain = np.abs(_cosine(flat_w, flat_dw))
    length, pull = (float(np.linalg.norm(flat[row])) for flat in (flat_v, flat_dv))
    return Gradients(
        loss=loss.item(),
        radial=_largest(radial),
        plain=float(plain[row]),
        plain_most=_largest(plain),
        g=float(by_g[row]),
        projection=float(projected[row]),
        gap=_largest(by_g - projected),
        length=length,
        stepped=float(np.linalg.norm(flat_v[row] - rate * flat_dv[row])),
        predicted=math.hypot(length, rate * pull),
        rate=rate,
        count=PICTURES,
    )


def outputs(split: Split, standardized: Standardized, *, seed: int = 0, output: int = 0) -> Outputs:
    """What the kernels do to one channel of the layer's output, over 64 digits' features and without a bias."""
    net = _in_float64(split.v.shape, seed)
    with torch.inference_mode():
        h = net.features(digits()[0][:PICTURES].double())
        kernels = {
            "v": np.asarray(split.v, np.float64),
            "w": np.asarray(split.w, np.float64),
            "unit": directions(split.v, split.dim),
            "standardized": np.asarray(standardized.w, np.float64),
        }
        made = {name: layer(h, torch.tensor(kernel)) for name, kernel in kernels.items()}
        spread = {name: float(y[:, output].std(correction=0)) for name, y in made.items()}
        first = layer(h[:1], torch.tensor(kernels["w"]))
        alone, _ = compare(array(first), array(made["w"][:1]))
    base = spread["v"] or math.nan
    return Outputs(spread["w"] / base, spread["unit"] / base, spread["standardized"] / base, alone, PICTURES)


def _by_torch(
    v: FloatArray, g: FloatArray | None, dim: int, device: str, kind: torch.dtype
) -> tuple[FloatArray, FloatArray]:
    """w with this g (None: torch's own), and w as torch starts."""
    holder = torch.nn.Module()
    holder.weight = torch.nn.Parameter(torch.tensor(v, dtype=kind, device=device))
    parametrizations.weight_norm(holder, "weight", dim=dim)
    with torch.no_grad():
        begin = array(holder.weight)
        if g is not None:
            original = holder.get_parameter("parametrizations.weight.original0")
            original.copy_(torch.tensor(g, dtype=kind, device=device).reshape(original.shape))
        return array(holder.weight), begin


def _in_float64(shape: tuple[int, ...], seed: int) -> Network:
    net = network(shape, seed)
    return replace(
        net,
        weights=tuple(w.double() for w in net.weights),
        biases=tuple(b.double() for b in net.biases),
    )


def _broadcast(g: FloatArray, split: Split) -> FloatArray:
    return g.reshape([-1 if k == split.dim else 1 for k in range(split.v.ndim)])


def _cosine(a: FloatArray, b: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        return np.asarray((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)))


def _largest(values: FloatArray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else math.nan
