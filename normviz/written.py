"""Layers that torch does not have, written out with torch's own pieces.

Each function receives ``torch`` and ``torch.nn`` and gives the class, so that nothing here imports torch; the source of
the class is what a snippet shows, so the code that runs and the code that is read are the same text.

The arguments have torch's names. All expect the channels on axis 1, as torch's layers do. The classes have no type
hints: they read as PyTorch is written in papers and notebooks.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

Written = Callable[[Any, Any], type]


def source(written: Written) -> str:
    """The class as Python, for those who have ``torch`` and ``nn``.

    >>> source(weight_norm).splitlines()[0]
    'class WeightNorm(nn.Module):'
    """
    text = textwrap.dedent(inspect.getsource(written))
    (function,) = ast.parse(text).body
    (inner,) = (node for node in ast.walk(function) if isinstance(node, ast.ClassDef))
    return textwrap.dedent("\n".join(text.splitlines()[inner.lineno - 1 : inner.end_lineno]))


def batch_renorm(torch: Any, nn: Any) -> type:
    """Batch Renormalization: Ioffe 2017, algorithm 1."""

    class BatchRenorm(nn.modules.batchnorm._BatchNorm):
        """y = (x - mean_B) / std_B * r + d, where r and d are constants for the gradient."""

        def __init__(self, num_features, r_max=3.0, d_max=5.0, **arguments):
            super().__init__(num_features, **arguments)
            self.r_max, self.d_max = r_max, d_max

        def _check_input_dim(self, x):
            """Any number of axes from two on."""

        def forward(self, x):
            if not self.training:
                return super().forward(x)
            with torch.no_grad():
                axes = [k for k in range(x.dim()) if k != 1]
                mean = x.mean(axes)
                std = (x.var(axes, correction=0) + self.eps).sqrt()
                old = (self.running_var + self.eps).sqrt()
                r = (std / old).clamp(1 / self.r_max, self.r_max)
                d = ((mean - self.running_mean) / old).clamp(-self.d_max, self.d_max)
            weight, bias = (r, d) if self.weight is None else (self.weight * r, self.weight * d + self.bias)
            y = nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=self.eps)
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                step = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, step)
                # The paper keeps a running standard deviation, not a variance.
                self.running_var.copy_(old.lerp(std, step) ** 2 - self.eps)
            return y

    return BatchRenorm


def batch_norm_devices(torch: Any, nn: Any) -> type:
    """Batch Norm on several devices that do not synchronize, as data-parallel training has it by default."""

    class BatchNormDevices(nn.modules.batchnorm._BatchNorm):
        """The batch in ``devices`` equal parts, each normalized by its own mean and variance.

        All share weight and bias. As in data-parallel training the buffers kept are those of the first device.
        """

        def __init__(self, num_features, devices=2, **arguments):
            super().__init__(num_features, **arguments)
            self.devices = devices

        def _check_input_dim(self, x):
            """Any number of axes from two on."""

        def forward(self, x):
            if not self.training:
                return super().forward(x)
            # Every device's channels become channels of their own: (K * M, C, ...) -> (M, K * C, ...).
            parts = x.unflatten(0, (self.devices, -1)).transpose(0, 1).flatten(1, 2)
            seen = float(self.num_batches_tracked) + 1
            step = 1 / seen if self.momentum is None else self.momentum
            buffers = [b.repeat(self.devices) for b in (self.running_mean, self.running_var)]
            affine = [p if p is None else p.repeat(self.devices) for p in (self.weight, self.bias)]
            y = nn.functional.batch_norm(parts, *buffers, *affine, training=True, momentum=step, eps=self.eps)
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                self.running_mean.copy_(buffers[0][: self.num_features])
                self.running_var.copy_(buffers[1][: self.num_features])
            return y.unflatten(1, (self.devices, -1)).transpose(0, 1).flatten(0, 1)

    return BatchNormDevices


def switchable_norm(torch: Any, nn: Any) -> type:
    """Switchable Normalization: Luo et al. 2019, equation 3, in training."""

    class SwitchableNorm(nn.Module):
        """Mean and variance are weighted averages of Instance, Layer and Batch Norm's; the weights are softmaxes."""

        def __init__(self, num_features, mean_weight=(0, 0, 0), var_weight=(0, 0, 0), eps=1e-5, affine=True):
            super().__init__()
            self.eps = eps
            self.mean_weight = nn.Parameter(torch.tensor(mean_weight, dtype=torch.float64))
            self.var_weight = nn.Parameter(torch.tensor(var_weight, dtype=torch.float64))
            self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
            self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

        def forward(self, x):
            positions = list(range(2, x.dim()))
            mean = var = 0
            weights = zip(self.mean_weight.softmax(0), self.var_weight.softmax(0), strict=True)
            for axes, (in_mean, in_var) in zip(
                (positions, [1, *positions], [0, *positions]), weights, strict=True
            ):
                var_here, mean_here = torch.var_mean(x, axes, correction=0, keepdim=True)
                mean = mean + in_mean * mean_here
                var = var + in_var * var_here
            y = (x - mean) / (var + self.eps).sqrt()
            if self.weight is None:
                return y
            channels = (-1,) + (1,) * len(positions)
            return y * self.weight.view(channels) + self.bias.view(channels)

    return SwitchableNorm


def adaptive_instance_norm(torch: Any, nn: Any) -> type:
    """Adaptive Instance Normalization: Huang and Belongie 2017, equation 8."""

    class AdaptiveInstanceNorm(nn.Module):
        """Every channel of every sample of ``x`` takes the mean and the standard deviation it has in ``style``."""

        def __init__(self, eps=1e-5):
            super().__init__()
            self.eps = eps

        def forward(self, x, style):
            positions = list(range(2, x.dim()))
            var, mean = torch.var_mean(style, positions, correction=0, keepdim=True)
            return nn.functional.instance_norm(x, eps=self.eps) * (var + self.eps).sqrt() + mean

    return AdaptiveInstanceNorm


def weight_norm(torch: Any, nn: Any) -> type:
    """Weight Normalization: Salimans and Kingma 2016, equation 2, by torch's own parametrization."""

    class WeightNorm(nn.Module):
        """w = g * v / |v|, as ``torch.nn.utils.parametrizations.weight_norm`` has it, for a v that is given.

        g is ``weight``; until it is set, it is |v|, torch's start, where w = v.
        """

        def __init__(self, dim=0):
            super().__init__()
            layer = nn.utils.parametrizations.weight_norm(nn.Linear(1, 1), dim=dim)
            self.rule = layer.parametrizations.weight[0]
            self.weight = None

        def forward(self, v):
            g = self.rule.right_inverse(v.detach())[0] if self.weight is None else self.weight
            return self.rule(g, v)

    return WeightNorm
