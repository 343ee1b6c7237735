"""Hearing when modules are called, on one thread, without a hook on any of them, and as they are written."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.modules import module as hooks

_REGISTERING = threading.Lock()


class _Uncompiled:
    """While any thread is within, ``torch.compile`` leaves functions as they are written.

    What it makes of them calls no function of torch, and it would compile those who listen too. torch has one such
    setting for all threads, so the first one to come sets it and the last one to go puts it back.
    """

    def __init__(self) -> None:
        self.lock, self.within, self.setting = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            # Who compiles has loaded this; for others it would take a second.
            if not self.within and "torch._dynamo" in sys.modules:
                self.setting.enter_context(torch.compiler.set_stance("force_eager"))
            self.within += 1

    def __exit__(self, *_: Any) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.setting.close()


uncompiled = _Uncompiled()


@contextmanager
def modules_heard(
    enter: Callable[[torch.nn.Module, Any], None],
    leave: Callable[[torch.nn.Module, Any, BaseException | None], None],
) -> Iterator[None]:
    """In this block every module of this thread tells when it is called, and when it returns or what it raises."""
    thread, outside = threading.get_ident(), sys.exc_info()[1]

    def before(module: torch.nn.Module, args: Any) -> None:
        if threading.get_ident() == thread:
            enter(module, args)

    def after(module: torch.nn.Module, args: Any, output: Any) -> None:
        if threading.get_ident() == thread:
            error = sys.exc_info()[1]
            leave(module, output, None if error is outside else error)

    # Of all modules, by thread: nothing is written to those that another thread may be using.
    with _REGISTERING:
        handles = (
            hooks.register_module_forward_pre_hook(before),
            hooks.register_module_forward_hook(after, always_call=True),
        )
    try:
        yield
    finally:
        with _REGISTERING:
            for handle in handles:
                handle.remove()
