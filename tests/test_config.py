"""`.streamlit/config.toml` holds options that this Streamlit knows, and the ones that serving relies on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

from normviz.ui.network import weights_files

ROOT = Path(__file__).parents[1]


def options(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from options(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


CONFIG = dict(options(tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))))


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours, from 1 to 21."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", CONFIG)
def test_streamlit_knows_the_option(name: str) -> None:
    template = config._config_options_template
    assert name in template and not template[name].deprecated


def test_what_serving_relies_on() -> None:
    assert CONFIG["runner.postScriptGC"] is False
    assert CONFIG["server.maxUploadSize"] == weights_files.MEGABYTES
    assert CONFIG["server.disconnectedSessionTTL"] == 30
    assert CONFIG["client.showErrorDetails"] == "none"
    assert CONFIG["browser.gatherUsageStats"] is False
    # Streamlit's protections against requests from other sites stay on.
    assert not {"server.enableXsrfProtection", "server.enableCORS"} & CONFIG.keys()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str) -> None:
    colors = {name.rpartition(".")[2]: value for name, value in CONFIG.items() if f"theme.{theme}." in name}
    texts = [name for name in colors if name.endswith("extColor") or name == "linkColor"]
    assert len(texts) == 8
    for ground in ("backgroundColor", "secondaryBackgroundColor"):
        for name in texts:
            assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
