"""Softmax against scipy's and torch's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import special

from normviz.softmax import softmax
from tests.strategies import examples

scores = arrays(
    np.float64, array_shapes(max_dims=3, max_side=6), elements=st.floats(-1e300, 1e300) | st.floats(-9, 9)
)


@examples(200)
@given(x=scores)
def test_any_finite_scores_are_scipys_and_torchs_shares(x: npt.NDArray[np.float64]) -> None:
    found = softmax(x)
    np.testing.assert_allclose(found, special.softmax(x, axis=-1), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found, torch.softmax(torch.from_numpy(x), -1).numpy(), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found.sum(-1), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    "x",
    [[np.nan, 1.0], [np.inf, 1.0], [np.inf, np.inf], [-np.inf, 0.0], [-np.inf, -np.inf], [-np.inf, 0.0, 2.0]],
)
def test_what_is_not_finite_is_as_at_torch(x: list[float]) -> None:
    np.testing.assert_allclose(softmax(x), torch.softmax(torch.tensor(x, dtype=torch.float64), -1).numpy())
