"""The distributions of every layer over a whole folder of images, by one process or by many::

    python -m normviz.nets.profile --network resnet50 --images DIR --out trace.json
    torchrun --nproc-per-node=4 -m normviz.nets.profile --network resnet50 --images DIR --out trace.json

The trace is the same for any number of processes: equal counts and histograms, equal means. What is done is kept
beside it until all is, so the same command goes on where it was interrupted. The network page opens the trace.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from normviz.nets import runtime
from normviz.nets.folder import FolderError
from normviz.nets.profile_group import Group, GroupError, Place
from normviz.nets.profile_job import Job, Profile
from normviz.nets.profile_options import job_of, parser
from normviz.nets.profile_parts import cannot_write, write_whole
from normviz.nets.profile_pass import profile
from normviz.nets.profile_progress import Progress

#: How an ended process says whether it did what was asked, could not, or was stopped.
DONE, REFUSED, STOPPED = 0, 2, 130
#: So many files that could not be read are named on the screen.
NAMED = 10
KEPT = "stopped; what is done is kept, and the same command goes on from there."


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; 0 when it is done, 2 after a sentence that says why not, 130 when stopped."""
    place = Place.here()
    group: Group | None = None
    job: Job | None = None
    try:
        options = parser().parse_args(arguments)
        job = job_of(options)
        runtime.load()
        from normviz.nets.profile_network import device_of, ready

        device = device_of(job.plan.device, place.local_rank)
        group = Group(place, device, job.timeout)
        # One thread: how a sum is cut among threads changes its last digits.
        with runtime.one_thread(), _signals(), Progress(sys.stderr) as progress:
            found = profile(
                job,
                group,
                lambda: ready(job.plan, job.weights_file, device, progress.fetched),
                shown=progress.show,
            )
        group.leave()
    except (ValueError, GroupError, FolderError) as problem:
        # Told once: what is wrong with the command by one process of each machine, the rest by the first to see it.
        first = place.local_rank == 0 if group is None else group.fail()
        if str(problem) and first:
            print(f"normviz: {problem}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        if group.fail() if group is not None else place.local_rank == 0:
            begun = job is not None and job.parts.exists()
            print(f"normviz: {KEPT if begun else 'stopped; nothing was done yet.'}", file=sys.stderr)
        return STOPPED
    except BaseException:
        if group is not None:
            group.fail()
        raise
    if found is not None:
        report(job, found, options.bad)
    return DONE


def report(job: Job, found: Profile, bad: Path | None) -> None:
    """Say what came out, and what could not be read."""
    trace = found.trace
    print(f"{job.out}: {len(trace.layers)} layers of {job.plan.network} over {found.images} images.")
    print(f"The images took {found.seconds:.1f} s.")
    if found.bad:
        print(f"{len(found.bad)} of {found.files} files could not be read and are not in it:")
        for name, why in found.bad[:NAMED]:
            print(f"  {_printable(name)}: {why}")
        if len(found.bad) > NAMED:
            print(f"  and {len(found.bad) - NAMED} more" + ("" if bad else "; --bad FILE lists all"))
    if found.others:
        print(f"Other files, not named as images, left alone: {found.others}.")
    if bad:
        lines = "".join(f"{_printable(name)}\t{why}\n" for name, why in found.bad)
        try:
            write_whole(bad, lines.encode())
        except OSError as problem:
            print(f"normviz: {cannot_write(bad, problem)}", file=sys.stderr)
    print("Open it on the app's network page (a trace file), or with normviz.load_trace.")


def _printable(name: str) -> str:
    """A file's name as a line of a terminal may hold it, whatever is in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in name)


@contextmanager
def _signals() -> Iterator[None]:
    """The first signal ends the run in good order; more of them, as torchrun sends, do not disturb that."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def stop(number: int, frame: object) -> None:
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(one, stop) for one in numbers]
    try:
        yield
    finally:
        for one, handler in zip(numbers, before, strict=True):
            signal.signal(one, handler)


if __name__ == "__main__":
    sys.exit(main())
