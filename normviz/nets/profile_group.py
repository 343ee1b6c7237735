"""The processes of one run: who this one is, how far the others are, and what they hand over to the first.

``torchrun`` starts them and says in the environment who each is; without it there is one. Small words (how far, what
went wrong) pass through torch.distributed's store, which nobody has to wait at; traces pass as bytes, over gloo, or
over nccl between GPUs. Nothing that arrives is unpickled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

#: How often the others are looked after while this process works, and while it waits, in seconds.
EVERY: Final = 0.5
PAUSE: Final = 0.1
_ENDED: Final = "failed"


class GroupError(Exception):
    """The processes cannot go on together: one sentence. Empty where another process has said it already."""


@dataclass(frozen=True)
class Place:
    """Which process of how many this one is, which one on its machine, and of how many there."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def here(cls) -> Place:
        """As torchrun says in the environment."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        known = [os.environ.get(name, "") for name in names]
        return cls(*map(int, known)) if all(text.isdecimal() for text in known) else cls()


class Group:
    """The processes of a run, met; alone it does nothing and waits for nobody.

    ``device`` is where this one computes ("cuda:1"), ``timeout`` how many seconds without any progress of another
    process are enough to give up.
    """

    def __init__(self, place: Place, device: str = "cpu", timeout: float = 600.0) -> None:
        self.place, self.timeout = place, timeout
        self._device = device
        self._store: Any = None
        self._wire = "cpu"
        self._last = 0.0

    def join(self) -> None:
        """Meet the others. Raises GroupError where that fails."""
        if self.place.size == 1:
            return
        import torch.distributed as dist
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        span = timedelta(seconds=self.timeout)
        cuda = self._device.startswith("cuda") and dist.is_nccl_available()
        try:
            if not dist.is_available() or not dist.is_gloo_available():
                raise RuntimeError("this PyTorch has no gloo")
            store, rank, size = next(iter(rendezvous("env://", timeout=span)))
            # Of this attempt: what was said before torchrun started the processes again holds no more.
            store = PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
            self._store = PrefixStore("normviz", store)
            self.beat(0, 0, now=True)
            backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=span)
        except (RuntimeError, ValueError, OSError) as problem:
            raise self._lost(problem) from problem
        # nccl wants a GPU for each process; where that is not so everywhere, all talk over gloo.
        alone = cuda and self.place.local_size <= _gpus()
        if all(said == "nccl" for said in self.share("wire", "nccl" if alone else "gloo")):
            self._wire = self._device

    def share(self, key: str, text: str) -> list[str]:
        """What every process says under this key, by rank; waits for all."""
        if self._store is None:
            return [text]
        keys = [f"{key}/{rank}" for rank in range(self.place.size)]
        self._store.set(keys[self.place.rank], text)
        self.wait(keys)
        return [self._store.get(one).decode() for one in keys]

    def beat(self, images: int, bad: int, *, now: bool = False) -> None:
        """Tell the others how far this process is. Raises GroupError where one of them has failed."""
        if self._store is None or (time.monotonic() - self._last < EVERY and not now):
            return
        self._last = time.monotonic()
        try:
            self._store.set(f"beat/{self.place.rank}", f"{images} {bad}")
            self._look()
        except RuntimeError as problem:
            raise self._lost(problem) from problem

    def beats(self) -> list[tuple[int, int]]:
        """How many images, and bad files, each process has seen."""
        keys = [f"beat/{rank}" for rank in range(self.place.size)]
        pairs = (text.decode().split() for text in self._store.multi_get(keys))
        return [(int(images), int(bad)) for images, bad in pairs]

    def wait(self, keys: Sequence[str], tick: Callable[[], None] = lambda: None) -> None:
        """Until all these are said. Raises GroupError where a process fails, or none gets on for too long."""
        since, seen = time.monotonic(), self.beats()
        try:
            while not self._store.check(list(keys)):
                self._look()
                tick()
                if (now := self.beats()) != seen:
                    since, seen = time.monotonic(), now
                if time.monotonic() - since > self.timeout:
                    missing = ", ".join(key for key in keys if not self._store.check([key]))
                    raise GroupError(
                        f"Process {self.place.rank} of {self.place.size} has waited {self.timeout:.0f} s for "
                        f"others that do not get on ({missing}). The same command goes on from what is done; a "
                        "longer --timeout waits longer."
                    )
                time.sleep(PAUSE)
        except RuntimeError as problem:
            raise self._lost(problem) from problem

    def say(self, key: str) -> None:
        """Say this to all."""
        if self._store is not None:
            self._store.set(key, "1")

    def fail(self) -> bool:
        """Tell all that this process cannot go on; whether it is the one to say why: the first, or before they met
        one on each machine."""
        if self._store is None:
            return self.place.local_rank == 0
        try:
            first = self._store.add("speakers", 1) == 1
            self._store.set(_ENDED, "1")
        except RuntimeError:  # nobody is left to be told
            return True
        return bool(first)

    def send(self, data: bytes) -> None:
        """Hand this over to the first process."""
        import torch
        import torch.distributed as dist

        try:
            dist.send(torch.tensor([len(data)], device=self._wire), 0)
            if data:
                dist.send(torch.frombuffer(bytearray(data), dtype=torch.uint8).to(self._wire), 0)
        except RuntimeError as problem:
            raise self._lost(problem) from problem

    def receive(self, rank: int) -> bytes:
        """What that process hands over next."""
        import torch
        import torch.distributed as dist

        try:
            length = torch.zeros(1, dtype=torch.int64, device=self._wire)
            dist.recv(length, rank)
            data = torch.empty(int(length), dtype=torch.uint8, device=self._wire)
            if len(data):
                dist.recv(data, rank)
        except RuntimeError as problem:
            raise self._lost(problem) from problem
        return data.cpu().numpy().tobytes()

    def leave(self) -> None:
        """All is said."""
        if self._store is not None:
            import torch.distributed as dist

            dist.destroy_process_group()

    def _look(self) -> None:
        if self._store.check([_ENDED]):
            raise GroupError("")

    def _lost(self, problem: Exception) -> GroupError:
        reason = (
            str(problem).strip().splitlines()[0][:200] if str(problem).strip() else type(problem).__name__
        )
        return GroupError(
            f"Process {self.place.rank} of {self.place.size} has lost the others ({reason}): one of them ended, or "
            "cannot be reached. The same command goes on from what is done."
        )


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
