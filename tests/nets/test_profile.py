"""A folder through a network: by one process or many, at one go or not, the trace is that of all images at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from normviz.histograms import Histogram
from normviz.nets import profile_network, runtime
from normviz.nets.images import load_image
from normviz.nets.networks import build, prepare
from normviz.nets.profile import main
from normviz.nets.profile_parts import PARTS, cut, deal
from normviz.network_runs import Plan
from normviz.trace_file import load_trace
from normviz.traces import Trace

ROOT = Path(__file__).parents[2]
GOOD, BATCH = 20, 3
BAD = ("cut.png", "deep/fake.png", "zero.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 images in three folders, with spaces and Chinese in their names, and three files that are none."""
    root = tmp_path_factory.mktemp("images")
    (root / "deep" / "er").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(GOOD):
        path = root / ("", "deep", "deep/er")[k % 3] / f"{k} 图 ü.{('png', 'jpg')[k % 2]}"
        Image.fromarray(rng.integers(0, 256, (20 + k, 36, 3), dtype=np.uint8)).save(path)
    whole = (root / "0 图 ü.png").read_bytes()
    (root / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "deep" / "fake.png").write_text("no image", encoding="utf-8")
    (root / "zero.png").touch()
    (root / "notes.txt").touch()
    return root


def options(folder: Path, out: Path, *more: str) -> list[str]:
    return [
        *("--network", "small_cnn", "--images", str(folder), "--out", str(out), "--seed", "3"),
        *("--batch-size", str(BATCH), "--workers", "0", "--save-every", "0", *more),
    ]


