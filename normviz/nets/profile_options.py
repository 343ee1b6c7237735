"""The command line of :mod:`normviz.nets.profile`: every option, and what is asked for with them."""

from __future__ import annotations

import argparse
import hashlib
import math
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from normviz.activations import ACTIVATIONS
from normviz.nets.folder import is_image
from normviz.nets.profile_job import Job
from normviz.network_runs import INITS, MODES, WEIGHTS, Plan
from normviz.networks import NETWORKS, network


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message[:1].upper()}{message[1:]}. See --help.")


def parser() -> argparse.ArgumentParser:
    """All options."""
    new = _Parser(
        prog="python -m normviz.nets.profile",
        description="Send a folder of images through a network and write what every layer put out: mean, variance, "
        "zeros, histogram, and more, over all images together.",
        epilog="Several processes: torchrun --nproc-per-node=4 -m normviz.nets.profile … gives the same numbers. An "
        "interrupted run is taken up by the same command, with as many processes as you like.",
        allow_abbrev=False,
    )
    new.add_argument("--network", required=True, metavar="KEY", help=f"one of {', '.join(NETWORKS)}")
    new.add_argument(
        "--images", required=True, type=Path, metavar="DIR", help="the folder: JPEG, PNG, WebP, GIF, BMP"
    )
    new.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the trace goes, as JSON")
    what = new.add_argument_group("the network")
    what.add_argument(
        "--norm",
        default="",
        metavar="KEY",
        help="the normalization, a key of the catalogue, or none (default: its own)",
    )
    what.add_argument("--activation", default="", metavar="KEY", help="the activation (default: its own)")
    what.add_argument(
        "--weights", choices=WEIGHTS, help="where they come from (default: random; own with --weights-file)"
    )
    what.add_argument("--weights-file", type=Path, metavar="FILE", help="your weights, as safetensors")
    what.add_argument("--init", choices=INITS, default="default", help="how random weights are drawn")
    what.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of what is random (default: 0)")
    what.add_argument(
        "--side",
        type=_whole(0),
        default=0,
        metavar="N",
        help="height and width of the input (default: its own)",
    )
    what.add_argument("--mode", choices=MODES, default="eval", help="(default: eval)")
    how = new.add_argument_group("the run")
    how.add_argument(
        "--batch-size",
        type=_whole(1),
        default=32,
        metavar="N",
        help="images in one pass (default: 32); in train mode it decides the numbers",
    )
    how.add_argument(
        "--workers",
        type=_whole(0),
        default=2,
        metavar="N",
        help="processes that read images, for each process of the network; 0: none (default: 2)",
    )
    how.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu", help="(default: cpu)")
    how.add_argument(
        "--limit", type=_whole(1), metavar="N", help="only the first N images, in the order of their names"
    )
    how.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with the folders within (default)",
    )
    how.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from what an interrupted run has left (default), or begin anew",
    )
    how.add_argument(
        "--save-every",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how often what is done is kept (default: 30)",
    )
    how.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="how long to wait for a process that does not get on (default: 600)",
    )
    how.add_argument("--bad", type=Path, metavar="FILE", help="list every file that could not be read here")
    return new


def job_of(options: argparse.Namespace) -> Job:
    """What is asked for. Raises ValueError where it cannot be done, before torch is loaded."""
    row = network(options.network)
    if options.activation and options.activation not in ACTIVATIONS:
        raise ValueError(f"{options.activation!r} is no activation: use one of {', '.join(ACTIVATIONS)}.")
    weights = options.weights or ("own" if options.weights_file else "random")
    if (weights == "own") != bool(options.weights_file):
        raise ValueError(
            f"--weights {weights} {'needs' if weights == 'own' else 'takes no'} --weights-file: name the safetensors "
            "file with --weights own, or leave both out."
        )
    if options.mode == "train" and options.batch_size < row.fewest(options.norm):
        raise ValueError(
            f"{row.key} normalizes over the batch and needs {row.fewest(options.norm)} images in training mode, not "
            f"--batch-size {options.batch_size}: try 32."
        )
    if not options.images.is_dir():
        raise ValueError(f"{options.images} is no folder: name a folder of images with --images.")
    out: Path = options.out
    _check_written("--out", out, "trace.json")
    if options.bad:
        _check_written("--bad", options.bad, "bad.txt")
    plan = Plan(
        row.key,
        weights,
        options.init if weights == "random" else INITS[0],
        row.chosen_norm(options.norm),
        row.chosen_activation(options.activation),
        options.mode,
        row.chosen_side(options.side),
        options.seed,
        options.device,
        digest=_digest(options.weights_file) if options.weights_file else "",
    )
    return Job(
        plan,
        options.images,
        out,
        options.weights_file,
        options.batch_size,
        options.workers,
        options.limit,
        options.recursive,
        options.resume,
        options.save_every,
        options.timeout,
    )


def _check_written(option: str, path: Path, example: str) -> None:
    """Raises ValueError where no file of text can go there, or an image would be overwritten."""
    if path.is_dir() or not path.parent.is_dir():
        wrong = "is a folder" if path.is_dir() else "lies in a folder that is not there"
        raise ValueError(f"{path} {wrong}: name a file in a folder that is.")
    if path.exists() and is_image(path.name):
        raise ValueError(
            f"{option} {path} would overwrite an image: what is written there is text and needs a file of its own, "
            f"such as {path.with_name(example)}."
        )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise ValueError(
            f"The weights {path} cannot be read: {problem.strerror}. Name a safetensors file."
        ) from problem


def _whole(least: int) -> Any:
    """What reads a whole number from there on."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) < 2**31:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return int(text)

    return read


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(seconds := float(text)) and seconds >= 0:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
