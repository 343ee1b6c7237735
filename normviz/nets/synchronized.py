"""Synchronised Batch Norm on any backend of torch.distributed, the CPU's gloo included, and one step of it.

torch's own ``nn.SyncBatchNorm`` refuses the CPU in training. Here every process sends the count, the mean and the sum
of squared deviations M2 of its own samples, channel by channel, and merges what all have sent (Chan, Golub, LeVeque
1979): exact whatever the counts, and without the cancellation of E[x^2] - E[x]^2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from normviz.device_steps import LayerStep
from normviz.reference import FloatArray


class Normalized(NamedTuple):
    """Output, and the statistics it was normalized with: mean and biased variance, (C,), of ``total`` values each."""

    y: Tensor
    mean: Tensor
    var: Tensor
    total: Tensor


class _Synchronized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, ...]:
        own = x.transpose(0, 1).reshape(x.shape[1], -1)
        count = own.new_tensor([own.shape[1]])
        mean = own.mean(1) if own.shape[1] else own.new_zeros(len(own))
        squares = ((own - mean[:, None]) ** 2).sum(1)
        counts, means, sums = _gathered(torch.cat([count, mean, squares])).split([1, len(own), len(own)], 1)
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        var = (sums + counts * (means - mean) ** 2).sum(0) / total
        inverse = (var + eps).rsqrt()
        standardized = (x - _along(mean, x)) * _along(inverse, x)
        ctx.save_for_backward(standardized, weight, inverse, total)
        ctx.mark_non_differentiable(mean, var, total)
        return standardized * _along(weight, x) + _along(bias, x), mean, var, total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        standardized, weight, inverse, total = ctx.saved_tensors
        dy = upstream[0]
        others = [axis for axis in range(dy.dim()) if axis != 1]
        grad_bias, grad_weight = dy.sum(others), (dy * standardized).sum(others)
        of_bias, of_weight = (_summed(torch.cat([grad_bias, grad_weight])) / total).chunk(2)
        grad_x = (dy - _along(of_bias, dy) - standardized * _along(of_weight, dy)) * _along(
            weight * inverse, dy
        )
        # The parameters' gradients stay local: DDP brings them together, as any other parameter's.
        return grad_x, grad_weight, grad_bias, None


def synchronized_batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Normalized:
    """y = weight * (x - mean) / sqrt(var + eps) + bias, with mean and var over the samples of all processes.

    ``x`` is (N, C, ...) with any N, 0 and different ones included; ``weight`` and ``bias`` are (C,). Every process of
    the default group must call it, forward and backward, or the others wait. Without a group it is Batch Norm.

    >>> x = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)
    >>> one = torch.ones(2, dtype=torch.float64)
    >>> found = synchronized_batch_norm(x, one, 0 * one)
    >>> found.mean.tolist(), int(found.total)
    ([2.0, 3.0], 3)
    """
    return Normalized(*_Synchronized.apply(x, weight, bias, eps))


class SynchronizedBatchNorm(_BatchNorm):
    """``torch.nn.SyncBatchNorm`` on any device: same arguments, buffers and state dict.

    In training mean and variance are those of the samples of all processes, and so are the running buffers; evaluating
    it is any Batch Norm. Raises ValueError where all processes together have one value per channel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize (N, C, ...)."""
        if not self.training and self.running_mean is not None:
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        weight = input.new_ones(self.num_features) if self.weight is None else self.weight
        bias = input.new_zeros(self.num_features) if self.bias is None else self.bias
        found = synchronized_batch_norm(input, weight, bias, self.eps)
        if self.training and found.total <= 1:
            raise ValueError(
                f"All devices together have {int(found.total)} value per channel (input {tuple(input.shape)}): "
                "its variance says nothing. It needs 2 or more: try a larger batch."
            )
        if self.training and self.running_mean is not None:
            self._remember(found)
        return found.y

    @torch.no_grad()
    def _remember(self, found: Normalized) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = found.var * found.total / (found.total - 1)
        self.running_mean.lerp_(found.mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"Received {tuple(input.shape)}; (N, C) or more axes are needed.")


def step(
    make: Callable[[int], Any], x: FloatArray, upstream: FloatArray, *, eps: float, momentum: float
) -> tuple[LayerStep, float]:
    """Forward and backward of sum(upstream * y) through a fresh layer, and how many seconds both took.

    ``make`` is ``torch.nn.BatchNorm1d`` or :class:`SynchronizedBatchNorm`; x is (n, S, R), in float64. Weight and bias
    are not at their start, 1 and 0, so that their part in the gradient is seen.
    """
    layer = make(x.shape[1]).double()
    layer.eps, layer.momentum = eps, momentum
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(0.5, 1.5, x.shape[1], dtype=torch.float64))
        layer.bias.copy_(torch.linspace(-1.0, 1.0, x.shape[1], dtype=torch.float64))
    given = torch.tensor(x, requires_grad=True)
    start = time.perf_counter()
    y = layer(given)
    y.backward(torch.tensor(upstream))
    seconds = time.perf_counter() - start
    assert given.grad is not None
    found = (y, given.grad, layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var)
    return LayerStep(*(tensor.detach().numpy() for tensor in found)), seconds


def one_process(x: FloatArray, upstream: FloatArray, *, eps: float, momentum: float) -> LayerStep:
    """torch's own Batch Norm on all samples at once: what K synchronised processes must come to.

    Raises ValueError, in torch's words, at one value per channel.
    """
    return step(torch.nn.BatchNorm1d, x, upstream, eps=eps, momentum=momentum)[0]


def _gathered(own: Tensor) -> Tensor:
    """What every process has sent, a row each."""
    if not _together():
        return own[None]
    rows = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, own)
    return torch.stack(rows)


def _summed(own: Tensor) -> Tensor:
    if _together():
        dist.all_reduce(own)
    return own


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


def _along(values: Tensor, x: Tensor) -> Tensor:
    """(C,) so that it broadcasts against (N, C, ...)."""
    return values.reshape(1, -1, *[1] * (x.dim() - 2))
