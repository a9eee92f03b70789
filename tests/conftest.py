"""What many tests need: the real PTB-XL where there is one, and a small data set in its layout where there is none."""

import functools
import os
import shutil
from pathlib import Path

import pytest
from faulty_server import Server, made_up_tree
from made_up import write_tiny_ptbxl
from streamlit.components.v2 import manifest_scanner

from imle.ptbxl.catalogue import DATABASE


@pytest.fixture(scope="session", autouse=True)
def components_looked_for_once():
    """Each new AppTest would look through all installed packages for Streamlit components, half a second every time."""
    scan = manifest_scanner.scan_component_manifests
    manifest_scanner.scan_component_manifests = functools.cache(scan)
    yield
    manifest_scanner.scan_component_manifests = scan


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch) -> Path:
    """Cohorts and predictions of a test's own: no test sees, or changes, those of whoever runs it."""
    folder = tmp_path / "imle_state"
    monkeypatch.setenv("IMLE_STATE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def ptbxl_root() -> Path:
    """The real PTB-XL: `IMLE_PTBXL`, or data/ptbxl in the checkout. The test is skipped where there is none."""
    root = Path(os.environ.get("IMLE_PTBXL") or Path(__file__).parents[1] / "data" / "ptbxl")
    if not (root / DATABASE).is_file():
        pytest.skip(f"no PTB-XL in {root}")
    return root


@pytest.fixture(scope="session")
def tiny_ptbxl(tmp_path_factory) -> Path:
    """24 made-up records over all folds, at 100 and 500 Hz, in PTB-XL's layout. Shared: tests read it, none changes it."""
    root = tmp_path_factory.mktemp("tiny_ptbxl")
    write_tiny_ptbxl(root)
    return root


@pytest.fixture
def own_ptbxl(tiny_ptbxl, tmp_path) -> Path:
    """A copy of the tiny data set at 100 Hz that a test may change, without a store."""
    root = tmp_path / "ptbxl"
    shutil.copytree(tiny_ptbxl, root, ignore=shutil.ignore_patterns("records500", ".imle"))
    return root


@pytest.fixture
def server(monkeypatch):
    """A web server with a made-up data set that can be told to fail; pauses before the next attempt are cut short."""
    monkeypatch.setattr("imle.ptbxl.transfer.FIRST_PAUSE_S", 0.001)
    server = Server(made_up_tree())
    yield server
    server.close()
