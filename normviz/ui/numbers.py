"""Numbers as people read them, and shapes and cells as people and links do."""

from __future__ import annotations

from collections.abc import Sequence

from normviz.readable import amount, plain, scientific

__all__ = ["amount", "in_brackets", "plain", "read_lengths", "scientific", "spoken", "written"]


def written(shape: tuple[int, ...]) -> str:
    """A shape or cell as people and links write it.

    >>> written((8, 12, 4, 4))
    '8x12x4x4'
    """
    return "x".join(map(str, shape))


def spoken(shape: tuple[int, ...]) -> str:
    """A shape in a sentence."""
    return " × ".join(map(str, shape))


def in_brackets(shape: Sequence[int]) -> str:
    """A shape or cell as Python writes it.

    >>> in_brackets((8, 12))
    '(8, 12)'
    """
    return f"({', '.join(map(str, shape))})"


def read_lengths(text: str) -> tuple[int, ...] | None:
    """What :func:`written` wrote, or None.

    >>> read_lengths("8x12x4x4"), read_lengths("8x-1")
    ((8, 12, 4, 4), None)
    """
    parts = text.split("x")
    return tuple(map(int, parts)) if all(p.isascii() and p.isdigit() and len(p) < 8 for p in parts) else None
