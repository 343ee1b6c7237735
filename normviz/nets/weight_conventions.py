"""Weight Standardization as it is written in the wild: torch has no layer of that name.

>>> from normviz.catalogue import METHODS
>>> v = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
>>> [way.key for way in conventions(v, METHODS["weight_standardization"].spec())]
['formula', 'paper', 'timm', 'bit']
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from normviz.nets.forward import compare
from normviz.spec import Root, Spec
from normviz.weights import Convention, cosines, lengths, rows

#: Weight Standardization as it is written: the Spec's own formula; the paper's code; timm; Big Transfer.
CONVENTIONS = ("formula", "paper", "timm", "bit")
#: What each adds, where the Spec does not say.
EPS = {"paper": 1e-5, "timm": 1e-6, "bit": 1e-10}


def conventions(v: npt.ArrayLike, spec: Spec, row: int = 0) -> tuple[Convention, ...]:
    """The ways to write Weight Standardization, on this kernel in float64: does it matter which?

    ``formula``, the Spec's, divides by sqrt(var + eps), var biased; ``paper``, the authors' code, by std + 1e-5, std
    unbiased; ``timm`` calls ``batch_norm`` on the weight (biased, 1e-6 under the root); ``bit``, Big Transfer, 1e-10
    under the root. Length and cosine are those of output ``row``. Where torch refuses, ``refusal`` is its sentence.
    """
    x, eps = torch.tensor(rows(v)), eps_of(spec)
    n = x.shape[1]
    formula = functional.layer_norm(x, (n,), eps=eps)
    found = []
    for key in CONVENTIONS:
        w, refusal = torch.full_like(x, torch.nan), ""
        try:
            match key:
                case "paper":
                    centred = x - x.mean(1, keepdim=True)
                    # As torch's std has it, which warns where n = 1.
                    w = centred / ((centred.square().sum(1, keepdim=True) / (n - 1)).sqrt() + EPS[key])
                case "timm":
                    w = functional.batch_norm(x[None], None, None, training=True, momentum=0.0, eps=EPS[key])[
                        0
                    ]
                case "bit":
                    w = functional.layer_norm(x, (n,), eps=EPS[key])
                case _:
                    w = formula
        except ValueError as refused:
            refusal = str(refused)
        y = w.numpy()
        turned = cosines(x.numpy()[row : row + 1], y[row : row + 1])
        found.append(
            Convention(
                key,
                EPS.get(key, eps),
                compare(y, formula.numpy())[0],
                float(lengths(y)[row]),
                float(turned[0]),
                int((~np.isfinite(y)).sum()),
                refusal,
            )
        )
    return tuple(found)


def eps_of(spec: Spec) -> float:
    """The epsilon under the root of a Spec that standardizes."""
    if not isinstance(spec.divisor, Root) or spec.divisor.eps is None or not spec.centred:
        raise ValueError(
            "This Spec does not standardize: it must subtract a mean and divide by sqrt(var + eps)."
        )
    return spec.divisor.eps