def started(
    arguments: Sequence[str], processes: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """The profile as a process of its own; of so many processes under torchrun."""
    run = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes else []
    )
    return subprocess.Popen(
        [sys.executable, *run, "-m", "normviz.nets.profile", *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def content(path: Path) -> dict[str, Any]:
    """All that the file says of the layers, and what it says besides but how many processes there were."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["trace"]
    del found["about"]["processes"]
    return found


@pytest.fixture(scope="module")
def alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of one process."""
    out = tmp_path_factory.mktemp("alone") / "trace.json"
    assert main(options(folder, out)) == 0
    return out


def images(folder: Path) -> list[list[Path]]:
    """The batches, sorted and cut here once more, without the files that are none."""
    files = sorted(
        (p for p in folder.rglob("*") if p.suffix in (".png", ".jpg")),
        key=lambda p: p.relative_to(folder).as_posix().encode(),
    )
    batches = [files[k : k + BATCH] for k in range(0, len(files), BATCH)]
    good = [[p for p in batch if p.relative_to(folder).as_posix() not in BAD] for batch in batches]
    assert [] in good  # of one batch nothing is left
    return good


def test_it_is_the_trace_of_all_images(folder: Path, alone: Path) -> None:
    """The outputs of the convolutions, kept by hooks of our own and put together, and the input."""
    trace = load_trace(alone)
    kept: dict[str, list[np.ndarray]] = {"input": []}
    net = build("small_cnn", seed=3)
    for name, module in net.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            kept[name] = []
            module.register_forward_hook(
                lambda module, inputs, output, name=name: kept[name].append(output.double().numpy())
            )
    with torch.no_grad(), runtime.one_thread():
        for batch in filter(None, images(folder)):
            # Stacked as an array: a convolution rounds otherwise where the strides of the one channel are others.
            ready = [prepare([load_image(path.read_bytes())], "small_cnn")[0].numpy() for path in batch]
            x = torch.from_numpy(np.stack(ready))
            kept["input"].append(x.double().numpy())
            net(x)
    layers = {layer.name: layer for layer in (trace.input, *trace.layers)}
    assert len(kept) > 3
    for name, parts in kept.items():
        layer, values = layers[name], np.concatenate(parts)
        assert layer.shape == values.shape and len(values) == GOOD
        assert (layer.min, layer.max) == (values.min(), values.max())
        assert layer.zeros == (values == 0).sum() and layer.negatives == (values < 0).sum()
        # Bins of batches can be no finer than the coarsest of them: those of all values, joined.
        exact = Histogram.of(values)
        assert layer.histogram == exact.widened(layer.histogram.exponent)
        rows = values.swapaxes(0, 1).reshape(values.shape[1], -1)
        np.testing.assert_allclose(layer.channel_mean, rows.mean(1), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(layer.channel_var, rows.var(1), rtol=1e-6)


def test_it_says_what_it_is_of(folder: Path, alone: Path) -> None:
    trace = load_trace(alone)
    assert (trace.model, trace.mode, trace.device) == ("small_cnn", "eval", "cpu")
    said = {"network": "small_cnn", "weights": "random", "norm": "batch_norm", "seed": 3, "images": GOOD}
    said |= {"bad_images": len(BAD), "batch_size": BATCH, "processes": 1, "torch": str(torch.__version__)}
    assert said.items() <= dict(trace.about).items()
    # The file may be passed on: nothing in it tells where it was made.
    assert str(folder) not in alone.read_text("utf-8") and "图" not in alone.read_text("utf-8")
    assert [path.name for path in alone.parent.iterdir()] == ["trace.json"]


def test_what_could_not_be_read_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.txt"
    assert main(options(folder, tmp_path / "t.json", "--bad", str(bad))) == 0
    said = capsys.readouterr()
    assert f"{len(BAD)} of {GOOD + len(BAD)} files could not be read" in said.out and not said.err
    lines = [line.split("\t") for line in bad.read_text("utf-8").splitlines()]
    assert tuple(name for name, _ in lines) == BAD
    for name, why in lines:
        assert f"  {name}: {why}\n" in said.out


class Interrupting:
    """The network's passes, counted; from a number on they are interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[int] = []
        self.stop_at = 10**9
        ready = profile_network.ready

        def counted(plan: Plan, *more: Any) -> Callable[[Any, int], Trace]:
            forward = ready(plan, *more)

            def run(batch: Any, number: int) -> Trace:
                if len(self.seen) >= self.stop_at:
                    raise KeyboardInterrupt
                self.seen.append(number)
                return forward(batch, number)

            return run

        monkeypatch.setattr(profile_network, "ready", counted)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Interrupting:
    return Interrupting(monkeypatch)


def test_an_interrupted_run_goes_on_where_it_was(
    folder: Path, alone: Path, tmp_path: Path, passes: Interrupting, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trace.json"
    passes.stop_at = 3
    assert main(options(folder, out)) == 130
    assert "the same command goes on" in capsys.readouterr().err and not out.exists()
    # A file that was not written whole counts as not done.
    torn = tmp_path / "trace.json.parts" / "0001.json"
    torn.write_bytes(torn.read_bytes()[:-100])
    first, passes.seen, passes.stop_at = passes.seen, [], 10**9
    assert main(options(folder, out)) == 0
    some = [number for number, batch in enumerate(images(folder)) if batch]
    assert first == [0, 1, 2] == some[:3] and passes.seen == [1, *some[3:]]
    assert content(out) == content(alone) and not torn.parent.exists()


@pytest.mark.parametrize(("processes", "before"), [(1, 0), (2, 4), (4, 0)])
def test_any_number_of_processes_gives_the_same_trace(
    processes: int, before: int, folder: Path, alone: Path, tmp_path: Path, passes: Interrupting
) -> None:
    """Also where one process has done some batches before them."""
    out = tmp_path / "trace.json"
    if before:
        passes.stop_at = before
        assert main(options(folder, out)) == 130
        # Marked, so that it is seen to be used: a bad file that there is not.
        mark = tmp_path / "trace.json.parts" / "0002.json"
        head, _, trace = mark.read_text("utf-8").partition("\n")
        marked = json.loads(head)
        marked["bad"].append(["mark", "made by hand"])
        mark.write_text(f"{json.dumps(marked)}\n{trace}", encoding="utf-8")
    run = started(options(folder, out, "--workers", "1" if before else "0"), processes)
    said, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    found, whole = content(out), content(alone)
    assert said.count(f"{GOOD} images.") == 1
    if before:
        assert "mark: made by hand" in said
        assert found["about"].pop("bad_images") == whole["about"].pop("bad_images") + 1
    assert found == whole
    assert load_trace(out).about["processes"] == processes
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_killed_run_goes_on_where_it_was(folder: Path, alone: Path, tmp_path: Path) -> None:
    out, parts = tmp_path / "trace.json", tmp_path / "trace.json.parts"
    run = started(options(folder, out))
    end = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < end and not (parts / "0001.json").exists():
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert main(options(folder, out)) == 0
    assert content(out) == content(alone) and not parts.exists()


def test_other_arguments_do_not_take_up_what_was_left(
    folder: Path, tmp_path: Path, passes: Interrupting, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trace.json"
    passes.stop_at = 3
    assert main(options(folder, out)) == 130
    capsys.readouterr()
    for more, differs, helps in (
        (("--mode", "train"), "mode", "finish that one first, write"),
        (("--limit", "7"), "images", "write"),  # with other images, nothing may ever finish it
        (("--limit", "7", "--mode", "train"), "images, mode", "write"),
        (("--batch-size", "4", "--norm", "group_norm"), "batch-size, norm", "finish that one first, write"),
    ):
        assert main(options(folder, out, *more)) == 2
        said = f"differs in {differs}: {helps} to another --out, or begin anew with --no-resume.\n"
        assert capsys.readouterr().err.endswith(said)
    passes.seen, passes.stop_at = [], 10**9
    assert main(options(folder, out, "--limit", "7", "--no-resume")) == 0
    assert passes.seen == [0, 1, 2] and load_trace(out).input.shape[0] == 7


def test_training_mode_draws_alike_however_the_batches_are_shared(folder: Path, tmp_path: Path) -> None:
    """AlexNet's dropout: the numbers follow from the seed and the batch, not from what ran before it."""
    forward = profile_network.ready(Plan("alexnet", mode="train", side=227, seed=1), None, "cpu")
    x = np.random.default_rng(0).normal(size=(1, 3, 227, 227)).astype(np.float32)
    first, _, again, other = (forward(x, number) for number in (4, 0, 4, 5))
    dropped = [k for k, layer in enumerate(first.layers) if layer.op == "dropout"]
    assert dropped
    for k in dropped:
        assert first.layers[k].zeros == again.layers[k].zeros != other.layers[k].zeros


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--network": "resnet19"}, "resnet19"),
        ({"--norm": "batchnorm"}, "batchnorm"),
        ({"--activation": "rilu"}, "rilu"),
        ({"--side": "33000"}, "33000"),
        ({"--batch-size": "0"}, "'0' is no whole number from 1 on"),
        ({"--images": "{tmp}/nowhere"}, "nowhere is no folder"),
        ({"--images": "{tmp}/empty"}, "holds no image"),
        ({"--out": "{tmp}"}, "is a folder"),
        ({"--out": "{tmp}/nowhere/t.json"}, "is not there"),
        ({"--weights": "own"}, "needs --weights-file"),
        ({"--weights-file": "{tmp}/nothing.safetensors"}, "nothing.safetensors cannot be read"),
        ({"--weights-file": "{tmp}/notes.txt"}, "safetensors"),
        ({"--mode": "sleep"}, "'sleep'"),
        ({"--bogus": "1"}, "--bogus"),
        ({"--device": "cuda"}, "no CUDA GPU"),
    ],
    ids=lambda value: " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_one_sentence(
    change: dict[str, str],
    said: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no weights", encoding="utf-8")
    changed = [part for k, v in change.items() for part in (k, v.format(tmp=tmp_path))]
    assert main([*options(folder, tmp_path / "t.json"), *changed]) == 2
    error = capsys.readouterr().err
    assert error.startswith("normviz: ") and error.count("\n") == 1 and said in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "notes.txt"]


def test_nothing_that_can_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").touch()
    assert main(options(tmp_path, tmp_path / "t.json")) == 2
    assert "None of the 1 files" in capsys.readouterr().err


@pytest.mark.parametrize("processes", [0, 2])
def test_of_a_folder_without_an_image_nothing_is_left(
    processes: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once it is mended, the same command begins anew."""
    images, out = tmp_path / "images", tmp_path / "t.json"
    images.mkdir()
    for k in range(4 * BATCH):
        (images / f"{k}.png").touch()
    run = started(options(images, out), processes)
    _, errors = run.communicate(timeout=300)
    assert run.returncode and errors.count(f"None of the {4 * BATCH} files") == 1, errors
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    (images / "0.png").write_bytes((folder / "0 图 ü.png").read_bytes())
    assert main(options(images, out)) == 0
    assert "over 1 images" in capsys.readouterr().out


def test_without_an_image_so_far_what_is_done_is_kept(
    folder: Path, tmp_path: Path, passes: Interrupting
) -> None:
    """An interrupted run is not at its end: its files that are none were read, and are not read again."""
    images = tmp_path / "images"
    images.mkdir()
    for k in range(BATCH):
        (images / f"{k}.png").touch()
    (images / "last.png").write_bytes((folder / "0 图 ü.png").read_bytes())
    passes.stop_at = 0
    assert main(options(images, tmp_path / "t.json")) == 130
    assert sorted(path.name for path in (tmp_path / "t.json.parts").iterdir()) == ["0000.json", "run.json"]


@pytest.mark.parametrize("option", ["--out", "--bad"])
@pytest.mark.parametrize("name", ["images/a.png", "images/deep/b.JPG", "elsewhere.jpeg"])
def test_an_image_is_not_overwritten(
    option: str, name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "images").mkdir(exist_ok=True)
    path.write_bytes(before := (folder / "0 图 ü.png").read_bytes())
    assert main([*options(tmp_path / "images", tmp_path / "t.json"), option, str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"normviz: {option} {path} would overwrite an image: ") and error.count("\n") == 1
    free = {"--out": "trace.json", "--bad": "bad.txt"}[option]
    assert error.endswith(f"such as {path.with_name(free)}.\n") and path.read_bytes() == before
    assert not (tmp_path / "t.json").exists()


def test_an_earlier_trace_is_overwritten(folder: Path, alone: Path, tmp_path: Path) -> None:
    out, bad = tmp_path / "trace.json", tmp_path / "bad.txt"
    out.write_text("an earlier one", encoding="utf-8")
    bad.write_text("an earlier list", encoding="utf-8")
    assert main(options(folder, out, "--bad", str(bad))) == 0
    assert content(out) == content(alone) and len(bad.read_text("utf-8").splitlines()) == len(BAD)


def test_processes_that_see_other_files_do_not_begin(folder: Path, tmp_path: Path) -> None:
    """Two machines, each with a folder of its own: one of them says what is wrong, and both end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    place["MASTER_PORT"] = port
    both = [
        started(options(one, tmp_path / "t.json"), environment=place | {"RANK": str(rank)})
        for rank, one in enumerate((folder, folder / "deep"))
    ]
    errors = "".join(run.communicate(timeout=120)[1] for run in both)
    assert [run.returncode for run in both] == [2, 2]
    assert errors.count("has another images") == 1 and "Traceback" not in errors, errors


@given(st.integers(1, 3000))
def test_parts_are_all_batches_in_their_order(batches: int) -> None:
    parts = cut(batches)
    assert [number for part in parts for number in part.left] == list(range(batches))
    assert len(parts) == min(PARTS, batches) and min(len(part.left) for part in parts) >= 1


@given(st.integers(1, 300), st.lists(st.integers(0, 2**32), min_size=1, max_size=9))
def test_parts_are_dealt_to_those_who_know_most_of_them(batches: int, seeds: list[int]) -> None:
    parts = cut(batches)
    done = [
        [int(n) for n in np.random.default_rng(seed).integers(0, [len(part.left) + 1 for part in parts])]
        for seed in seeds
    ]
    owners = deal(parts, done)
    for part, owner in zip(parts, owners, strict=True):
        assert done[owner][part.number] == max(one[part.number] for one in done)
    fresh = deal(parts, [[0] * len(parts)] * len(seeds))
    work = [sum(len(p.left) for p in parts if fresh[p.number] == rank) for rank in range(len(seeds))]
    assert max(work) - min(work) <= max(len(part.left) for part in parts)
