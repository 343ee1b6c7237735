"""The whole app without a browser: opening a link, and what stands on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element, FileUploader, Widget

from normviz.samples import Sample

MAIN = Path(__file__).parents[2] / "pages" / "main.py"
PAGES = ("cube", "forward")
LANGUAGES = ("en", "zh")
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")

#: A shape of every layout, as links write it.
SHAPES: Mapping[str, tuple[int, ...]] = {"8x12x4x4": (8, 12, 4, 4), "4x10x16": (4, 10, 16), "12x24": (12, 24)}


#: Which installed packages bring components. Every AppTest reads every package's metadata anew, which takes longer
#: than most pages; a server does it once, at its start.
_scan = mock.patch.object(
    manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests)
)


def visit(page: str = "cube", link: Mapping[str, str] | None = None, **more: str) -> AppTest:
    """Open a page by a link in a session of its own, and see that nothing failed."""
    at = AppTest.from_file(str(MAIN), default_timeout=120)
    for key, value in {**(link or {}), **more}.items():
        at.query_params[key] = value
    if page != PAGES[0]:
        at.switch_page(f"{page}.py")
    with _scan:
        return fine(at.run())


def fine(at: AppTest) -> AppTest:
    """The page is whole: no exception, in a box or out of it, and a title."""
    assert not at.exception, at.exception[0].value
    assert len(at.title) == 1
    return at


def widget(at: AppTest, key: str) -> Any:
    """The one widget with this key."""
    (found,) = [element for element in _elements(at) if isinstance(element, Widget) and element.key == key]
    return found


def values(at: AppTest) -> list[Any]:
    """What is chosen in every widget."""
    return [element.value for element in _elements(at) if isinstance(element, Widget)]


def uploader(at: AppTest) -> FileUploader:
    (found,) = [element for element in _elements(at) if isinstance(element, FileUploader)]
    return found


def errors(at: AppTest) -> list[str]:
    return [box.value for box in at.error]


def compared(at: AppTest) -> bool:
    """Whether the page says that torch and the reference agree; a disagreement is an error box."""
    return any(":material/check_circle:" in text.value and "10⁻" in text.value for text in at.markdown)


def texts(at: AppTest) -> str:
    """Everything that a visitor can read outside widgets, a line each."""
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def metrics(at: AppTest) -> list[int]:
    return [int(metric.value.replace(",", "")) for metric in at.metric]


def link(at: AppTest) -> dict[str, str]:
    """What the address says, every value once."""
    return {key: value if isinstance(value, str) else value[-1] for key, value in at.query_params.items()}


def seen(at: AppTest) -> list[tuple[str, str | None, Any]]:
    """Everything on the page, in order: values of widgets, the contents of all else (charts and the cube too)."""
    return [
        (e.type, e.key, e.value if isinstance(e, Widget) else e.proto.SerializeToString())
        for e in _elements(at)
    ]


def marked(at: AppTest, name: str) -> tuple[int, Any]:
    """The step that is marked on the charts of a course, and where: a share of their axis."""
    rule = re.compile(rf"\.st-key-nv-course-{name} {{ --nv-at: ([\d.]+); --nv-step: (\d+);")
    (found,) = (match for html in at.get("html") if (match := rule.search(html.proto.body)))
    return int(found[2]), float(found[1])


def data(name: str, seed: int = 0) -> np.ndarray:
    """The random tensor that a page shows for this shape."""
    return Sample(seed=seed).tensor(SHAPES[name])


def _elements(at: AppTest) -> list[Element]:
    found: list[Element] = []
    waiting: list[Any] = [at.main]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Element):
            found.append(node)
        waiting[:0] = getattr(node, "children", {}).values()
    return found
