"""Running averages against a batch: numbers written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from normviz.running import Distance, distance
from normviz.traces import LayerTrace


def batch() -> LayerTrace:
    """Three channels: 1 and 3, constant 5, 0 and 8."""
    return LayerTrace.of("conv", "conv2d", np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 8.0]]))


def test_distances_are_in_units_of_the_batch() -> None:
    found = distance((np.array([2.0, 9.0, 12.0]), np.array([4.0, 1.0, 4.0])), batch())
    assert found == Distance(2, 1.0, 2.0, 2, (0.5, 2.0))


def test_what_never_varies_has_no_unit() -> None:
    still = LayerTrace.of("conv", "conv2d", np.ones((3, 2)))
    assert distance((np.zeros(2), np.ones(2)), still) == Distance(0, 0.0, 0.0, 0, (0.0, 0.0))


def test_buffers_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="3 channels"):
        distance((np.zeros(2), np.ones(2)), batch())
