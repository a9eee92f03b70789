"""What is said of an ECG that was recorded or read out of the ordinary."""

import json

import numpy as np
import pytest
from made_up import made_up_ecg
from typer.testing import CliRunner

from imle.cli import app
from imle.ecg import Ecg
from imle.leads import LEADS
from imle.ptbxl import PtbXl
from imle.remarks import remarks


def changed(change, fs_hz: float = 500, **meta) -> Ecg:
    signal_mv = made_up_ecg(1, fs_hz=fs_hz).astype(np.float32)
    signal_mv -= np.median(signal_mv, axis=1, keepdims=True)
    change(signal_mv)
    return Ecg(signal_mv, fs_hz, "1", meta)


def as_made(signal_mv):
    pass


def flat(lead, first, stop):
    def change(signal_mv):
        signal_mv[LEADS.index(lead), first:stop] = 0

    return change


@pytest.mark.parametrize(
    ("ecg", "said"),
    [
        (changed(as_made), []),
        (changed(flat("V3", 2000, 2900)), []),
        (changed(flat("V3", 2000, 5000)), ["No signal (a flat line) in V3 for 6.0 s."]),
        (changed(flat("aVL", 0, 300), fs_hz=100), ["No signal (a flat line) in aVL for 3.0 s."]),
        (changed(as_made, derived_leads=["III"]), ["III was not recorded but computed from I and II."]),
        (
            changed(as_made, derived_leads=["III", "aVR", "aVL"]),
            ["III, aVR and aVL were not recorded but computed from I and II."],
        ),
        (changed(as_made, assumed_order=list(LEADS)), ["The file does not name its leads"]),
        (changed(as_made, leads_by_hand=list(LEADS)), ["The leads were named by hand, not by the file."]),
    ],
)
def test_what_is_out_of_the_ordinary_is_said(ecg, said):
    """A lead that fell off reads as a quiet one, a computed one as a recorded one."""
    found = remarks(ecg)
    assert len(found) == len(said)
    assert all(one.startswith(words) for one, words in zip(found, said, strict=True))


def test_the_shell_says_it_with_every_answer(tmp_path):
    """The probabilities of such a file look as sure as any others."""
    path, flat_line = tmp_path / "flat.npy", "No signal (a flat line) in V3 for 3.0 s."
    np.save(path, changed(flat("V3", 0, 300), fs_hz=100).signal_mv)
    words = [str(path), "--fs-hz", "100", "--unit", "mV"]
    printed = CliRunner().invoke(app, ["predict", *words])
    assert printed.exit_code == 0
    assert printed.stdout.count("\n") == 1
    assert f"imle: {path}: {flat_line}" in printed.stderr
    (answer,) = json.loads(CliRunner().invoke(app, ["predict", "--json", *words]).stdout)
    assert answer["remarks"] == ["The file does not name its leads; their usual order, I to V6, is assumed.", flat_line]
    explained = CliRunner().invoke(app, ["explain", *words, "--out", str(tmp_path / "out")])
    assert flat_line in explained.stdout
    data = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert data["remarks"] == answer["remarks"]
    assert flat_line in (tmp_path / "out" / "explanation.html").read_text()


@pytest.mark.ptbxl
def test_few_records_are_out_of_the_ordinary(ptbxl_root):
    """Said of every tenth record, nobody would read it."""
    data = PtbXl(ptbxl_root)
    ids = data.ids([9])[:500]
    said = [remarks(Ecg(signal_mv, 100)) for signal_mv in data.signals(ids)]
    assert sum(map(bool, said)) < 5
