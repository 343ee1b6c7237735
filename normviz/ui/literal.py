"""Texts from anybody's file, written so that Markdown reads nothing in them: no image is fetched, no link is made.

Escaped signs are not enough: addresses, icons (":material/x:") and arrows are made of text that is already unescaped.
Only code is left as it stands.
"""

from __future__ import annotations

import re

#: Words, numbers and names with dots: nothing in these is a sign.
_PLAIN = re.compile(r"(?!.*www\.)[^\W_]+(?:[ ._+-][^\W_]+)*(?:[#:]\d+)?", re.IGNORECASE)
_TICKS = re.compile("`+")


def literal(text: object) -> str:
    """The text as it is where it is plain, else as code.

    >>> literal("layer1.0.relu#2"), literal("2.13.0+cpu"), literal("**b**"), literal("www.example.org")
    ('layer1.0.relu#2', '2.13.0+cpu', '`**b**`', '`www.example.org`')
    """
    written = _in_one_line(text)
    return written if _PLAIN.fullmatch(written) else code(written)


def code(text: object, most: int | None = None) -> str:
    """The text (of it, at most so many characters) as code in one line, between more backticks than it has in a row.

    >>> code("a *b*"), code("a `b`\\n\\n# c"), code("")
    ('`a *b*`', '`` a `b` # c ``', '')
    """
    written = _in_one_line(text)[:most]
    if not written:
        return ""
    ticks = "`" * (1 + max(map(len, _TICKS.findall(written)), default=0))
    # A space at both ends is taken off again.
    space = " " if "`" in written else ""
    return f"{ticks}{space}{written}{space}{ticks}"


def file_name(name: str) -> str:
    """A file's name as code, cut where it is long.

    >>> file_name("a `b`.json"), file_name("")
    ('`a b.json`', '–')
    """
    return code(name.replace("`", ""), most=60) or "–"


def _in_one_line(text: object) -> str:
    """An empty line would end the code."""
    shown = (ch if ch.isprintable() else " " for ch in str(text))
    return " ".join("".join(shown).split())
