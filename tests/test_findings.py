"""Every finding on a trace made to show it, nothing on a sound one, and all of them on whatever a file may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from string import Formatter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz import finding_depth, finding_norms, finding_rules
from normviz.findings import CODES, NOTABLE, SERIOUS, Finding, findings, told
from normviz.text.lookup import section, words
from normviz.trace_file import read, written
from normviz.traces import INPUT, LayerTrace, Trace
from tests.strategies import examples
from tests.trace_samples import chain, layer, traces

Array = npt.NDArray[np.float64]
SHAPE = (4, 6, 8, 8)


def noise(std: float = 1.0, mean: float = 0.0, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Array:
    return mean + std * np.random.default_rng(seed).standard_normal(shape)


X = noise(seed=9)


def conv(std: float = 1.0, mean: float = 0.0, name: str = "conv", **rest: Any) -> LayerTrace:
    return layer(name, "conv2d", noise(std, mean), **rest)


def relu(share_dead: float = 0.0, shape: tuple[int, ...] = SHAPE, name: str = "act") -> LayerTrace:
    values = np.maximum(noise(shape=shape), 0)
    values[:, : round(share_dead * shape[1])] = 0
    return layer(name, "relu", values)


def norm(values: Array, running: tuple[Array, Array] | None = None, **rest: Any) -> LayerTrace:
    key = "batch_norm" if running is None else "batch_norm_eval"
    return layer("norm", "batch_norm", values, method=rest.pop("method", key), running=running, **rest)


def run(*layers: LayerTrace, x: npt.ArrayLike = X, **rest: Any) -> Trace:
    return chain(*layers, x=x, **rest)


def gradients(*values: float | None) -> Trace:
    return run(
        *(conv(name=f"conv{n}", gradient_square=None if g is None else g**2) for n, g in enumerate(values))
    )


def with_nan(values: Array, value: float = math.nan) -> Array:
    values = values.copy()
    values[0, 0, 0, :3] = value
    return values


def ones(value: float) -> Array:
    return np.full(6, value)


#: For every code a trace that shows it, and what is expected: severity, the layer it is about, all layers.
SHOWS: dict[str, list[tuple[Trace, str, int, tuple[int, ...]]]] = {
    "error": [
        (run(conv(), relu(), error="mat1 and mat2 shapes cannot be multiplied"), SERIOUS, 1, (1,)),
        (run(error="it broke at once"), SERIOUS, INPUT, (INPUT,)),
    ],
    "one_value": [
        (run(conv(), norm(noise(shape=(1, 6, 1, 1))), mode="train"), SERIOUS, 1, (1,)),
        (run(conv(), error="Expected more than 1 value per channel when training, got [1, 6]", mode="train"),
         SERIOUS, 0, (0,)),
        (run(conv(), norm(noise(shape=(4, 6)), method="group_norm", knobs={"num_groups": 6})), SERIOUS, 1, (1,)),
    ],
    "nonfinite_input": [(run(conv(), layer("b", "add", with_nan(X)), x=with_nan(X)), SERIOUS, INPUT, (INPUT, 1))],
    "nonfinite": [
        (run(conv(), layer("b", "div", with_nan(X)), layer("c", "add", with_nan(X))), SERIOUS, 1, (1, 2)),
        (run(layer("b", "div", with_nan(X, math.inf)), conv(), error="stopped"), SERIOUS, 0, (0,)),
    ],
    "nonfinite_within": [(run(conv(), layer("mask", "masked_fill", with_nan(X, -math.inf)), conv()), NOTABLE, 1, (1,))],
    "signal_explodes": [
        (run(conv(), conv(30), conv(150), conv(900)), NOTABLE, 2, (2, 3)),
        (run(conv(2e4)), SERIOUS, 0, (0,)),
    ],
    "signal_vanishes": [
        (run(conv(), conv(0.05), conv(5e-3), conv(2e-3)), NOTABLE, 2, (2, 3)),
        (run(conv(1e-5), conv(1)), SERIOUS, 0, (0,)),
    ],
    "collapsed": [
        (run(conv(), conv(1, 300)), NOTABLE, 1, (1,)),
        (run(conv(1, 300), conv(1, 3000)), SERIOUS, 0, (0, 1)),
        (run(conv(), x=noise(1e-3, 5)), SERIOUS, INPUT, (INPUT,)),
    ],
    "dead": [
        (run(conv(), relu(0.5)), NOTABLE, 1, (1,)),
        (run(conv(), relu(0.5), relu(1.0)), SERIOUS, 2, (1, 2)),
        (run(conv(), relu(1 / 6), x=noise(shape=(16, 3))), NOTABLE, 1, (1,)),
    ],
    "sparse": [(run(layer("act", "relu", np.maximum(noise(mean=-2), 0))), NOTABLE, 0, (0,))],
    "saturated": [
        (run(layer("act", "tanh", X, saturated=X.size // 2)), NOTABLE, 0, (0,)),
        (run(layer("a", "tanh", X, saturated=X.size // 2), layer("b", "sigmoid", X, saturated=X.size)),
         SERIOUS, 1, (0, 1)),
    ],
    "running_initial": [(run(conv(), norm(X, (ones(0), ones(1)))), NOTABLE, 1, (1,))],
    "running_far": [
        (run(conv(), norm(X, (ones(2), ones(1)))), NOTABLE, 1, (1,)),
        (run(conv(), norm(X, (ones(0), ones(5)))), NOTABLE, 1, (1,)),
        (run(conv(), norm(X, (ones(0), ones(0.2)))), NOTABLE, 1, (1,)),
        (run(conv(), norm(X, (ones(-20), ones(2)))), SERIOUS, 1, (1,)),
    ],
    "flat_channels": [
        (run(layer("a", "conv2d", X * np.array([1, 1, 1, 1, 1, 0.0]).reshape(6, 1, 1)), norm(X), mode="train"),
         NOTABLE, 1, (1,)),
        (run(conv(0.003), norm(X), mode="train"), SERIOUS, 1, (1,)),
        (run(conv(0.05), norm(X, method="instance_norm", knobs={"eps": 0.01})), SERIOUS, 1, (1,)),
    ],
    "gradient_nonfinite": [(gradients(math.nan, math.inf, 1.0), SERIOUS, 1, (0, 1))],
    "gradient_explodes": [
        (gradients(2e3, 10.0, 1.0), NOTABLE, 0, (0,)),
        (gradients(2e6, 2e3, 1.0), SERIOUS, 0, (0, 1)),
    ],
    "gradient_vanishes": [
        (gradients(1e-4, 0.1, 1.0), NOTABLE, 0, (0,)),
        (gradients(0.0, 1e-4, 1.0), SERIOUS, 0, (0, 1)),
        (gradients(1e-8, None, 1.0, 0.0), SERIOUS, 0, (0,)),
    ],
}  # fmt: skip

CASES = [(code, *case) for code, cases in SHOWS.items() for case in cases]

#: Close to each threshold, on the sound side.
SOUND: dict[str, Trace] = {
    "everyday": run(conv(1.5), norm(X, (ones(0.1), ones(1.2))), relu(), conv(0.3), x=X),
    "signal": run(conv(90), conv(0.012), layer("softmax", "softmax", noise(1e-6, 1e-3)), conv(1.0)),
    "mean": run(conv(1, 200)),
    "half dead of one picture": run(conv(), relu(2 / 6)),
    "a vector has one value a channel": run(layer("act", "relu", np.maximum(noise(shape=(4, 600)), 0))),
    "a linear layer may give zeros": run(layer("fc", "linear", np.zeros(SHAPE)), conv()),
    "zeros": run(layer("act", "relu", np.maximum(noise(mean=-1.2), 0))),
    "saturated": run(layer("act", "tanh", X, saturated=X.size // 2 - 1)),
    "running": run(conv(), norm(X, (ones(0.45), ones(0.3))), norm(X, (ones(-0.9), ones(3.5)))),
    "training ignores averages": run(conv(), norm(X, (ones(50), ones(1))), mode="train"),
    "evaluation ignores the batch": run(conv(0.02), norm(X, (ones(1e-9), ones(4e-4)))),
    "variance above eps": run(conv(0.02), norm(X), mode="train"),
    "gradients": gradients(900.0, 0.002, None, 0.0, 1.0),
    "no layers": run(),
    "a constant input": run(conv(), x=np.zeros((4, 3))),
}  # fmt: skip


@pytest.mark.parametrize(("code", "trace", "severity", "about", "layers"), CASES)
def test_what_is_off_is_found_where_it_is(
    code: str, trace: Trace, severity: str, about: int, layers: tuple[int, ...]
) -> None:
    found = {finding.code: finding for finding in findings(trace)}
    assert code in found, list(found)
    finding = found[code]
    assert (finding.severity, finding.layer, finding.layers) == (severity, about, layers)
    name = finding_rules.name_of(trace, about)
    assert told(finding).get("layer", name) == name
    # Read from a file it is the same.
    again = {one.code: one for one in findings(read(written(trace)))}
    assert again[code] == finding


@pytest.mark.parametrize("name", SOUND)
def test_sound_networks_have_no_findings(name: str) -> None:
    assert [finding.code for finding in findings(SOUND[name])] == []


def test_serious_comes_first_and_every_code_is_shown() -> None:
    both = findings(run(conv(150, 1e6), relu(0.5)))
    assert [finding.severity for finding in both] == [SERIOUS, NOTABLE, NOTABLE]
    assert set(SHOWS) == set(CODES)


def test_findings_follow_the_depth_and_the_way_back_comes_last() -> None:
    trace = run(conv(1, 3000, name="a", gradient_square=1e-20), relu(1.0), layer("act2", "tanh", X, saturated=X.size),
                layer("fc", "add", X, gradient_square=1.0), error="it broke")  # fmt: skip
    assert [found.code for found in findings(trace)] == [
        "error",
        "collapsed",
        "dead",
        "saturated",
        "gradient_vanishes",
    ]


def test_what_follows_from_nothing_but_zeros_is_not_said_again() -> None:
    constant = layer("fc", "linear", np.broadcast_to(np.arange(6.0).reshape(6, 1, 1), SHAPE))
    assert [found.code for found in findings(run(conv(), relu(1.0), constant, conv(1e-3)))] == ["dead"]
    assert [found.code for found in findings(run(conv(), relu(), constant))] == ["collapsed"]


def test_the_numbers_are_those_of_the_layers() -> None:
    trace = run(conv(2, name="first"), conv(200), conv(2000, name="peak"))
    (found,) = findings(trace)
    numbers = found.numbers
    assert numbers["ratio"] == trace.layers[2].std / trace.input.std
    assert numbers["gain"] == pytest.approx((trace.layers[2].std / trace.input.std) ** (1 / 3))
    assert (numbers["worst"], numbers["weighted"], numbers["others"]) == ("peak", 3, 1)
    (dead,) = findings(run(conv(), relu(0.5)))
    assert (dead.numbers["dead"], dead.numbers["channels"], dead.numbers["share"]) == (3, 6, 0.5)
    trace = run(conv(1, 2), norm(X, (ones(0), ones(2))))
    (far,) = findings(trace)
    source = trace.layers[0]
    by = np.sqrt(2 + 1e-5)
    assert far.numbers["mean"] == pytest.approx(np.median(np.abs(source.channel_mean)) / by)
    assert far.numbers["std"] == pytest.approx(np.median(np.sqrt(source.channel_var)) / by)


def test_token_numbers_are_no_scale_to_measure_by() -> None:
    tokens = np.random.default_rng(0).integers(0, 50_000, (2, 16)).astype(float)
    embedded = layer("embed", "embedding", noise(0.02, shape=(2, 16, 8)), channel_axis=2)
    assert (
        findings(
            chain(embedded, layer("fc", "linear", noise(0.02, shape=(2, 16, 8)), channel_axis=2), x=tokens)
        )
        == ()
    )


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_code_has_its_sentences_and_its_numbers_fill_them(lang: str) -> None:
    for code, trace, *_ in CASES:
        (finding,) = (one for one in findings(trace) if one.code == code)
        numbers = told(finding)
        sentences = section(lang, f"finding.{code}")
        assert set(sentences) == {"title", "says", "why", "helps"}
        for text in sentences.values():
            said = text.format(**numbers)
            assert said.count("`") % 2 == 0 and "nan" not in said and "{" not in said, said
            assert not re.search(r"\de[+-]?\d", said), said
        assert placeholders(sentences["says"]) <= numbers.keys()
    assert {key.split(".")[1] for key in words(lang) if key.startswith("finding.")} == set(CODES)


def test_a_layer_is_named_once_however_often_it_is_found() -> None:
    alone = LayerTrace.of("norm", "layer_norm", np.zeros((8, 1)), inputs=(0,), method="layer_norm_last")
    trace = run(conv(), alone, error="Expected more than 1 spatial element when training")
    found = finding_norms.one_value(trace)
    assert found is not None and found.layers == (1,) and found.numbers["others"] == 0


def test_what_is_dead_is_not_called_saturated_too() -> None:
    silent = np.zeros((4, 8, 6, 6))
    dead, flat = (
        replace(layer("act", "gelu", values), saturated=values.size) for values in (silent, silent + 0.5)
    )
    assert {each.code for each in findings(run(conv(), dead))} >= {"dead"}
    assert finding_rules.saturated(run(conv(), dead)) is None
    assert finding_rules.saturated(run(conv(), flat)) is not None


def test_names_cannot_leave_their_backticks() -> None:
    finding = Finding("dead", NOTABLE, (0,), 0, {"layer": "a`**b**\nc"})
    assert told(finding) == {"layer": "a'**b** c"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (0.12345, "0.123"), (-2.5, "−2.5"), (1234.6, "1,235"), (12345.0, "1.2 × 10⁴"),
     (1e-7, "10⁻⁷"), (2.26e-9, "2.3 × 10⁻⁹"), (math.inf, "∞"), (math.nan, "NaN"), (65504, "65,504"),
     (3, "3"), (12345, "12,345")],
)  # fmt: skip
def test_numbers_as_they_are_written(value: float, text: str) -> None:
    assert told(Finding("dead", NOTABLE, (0,), 0, {"std": value})) == {"std": text}


@examples(60)
@given(trace=traces())
def test_whatever_a_file_may_hold_is_looked_through(trace: Trace) -> None:
    for finding in findings(trace):
        assert told(finding) and set(finding.layers) <= set(range(-1, len(trace.layers)))
        assert finding.layer in finding.layers


@examples(100)
@given(method=st.sampled_from(["batch_norm", "group_norm", "layer_norm", "instance_norm", "local_response_norm"]),
       knobs=st.dictionaries(st.sampled_from(["eps", "num_groups", "affine", "size", "normalized_shape"]),
                             st.none() | st.booleans() | st.integers(-2, 2**60) | st.floats() | st.text(max_size=3)
                             | st.just((1, 2)), max_size=3),
       shape=st.lists(st.sampled_from([0, 1, 2, 3]), min_size=0, max_size=5).map(tuple))  # fmt: skip
def test_any_knobs_and_shapes_of_a_norm_are_looked_through(
    method: str, knobs: dict[str, Any], shape: tuple[int, ...]
) -> None:
    axis = 1 if len(shape) > 1 and all(shape) else None
    odd = layer("norm", "batch_norm", np.ones(shape), channel_axis=axis, method=method, knobs=knobs)
    findings(chain(odd, odd))


def test_huge_declared_shapes_ask_for_no_memory() -> None:
    huge = replace(norm(noise(shape=(1, 2, 1, 1))), shape=(2**20, 2, 2**16, 2**16))
    findings(Trace((huge,), huge))


RULES: dict[str, tuple[Callable[[Trace], Finding | None], Trace]] = {
    "nonfinite": (finding_rules.nonfinite, run(conv())),
    "signal": (finding_depth.signal_explodes, run()),
    "gradient": (finding_depth.gradient_vanishes, gradients(None, None)),
    "running": (finding_norms.running_far, run(norm(X, (ones(math.nan), ones(-1.0))))),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_without_anything_to_judge_is_silent(name: str) -> None:
    rule, trace = RULES[name]
    assert rule(trace) is None


@given(st.data())
def test_the_spine_is_what_every_way_goes_through(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 9))
    reads = [tuple(data.draw(st.lists(st.integers(-1, n - 1), min_size=1, max_size=3))) for n in range(count)]
    made = tuple(LayerTrace.of(str(n), "add", [[1.0]], inputs=read) for n, read in enumerate(reads))

    def reached(without: int) -> bool:
        """Whether the input still reaches the last layer when this one is taken out."""
        known = {-1}
        for n, sources in enumerate(reads):
            if n != without and known & set(sources):
                known.add(n)
        return count - 1 in known

    expected = {n for n in range(count) if not reached(n)}
    assert finding_depth.spine(Trace(made, made[0])) == expected


def test_a_small_branch_beside_a_skip_is_no_vanishing_signal() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 8))
    small = 1e-5 * rng.normal(size=(4, 8))
    layers = (
        LayerTrace.of("branch", "linear", small, inputs=(-1,)),
        LayerTrace.of("add", "add", x + small, inputs=(0, -1)),
    )
    assert finding_depth.signal_vanishes(Trace(layers, LayerTrace.of("", "", x))) is None
    # Without the skip it is one.
    assert finding_depth.signal_vanishes(Trace(layers[:1], LayerTrace.of("", "", x))) is not None
