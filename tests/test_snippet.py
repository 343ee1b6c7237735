"""The snippets are run as a reader would, and must give what the page shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.catalogue import METHODS
from normviz.nets.kernels import kernel
from normviz.reference import normalize, transferred
from normviz.samples import Kernel, Sample
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
    try:
        names = run(source)
    except ValueError as refused:  # every set is one cell
        assert case.alone and str(refused).startswith("Expected more than 1 ")
        return
    x = sample.tensor(case.shape)
    assert np.array_equal(names["x"].numpy(), x)
    parameters: dict[str, Any] = {}
    if "style" in names:
        style = replace(sample, seed=sample.seed + 1).tensor(case.shape)
        assert np.array_equal(names["style"].numpy(), style)
        parameters = dict(zip(("weight", "bias"), transferred(style, case.spec), strict=True))
    difference = np.abs(names["y"].detach().numpy() - normalize(x, case.spec, **parameters))
    assert difference.max() < 1e-3  # float32; sets of two nearly equal cells lose digits


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (6, 4)])
@pytest.mark.parametrize("key", ["weight_norm", "weight_standardization"])
def test_a_weight_is_a_new_layers(key: str, shape: tuple[int, ...]) -> None:
    names = run(snippet(key, shape, sample=Kernel(seed=5)))
    x = kernel("initial", shape, 5)
    assert np.array_equal(names["x"].numpy(), x)
    assert np.abs(names["y"].detach().numpy() - normalize(x, METHODS[key].spec())).max() < 1e-5
    assert snippet(key, shape) == snippet(key, shape, sample=Kernel())


def test_a_layer_that_torch_does_not_have_is_written_out_whole() -> None:
    shown = snippet("batch_renorm", (8, 12, 4, 4), batches=20, r_max=2.0)
    assert "class BatchRenorm(" in shown and "r_max=2.0, d_max=5.0" in shown
    assert "layer.train()" in shown and "layer.eval()" not in shown
    names = run(shown)
    assert names["layer"].training and int(names["layer"].num_batches_tracked) == 21


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
