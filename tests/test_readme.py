"""What the documents promise holds: their code runs, their values are right, their links and pictures exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import normviz as nv

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "assets" / "example.ipynb"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


def blocks(document: str) -> list[str]:
    """The Python code blocks of a document."""
    return BLOCK.findall((ROOT / document).read_text("utf-8"))


def promised(block: str) -> Iterator[tuple[str, object]]:
    """Expressions with the value that the comment behind them gives: `f(x)  # 64: words` -> ("f(x)", 64)."""
    for line in block.splitlines():
        code, _, comment = line.partition("#")
        for end in (comment, comment.partition(":")[0]):
            try:
                ast.parse(code.strip(), mode="eval")
                yield code.strip(), ast.literal_eval(end.strip())
            except (SyntaxError, ValueError):
                continue
            break


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_documents_code_runs_and_gives_what_it_says(document: str) -> None:
    names: dict[str, Any] = {}
    found = blocks(document)
    checked = 0
    assert found
    for block in found:
        exec(compile(block, document, "exec"), names)
        for expression, value in promised(block):
            assert eval(expression, names) == value, expression
            checked += 1
    assert checked >= {"README.md": 9, "CONTRIBUTING.md": 1}[document]


def test_the_list_of_methods_in_the_readme_is_the_catalogue() -> None:
    (shown,) = re.findall(r"list\(nv\.METHODS\)\n((?:# .*\n)+)", blocks("README.md")[0])
    assert ast.literal_eval(shown.replace("#", "")) == list(nv.METHODS)


def test_every_public_name_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text("utf-8").partition("### Public names")[2].partition("\n## ")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert sorted(re.findall(r"`(\w+)", first)) == sorted(nv.__all__)


def link_keys(source: str) -> Iterator[str]:
    """The keys in the link of every picker that this file draws; those of the second run begin with `with.`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = {"pick": 0, "_pick": 1, "number": 0, "pick_number": 0, "remember": 0, "choose": 1}.get(
            node.func.id
        )
        match None if place is None else node.args[place]:
            case ast.Constant(value=str(key)):
                yield key
            case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(key))]):
                yield from (key, f"with.{key}")


def test_every_key_of_the_network_pages_link_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text("utf-8").partition("### Links")[2].partition("\n## ")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| "))
    files = (ROOT / "normviz" / "ui" / "network").glob("*.py")
    found = {key for file in files for key in link_keys(file.read_text("utf-8"))}
    assert {"network", "axis", "image", "with.part", "lcell"} <= found
    assert found | {"layer", "with.norm", "with.weights"} <= set(re.findall(r"`([\w.]+)`", first))


def test_the_notebook_is_clean_and_runs() -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        assert {"id", "metadata", "source", "cell_type"} <= cell.keys()
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_within_the_repository_lead_somewhere(document: str) -> None:
    path = ROOT / document
    targets = ["".join(found) for found in TARGET.findall(path.read_text("utf-8"))]
    missing = [t for t in targets if not t.startswith(("https://", "#")) and not (path.parent / t).exists()]
    assert not missing


def test_no_picture_is_large() -> None:
    pictures = list((ROOT / "assets" / "pictures").glob("*.png"))
    assert pictures and all(picture.stat().st_size < 200_000 for picture in pictures)
