"""The weights that come with the project are as good as they say, and the script that made them works."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from normviz.nets import own_weights, train_digits, weights
from normviz.nets.kernel_network import digits
from normviz.nets.networks import build
from normviz.nets.weights import FOLDER, fill, trained_file, training
from normviz.network_runs import Plan

SHIPPED = sorted(FOLDER.glob("*.safetensors"))


def by_hand(module: torch.nn.Module) -> int:
    """How many of the last 360 digits are right, without the project's own preparation or counting."""
    pictures, labels = digits()
    grey = (pictures[-360:].double() + 1) / 2
    # Bringing 8 x 8 to 32 x 32 and scaling as the network's table says, with torch's own bilinear interpolation.
    large = torch.nn.functional.interpolate(grey, (32, 32), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        scores = module.double()((large - 0.3054) / 0.376)
    return int((scores.argmax(1) == labels[-360:]).sum())


def test_those_of_the_script_are_shipped_and_no_others() -> None:
    assert sorted(trained_file("small_cnn", norm) for norm in train_digits.NORMS) == SHIPPED
    assert sum(path.stat().st_size for path in SHIPPED) < 400_000


@pytest.mark.parametrize("norm", train_digits.NORMS)
def test_the_accuracy_is_what_the_file_says(norm: str) -> None:
    about = own_weights.read_header(trained_file("small_cnn", norm)).metadata
    module = build("small_cnn", norm=norm, init="none")
    fill(module, Plan("small_cnn", weights="trained", norm=norm))
    known = training("small_cnn", norm, "trained")
    assert known is not None and about["norm"] == norm
    assert (known.activation, known.side) == (about["activation"], 32)
    assert train_digits.count_right(module) == (known.correct, known.tested) == (int(about["correct"]), 360)
    assert about["accuracy"] == f"{known.accuracy:.4f}"
    assert {"network", "activation", "seed", "epochs", "script", "torch"} <= about.keys()
    # Enlarged in another way the digits look a little different: nearly as many are right.
    assert by_hand(module) >= 340


def test_the_readme_says_the_same() -> None:
    table = dict(
        re.findall(r"\| `(.+?)` \| .+? \| (\d+) of 360 \|", (FOLDER / "README.md").read_text("utf-8"))
    )
    assert table == {path.name: own_weights.read_header(path).metadata["correct"] for path in SHIPPED}


def test_a_short_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.get_rng_state()
    train_digits.main(["--norm", "batch_norm", "--epochs", "1", "--seed", "3", "--out", str(tmp_path)])
    assert torch.equal(torch.get_rng_state(), state)
    file = tmp_path / trained_file("small_cnn", "batch_norm").name
    said = capsys.readouterr().out
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    fill(build("small_cnn"), Plan("small_cnn", weights="trained"))
    known = training("small_cnn", "", "trained")
    assert known is not None
    assert f"batch_norm: {known.correct} of 360 held-out digits right" in said and file.name in said
    # One epoch is far better than guessing, and another seed makes another network.
    assert known.accuracy > 0.5
    train_digits.main(
        ["--norm", "batch_norm", "--epochs", "1", "--seed", "4", "--out", str(tmp_path / "other")]
    )
    assert (tmp_path / "other" / file.name).read_bytes() != file.read_bytes()


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    module = build("small_cnn", seed=2)
    files = [tmp_path / name for name in ("one", "two", "three")]
    for file in files:
        train_digits.save(module, file, "batch_norm", seed=2, epochs=0)
    assert len({file.read_bytes() for file in files}) == 1
    assert own_weights.read_header(files[0]).metadata["epochs"] == "0"


def test_the_same_seed_trains_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    few = train_digits._digits("train")[0][:100], train_digits._digits("train")[1][:100]
    monkeypatch.setattr(train_digits, "_digits", lambda part: few)
    losses: list[float] = []
    one = train_digits.train("group_norm", epochs=3, tell=lambda epoch, loss: losses.append(loss))
    with torch.inference_mode():  # whoever asks
        two = train_digits.train("group_norm", epochs=3)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert np.all(np.diff(losses) < 0) and not one.training
