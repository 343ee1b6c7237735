"""The stream of mini-batches on the forward page, without a browser."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.samples import Sample
from normviz.stream import STEPS
from normviz.text.lookup import say, words
from normviz.ui.topics.table import topics_of
from tests.pages.app import CJK, LANGUAGES, SHAPES, errors, fine, link, marked, texts, uploader, visit, widget

FITTING = ("batch_norm", "batch_norm_devices", "sync_batch_norm", "batch_norm_eval")
#: The mean and standard deviation over everything but the channels.
ACROSS = {"8x12x4x4": (0, 2, 3), "4x10x16": (0, 1), "12x24": (0,)}


def stream(**more: str) -> AppTest:
    return visit("forward", {"topic": "stream", **more})


def picture(name: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (24, 24), (len(name) * 40, 90, 60)).save(file, "PNG")
    return file.getvalue()


def metrics(at: AppTest) -> list[float]:
    """Off by so many sigmas, the ratio of the variances, the largest difference of the two modes."""
    found = [re.search(r"[−\d.]+", metric.value) for metric in at.metric]
    return [float(number[0].replace("−", "-")) for number in found if number]


def population(shape: str, seed: int = 0) -> np.ndarray:
    return Sample(seed=seed).tensor((256, *SHAPES[shape][1:])).astype(np.float64)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_language_layout_and_method(lang: str, shape: str) -> None:
    at = stream(lang=lang, shape=shape)
    for method in FITTING:
        fine(widget(at, f"method/{lang}").set_value(method).run())
        assert errors(at) == [] and not at.warning, method
        assert len(at.get("plotly_chart")) >= 3 and len(metrics(at)) == 3
        assert words(lang)[f"method.{method}.name"] in at.title[0].value
        assert bool(CJK.search(texts(at))) == (lang == "zh")
        assert link(at)["topic"] == "stream"


def test_the_stream_is_of_averages_that_training_gathers() -> None:
    """Not where there are none, nor where they are frozen, nor where they only correct the batch's own."""
    assert tuple(key for key, method in nv.METHODS.items() if "stream" in topics_of(method)) == FITTING
    at = stream(method="batch_norm")
    fine(widget(at, "method/en").set_value("batch_norm_frozen").run())
    assert "topic" not in link(at) and errors(at) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.1, 0.5])
def test_the_numbers_of_a_step(shape: str, momentum: float) -> None:
    """The running averages written out in numpy, from the batches drawn by the seed."""
    n, step, channel = SHAPES[shape][0], 13, 2
    cell = ["0"] * len(SHAPES[shape])
    cell[-1 if shape == "4x10x16" else 1] = str(channel)
    at = stream(shape=shape, step=str(step), momentum=str(momentum), cell="x".join(cell), seed="3")
    pool = population(shape, 3)
    pool = pool[..., channel] if shape == "4x10x16" else pool[:, channel]
    rng = np.random.default_rng(3)
    order = rng.permutation(256)
    mean, var = 0.0, 1.0
    for t in range(step):
        batch = pool[order[t * n : t * n + n]]
        mean = (1 - momentum) * mean + momentum * batch.mean()
        var = (1 - momentum) * var + momentum * batch.var(ddof=1)
    train = (batch - batch.mean()) / np.sqrt(batch.var() + 1e-5)
    gap = np.abs(train - (batch - mean) / np.sqrt(var + 1e-5)).max()
    expected = [(mean - pool.mean()) / pool.std(), var / pool.var(), gap]
    assert metrics(at) == pytest.approx(expected, abs=2e-3)


def test_before_the_first_batch_the_buffers_hold_torchs_start() -> None:
    at = stream(step="0")
    pool = population("8x12x4x4")[:, 5]
    off, ratio, gap = metrics(at)
    assert (off, ratio) == pytest.approx((-pool.mean() / pool.std(), 1 / pool.var()), abs=1e-3)
    assert gap > 0.5 and len(at.info) == 1 and "mean 0, variance 1" in at.info[0].value


