"""The snippets are run as a reader would, and must give what the page shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.catalogue import METHODS
from normviz.reference import normalize
from normviz.samples import Sample
from normviz.snippet import snippet
from tests.strategies import EVERYWHERE, cases, examples


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "snippet", "exec"), names)
    return names


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(8)
@given(data=st.data())
def test_running_it_gives_the_after_tensor(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout, least=2, fixed={"eps": 1e-3, "k": 1.0}))
    sample = Sample(seed=data.draw(st.integers(0, 9)), mean=data.draw(st.sampled_from([0.0, 2.5])))
    source = snippet(key, case.shape, sample=sample, **case.knobs)
    if (key, layout) == ("instance_norm", "NC"):  # every set is one cell: torch refuses
        with pytest.raises(ValueError, match="Expected more than 1 spatial element"):
            run(source)
        return
    names = run(source)
    x = sample.tensor(case.shape)
    assert np.array_equal(names["x"].numpy(), x)
    difference = np.abs(names["y"].detach().numpy() - normalize(x, case.spec))
    assert difference.max() < 1e-3  # float32; sets of two nearly equal cells lose digits


def test_it_names_the_classes_of_torch() -> None:
    shown = snippet("layer_norm_last", (2, 6, 3, 3))
    assert "nn.LayerNorm(normalized_shape=(6,), eps=1e-05" in shown and "movedim(1, -1)" in shown
    assert ".eval()" in snippet("batch_norm_eval", (2, 6, 3, 3))
    assert snippet(METHODS["l2_norm"], (2, 6)).endswith("y = nn.functional.normalize(x, dim=1, eps=1e-12)")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: snippet("group_norm", (8, 12), num_groups=5),
            r"num_groups = 5 does not divide C = 12.*Try 1, 2",
        ),
        (lambda: snippet("group_nrom", (8, 12, 4, 4)), r"no method 'group_nrom'.*group_norm"),
        (lambda: snippet("batch_norm", (8,)), r"\(8,\) has 1 axes"),
        (lambda: snippet("batch_norm", (8, 12), groups=2), r"no knob 'groups'.*eps, affine"),
    ],
)
def test_wrong_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
