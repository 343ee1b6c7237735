"""Which devices are here, and which dtypes the layers run in on each.

>>> devices()[-1], device_name("cpu")
('cpu', 'CPU')
>>> "bfloat16" in dtypes("cpu", "local_response_norm")  # torch has no such kernel on the CPU
False
"""

from __future__ import annotations

import functools
from typing import Final

import torch

from normviz.catalogue import method
from normviz.layouts import axes_of

#: The dtypes there are to choose from; what runs of them is :func:`dtypes`.
DTYPES: Final = ("float32", "float64", "bfloat16", "float16")
#: Large enough that no layer refuses it, and its channels can be grouped in many ways.
_PROBE: Final = (2, 12, 2, 2)


def devices() -> tuple[str, ...]:
    """The devices torch can use on this machine, the fastest first: of cuda, mps and cpu."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(key for key, available in there.items() if available)


def device_name(key: str) -> str:
    """What to call a device on a page: the GPU's own name, or CPU."""
    check(key, "float32")
    if key == "cuda":
        return str(torch.cuda.get_device_name(0))
    return {"mps": "Apple GPU (MPS)", "cpu": "CPU"}[key]


def check(device: str, dtype: str) -> torch.dtype:
    """torch's dtype of that name, when the device is here and has it.

    Raises ValueError for a device that is not here, a dtype that is not known, and float64 on MPS.
    """
    if device not in devices():
        raise ValueError(f"The device {device!r} is not on this machine: there is {', '.join(devices())}.")
    if dtype not in DTYPES:
        raise ValueError(f"The dtype {dtype!r} is not known: it is one of {', '.join(DTYPES)}.")
    if device == "mps" and dtype == "float64":
        raise ValueError("MPS has no float64: it needs float32 or less. Try float32, or the device cpu.")
    found: torch.dtype = getattr(torch, dtype)
    return found


@functools.cache
def dtypes(device: str, method_key: str) -> tuple[str, ...]:
    """The dtypes in which torch's layer of this method runs on this device, found out by running it once."""
    return tuple(dtype for dtype in DTYPES if _runs(device, dtype, method_key))


def _runs(device: str, dtype: str, method_key: str) -> bool:
    if device == "mps" and dtype == "float64":
        return False
    kind = check(device, dtype)
    entry = method(method_key)
    shape = _PROBE[: len(entry.spec().layouts[-1])]
    lengths = dict(zip(axes_of(shape, entry.spec().layouts), shape, strict=True))
    knobs = entry.defaults(lengths)
    inputs = 2 if entry.torch_layer(shape, **knobs).second else 1
    layer = entry.module(torch.nn, shape, **knobs)
    try:
        with torch.inference_mode():
            layer.to(device, kind)(*[torch.zeros(shape, dtype=kind, device=device)] * inputs)
    except (RuntimeError, TypeError):  # how torch says that a kernel, or a dtype on a device, does not exist
        return False
    return True
