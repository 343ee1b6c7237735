"""The acceptance test of every highlight: what torch's autograd says depends on what.

dy_i / dx_k of torch's own module is non-zero exactly when k is in S_i, for generic x. Not so in tiny sets,
which are left out: a centred set of one cell is always 0 and one of two always +-1, whatever the values; a
set of one cell that is not centred is divided by its own size and gives its sign. Only LRN's window, that
divides by more than the norm, may hold one cell. eps is small (a large one would hold L2's length constant)
and LRN's alpha large enough to be felt.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from normviz.spec import Response, Spec
from tests.strategies import EVERYWHERE, cases, cells, examples, seeds, values

FIXED = {"eps": 1e-6, "alpha": 1.0, "beta": 0.75, "k": 1.0}


def smallest(spec: Spec) -> int:
    """The size of set from which every derivative inside is felt."""
    return 1 if isinstance(spec.divisor, Response) else 3 if spec.centred else 2


# Instance Norm has no spatial axis to share over in (N, C): every set is one cell, and torch refuses.
@pytest.mark.parametrize(("key", "layout"), [pair for pair in EVERYWHERE if pair != ("instance_norm", "NC")])
@examples(25)
@given(data=st.data())
def test_a_cell_depends_on_exactly_its_set(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout, least=2, fixed=FIXED))
    cell = data.draw(cells(case.shape))
    spec = case.spec
    expected = np.zeros(case.shape, bool)
    expected[cell] = True
    for shared in spec.sets:
        assume(shared.size(case.shape, cell) >= smallest(spec))
        expected |= shared.mask(case.shape, cell)
    module = case.method.module(nn, case.shape, **case.knobs).double()
    x = torch.tensor(values(case.shape, data.draw(seeds)), requires_grad=True)
    case.through(module, x)[cell].backward()
    assert x.grad is not None
    assert np.array_equal(x.grad.numpy() != 0, expected)


def test_evaluating_depends_on_the_cell_alone_whatever_the_buffers_hold() -> None:
    layer = nn.BatchNorm2d(3).double()
    layer(torch.from_numpy(values((4, 3, 2, 2), 0)))
    layer.eval()
    x = torch.tensor(values((4, 3, 2, 2), 1), requires_grad=True)
    layer(x)[2, 1, 0, 1].backward()
    assert x.grad is not None
    assert x.grad.nonzero().tolist() == [[2, 1, 0, 1]]
