"""Saved traces: nothing is lost, and nothing but TraceError ever comes of what is not a trace."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from normviz.text.lookup import section
from normviz.trace_file import MESSAGES, UPLOAD_BYTES, TraceError, load_trace, read, written
from normviz.traces import LayerTrace, Trace
from tests.strategies import examples
from tests.trace_samples import chain, differences, layer, refused, small, traces

SMALL = written(small())


@examples(80)
@given(trace=traces())
def test_every_field_comes_back_to_the_last_bit(trace: Trace) -> None:
    text = written(trace)
    assert list(differences(trace, read(text))) == []
    assert list(differences(trace, read(text.encode()))) == []
    assert written(read(text)) == text
    json.loads(text, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))


def test_the_sample_has_something_of_everything_and_comes_back(tmp_path: Path) -> None:
    trace = small()
    assert list(differences(trace, read(SMALL))) == []
    path = tmp_path / "run.json"
    trace.save(path)
    assert list(differences(trace, load_trace(path))) == []
    assert list(differences(trace, load_trace(str(path)))) == []


def test_another_layout_of_the_same_json_is_the_same_trace() -> None:
    document = json.loads(SMALL)
    for text in (json.dumps(document, indent=4), json.dumps(document, ensure_ascii=False)):
        assert list(differences(small(), read(text))) == []
    # Without an order of keys, what is no mapping is the same still.
    again = read(json.dumps(document, sort_keys=True))
    assert [one.knobs for one in again.layers] == [one.knobs for one in small().layers]
    assert read("\ufeff".encode() + SMALL.encode()).model == small().model


def test_json_of_other_programs_may_write_whole_floats_as_integers() -> None:
    trace = chain(layer("a", "relu", [[1.0, 3.0]]))
    text = written(trace)
    assert '"max": 3.0' in text
    assert list(differences(trace, read(text.replace("3.0", "3").replace("1.0", "1")))) == []


def test_a_format_and_a_version_stand_first_and_layers_on_lines_of_their_own() -> None:
    lines = SMALL.splitlines()
    assert lines[0].startswith('{"format": "normviz-trace", "version": 1, "sha256": "')
    assert len(lines) == 1 + len(small().layers) + 1


def test_texts_that_cannot_be_shown_are_replaced_and_long_ones_cut_when_saved() -> None:
    trace = chain(layer("a\ud800\x00" + "b" * 900, "relu", [[1.0]]), error="one\n\x1b[31m" + "x" * 9000)
    again = read(written(trace))
    assert again.layers[0].name.startswith("a\ufffd\ufffdbb") and len(again.layers[0].name) == 500
    assert again.error.startswith("one\n\ufffd[31mxx") and len(again.error) == 4000


def test_numpys_numbers_and_foreign_knobs_are_saved_too() -> None:
    knobs = {
        "eps": np.float32(0.5),
        "n": np.int64(3),
        "on": np.bool_(True),
        "shape": [1, 2],
        "what": complex(1, 2),
    }
    trace = chain(layer("a", "relu", [[1.0]], knobs=knobs, parameters=np.int64(3)))
    assert read(written(trace)).layers[0].knobs == {
        "eps": 0.5,
        "n": 3,
        "on": True,
        "shape": (1, 2),
        "what": "(1+2j)",
    }
    trace = chain(LayerTrace.of("a", "linear", np.ones((2, 3, 4)), channel_axis=-1))
    assert read(written(trace)).layers[0].channel_axis == 2


def test_a_trace_that_contradicts_itself_is_not_saved() -> None:
    trace = small()
    broken = replace(trace, layers=(replace(trace.layers[0], zeros=10**6), *trace.layers[1:]))
    with pytest.raises(ValueError, match=r"layers\[0\]\.zeros") as caught:
        written(broken)
    assert not isinstance(caught.value, TraceError)


def test_a_network_of_resnet_50s_size_takes_a_few_megabytes() -> None:
    rng = np.random.default_rng(0)
    # Its 53 convolutions with their channels, each with a norm and an activation behind it: 79,680 channels.
    channels = [64] + [64, 64, 256] * 3 + [256] + [128, 128, 512] * 4 + [512] + [256, 256, 1024] * 6 + [1024]
    channels += [512, 512, 2048] * 3 + [2048]
    layers = []
    for number, count in enumerate(channels):
        x = rng.standard_normal((1, count, 7, 7))
        layers.append(layer(f"layer{number}.conv", "conv2d", x))
        layers.append(
            layer(f"layer{number}.bn", "batch_norm", x, running=(x.mean((0, 2, 3)), x.var((0, 2, 3))))
        )
        layers.append(layer(f"layer{number}.relu", "relu", np.maximum(x, 0)))
    text = written(chain(*layers))
    assert 3e6 < len(text) < 6e6 < UPLOAD_BYTES
    assert len(read(text, limit=UPLOAD_BYTES).layers) == len(layers)


def test_sentences_are_those_of_the_words_and_errors_survive_pickling() -> None:
    assert section("en", "trace_error") == dict(MESSAGES)
    error = refused(SMALL.replace('"seed": 7', '"seed": 8'))
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.details, str(again)) == (error.code, error.details, str(error))
