"""`pip install .` gives a library that imports without streamlit, torch or plotly, words included."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "normviz")

PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import normviz as nv
loaded = set(sys.modules)
text = Path(nv.__file__).parent / "text"
texts = sorted(path.relative_to(text).as_posix() for path in text.glob("*/*.toml"))
print(json.dumps({"file": nv.__file__, "methods": list(nv.METHODS), "texts": texts,
                  "heavy": sorted(loaded & {"streamlit", "torch", "plotly", "PIL", "sklearn", "pandas"})}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip installed a copy of this checkout: building leaves files beside the source."""
    folder = tmp_path_factory.mktemp("install")
    for part in PARTS:
        source, target = ROOT / part, folder / "source" / part
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    # Neither build isolation nor dependencies: both would download.
    install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    install += [
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(folder / "site"),
        str(folder / "source"),
    ]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def seen(site: Path) -> dict[str, object]:
    """What a fresh interpreter (-I: no PYTHONPATH, no current folder) sees after `import normviz`."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(site)], capture_output=True, text=True, cwd=site
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_the_installed_package_is_the_one_imported(seen: dict[str, object], site: Path) -> None:
    assert Path(str(seen["file"])).is_relative_to(site)


def test_importing_loads_nothing_heavy(seen: dict[str, object]) -> None:
    assert seen["heavy"] == []


def test_the_methods_and_the_words_are_there(seen: dict[str, object]) -> None:
    methods = seen["methods"]
    assert isinstance(methods, list) and "batch_norm" in methods
    text = ROOT / "normviz" / "text"
    assert seen["texts"] == sorted(path.relative_to(text).as_posix() for path in text.glob("*/*.toml")) != []


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
import normviz as nv
try:
    nv.trace
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("torch", "torch is not installed: nv.trace needs PyTorch and numba. Try pip install torch numba."),
        ("numba", "numba is not installed: nv.trace needs PyTorch and numba. Try pip install torch numba."),
        ("streamlit,plotly,PIL,sklearn,scipy,safetensors", ""),
    ],
)
def test_a_trace_needs_torch_and_numba_alone(missing: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, missing], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == (said, "")
