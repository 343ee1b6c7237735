"""The numbers that stand beside a set, against torch's and scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from normviz.catalogue import METHODS
from normviz.measures import MEASURES, measured, measures
from tests.strategies import examples, seeds, values


@examples(60)
@given(seed=seeds, n=st.integers(1, 60), power=st.integers(-6, 6))
def test_of_values_they_are_torchs(seed: int, n: int, power: int) -> None:
    x = values((n,), seed) * 10.0**power
    found, tensor = measured(x), torch.from_numpy(x)
    assert found["mean"] == pytest.approx(tensor.mean().item(), abs=1e-12 * np.abs(x).max())
    assert found["std"] == pytest.approx(tensor.std(correction=0).item(), abs=1e-12 * np.abs(x).max())
    assert found["rms"] == pytest.approx(tensor.square().mean().sqrt().item())
    assert found["norm"] == found["length"] == pytest.approx(torch.linalg.vector_norm(tensor).item())


@examples(60)
@given(seed=seeds, n=st.integers(1, 60))
def test_of_moments_they_are_those_of_the_values(seed: int, n: int) -> None:
    x = values((n,), seed)
    about_mean, about_zero = (float(stats.moment(x, 2, center=center)) for center in (None, 0.0))
    assert measures(float(x.mean()), about_mean, n)["std"] == pytest.approx(x.std())
    assert measures(0.0, about_zero, n) == pytest.approx(
        measured(x) | {"mean": 0.0, "std": measured(x)["rms"]}
    )


def test_what_is_not_finite_shows() -> None:
    assert math.isnan(measured([1.0, np.nan])["std"]) and math.isnan(measured([1.0, np.inf])["std"])
    assert measured([1.0, -np.inf])["norm"] == math.inf


def test_every_outcome_of_the_catalogue_names_measures_there_are() -> None:
    assert {entry.spec().outcome for entry in METHODS.values()} <= set(MEASURES)
    assert {name for names in MEASURES.values() for name in names} <= set(measured([1.0]))


def test_what_is_below_0_has_no_root() -> None:
    found = measures(1.0, -1.0, 4)
    assert found["mean"] == 1.0 and all(math.isnan(found[name]) for name in ("std", "rms", "norm", "length"))
