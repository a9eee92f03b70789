"""The package as a whole: what importing it costs, and that its public names exist."""

import subprocess
import sys

import pytest

import imle

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
