"""The input of a page of feature maps as lines of Python, for the snippets that make its numbers again."""

from __future__ import annotations

from collections.abc import Sequence

from normviz.records import Tensor
from normviz.ui.cached import Source, pictures
from normviz.ui.inputs import SIDE


def input_lines(source: Source, images: Sequence[Tensor] = ()) -> tuple[str, ...]:
    """Lines that make ``x`` (N, C, H, W), float32: the random tensor, or the maps of a photograph or of uploads."""
    if source.kind == "random":
        return tuple(source.sample.code(source.shape).splitlines())
    count, channels, *size = source.shape
    side = pictures(source, images).shape[1]
    makes = (
        "from normviz.nets.filters import feature_maps",
        f"maps = feature_maps(pictures, bank={source.bank!r}, channels={channels}, seed={source.sample.seed}, "
        f"size={tuple(size)})",
        "x = torch.from_numpy(maps)",
    )
    if source.photo:
        return (
            "from normviz.nets.photographs import crops, photograph",
            f"pictures = crops(photograph({source.photo!r}), {count}, {side})",
            *makes,
        )
    files = ", ".join(f'"{k + 1}.jpg"' for k in range(len(images)))
    read = f"images = [load_image(open(file, 'rb').read(), side={SIDE}) for file in [{files}]]"
    taken = f"crops(images[0], {count}, {side})"
    if len(images) > 1:
        taken = f"stack([images[k % len(images)] for k in range({count})], {side})"
    return (
        "from normviz.nets.images import load_image",
        "from normviz.nets.photographs import crops, stack",
        read,
        f"pictures = {taken}",
        *makes,
    )
