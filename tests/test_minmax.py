"""Min-max scaling and standardization against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from normviz.minmax import min_max, scaling, standardized
from tests.strategies import examples, seeds


@examples(40)
@given(seed=seeds, count=st.integers(1, 50), shift=st.floats(-100, 100), spread=st.floats(1e-3, 100))
def test_both_are_scikit_learns(seed: int, count: int, shift: float, spread: float) -> None:
    x = shift + spread * np.random.default_rng(seed).standard_normal(count)
    column = x.reshape(-1, 1)
    np.testing.assert_allclose(min_max(x), MinMaxScaler().fit_transform(column)[:, 0], atol=1e-9)
    np.testing.assert_allclose(standardized(x), StandardScaler().fit_transform(column)[:, 0], atol=1e-7)


def test_what_is_not_finite_stays_and_the_rest_is_scaled_without_it() -> None:
    x = np.array([0.0, 1.0, np.nan, 4.0, np.inf])
    assert min_max(x)[[0, 1, 3]].tolist() == [0.0, 0.25, 1.0]
    assert np.isnan(min_max(x)[2]) and np.isinf(min_max(x)[4]) and np.isnan(standardized(x)[2])
    assert np.isnan(min_max([np.nan])).all()


@pytest.mark.parametrize("value", [0.0, 3.3, -1e6])
def test_values_that_are_all_alike_become_zero(value: float) -> None:
    x = np.full(7, value)
    assert not min_max(x).any() and not standardized(x).any()
    assert scaling(x, 3).squeezed == 0.0


def test_an_outlier_squeezes_the_others_as_its_distance_says() -> None:
    x = np.random.default_rng(0).standard_normal(500)
    place, sigmas = 17, 30.0
    others = np.delete(x, place)
    far = others.mean() + sigmas * others.std()
    found = scaling(x, place, sigmas)
    assert found.before.outlier == pytest.approx(far) and found.min_max.outlier == 1.0
    assert found.squeezed == pytest.approx((others.max() - others.min()) / (far - others.min()))
    assert x[place] != far, "the input itself is left as it was"
    changed = x.copy()
    changed[place] = far
    assert found.standardized.summary.max == pytest.approx((far - changed.mean()) / changed.std())


def test_histograms_hold_the_others_and_one_axis_holds_all() -> None:
    x = np.random.default_rng(1).standard_normal(300)
    found = scaling(x, 5, 12.0)
    for one in (found.before, found.standardized, found.min_max):
        assert one.counts.sum() == 299
        assert found.axis[0] <= one.summary.min and one.summary.max <= found.axis[1]
    # Both are linear: the shape stays.
    assert found.before.counts.tolist() == pytest.approx(found.min_max.counts.tolist(), abs=2)
    assert scaling(x, 5).before.outlier == x[5]


def test_one_value_alone() -> None:
    found = scaling([2.0], 0, 5.0)
    assert found.before.outlier == 2.0 and found.min_max.outlier == 0.0 and not found.before.counts.any()
