"""The package as a whole: what importing it costs, what it needs, and that its public names exist."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import imle

ROOT = Path(__file__).parents[1]
OWN = ("imle", "dashboard", "pages")
HEAVY = ("tensorflow", "keras", "openvino", "pandas", "plotly", "matplotlib", "sklearn", "streamlit")


def modules_after(code: str) -> set[str]:
    listing = f"{code}\nimport sys; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", imle.__all__)
def test_every_public_name_resolves(name):
    """A name that is listed but cannot be imported would break `from imle import *` and every tutorial."""
    assert getattr(imle, name) is not None


def test_importing_imle_is_quick():
    """A shell command or the first page would pay seconds for libraries it does not use."""
    assert not modules_after("import imle") & set(HEAVY)


def test_reading_an_ecg_needs_no_network_library():
    """Reading files must work where neither TensorFlow nor a dashboard is wanted."""
    heavy = modules_after("import imle.formats, imle.ptbxl") & {
        "tensorflow",
        "keras",
        "openvino",
        "streamlit",
        "plotly",
    }
    assert not heavy


def test_predicting_needs_no_tensorflow():
    """Serving on the CPU would load 1 GB of TensorFlow for nothing, and the first page would not show within 3 s."""
    code = (
        "import numpy as np, imle\n"
        "p = imle.load_model('imle_net').predict(np.random.default_rng(0).normal(0, .2, (1, 12, 1000)))\n"
        "assert p.shape == (1, 5)"
    )
    assert not modules_after(code) & {"tensorflow", "keras"}


def imported_libraries() -> set[str]:
    """The top names of all that the code imports, wherever it does, without Python's own and ours."""
    trees = [ast.parse(path.read_text()) for folder in OWN for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - set(OWN)


def test_every_library_that_is_imported_is_pinned():
    """One that only comes with another breaks when that lets go of it, and has whatever version the day brings."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].values()
    pins = [*(ROOT / "requirements.txt").read_text().splitlines(), *(pin for extra in extras for pin in extra)]
    pinned = {re.split(r"[=\[]", pin)[0].lower() for pin in pins}
    parts_of = packages_distributions()
    unpinned = {
        name for name in imported_libraries() if not {part.lower() for part in parts_of.get(name, [name])} & pinned
    }
    assert not unpinned
