"""Imports run one way: pages -> ui -> {figures, nets} -> core, and each library has its one room.

Read from the source (no module is imported), so an import inside a function counts as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("figures", "nets", "ui")

# What a room may import: third-party packages, and rooms of our own.
LIBRARIES = {
    "core": {"numpy"},
    "figures": {"numpy", "plotly"},
    "nets": {"numpy", "torch", "PIL", "sklearn", "safetensors", "numba"},
    "ui": {"numpy", "streamlit", "starlette"},
    "pages": {"streamlit"},
    "app": {"streamlit", "starlette"},
}
OWN = {
    "core": {"core"},
    "figures": {"figures", "core"},
    "nets": {"nets", "core"},
    "ui": {"ui", "figures", "nets", "core"},
    "pages": {"ui", "figures", "core"},
    "app": {"ui"},
}


@dataclass(frozen=True)
class Import:
    """One imported module, and how: inside a function, or for the type checker only."""

    module: str
    line: int
    lazy: bool = False
    typing: bool = False


def room(module: str) -> str:
    """The room of one of our modules: `normviz.nets.images` is in nets, `normviz.text.lookup` in core."""
    parts = module.split(".")
    if parts[0] != "normviz":
        return parts[0]
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "core"


def module_name(path: PurePosixPath) -> str:
    """`normviz/nets/images.py` -> `normviz.nets.images`; `pages/cube.py` -> `pages.cube`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Collector(ast.NodeVisitor):
    """Every import of a file: statements, relative ones too, and calls of import_module and __import__."""

    def __init__(self, path: PurePosixPath) -> None:
        name = module_name(path)
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.found: list[Import] = []
        self.depth = 0
        self.typing = False

    def add(self, module: str, line: int) -> None:
        self.found.append(Import(module, line, lazy=self.depth > 0, typing=self.typing))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        # `from normviz import nets` names a room only in the name it imports.
        for alias in node.names:
            self.add(f"{base}.{alias.name}" if base.split(".")[0] == "normviz" else base, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__") and node.args:
            first = node.args[0]
            known = isinstance(first, ast.Constant) and isinstance(first.value, str)
            self.add(str(first.value) if known else "?", node.lineno)  # type: ignore[attr-defined]
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        outer = self.typing
        self.typing = outer or ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body:
            self.visit(statement)
        self.typing = outer
        self.visit(node.test)
        for statement in node.orelse:
            self.visit(statement)


def why_not(here: str, path: str, imported: Import) -> str | None:
    """What is wrong with this import in this room, or None."""
    top = imported.module.split(".")[0]
    if imported.module == "?":
        return "a computed module name cannot be checked"
    if top in sys.stdlib_module_names:
        return (
            f"a page holds no {top}: move it to normviz" if here == "pages" and top != "__future__" else None
        )
    if top != "normviz":
        return None if top in LIBRARIES[here] else f"{here} may not import {top}"
    there = room(imported.module)
    if path == "normviz/__init__.py" and there in ("figures", "nets"):
        # nv.cube and nv.trace, lazy attributes: `import normviz` stays free of plotly and torch.
        return None if imported.lazy or imported.typing else f"{there} only inside __getattr__ here"
    if there not in OWN[here]:
        return f"{here} may not import {there}"
    if here == "ui" and there == "nets" and not (imported.lazy or imported.typing):
        return "nets only inside a function here: torch comes after the first page"
    return None


def violations(path: str, source: str) -> Iterator[str]:
    """The forbidden imports of the file at `path` (relative to the checkout)."""
    here = "app" if path == "app.py" else room(module_name(PurePosixPath(path)))
    collector = Collector(PurePosixPath(path))
    collector.visit(ast.parse(source))
    for imported in collector.found:
        reason = why_not(here, path, imported)
        if reason:
            yield f"{path}:{imported.line}: {imported.module}: {reason}"


def sources() -> list[str]:
    files = [ROOT / "app.py", *(ROOT / "normviz").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


def test_imports_run_one_way() -> None:
    found = [line for path in sources() for line in violations(path, (ROOT / path).read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_every_room_is_read() -> None:
    rooms = {"app" if path == "app.py" else room(module_name(PurePosixPath(path))) for path in sources()}
    assert rooms == set(LIBRARIES)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("normviz/spec.py", "import torch"),
        ("normviz/spec.py", "import pandas as pd"),
        ("normviz/spec.py", "import plotly.graph_objects as go"),
        ("normviz/spec.py", "def f():\n    import torch"),
        ("normviz/spec.py", "if TYPE_CHECKING:\n    import torch"),
        ("normviz/spec.py", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("normviz/spec.py", "from normviz.figures import theme"),
        ("normviz/spec.py", "from normviz import nets"),
        ("normviz/spec.py", "from . import nets"),
        ("normviz/spec.py", "from .ui import errors"),
        ("normviz/text/lookup.py", "from ..ui import language"),
        ("normviz/spec.py", "import importlib\nimportlib.import_module('torch')"),
        ("normviz/spec.py", "from importlib import import_module\nimport_module(name)"),
        ("normviz/spec.py", "f = lambda: __import__('streamlit')"),
        ("normviz/__init__.py", "from normviz.figures.cube import cube"),
        ("normviz/__init__.py", "def __getattr__(name):\n    import plotly"),
        ("normviz/__init__.py", "from normviz.nets.trace import trace"),
        ("normviz/__init__.py", "def __getattr__(name):\n    import torch"),
        ("normviz/__init__.py", "def __getattr__(name):\n    from normviz import ui"),
        ("normviz/figures/cube.py", "import torch"),
        ("normviz/figures/cube.py", "from normviz.nets import images"),
        ("normviz/figures/cube.py", "from ..nets import images"),
        ("normviz/figures/cube.py", "import streamlit as st"),
        ("normviz/nets/images.py", "import plotly"),
        ("normviz/nets/images.py", "from normviz.figures import theme"),
        ("normviz/nets/images.py", "from normviz.ui import cached"),
        ("normviz/ui/cached.py", "import torch"),
        ("normviz/ui/cached.py", "import plotly.express"),
        ("normviz/ui/cached.py", "from PIL import Image"),
        ("normviz/ui/cached.py", "from normviz.nets import images"),
        ("normviz/ui/cached.py", "import pages.cube"),
        ("pages/cube.py", "import numpy as np"),
        ("pages/cube.py", "import math"),
        ("pages/cube.py", "from normviz.nets import images"),
        ("pages/cube.py", "from plotly import graph_objects"),
        ("app.py", "from normviz.nets import runtime"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert list(violations(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "normviz/spec.py",
            "import math\nimport numpy as np\nfrom .extents import Own\nfrom normviz import text",
        ),
        ("normviz/__init__.py", "def __getattr__(name):\n    from normviz.figures.cube import cube"),
        ("normviz/__init__.py", "def __getattr__(name):\n    from normviz.nets.trace import trace"),
        ("normviz/__init__.py", "if TYPE_CHECKING:\n    from normviz.figures.cube import cube"),
        ("normviz/figures/cube.py", "import plotly.graph_objects as go\nfrom ..records import Histogram"),
        ("normviz/nets/images.py", "import torch\nfrom PIL import Image\nfrom normviz.records import Step"),
        ("normviz/ui/cached.py", "import streamlit as st\ndef f():\n    from normviz.nets import images"),
        ("normviz/ui/cached.py", "if TYPE_CHECKING:\n    from normviz.nets.images import Picture"),
        (
            "pages/cube.py",
            "import streamlit as st\nfrom normviz.ui import cached\nfrom normviz import figures",
        ),
        ("app.py", "import os\nimport streamlit as st\nfrom normviz.ui.serving import lifespan"),
    ],
)
def test_an_allowed_import_passes(path: str, source: str) -> None:
    assert list(violations(path, source)) == []
