"""Trains the small network whose weights come with this project: ``python -m normviz.nets.train_digits``.

small_cnn learns scikit-learn's handwritten digits: 1,437 to learn from, and 360 that are looked at once, at the end,
to count how many it gets right. One thread, one seed, a fixed number of epochs; a quarter of a minute for each norm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from torch.nn import functional

from normviz.nets import own_weights
from normviz.nets.networks import build, digit_data, prepare
from normviz.nets.networks.inputs import Part
from normviz.nets.runtime import one_thread
from normviz.nets.weights import FOLDER, trained_file
from normviz.networks import NETWORKS

NETWORK: Final = "small_cnn"
#: The norms that come with the project. Layer Norm over (C, H, W) does not: its scales and shifts, one for each cell
#: of the maps, would take as much room as all of these together.
NORMS: Final = ("none", "batch_norm", "layer_norm_last", "instance_norm", "group_norm")
EPOCHS: Final = 12
BATCH: Final = 64
#: Adam's greatest rate; it falls to 0 along half a cosine.
RATE: Final = 3e-3


def train(
    norm: str = "", *, seed: int = 0, epochs: int = EPOCHS, tell: Callable[[int, float], None] | None = None
) -> torch.nn.Module:
    """small_cnn with this norm ("": its own), trained, in evaluation mode. ``tell(epoch, loss)`` hears of every epoch.

    The loss is the mean of the epoch's batches. The same seed gives the same weights on the same machine. torch's
    global random state is neither read nor moved.
    """
    x, labels = _digits("train")
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(x) // BATCH)
    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        module = build(NETWORK, norm=norm, init="he", seed=seed).train()
        optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for epoch in range(1, epochs + 1):
            losses = []
            for batch in torch.randperm(len(x), generator=generator).split(BATCH):
                optimizer.zero_grad()
                loss = functional.cross_entropy(module(x[batch]), labels[batch])
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            if tell is not None:
                tell(epoch, sum(losses) / len(losses))
    return module.eval()


def count_right(module: torch.nn.Module) -> tuple[int, int]:
    """How many held-out digits get their highest score for what they are, and how many there are.

    In float64, so that no machine's rounding decides.
    """
    x, labels = _digits("held_out")
    exact = module.double().eval()
    with one_thread(), torch.inference_mode():
        right = int((exact(x.double()).argmax(1) == labels).sum())
    module.float()
    return right, len(labels)


def save(module: torch.nn.Module, path: Path, norm: str, seed: int, epochs: int) -> tuple[int, int]:
    """Write the weights in half precision with all that is known of them; how many held-out digits they get right.

    They are counted with the weights as they are in the file.
    """
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in module.state_dict().items()
    }
    module.load_state_dict(state)
    right, tested = count_right(module)
    metadata = {
        "network": NETWORK,
        "norm": norm,
        "activation": NETWORKS[NETWORK].activation,
        "data": "scikit-learn digits, upscaled to 32 x 32",
        "correct": str(right),
        "tested": str(tested),
        "accuracy": f"{right / tested:.4f}",
        "seed": str(seed),
        "epochs": str(epochs),
        "script": "python -m normviz.nets.train_digits",
        "torch": torch.__version__,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_in_order(safetensors.torch.save(state, metadata)))
    return right, tested


def _in_order(file: bytes) -> bytes:
    """The file with its header sorted: safetensors writes the metadata in another order every time."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the values begin at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + file[end:]


def _digits(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = digit_data(part)
    return prepare(images, NETWORK), torch.from_numpy(labels)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write and say how good it is."""
    parser = argparse.ArgumentParser(
        description="Train small_cnn on scikit-learn's digits and keep its weights."
    )
    parser.add_argument("--norm", nargs="*", default=NORMS, choices=NETWORKS[NETWORK].norms, metavar="KEY",
                        help=f"of {', '.join(NETWORKS[NETWORK].norms)} (default: {' '.join(NORMS)})")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=FOLDER, help="the folder to write to (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    for norm in chosen.norm:
        module = train(norm, seed=chosen.seed, epochs=chosen.epochs,
                       tell=lambda epoch, loss: print(f"  epoch {epoch:2d}  loss {loss:.4f}", flush=True))  # fmt: skip
        path = chosen.out / trained_file(NETWORK, norm).name
        right, tested = save(module, path, norm, chosen.seed, chosen.epochs)
        own_weights.read(path)  # what is shipped passes what every file must pass
        print(
            f"{norm}: {right} of {tested} held-out digits right ({right / tested:.1%}) -> {path.name}",
            flush=True,
        )


if __name__ == "__main__":
    main()
