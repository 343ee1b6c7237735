"""A folder of images as batches that are always the same: sorted, cut into fixed pieces, read by other processes.

Which files are in a batch depends on the folder and the size of a batch alone, not on who reads it. A file that is no
image is left out of its batch and named with the reason. torch is imported when reading begins, so
that a wrong folder is told of at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from normviz.nets.images import MAX_BYTES, ImageError, load_image

if TYPE_CHECKING:
    import torch

#: What the name of an image ends with, in small or capital letters; what is inside is told by the bytes.
SUFFIXES: Final = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp")
#: Images are decoded with their longer side at most this long, or twice the network's input where that is more.
LONGEST: Final = 512
#: How many images each reading process prepares ahead.
AHEAD: Final = 16


class FolderError(ValueError):
    """A folder that cannot be read, or the processes that read it: one sentence."""


@dataclass(frozen=True)
class Listing:
    """The images of a folder: names relative to it, with slashes, and sizes in bytes, in the order of the names' bytes.

    ``others`` counts the files whose names do not end as an image's.
    """

    folder: Path
    files: tuple[tuple[str, int], ...]
    others: int

    def batches(self, size: int) -> int:
        """How many batches of this size there are; the last one may be smaller."""
        return -(-len(self.files) // size)

    def names(self, number: int, size: int) -> tuple[str, ...]:
        """The files of one batch."""
        return tuple(name for name, _ in self.files[number * size : (number + 1) * size])


@dataclass(frozen=True, eq=False)
class Batch:
    """What came of the files of a batch: (N, C, H, W), None where none could be read, and what could not, with why."""

    number: int
    images: NDArray[np.float32] | None
    bad: tuple[tuple[str, str], ...]


def listed(folder: Path, *, recursive: bool = True, limit: int | None = None) -> Listing:
    """The images in a folder, and in the folders within; a link to a folder is not followed.

    Raises FolderError where the folder, or one within, cannot be read, and where there is no image.
    """
    found: list[tuple[str, int]] = []
    others = 0
    for name, size in _files(folder, recursive):
        if is_image(name):
            found.append((name, size))
        else:
            others += 1
    if not found:
        raise FolderError(
            f"{folder} holds no image ({others} other files): put images there whose names end in "
            f"{', '.join(SUFFIXES)}, or name another folder."
        )
    found.sort(key=lambda file: os.fsencode(file[0]))
    return Listing(folder, tuple(found[:limit]), others)


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for an image.

    >>> is_image("a b.JPG"), is_image("trace.json")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def _files(folder: Path, recursive: bool) -> Iterator[tuple[str, int]]:
    """Every regular file below, and its size; links to files count as the files."""

    def refuse(problem: OSError) -> None:
        where = folder if problem.filename is None else problem.filename
        raise FolderError(f"The folder {where} cannot be read: {problem.strerror}. Name a folder of images.")

    for where, inner, names in os.walk(folder, onerror=refuse):
        if not recursive:
            inner.clear()
        for name in names:
            path = Path(where) / name
            try:
                about = path.stat()
            except OSError:  # a link to nowhere: listed as empty, and so reported
                yield path.relative_to(folder).as_posix(), 0
                continue
            if stat.S_ISREG(about.st_mode):
                yield path.relative_to(folder).as_posix(), about.st_size


class Images:
    """The images of a folder as a network takes them, (C, H, W) each, by the names of their files."""

    def __init__(self, folder: Path, network: str, side: int) -> None:
        self.folder, self.network, self.side = folder, network, side

    def __getitem__(self, name: str) -> torch.Tensor | str:
        """The image, or why there is none."""
        from normviz.nets.networks import prepare

        try:
            # At once in the size of the input: a batch of decoded photographs would be large.
            return prepare([self._decoded(name)], self.network, self.side)[0]
        except ImageError as problem:
            return str(problem)
        except OSError as problem:
            return f"The file cannot be read: {problem.strerror or type(problem).__name__}."

    def _decoded(self, name: str) -> NDArray[np.float32]:
        with (self.folder / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                megabytes = {"megabytes": round(size / 1024**2, 1), "limit_megabytes": MAX_BYTES // 1024**2}
                raise ImageError("too_large", megabytes)
            return load_image(file.read(MAX_BYTES + 1), side=max(LONGEST, 2 * self.side))


def read(
    listing: Listing,
    numbers: Iterable[int],
    size: int,
    *,
    network: str,
    side: int,
    workers: int = 0,
    timeout: float = 600.0,
) -> Iterator[Batch]:
    """The batches of these numbers, in this order; read by ``workers`` processes, or by this one where there are none.

    A batch and at most ``AHEAD`` images for each process are in memory at a time. Raises FolderError where one of the
    processes ends, or none brings an image in ``timeout`` seconds.
    """
    from torch.utils.data import DataLoader

    wanted = list(numbers)
    names = [name for number in wanted for name in listing.names(number, size)]
    images: Any = Images(listing.folder, network, side)
    more: dict[str, Any] = {}
    if workers and names:
        more = {"multiprocessing_context": _context(), "prefetch_factor": AHEAD, "timeout": timeout}
    # One image at a time: small enough for the little shared memory that a container has.
    loader: DataLoader[Any] = DataLoader(
        images, batch_size=None, sampler=names, num_workers=workers if names else 0, collate_fn=_same, **more
    )
    try:
        arriving = iter(loader)
        for number in wanted:
            yield _batch(number, listing.names(number, size), arriving)
    except (EOFError, ConnectionError) as problem:
        raise FolderError(
            f"The processes that read images cannot be started ({type(problem).__name__}): try --workers 0."
        ) from problem
    except RuntimeError as problem:
        if "DataLoader" not in str(problem):
            raise
        reason = str(problem).splitlines()[0].rstrip(". ")
        raise FolderError(
            f"A process that reads images ended or does not get on ({reason}), perhaps for want of memory: try fewer "
            "--workers, or --workers 0."
        ) from problem


def _batch(number: int, names: Sequence[str], arriving: Iterator[torch.Tensor | str]) -> Batch:
    images: list[NDArray[np.float32]] = []
    bad = []
    for name in names:
        one = next(arriving)
        if isinstance(one, str):
            bad.append((name, one))
        else:
            # A copy: as long as the tensor lives, it holds a file of the shared memory open.
            images.append(one.numpy().copy())
    return Batch(number, np.stack(images) if images else None, tuple(bad))


def _context() -> Any:
    """How processes are started beside the threads of torch.distributed: not as copies of this one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # torch is imported once, and not once for each.
    context.set_forkserver_preload(["torch.utils.data", __name__])
    if threading.current_thread() is threading.main_thread():
        # Ctrl-C reaches it too, while it still imports: it inherits that this is not for it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, before)
    return context


def _same(image: Any) -> Any:
    return image
