"""Joins the modules of a component into the one script that Streamlit sends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def joined(modules: Iterable[Path]) -> str:
    """The ES modules as one: imports, comments and indentation dropped, exports stripped but for the last's default.

    A module stands behind what it imports, the one that mounts the component last; a name at their top level must be
    unique among all of them.
    """
    files = tuple(modules)
    parts = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"^import\b[^;]*;\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^[ \t]*(?://[^\n]*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", "", text, flags=re.MULTILINE)
        kept = r"^export\s+(?!default)" if file == files[-1] else r"^export\s+"
        text = re.sub(kept, "", text, flags=re.MULTILINE)
        parts.append(re.sub(r"^[ \t]+|\n(?=\n)", "", text, flags=re.MULTILINE))
    return "".join(parts)
