"""One process's share of a folder's pass through a network, and how the shares become one trace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from normviz.nets.folder import Listing, listed, read
from normviz.nets.profile_group import Group
from normviz.nets.profile_job import Job, Profile, ProfileError, described
from normviz.nets.profile_parts import Checkpoint, Part, cannot_write, cut, deal, write_whole
from normviz.trace_file import written
from normviz.traces import Trace

Forward = Callable[[NDArray[np.float32], int], Trace]


def profile(
    job: Job,
    group: Group,
    forward: Callable[[], Forward],
    *,
    shown: Callable[[int, int, int], None] = lambda done, before, total: None,
) -> Profile | None:
    """Send this process's share of the folder through the network; the first process returns the whole.

    ``forward()`` builds the network. ``shown(done, before, total)`` is told how many files are done, how many of
    them had been before this run, and how many there are. What is done is kept in ``job.parts`` until all is.
    """
    listing = listed(job.images, recursive=job.recursive, limit=job.limit)
    work = _Work(job, group, listing, shown)
    group.join()
    work.agree()
    if job.plan.weights == "published" and group.place.local_rank:
        group.share("fetched", "")  # one process of a machine downloads, the others find the file
    run = forward()
    if job.plan.weights == "published" and not group.place.local_rank:
        group.share("fetched", "")
    try:
        work.compute(run)
        found = work.collect()
    except BaseException:  # an interruption too
        work.leave()
        raise
    if group.place.local_rank == 0:
        work.checkpoint.remove()
    return found


class _Work:
    """The parts of one process."""

    def __init__(
        self, job: Job, group: Group, listing: Listing, shown: Callable[[int, int, int], None]
    ) -> None:
        self.job, self.group, self.listing, self._shown = job, group, listing, shown
        self.checkpoint = Checkpoint(job.parts, described(job, listing))
        self.parts = cut(listing.batches(job.batch_size))
        self.owners: list[int] = []
        self._unsaved: dict[int, Part] = {}
        self._empty = False
        self._before = 0
        self._began = self._saved = time.monotonic()

    def agree(self) -> None:
        """All processes mean the same run, and each has its parts, as far as they are done."""
        mine = json.dumps(self.checkpoint.run, sort_keys=True)
        said = [json.loads(one) for one in self.group.share("run", mine)]
        for rank, other in enumerate(said):
            if differs := [key for key in other if other[key] != said[0][key]]:
                raise ProfileError(
                    f"Process {rank} has another {differs[0]} ({other[differs[0]]}) than process 0 "
                    f"({said[0][differs[0]]}): start all with the same options, on the same files."
                )
        if self.group.place.local_rank == 0:
            self.checkpoint.open(resume=self.job.resume)
        self.group.share("opened", "")
        done = [
            json.loads(one) for one in self.group.share("done", json.dumps(self.checkpoint.done(self.parts)))
        ]
        self.owners = deal(self.parts, done)
        for part in self.mine():
            self.parts[part.number] = self.checkpoint.load(part)
        before = sum(part.images + len(part.bad) for part in self.mine())
        self._before = sum(map(int, self.group.share("before", str(before))))

    def mine(self) -> list[Part]:
        """The parts of this process, in their order."""
        return [part for part in self.parts if self.owners[part.number] == self.group.place.rank]

    def compute(self, forward: Forward) -> None:
        """What is still to be done of them."""
        job, plan = self.job, self.job.plan
        mine = self.mine()
        numbers = [number for part in mine for number in part.left]
        owner = {number: part for part in mine for number in part.left}
        self._tell(now=True)
        self.group.share("ready", "")
        self._began = self._saved = time.monotonic()
        for batch in read(
            self.listing,
            numbers,
            job.batch_size,
            network=plan.network,
            side=plan.side,
            workers=job.workers,
            timeout=job.timeout,
        ):
            trace = None if batch.images is None else forward(batch.images, batch.number)
            if trace is not None and trace.error:
                names = self.listing.names(batch.number, job.batch_size)
                raise ProfileError(
                    f"The forward pass of batch {batch.number} ({names[0]} to {names[-1]}) ended early: {trace.error}"
                )
            part = owner[batch.number]
            part.add(trace, 0 if batch.images is None else len(batch.images), batch.bad)
            self._unsaved[part.number] = part
            self._tell()
            self._save_in_time()
        self._tell(now=True)

    def _save_in_time(self) -> None:
        if time.monotonic() - self._saved >= self.job.save_every:
            self.save()
            self._saved = time.monotonic()

    def save(self) -> None:
        """Put what is new into the folder."""
        while self._unsaved:
            number = next(iter(self._unsaved))
            self.checkpoint.save(self._unsaved[number])
            del self._unsaved[number]

    def leave(self) -> None:
        """What a run that came to nothing leaves: what is done; no folder where that is all and has no image in it."""
        if not self._empty:
            self.save()
        elif self.group.place.local_rank == 0:
            self.checkpoint.remove()

    def _tell(self, *, now: bool = False) -> None:
        mine = self.mine()
        self.group.beat(sum(part.images for part in mine), sum(len(part.bad) for part in mine), now=now)
        if self.group.place.rank == 0:
            self._show()

    def _while_waiting(self) -> None:
        self._show()
        self._save_in_time()

    def _show(self) -> None:
        done = sum(images + bad for images, bad in self._counts())
        self._shown(done, self._before, len(self.listing.files))

    def _counts(self) -> list[tuple[int, int]]:
        """How many images, and bad files, each process has seen."""
        if self.group.place.size > 1:
            return self.group.beats()
        return [(part.images, len(part.bad)) for part in self.parts]

    def _none_read(self) -> bool:
        """Whether there is no image; where all have finished, that is so for good."""
        return not any(images for images, _ in self._counts())

    def collect(self) -> Profile | None:
        """Every process's parts in their order as one, at the first process; the others hand theirs over."""
        group = self.group
        ranks = range(group.place.size)
        group.say(f"finished/{group.place.rank}")
        if group.place.rank:
            group.wait(["collect"], self._save_in_time)
            self._empty = self._none_read()
            for part in self.mine():
                group.send(self.checkpoint.packed(part))
            group.wait(["written"])
            group.say(f"gone/{group.place.rank}")
            return None
        if group.place.size > 1:
            group.wait([f"finished/{rank}" for rank in ranks], self._while_waiting)
            group.say("collect")
        self._empty = self._none_read()
        found = self._merged(self._all())
        self.write(found.trace)
        if group.place.size > 1:
            group.say("written")
            group.wait([f"gone/{rank}" for rank in ranks[1:]])
        return found

    def _all(self) -> Iterator[Part]:
        """The parts of all, in their order, one at a time."""
        for part, owner in zip(self.parts, self.owners, strict=True):
            if owner == self.group.place.rank:
                yield part
            else:
                yield self.checkpoint.unpacked(part, self.group.receive(owner))

    def _merged(self, parts: Iterable[Part]) -> Profile:
        trace, images, bad = None, 0, list[tuple[str, str]]()
        for part in parts:
            images += part.images
            bad += part.bad
            if part.trace is not None:
                trace = part.trace if trace is None else trace.merge(part.trace)
        if trace is None:
            raise ProfileError(
                f"None of the {len(bad)} files in {self.listing.folder} could be read. The first, {bad[0][0]}: "
                f"{bad[0][1]}"
            )
        about = self._about(images, len(bad))
        trace = replace(trace, model=self.job.plan.network, device=self.job.plan.device, about=about)
        return Profile(
            trace,
            images,
            len(self.listing.files),
            tuple(bad),
            self.listing.others,
            time.monotonic() - self._began,
        )

    def _about(self, images: int, bad: int) -> Mapping[str, str | int]:
        """What is said of the trace in its file. No name of a file or folder: the trace may be passed on."""
        plan = self.job.plan
        return {
            "network": plan.network,
            "norm": plan.norm,
            "activation": plan.activation,
            "weights": plan.weights,
            "init": plan.init if plan.weights == "random" else "",
            "seed": plan.seed,
            "side": plan.side,
            "images": images,
            "bad_images": bad,
            "batch_size": self.job.batch_size,
            "processes": self.group.place.size,
            "torch": self.checkpoint.run["torch"],
        }

    def write(self, trace: Trace) -> None:
        """The trace's file, whole or not at all."""
        try:
            write_whole(self.job.out, written(trace).encode())
        except OSError as problem:
            raise cannot_write(self.job.out, problem) from problem
