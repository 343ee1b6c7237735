"""The devices topic without a browser: its numbers, its sentences, and a real run."""

from __future__ import annotations

import functools
import re
import sys

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.nets import device_processes
from normviz.splits import across_batch
from normviz.text.lookup import say
from tests.pages.app import CJK, LANGUAGES, SHAPES, data, errors, fine, link, metrics, texts, visit, widget

CROSSING = [key for key, method in nv.METHODS.items() if across_batch(method.spec())]


def open_devices(**more: str) -> AppTest:
    return visit("forward", {"topic": "devices", **more})


def button(at: AppTest, key: str = "nv-device-run") -> object:
    (found,) = [b for b in at.button if b.key == key]
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("method", CROSSING)
def test_every_method_that_crosses_the_batch(lang: str, method: str) -> None:
    spec = nv.METHODS[method].spec()
    for name, shape in SHAPES.items():
        if len(shape) not in map(len, spec.layouts):
            continue
        for per in ("all", "one"):
            at = open_devices(lang=lang, method=method, shape=name, per=per)
            assert errors(at) == [] and not at.warning
            assert say(lang, f"method.{method}.name") in at.title[0].value
            assert bool(CJK.search(texts(at))) == (lang == "zh")
            assert len(at.get("plotly_chart")) == 1 and at.dataframe


