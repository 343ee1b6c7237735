"""A long pass in parts that can be put down and taken up: what is done of each, kept in a folder beside the result.

The batches are cut into at most ``PARTS`` runs of neighbours, whoever computes them. A part is folded batch by batch,
and the parts in their order: the same sums in the same order, however many processes share the work and however
often it was interrupted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from normviz.trace_file import read, written
from normviz.traces import Trace

#: Many numbers of processes divide it, so that they get equally much.
PARTS: Final = 120
RUN = "run.json"


class CheckpointError(ValueError):
    """A folder of parts that cannot be used: one sentence."""


@dataclass
class Part:
    """Batches ``start`` to ``stop`` and what is known of the first ``done`` of them."""

    number: int
    start: int
    stop: int
    done: int = 0
    images: int = 0
    bad: tuple[tuple[str, str], ...] = ()
    trace: Trace | None = None

    @property
    def left(self) -> range:
        """The numbers of the batches that are still to be done."""
        return range(self.start + self.done, self.stop)

    def add(self, trace: Trace | None, images: int, bad: Sequence[tuple[str, str]]) -> None:
        """The next batch is done; all at once, so that an interruption finds it done or not done."""
        both = trace if self.trace is None else self.trace if trace is None else self.trace.merge(trace)
        self.__dict__.update(
            done=self.done + 1, images=self.images + images, bad=(*self.bad, *bad), trace=both
        )


def cut(batches: int) -> list[Part]:
    """So many batches in parts.

    >>> [(part.start, part.stop) for part in cut(3)], len(cut(1000)), cut(1000)[-1].stop
    ([(0, 1), (1, 2), (2, 3)], 120, 1000)
    """
    count = min(PARTS, batches)
    return [Part(k, k * batches // count, (k + 1) * batches // count) for k in range(count)]


def deal(parts: Sequence[Part], done: Sequence[Sequence[int]]) -> list[int]:
    """Which process computes which part: ``done[rank][part]`` is how far the process's folder is with it.

    A part that was begun goes where it is known furthest; among those, as any other, to the process with the
    fewest batches before it. The processes deal alike.

    >>> deal(cut(4), [[0, 0, 0, 0], [0, 0, 0, 0]]), deal(cut(4), [[0, 0, 0, 0], [1, 1, 0, 0]])
    ([0, 1, 0, 1], [1, 1, 0, 1])
    """
    load = [0] * len(done)
    owners = []
    for part in parts:
        furthest = max(one[part.number] for one in done)
        ranks = [rank for rank, one in enumerate(done) if one[part.number] == furthest]
        owner = min(ranks, key=lambda rank: (load[rank], rank))
        load[owner] += part.stop - part.start - furthest
        owners.append(owner)
    return owners


@dataclass
class Checkpoint:
    """The parts of one run in a folder, one file each. ``run`` is all that decides the result, as JSON can hold it."""

    folder: Path
    run: Mapping[str, Any]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256(json.dumps(self.run, sort_keys=True).encode()).hexdigest()

    def open(self, *, resume: bool) -> None:
        """Find the parts of this run, where there are some; they are thrown away where they are not wanted.

        Raises CheckpointError where the folder holds those of another run, or could not be written.
        """
        try:
            if not resume:
                self.remove()
            if not (self.folder / RUN).exists():
                # Tried, and left as it was: what is wrong with it is said before hours of work.
                before = self.folder.exists()
                self.folder.mkdir(exist_ok=True)
                write_whole(self.folder / "try", b"")
                (self.folder / "try").unlink()
                if not before:
                    self.folder.rmdir()
                return
            found = json.loads((self.folder / RUN).read_bytes())
        except OSError as problem:
            raise cannot_write(self.folder, problem) from problem
        except ValueError:
            found = None
        if found == self.run:
            return
        other = found if isinstance(found, dict) else {}
        differs = sorted(key for key in {*other, *self.run} if other.get(key) != self.run.get(key))
        # Where the folder of images has changed, nothing can finish it any more.
        first = "" if "images" in differs else "finish that one first, "
        raise CheckpointError(
            f"{self.folder} holds an unfinished run that differs in {', '.join(differs)}: {first}write to another "
            "--out, or begin anew with --no-resume."
        )

    def done(self, parts: Sequence[Part]) -> list[int]:
        """How many batches of each part are in the folder."""
        heads = (self._load(part, whole=False) for part in parts)
        return [0 if head is None else head.done for head in heads]

    def load(self, part: Part) -> Part:
        """What the folder knows of this part; the part itself where that is nothing, or cannot be read."""
        return self._load(part, whole=True) or part

    def _load(self, part: Part, *, whole: bool) -> Part | None:
        try:
            with self._path(part).open("rb") as file:
                return self.unpacked(part, file.read() if whole else file.readline(), whole=whole)
        except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole: it is done again
            return None

    def packed(self, part: Part) -> bytes:
        """A part as one line of JSON about it, and its trace."""
        head = {"run": self.digest, "done": part.done, "images": part.images, "bad": part.bad}
        trace = "" if part.trace is None else written(part.trace)
        return f"{json.dumps(head)}\n{trace}".encode()

    def unpacked(self, part: Part, data: bytes, *, whole: bool = True) -> Part:
        """The part that was packed, without its trace where it is not the whole.

        Raises ValueError, KeyError or TypeError where it is not this part of this run.
        """
        line, _, text = data.partition(b"\n")
        head = json.loads(line)
        bad = tuple((str(name), str(why)) for name, why in head["bad"])
        known = Part(part.number, part.start, part.stop, int(head["done"]), int(head["images"]), bad)
        if head["run"] != self.digest or not 0 <= known.done <= part.stop - part.start:
            raise ValueError(f"part {part.number} belongs to another run")
        known.trace = read(text) if whole and known.images else None
        return known

    def save(self, part: Part) -> None:
        """Put this part into the folder, in the place of what was known of it."""
        try:
            self.folder.mkdir(exist_ok=True)
            if not (self.folder / RUN).exists():
                write_whole(self.folder / RUN, json.dumps(self.run, sort_keys=True).encode())
            write_whole(self._path(part), self.packed(part))
        except OSError as problem:
            raise cannot_write(self.folder, problem) from problem

    def remove(self) -> None:
        """Throw the folder away with all its parts."""
        if (self.folder / RUN).exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, part: Part) -> Path:
        return self.folder / f"{part.number:04d}.json"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or as it was before, whatever happens meanwhile."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def cannot_write(path: Path, problem: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be written: {problem.strerror or type(problem).__name__}. Name another --out, in a folder "
        "that is there and may be written to."
    )
