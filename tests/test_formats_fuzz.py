"""Damaged files: whatever is flipped, cut, moved or rewritten, a file is read or refused with one sentence.

`IMLE_FUZZ_EXAMPLES=2000 pytest tests/test_formats_fuzz.py` looks further than a run of all tests does, each time elsewhere.
"""

import os
import re
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from device_files import FILES, SMALL, Written, dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imle import LEADS, Ecg, UnreadableEcg
from imle.formats import Hints
from imle.formats.upload import read_uploads

# NumPy's warnings reach the shell as lines of code.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

EXAMPLES = int(os.environ.get("IMLE_FUZZ_EXAMPLES", "60"))
ROUTINE = "IMLE_FUZZ_EXAMPLES" not in os.environ

# A sentence for a person: one line that can be printed, neither a word nor a page, and not broken off.
SENTENCE = re.compile(r"\S.{20,298}[^\s,;:.(]")

# What a number in a file may turn into, as text and as the bytes of an integer.
NUMBERS = (
    b"0", b"-1", b"1", b"2", b"1.5", b"65536", b"99999999999", b"-99999999999", b"1e308", b"1e-320", b"nan", b"inf",
    b"", b"0x10", b"1_0", b"9" * 400, b"9" * 5000,
)  # fmt: skip
WORDS = tuple(
    word * times
    for word in (b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b"\\", b"%", b"<", b'"')
    for times in (1, 2, 4, 64)
)
WRITTEN_NUMBER = re.compile(rb"[+-]?\d+(?:\.\d+)?")
# A format keeps its facts at the beginning; most of the rest is samples.
HEADER_BYTES = 600

MORE = {
    "dicom_implicit": lambda: dicom("dcmtk_implicit.dcm"),
    "dicom_big_endian": lambda: dicom("dcmtk_big_endian.dcm"),
    "aecg_biosig": lambda: Written({"record.xml": (FILES / "biosig_aecg.xml").read_bytes()}),
}
# What may be told of a file whose own facts are damaged.
EVERYTHING_ELSE = {"unit": "200/mV", "leads": LEADS, "age": 63, "sex": "F"}
SOUND = {name: make() for name, make in (SMALL | MORE).items()}


@st.composite
def places(draw, size: int) -> int:
    """A place in a file, as often in its header as anywhere."""
    return draw(st.integers(0, min(size, HEADER_BYTES)) | st.integers(0, size))


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """`content` after one to four accidents."""
    for _ in range(draw(st.integers(1, 4))):
        content = draw(st.sampled_from(ACCIDENTS))(draw, content)
    return content


def flipped(draw, content: bytes) -> bytes:
    place = draw(places(max(0, len(content) - 1)))
    return (
        content[:place]
        + bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in content[place : place + 1])
        + content[place + 1 :]
    )


def truncated(draw, content: bytes) -> bytes:
    return content[: draw(places(len(content)))]


def spliced(draw, content: bytes) -> bytes:
    """A piece of the file stands once more elsewhere, or in the place of what was there."""
    start, place = draw(places(len(content))), draw(places(len(content)))
    piece = content[start : start + draw(st.integers(1, 2000))]
    return content[:place] + piece + content[place + draw(st.sampled_from([0, len(piece)])) :]


def cut_out(draw, content: bytes) -> bytes:
    place = draw(places(len(content)))
    return content[:place] + content[place + draw(st.integers(1, 2000)) :]


def renumbered(draw, content: bytes) -> bytes:
    """A number written out becomes another; it keeps its width where the format counts bytes."""
    place = draw(places(len(content)))
    found = WRITTEN_NUMBER.search(content, place)
    if found is None:
        return content
    number = draw(st.sampled_from(NUMBERS))
    if draw(st.booleans()):
        number = number.ljust(len(found[0]))[: len(found[0])]
    return content[: found.start()] + number + content[found.end() :]


def overwritten(draw, content: bytes) -> bytes:
    place, word = draw(places(len(content))), draw(st.sampled_from(WORDS))
    return content[:place] + word + content[place + len(word) :]


ACCIDENTS = (flipped, truncated, spliced, cut_out, renumbered, renumbered, overwritten)


@pytest.mark.parametrize("name", SOUND)
def test_a_damaged_file_is_read_or_refused_with_one_sentence(name, tmp_path, monkeypatch):
    """A parser's own exception is a stack trace to a clinician, and a file half read is an ECG that nobody recorded."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sound = SOUND[name]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=ROUTINE,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        victim = data.draw(st.sampled_from(sorted(sound.files)))
        files = sound.files | {victim: data.draw(damaged(sound.files[victim]))}
        hints = data.draw(st.sampled_from([sound.hints, replace(sound.hints or Hints(100), **EVERYTHING_ELSE)]))
        answers = read_uploads(files, hints)
        assert answers, "a record that was given has no answer"
        for answer in answers.values():
            check_answer(answer)
        assert list(tmp_path.iterdir()) == []

    check()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=ROUTINE, database=None)
@given(
    st.sampled_from([".hea", ".dat", ".dcm", ".edf", ".csv", ".tsv", ".xml", ".npy", ".scp", ".pdf", ""]),
    st.binary(max_size=600) | st.text(max_size=600).map(str.encode),
)
def test_anything_under_any_name_is_refused_with_one_sentence(suffix, content):
    """A letter that is named .dcm reaches a reader that expects anything but a letter."""
    (answer,) = read_uploads({f"record{suffix}": content}).values()
    assert isinstance(answer, UnreadableEcg)
    check_answer(answer)


def check_answer(answer: Ecg | UnreadableEcg) -> None:
    if isinstance(answer, UnreadableEcg):
        assert SENTENCE.fullmatch(answer.reason), answer.reason
        assert answer.reason.isprintable(), answer.reason
    else:
        assert answer.signal_mv.shape == (12, round(10 * answer.fs_hz))
        assert np.isfinite(answer.signal_mv).all()
