"""torchvision's published ImageNet weights: downloaded when asked for, checked by their hash, kept where torchvision
keeps the same files.

Nothing of a file is read before its SHA-256 is the published one, and then only with ``weights_only=True``. A download
that was stopped or broke off goes on from there at the next try; several sessions and processes share one download.

Source: torchvision.models (file names, which end in the first digits of their SHA-256, sizes and accuracies).
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from normviz.nets.download import Progress, Stop, checked, download
from normviz.nets.weights_errors import WeightsError
from normviz.networks import NETWORKS

ADDRESS: Final = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Published:
    """A published file: torchvision's name of the model, the file, its size in MB, its accuracy, its SHA-256.

    ``accuracy`` is the share of ImageNet's 50,000 validation images whose class has the highest score, as published.
    """

    model: str
    file: str
    megabytes: float
    accuracy: float
    #: The whole SHA-256 where it is publicly known, else the first digits, which stand in the file's name.
    sha256: str

    @property
    def url(self) -> str:
        """Where the file is."""
        return ADDRESS + self.file

    @property
    def path(self) -> Path:
        """Where the file is, or is to be, on this machine."""
        return folder() / self.file


def _table(*rows: tuple[str, str, float, float, str]) -> Mapping[str, Published]:
    return {
        model: Published(model, f"{stem}-{digits[:8]}.pth", size, accuracy, digits)
        for model, stem, size, accuracy, digits in rows
    }


#: By torchvision's name of the model; ``Network.published`` in :mod:`normviz.networks` gives these names.
PUBLISHED: Final[Mapping[str, Published]] = _table(
    ("alexnet", "alexnet-owt", 233.1, 0.56522, "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"),
    ("vgg11", "vgg11", 506.8, 0.69020, "8a719046"),
    ("vgg11_bn", "vgg11_bn", 506.9, 0.70370, "6002323d"),
    ("vgg16", "vgg16", 527.8, 0.71592, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    ("vgg16_bn", "vgg16_bn", 527.9, 0.73360, "6c64b313"),
    ("vgg19", "vgg19", 548.1, 0.72376, "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    ("vgg19_bn", "vgg19_bn", 548.1, 0.74218, "c79401a0"),
    ("resnet18", "resnet18", 44.7, 0.69758, "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"),
    ("resnet34", "resnet34", 83.3, 0.73314, "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"),
    ("resnet50", "resnet50", 97.8, 0.76130, "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"),
)  # fmt: skip


def folder() -> Path:
    """Where torchvision, too, keeps downloaded weights: $TORCH_HOME/hub/checkpoints, else below ~/.cache/torch."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def of(network: str, norm: str = "") -> Published | None:
    """The published weights of a network here with this norm ("": its own), None where there are none.

    >>> of("resnet18").file, of("resnet18", "group_norm")
    ('resnet18-f37072fd.pth', None)
    """
    return PUBLISHED.get(NETWORKS[network].published(norm))


def is_here(published: Published) -> bool:
    """Whether the file is on this machine (its hash is checked when it is used)."""
    return published.path.is_file()


def fetch(published: Published, *, progress: Progress | None = None, stop: Stop | None = None) -> Path:
    """The path of the file, downloaded where it is not here yet; its hash is right. Raises WeightsError.

    ``progress(done, total)`` counts bytes; what it raises ends the download, like ``stop()`` when it returns True, and
    what has arrived is kept for the next try.
    """
    if not is_here(published):
        limit = round((published.megabytes + 1) * 1024**2)
        download(published.url, published.path, published.sha256, limit, progress=progress, stop=stop)
    checked(published.path, published.sha256)
    return published.path


def load(
    published: Published, *, progress: Progress | None = None, stop: Stop | None = None
) -> dict[str, torch.Tensor]:
    """The tensors of a published file by name, on the CPU. Raises WeightsError.

    Of files in torch's present format the values stay on the disk until they are used.
    """
    path = fetch(published, progress=progress, stop=stop)
    with path.open("rb") as file:
        present = file.read(4) == b"PK\x03\x04"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=present)
    except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
        state = None
    if not isinstance(state, Mapping) or not all(isinstance(each, torch.Tensor) for each in state.values()):
        raise WeightsError("unreadable", {"file": path.name, "folder": str(path.parent)})
    return dict(state)