def test_one_step_back_and_on() -> None:
    at = stream(step="20")
    assert "step" not in link(at)  # where it starts
    before = metrics(at)
    fine(widget(at, "stream/forth").click().run())
    assert link(at)["step"] == "21" and widget(at, "stream.step/en").value == 21
    assert metrics(at) != before
    fine(widget(at, "stream/back").click().run())
    assert "step" not in link(at) and metrics(at) == before
    fine(widget(at, "stream.step/en").set_value(STEPS).run())
    assert widget(at, "stream/forth").disabled and not widget(at, "stream/back").disabled
    fine(widget(at, "stream.step/en").set_value(0).run())
    assert widget(at, "stream/back").disabled and link(at)["step"] == "0"


def refused(at: AppTest, lang: str) -> str:
    return say(lang, "stream.title_refused", name=say(lang, "method.batch_norm.name"))


def keys(at: AppTest) -> list[Any]:
    return [slider.key for slider in at.slider]


def test_play_and_pause() -> None:
    at = stream(step="20")
    fine(widget(at, "stream/play").click().run())
    assert widget(at, "stream/pause").label == "Pause" and "stream.step/en" not in keys(at)
    fine(widget(at, "stream/pause").click().run())
    assert widget(at, "stream/play").label == "Play" and widget(at, "stream.step/en").value == 20
    # A step by hand pauses as well.
    fine(widget(at, "stream/play").click().run())
    fine(widget(at, "stream/forth").click().run())
    assert widget(at, "stream/play").label == "Play" and widget(at, "stream.step/en").value == 21
    # From the end it starts again.
    fine(widget(at, "stream.step/en").set_value(STEPS).run())
    fine(widget(at, "stream/play").click().run())
    assert link(at)["step"] == "0" and widget(at, "stream/pause").label == "Pause"


def test_playing_goes_on_while_the_topic_is_there_and_ends_with_it() -> None:
    at = stream(step="20")
    fine(widget(at, "stream/play").click().run())
    fine(widget(at, "stream.channel/en").set_value(3).run())
    assert widget(at, "stream/pause").label == "Pause"
    fine(widget(at, "topic/en").set_value("fold").run())
    fine(widget(at, "topic/en").set_value("stream").run())
    assert widget(at, "stream/play").label == "Play" and widget(at, "stream.step/en").value == 20


def test_the_charts_are_the_same_at_every_step() -> None:
    """A browser takes a chart away and draws it anew where its figure changes."""

    def charts(at: AppTest) -> list[str]:
        return [chart.proto.spec for chart in at.get("plotly_chart")]

    at = stream(step="20", lang="en")
    first, second, outputs = charts(at)
    fine(widget(at, "stream.step/en").set_value(47).run())
    assert charts(at)[:2] == [first, second] and charts(at)[2] != outputs
    assert "Step **47** of 60" in texts(at)


def test_the_mark_lies_at_the_step() -> None:
    at = stream(step="20")
    assert marked(at, "stream") == (20, pytest.approx(20.5 / 61, abs=1e-6))
    fine(widget(at, "stream.step/en").set_value(0).run())
    assert marked(at, "stream") == (0, pytest.approx(0.5 / 61, abs=1e-6))


def test_the_link_brings_everything_back() -> None:
    chosen = {
        "topic": "stream", "step": "33", "momentum": "0.03", "freeze": "12", "arrives": "drifting",
        "shift": "-2.0", "scale": "0.5", "cell": "0x7x0x0",
    }  # fmt: skip
    at = visit("forward", chosen)
    assert errors(at) == [] and link(at) == chosen
    assert widget(at, "stream.momentum/en").value == 0.03 and widget(at, "stream.channel/en").value == 7
    assert "Frozen after step 12" in at.info[0].value
    assert "**3 %**" in texts(at)
    for key, bad in {"step": "61", "momentum": "7", "freeze": "x", "scale": "0", "average": "both"}.items():
        at = stream(**{key: bad})
        assert errors(at) == [] and key not in link(at)


def test_another_channel_pins_its_cell() -> None:
    at = stream()
    before = metrics(at)
    fine(widget(at, "stream.channel/en").set_value(9).run())
    assert link(at)["cell"] == "0x9x1x0" and metrics(at) != before


def test_the_cumulative_average_has_no_momentum() -> None:
    at = stream(average="cumulative", step="32", seed="1")
    assert "stream.momentum/en" not in keys(at)
    # 32 batches of 8 are the whole population, once.
    assert metrics(at)[0] == pytest.approx(0, abs=1e-3)


