"""Evaluating Batch Norm as what it is, a line per channel, and that line folded into the layer before it.

    y = gamma (z - running_mean) / sqrt(running_var + eps) + beta = a z + b
    a = gamma / sqrt(running_var + eps),  b = beta - a running_mean

and so, where z = W * x + w is a convolution or a linear map, y = (a W) * x + (a w + b): a convolution again.

Source: Ioffe and Szegedy 2015, section 3.1, algorithm 2, step 11; Jacob et al. 2018, section 3.2, equation 14.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.formula import number
from normviz.records import Tensor
from normviz.reference import FloatArray


def line(
    gamma: npt.ArrayLike, beta: npt.ArrayLike, mean: npt.ArrayLike, var: npt.ArrayLike, eps: float
) -> tuple[FloatArray, FloatArray]:
    """a = gamma / sqrt(var + eps) and b = beta - a * mean, both (C,); ``mean`` and ``var`` are running averages.

    Raises ValueError where the four do not have one length.

    >>> a, b = line([3.0], [1.0], [2.0], [4.0], eps=0.0)
    >>> float(a[0]), float(b[0])
    (1.5, -2.0)
    """
    found = [np.asarray(v, np.float64) for v in (gamma, beta, mean, var)]
    if len({v.shape for v in found}) != 1 or found[0].ndim != 1:
        shapes = ", ".join(str(v.shape) for v in found)
        raise ValueError(
            f"gamma, beta, mean and var have the shapes {shapes}: all must be (C,). Give one number a channel."
        )
    scale = found[0] / np.sqrt(found[3] + eps)
    return scale, found[1] - scale * found[2]


def folded(
    weight: npt.ArrayLike, bias: npt.ArrayLike | None, a: npt.ArrayLike, b: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """The weight a_c W_c, (C, ...), and the bias a_c w_c + b_c, (C,), of the one layer that does both.

    ``weight`` has the output channels first, as torch's Conv1d, Conv2d and Linear have; no ``bias`` is a zero one.

    Raises ValueError where the channels differ.

    >>> w, shift = folded([[1.0, 2.0]], None, [3.0], [0.5])
    >>> w.tolist(), shift.tolist()
    ([[3.0, 6.0]], [0.5])
    """
    kernel, scale, shift = (np.asarray(v, np.float64) for v in (weight, a, b))
    if not kernel.shape[:1] == scale.shape == shift.shape:
        raise ValueError(
            f"A weight of shape {kernel.shape} with a of {scale.shape} and b of {shift.shape}: "
            "a and b need one number for each output channel, the weight's first axis."
        )
    offset = np.zeros_like(shift) if bias is None else np.asarray(bias, np.float64)
    return kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1)), scale * offset + shift


@dataclass(frozen=True)
class Plan:
    """Which layer stands before Batch Norm, and where Batch Norm's numbers come from.

    ``bank`` names the filters (:mod:`normviz.nets.filters`), or is empty for Kaiming-normal weights of ``kernel`` cells
    a side and a uniform bias, drawn by ``seed``. ``drawn`` draws gamma from 0.5 to 1.5 and beta ~ N(0, 0.5^2), as
    training might leave them, instead of a new layer's 1 and 0. The running averages see ``batches`` mini-batches.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    bank: str = ""
    drawn: bool = True
    seed: int = 0
    batches: int = 20
    momentum: float = 0.1
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class Cloud:
    """One channel's values under a map: (x, y) of batch A, of batch B and of their sum, and each one's line a x + b."""

    points: tuple[tuple[FloatArray, FloatArray], ...]
    lines: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Fold:
    """A real layer followed by Batch Norm in evaluation, and the one layer that both fold into.

    Arrays of C are float64. The five tensors of the pinned sample are what ran: input (C_in, ...), the layer's output,
    Batch Norm's, the folded layer's, (C, ...), and ``kernel`` and ``folded_kernel`` the weights, (C, C_in, ...).
    """

    gamma: FloatArray
    beta: FloatArray
    mean: FloatArray
    var: FloatArray
    eps: float
    a: FloatArray
    b: FloatArray
    bias: FloatArray
    folded_bias: FloatArray
    kernel: Tensor
    folded_kernel: Tensor
    x: Tensor
    z: Tensor
    y: Tensor
    together: Tensor
    #: Largest difference between the two over the whole batch, in the dtype shown and in float64.
    difference: float
    difference64: float
    #: Largest difference between torch's fused weight and bias and the formula, in float64.
    formula: float
    #: Largest |f(A + B) - f(A) - f(B) + f(0)| in float64, evaluating and training; NaN where training is refused.
    bend_eval: float
    bend_train: float
    evaluating: Cloud
    training: Cloud | None
    layer: str
    norm: str
    dtype: str
    device: str
    #: torch's sentence where it could not train on this batch; the running averages are then a new layer's.
    refusal: str = ""


@dataclass(frozen=True)
class Speed:
    """Milliseconds a pass, the medians of interleaved repeats in one run: layer then Batch Norm, and folded."""

    apart: float
    together: float
    repeats: int
    threads: int

    @property
    def ratio(self) -> float:
        """How many times as long the two take as the one."""
        return self.apart / self.together


def worked(found: Fold, channel: int) -> str:
    """The line and the folded layer of one channel with its numbers, as one LaTeX block."""
    a, b, gamma, beta, mean, var, bias, offset = (
        number(float(v[channel]))
        for v in (
            found.a,
            found.b,
            found.gamma,
            found.beta,
            found.mean,
            found.var,
            found.bias,
            found.folded_bias,
        )
    )
    c = str(channel)
    steps = (
        rf"a_{{{c}}}&=\frac{{\gamma}}{{\sqrt{{\mathtt{{running\_var}}+\epsilon}}}}",
        rf"&=\frac{{{gamma}}}{{\sqrt{{{var}+{number(found.eps)}}}}}={a}",
        rf"b_{{{c}}}&=\beta-a_{{{c}}}\,\mathtt{{running\_mean}}",
        rf"&={beta}-{_bracket(a)}\cdot{_bracket(mean)}={b}",
        rf"y&=a_{{{c}}}\,z+b_{{{c}}},\quad z=W_{{{c}}}*x+w_{{{c}}}",
        rf"W'_{{{c}}}&=a_{{{c}}}\,W_{{{c}}}={a}\;W_{{{c}}}",
        rf"w'_{{{c}}}&=a_{{{c}}}\,w_{{{c}}}+b_{{{c}}}",
        rf"&={_bracket(a)}\cdot{_bracket(bias)}+{_bracket(b)}={offset}",
    )
    return r"\begin{aligned} " + r" \\[10pt] ".join(steps) + r" \end{aligned}"


def _bracket(text: str) -> str:
    return f"({text})" if text.startswith("{-}") else text