def test_methods_within_a_sample_have_no_devices() -> None:
    at = visit("forward", method="group_norm", topic="devices")
    assert "topic" not in link(at)


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_the_numbers_are_those_of_numpy(devices: int) -> None:
    at = open_devices(devices=str(devices), seed="5")
    x = data("8x12x4x4", 5).astype(np.float64)
    own = x.reshape(devices, 8 // devices, 12, 4, 4)
    shift = (own.mean((1, 3, 4)) - x.mean((0, 2, 3))) / x.std((0, 2, 3))
    ratio = own.std((1, 3, 4)) / x.std((0, 2, 3))
    samples, values, mean, std = (m.value for m in at.metric)
    assert samples == f"{8 // devices} of 8" and values == f"{128 // devices} of 128"
    assert float(mean.split()[0]) == pytest.approx(float(np.sqrt((shift**2).mean())), abs=5e-3)
    assert float(std.split()[0]) == pytest.approx(100 * float(np.sqrt(((ratio - 1) ** 2).mean())), abs=0.051)
    (table,) = [frame.value for frame in at.dataframe]
    assert len(table) == devices + 1
    c = nv.layouts.default_cell((8, 12, 4, 4))[1]
    np.testing.assert_allclose(table.iloc[:-1, 4].astype(float), own[:, :, c].mean((1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(float(table.iloc[-1, 5]), x[:, c].std(), rtol=1e-6)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("way", ["chunk", "pad", "drop"])
def test_devices_that_do_not_divide_the_batch_are_said(lang: str, way: str) -> None:
    at = open_devices(lang=lang, devices="3", way=way)
    (sentence,) = [box.value for box in at.warning]
    assert "K = 3" in sentence and "N = 8" in sentence and bool(CJK.search(sentence)) == (lang == "zh")
    assert sentence.count(say(lang, "devices.or")) == 1 and re.search(r"2\D+4", sentence.rsplit("N", 1)[1])
    assert errors(at) == [] and at.get("plotly_chart")
    told = {"chunk": "1.5", "pad": "0", "drop": f"6{say(lang, 'devices.and')}7"}[way]
    assert told in sentence
    # A neighbour works.
    fine(widget(at, f"topic.devices/{lang}").set_value(4).run())
    assert not at.warning and "way" not in link(at)


def test_more_devices_than_samples() -> None:
    at = open_devices(devices="12")
    assert "4 here" in at.warning[0].value and errors(at) == []
    (sentence,) = errors(open_devices(devices="12", way="drop"))
    assert "try 8 devices" in sentence


def test_the_cube_shows_the_same_devices() -> None:
    keys = {key for key, m in nv.METHODS.items() if any(k.divides == "N" for k in m.knobs)}
    (shown,) = re.findall(r"\(\./cube\?(.*?)\)", texts(open_devices(devices="2", seed="3")))
    choices = dict(pair.split("=") for pair in shown.split("&"))
    assert choices["method"] in keys and choices["devices"] == "2" and choices["seed"] == "3"
    at = visit("cube", choices)
    assert metrics(at)[0] == 4 * 16
    assert "./cube?" not in texts(open_devices(devices="3"))


def test_a_method_with_devices_of_its_own_has_one_picker() -> None:
    at = open_devices(method="batch_norm_devices", devices="2")
    assert [w.key for w in at.number_input if "device" in str(w.key)] == []
    assert at.metric[0].value == "4 of 8"


def test_a_nan_is_told() -> None:
    assert say("en", "devices.note_nonfinite") in texts(open_devices(disturb="nan"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_real_run_agrees_and_stays_until_a_choice_changes(lang: str) -> None:
    at = open_devices(lang=lang, devices="2", shape="4x6")
    fine(button(at).click().run(timeout=300))  # type: ignore[attr-defined]
    assert errors(at) == []
    assert any(":material/check_circle:" in line.value and "10⁻" in line.value for line in at.markdown)
    results = [frame.value for frame in at.dataframe if len(frame.value.columns) == 5]
    (table,) = results
    alone, synchronised = (row for _, row in table.iterrows())
    assert "×" not in alone.iloc[1] and all("×" in v or v == "0" for v in synchronised.iloc[1:])
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    fine(at.run())
    assert any(":material/check_circle:" in line.value for line in at.markdown)
    fine(widget(at, f"topic.devices/{lang}").set_value(4).run())
    assert not any(":material/check_circle:" in line.value for line in at.markdown)


@pytest.mark.parametrize(
    ("lang", "code"), [("en", "died"), ("zh", "died"), ("en", "timeout"), ("zh", "start")]
)
def test_a_run_that_fails_is_one_sentence(lang: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = {
        "died": (sys.executable, "-c", "raise SystemExit(3)"),
        "timeout": (sys.executable, "-c", "import time; time.sleep(600)"),
        "start": ("/nowhere/python",),
    }[code]
    failing = functools.partial(device_processes.run, worker=worker, timeout=30 if code == "died" else 0.2)
    monkeypatch.setattr(device_processes, "run", failing)
    at = open_devices(lang=lang, devices="2")
    fine(button(at).click().run())  # type: ignore[attr-defined]
    (sentence,) = errors(at)
    assert bool(CJK.search(sentence)) == (lang == "zh") and "Traceback" not in sentence
    start = say(lang, f"devices_error.{code}").split("{")[0]
    assert sentence.startswith(start)
    # The page is whole, and can be tried again.
    assert at.get("plotly_chart") and button(at)


def test_too_many_processes_and_too_few_values_are_said() -> None:
    at = open_devices(devices="16", shape="16x12x4x4")
    assert "8 devices" in at.info[0].value and not [b for b in at.button if b.key == "nv-device-run"]
    at = open_devices(devices="1", shape="1x6")
    assert any("larger batch" in box.value for box in at.info) and errors(at) == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("more", [{"devices": "1"}, {}, {"devices": "4", "way": "pad"}])
def test_a_batch_of_one_value_a_set_says_what_torch_says(lang: str, more: dict[str, str]) -> None:
    at = open_devices(lang=lang, shape="1x12", **more)
    (sentence,) = [box.value for box in at.info if "Expected more than 1 value per channel" in box.value]
    assert say(lang, "devices.lone_batch") in sentence
    assert [m.value for m in at.metric][2:] == ["–", "–"] and not at.get("plotly_chart")
    assert "nan" not in texts(at).lower() and errors(at) == []


def test_devices_of_one_value_a_set() -> None:
    at = open_devices(shape="8x12", devices="8")
    (sentence,) = [box.value for box in at.info if "Expected more than 1 value per channel" in box.value]
    assert say("en", "devices.lone_device") in sentence and at.get("plotly_chart")
    assert at.metric[3].value == "100.0 %"
    assert not [box for box in open_devices(shape="8x12", devices="4").info if "Expected" in box.value]


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 2), (3, 3), (5, 4)])
def test_no_more_devices_than_samples_unless_asked_for(n: int, count: int) -> None:
    at = open_devices(shape=f"{n}x12x4x4")
    assert f"K = {count} " in at.title[0].value and "devices" not in link(at)


@pytest.mark.parametrize("method", CROSSING)
def test_the_title_holds_for_every_method(method: str) -> None:
    title = open_devices(method=method, devices="4").title[0].value
    assert "4 batches of 2, or one of 8 when synchronized" in title


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
def test_what_is_put_in_by_hand_warns_nobody(lang: str, disturb: str) -> None:
    assert errors(open_devices(lang=lang, disturb=disturb)) == []