def test_a_drift_leaves_frozen_averages_behind() -> None:
    moving = metrics(stream(step="60", arrives="drifting", shift="3.0", scale="1.0"))
    frozen = metrics(stream(step="60", arrives="drifting", shift="3.0", scale="1.0", freeze="30"))
    assert -1 < moving[0] < -0.1 and frozen[0] < -1.5
    assert frozen[2] > moving[2]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_one_value_per_channel_is_shown_as_what_it_is(lang: str) -> None:
    at = stream(shape="1x12", lang=lang)
    (warning,) = at.warning
    assert (
        "Expected more than 1 value per channel when training, got input size torch.Size([1, 12])"
        in warning.value
    )
    assert errors(at) == [] and not at.metric and "0/0" in texts(at)
    assert not at.subheader and "stream/play" not in [button.key for button in at.button]
    assert at.title[0].value == refused(at, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["32x64x32x32", "4x4096x1x1"])
def test_a_shape_that_leaves_no_room_is_one_sentence(lang: str, shape: str) -> None:
    at = stream(shape=shape, lang=lang)
    (sentence,) = errors(at)
    assert shape.replace("x", " × ") in sentence and "8 × 12 × 4 × 4" in sentence
    assert bool(CJK.search(sentence)) == (lang == "zh") and not at.metric
    assert at.title[0].value == refused(at, lang) and not at.subheader
    fine(widget(at, f"NCHW.C/{lang}").set_value(4).run())
    assert errors(at) == [] and at.metric


@pytest.mark.parametrize("shape", SHAPES)
def test_a_photographs_feature_maps_stream_too(shape: str) -> None:
    at = stream(shape=shape, input="photo", photo="flower")
    assert errors(at) == [] and len(metrics(at)) == 3
    assert "(Flower)" in texts(at) and "vultilion" in texts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_put_in_by_hand_is_left_out_and_the_page_says_so(lang: str) -> None:
    said = words(lang)["population.undisturbed"]
    calm = stream(lang=lang)
    assert said not in texts(calm)
    for disturb in ("nan", "inf", "constant"):
        at = stream(lang=lang, disturb=disturb)
        assert said in texts(at) and metrics(at) == metrics(calm)


def test_uploads_that_repeat_are_said_to() -> None:
    at = stream(input="upload", shape="4x6x8x8")
    assert "repeat" not in texts(at)
    for names in (["one"], ["two", "three"]):
        assert "repeat" not in texts(at)
        uploader(at).set_value([(f"{name}.png", picture(name), "image/png") for name in names])
        fine(at.run())
    assert "2 uploaded images repeat, in turn, to fill the 256 samples" in texts(at)


def test_on_several_devices_the_layer_sees_its_part() -> None:
    at = stream(method="batch_norm_devices", devices="4")
    assert "2 of the 8 samples" in texts(at)
    assert "batches of **2** samples" in texts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("average", ["exponential", "cumulative"])
def test_the_title_says_from_which_step_on_the_averages_stand_still(lang: str, average: str) -> None:
    name = say(lang, "method.batch_norm.name")
    for freeze, key in (("0", "title_start"), ("1", "title_frozen"), (str(STEPS), "title")):
        at = stream(lang=lang, freeze=freeze, average=average)
        assert at.title[0].value == say(lang, f"stream.{key}", name=name, held=freeze)
        assert "{" not in texts(at)


def test_the_data_that_drifts_is_not_called_the_data_as_it_is() -> None:
    still, moving = stream(), stream(arrives="drifting")
    names = words("en")
    for at, key in ((still, "matching"), (moving, "matching_drifting")):
        figure = at.get("plotly_chart")[2].proto.spec
        for other in ("matching", "matching_drifting"):
            assert (names[f"stream_figure.{other}"] in figure) == (other == key)


def test_while_it_plays_the_evaluation_says_at_which_step_it_stands() -> None:
    at = stream(step="20")
    assert at.subheader[0].value == say("en", "stream.evaluation", held=20)
    fine(widget(at, "stream/play").click().run())
    assert at.subheader[0].value == say("en", "stream.evaluation_playing", step=20)
    fine(widget(at, "stream/pause").click().run())
    assert at.subheader[0].value == say("en", "stream.evaluation", held=20)


def test_one_sample_is_singular() -> None:
    at = stream(shape="1x12x4x4")
    assert "batches of **1** sample " in texts(at) and "1** samples" not in texts(at)
