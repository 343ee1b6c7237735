"""How large a run may be: checked before it starts, so that nobody's picture takes another visitor's memory.

>>> check_images(3, fewest=1)
>>> check_images(0, fewest=1)
Traceback (most recent call last):
normviz.nets.network_limits.NetworkLimit: No image was given; 1 to 64 are needed. Try one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from normviz.coded_error import CodedError

#: Images of one batch.
MAX_IMAGES: Final = 64
#: Of one run: the weights, and the activations that are there at one time. Two runs may go on at once.
MAX_BYTES: Final = 3 * 2**29
#: Of one run, the way back counted: some ten seconds on one core.
MAX_MULTIPLY_ADDS: Final = 200 * 10**9
#: Of one layer's real values, as they are shown: more images than fit are left out.
MAX_VALUES: Final = 2**22
#: A backward pass costs about twice the forward pass: for the values, and for the weights.
WAY_BACK: Final = 3

MESSAGES: Final[Mapping[str, str]] = {
    "no_images": "No image was given; 1 to {most} are needed. Try one.",
    "too_many_images": "{count} images were given; at most {most} are run at once. Try the first {most}.",
    "too_few_images": "Images given: {count}. Training mode needs {fewest} or more here, because the "
    "variance of one value is 0. Give another image, or choose Evaluation.",
    "memory": "This run (images: {count}, side: {side}) would need {megabytes:,} MB at once; {allowed:,} MB "
    "are allowed. Images that fit: {fewer}. Try fewer images, a smaller side, or a smaller network.",
    "work": "This run (images: {count}, side: {side}) would take {billions:,} billion multiply-adds; "
    "{allowed:,} billion are allowed. Images that fit: {fewer}. Try fewer images, a smaller side, or a "
    "smaller network.",
    "target": "Class {target} was asked for; the network has the classes 0 to {last}. Try 0.",
    "no_scores": "A backward pass starts from the score of a class, and this network gives no scores. Choose "
    "no backward pass.",
}  # fmt: skip
"""The English sentence of every :class:`NetworkLimit`; its placeholders are the keys of ``details``."""


class NetworkLimit(CodedError):
    """Why a run is not started: a stable ``code`` (a key of ``MESSAGES``) and ``details`` for its placeholders."""

    messages = MESSAGES


@dataclass(frozen=True)
class Estimate:
    """What a run will need: the layers that will be traced, bytes, and multiply-adds (the way back counted).

    ``activations`` are those of all layers together, ``peak`` what is there at one time. Of it ``fixed``, the weights
    and torch's own workspace, does not depend on how many images there are.
    """

    layers: int
    activations: int
    parameters: int
    fixed: int
    peak: int
    multiply_adds: int


def check_images(count: int, *, fewest: int) -> None:
    """Raises NetworkLimit where so many images cannot be one batch; ``fewest`` are needed at least."""
    if count == 0:
        raise NetworkLimit("no_images", {"most": MAX_IMAGES})
    if count > MAX_IMAGES:
        raise NetworkLimit("too_many_images", {"count": count, "most": MAX_IMAGES})
    if count < fewest:
        raise NetworkLimit("too_few_images", {"count": count, "fewest": fewest})


def check(estimate: Estimate, *, count: int, side: int) -> None:
    """Raises NetworkLimit where the run needs more memory or work than one is allowed."""
    what = {"count": count, "side": side}
    if estimate.peak > MAX_BYTES:
        each = max(1, -(-(estimate.peak - estimate.fixed) // count))
        fewer = max(0, (MAX_BYTES - estimate.fixed) // each)
        sizes = {"megabytes": -(-estimate.peak // 10**6), "allowed": MAX_BYTES // 10**6}
        raise NetworkLimit("memory", what | sizes | {"fewer": fewer})
    if estimate.multiply_adds > MAX_MULTIPLY_ADDS:
        fewer = MAX_MULTIPLY_ADDS * count // estimate.multiply_adds
        work = {"billions": -(-estimate.multiply_adds // 10**9), "allowed": MAX_MULTIPLY_ADDS // 10**9}
        raise NetworkLimit("work", what | work | {"fewer": fewer})
