"""Files of every format, by other programs than the readers: what must be read alike, asked for, refused, and left behind."""

import base64
import io
import re
import tempfile
from dataclasses import dataclass, replace

import numpy as np
import pytest
from device_files import (
    EIGHT,
    FILES,
    SCRAMBLED,
    SMALL,
    Written,
    aecg,
    dicom,
    edf,
    muse,
    npy,
    signals_mv,
    table,
    wfdb,
)
from files import recipe
from made_up import made_up_ecg

from imle import LEADS, Ecg, UnreadableEcg, read_ecg
from imle.errors import BadChoice
from imle.formats import DoubtfulFact, Hints, MissingFacts, ecg_files
from imle.formats.common import FROM_I_AND_II, LARGEST_BYTES
from imle.formats.upload import read_uploads, safe_name

MV = signals_mv()
MV_EIGHT = {lead: MV[lead] for lead in EIGHT}
RECIPE_MV = {lead: recipe.dicom_mv(lead) for lead in LEADS}
FROM_TWO = ["III", "aVR", "aVL", "aVF"]


def matrix(order=LEADS) -> np.ndarray:
    return np.array([MV[lead] for lead in order])


def replaced(written: Written, old: bytes, new: bytes, count: int = -1) -> Written:
    """The record with `old` replaced in its first file, where it must stand."""
    name = next(iter(written.files))
    content = written.files[name]
    assert old in content
    return replace(written, files=written.files | {name: content.replace(old, new, count)})


def named(written: Written, name: str) -> Written:
    return replace(written, files={name: next(iter(written.files.values()))})


def semicolons() -> Written:
    """As a spreadsheet writes a table where the comma is the decimal sign."""
    return table(MV, sep=";", decimal=",")


def line_of_units() -> Written:
    """As PhysioNet's rdsamp prints a table: names, then units in quotation marks, then rows."""
    names, _, rows = next(iter(table(MV, name="{}").files.values())).partition(b"\n")
    units = ",".join(["'seconds'", *["'mV'"] * 12]).encode()
    return Written({"record.csv": names + b"\n" + units + b"\n" + rows})


@dataclass(frozen=True)
class Case:
    """A file, what it holds, and how much its numbers are rounded."""

    written: Written
    mv: dict[str, np.ndarray]
    fs_hz: float = 500
    off_mv: float = 1e-5


CASES = {
    "wfdb": lambda: Case(wfdb(MV), MV, off_mv=0.0003),
    "edf in uV": lambda: Case(edf(MV), MV, off_mv=0.0006),
    "edf in mV": lambda: Case(edf(MV, unit="mV"), MV, off_mv=0.0006),
    "edf without patient or annotations": lambda: Case(
        edf(MV, patient=None, recording=None, annotations=None), MV, off_mv=0.0006
    ),
    "dicom, lengths not stated": lambda: Case(dicom(), RECIPE_MV, 100),
    "dicom, implicit": lambda: Case(dicom("dcmtk_implicit.dcm"), RECIPE_MV, 100),
    "dicom, big endian": lambda: Case(dicom("dcmtk_big_endian.dcm"), RECIPE_MV, 100),
    "csv": lambda: Case(table(MV), MV),
    "csv in uV": lambda: Case(table({k: v * 1000 for k, v in MV.items()}, name="{} [uV]"), MV),
    "csv in µV, Latin-1": lambda: Case(
        Written({"r.csv": _text(table({k: v * 1000 for k, v in MV.items()}, name="{}_µV")).encode("latin-1")}), MV
    ),
    "csv, UTF-16": lambda: Case(Written({"r.csv": _text(table(MV)).encode("utf-16")}), MV),
    "csv with a line of units": lambda: Case(line_of_units(), MV),
    "csv with decimal commas": lambda: Case(semicolons(), MV),
    "csv with a column more": lambda: Case(replaced(_marked(), b"marker", b"Resp"), MV),
    "tsv": lambda: Case(named(table(MV, sep="\t"), "record.tsv"), MV),
    "csv under another name": lambda: Case(named(table(MV), "export.txt"), MV),
    "npy, leads by time": lambda: Case(npy(matrix().astype(np.float32), 500), MV),
    "npy, time by leads, Fortran order": lambda: Case(npy(matrix().T, 500), MV),
    "npy, big endian, in nV": lambda: Case(replace(npy((matrix() * 1e6).astype(">i4")), hints=Hints(500, "nV")), MV),
    "npy in an order of its own": lambda: Case(replace(npy(matrix(SCRAMBLED)), hints=Hints(500, "mV", SCRAMBLED)), MV),
    "muse": lambda: Case(muse(MV), MV, off_mv=0.0025),
    "muse at 1 uV a bit": lambda: Case(muse(MV, uv_per_bit=1.0), MV),
    "muse with a rate of 5 times 10 to the 2": lambda: Case(
        replaced(
            muse(MV, uv_per_bit=1.0),
            b"<SampleBase>500</SampleBase><SampleExponent>0<",
            b"<SampleBase>5</SampleBase><SampleExponent>2<",
        ),
        MV,
    ),
    "aecg": lambda: Case(aecg(MV), MV),
    "aecg with a step in ms": lambda: Case(replaced(aecg(MV), b'value="0.002" unit="s"', b'value="2" unit="ms"'), MV),
    "aecg by biosig": lambda: Case(
        Written({"biosig.xml": (FILES / "biosig_aecg.xml").read_bytes()}),
        {lead: recipe.stored(lead) / 1000 for lead in LEADS},
        100,
        0.0006,
    ),
}


def _text(written: Written) -> str:
    return next(iter(written.files.values())).decode()


def _marked() -> Written:
    """A table with a column of marks after the leads."""
    header, *rows = _text(table(MV)).splitlines()
    return Written({"record.csv": "\n".join([f"{header},marker", *[f"{row},0" for row in rows]]).encode()})


# What must be read


@pytest.mark.parametrize("name", CASES)
def test_every_lead_is_in_its_place_in_millivolts(name, tmp_path):
    """A lead in another's place is an infarction in another wall; a unit missed is a signal a thousand times off."""
    case = CASES[name]()
    ecg = read_ecg(case.written.put(tmp_path), case.written.hints)
    assert ecg.fs_hz == case.fs_hz
    for row, lead in enumerate(LEADS):
        np.testing.assert_allclose(ecg.signal_mv[row], case.mv[lead], atol=case.off_mv, err_msg=lead)
    assert "derived_leads" not in ecg.meta


def eight_dicom() -> Written:
    """dcmtk's file, with codes of no standard lead in place of III, aVR, aVL and aVF."""
    written = dicom()
    for code in (recipe.CODES[lead] for lead in FROM_TWO):
        old = next(c for c in (b"2:%d" % code, b"5.6.3-9-%d" % code) if c in written.files["record.dcm"])
        written = replaced(written, old, old[:-2] + b"90")
    return written


EIGHT_RECORDED = {
    "wfdb": lambda: (wfdb_of(MV_EIGHT), 500),
    "edf": lambda: (edf(MV_EIGHT), 500),
    "dicom": lambda: (eight_dicom(), 100),
    "csv": lambda: (table(MV_EIGHT), 500),
    "npy": lambda: (replace(npy(matrix(EIGHT)), hints=Hints(500, "mV", EIGHT)), 500),
    "muse": lambda: (muse(MV_EIGHT, uv_per_bit=1.0), 500),
    "aecg": lambda: (aecg(MV_EIGHT), 500),
}


def wfdb_of(mv: dict[str, np.ndarray]) -> Written:
    """The WFDB record without the leads that are not in `mv`: they are renamed, as a recorder names what is no lead."""
    written = wfdb(MV)
    for number, lead in enumerate(lead for lead in LEADS if lead not in mv):
        written = replaced(written, f" 0 {lead}\n".encode(), f" 0 X{number}\n".encode())
    return written


@pytest.mark.parametrize("name", EIGHT_RECORDED)
def test_four_leads_follow_from_i_and_ii(name, tmp_path):
    """Carts record eight leads and print twelve; the other four are arithmetic, and the reader is told which."""
    written, fs_hz = EIGHT_RECORDED[name]()
    ecg = read_ecg(written.put(tmp_path), written.hints)
    one, two = ecg.signal_mv[:2].astype(float)
    assert ecg.fs_hz == fs_hz
    assert ecg.meta["derived_leads"] == FROM_TWO
    expected = {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    for lead, signal_mv in expected.items():
        np.testing.assert_allclose(ecg.signal_mv[LEADS.index(lead)], signal_mv, atol=1e-5, err_msg=lead)
    if name != "dicom":
        np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=0.003)
    assert set(expected) == set(FROM_I_AND_II)


@pytest.mark.parametrize("name", SMALL)
def test_age_sex_and_device_are_told_and_no_name(name, tmp_path):
    """The page shows the meta data and the report prints them: a patient's name or number must not come that far."""
    written = SMALL[name]()
    ecg = read_ecg(written.put(tmp_path), written.hints)
    if name in ("dicom", "edf", "muse", "aecg"):
        told = {key: ecg.meta[key] for key in ("age", "sex", "recorded")}
        assert told == {"age": 70, "sex": "F", "recorded": "2020-05-06 10:11:12"}
        assert ecg.meta["device"] in ("Cart 9", "MAC55", "Made up Cart 9")
    assert not re.search("doe|jane|4711|0815|1950", str(ecg.meta), re.IGNORECASE)


@pytest.mark.parametrize("name", SMALL)
def test_age_and_sex_can_be_told_of_a_file_that_states_none(name, tmp_path):
    """Criteria that differ by them could not be judged of a table or an array; what a file states must win."""
    written = SMALL[name]()
    path, hints = written.put(tmp_path), written.hints or Hints()
    own = read_ecg(path, hints).meta
    meta = read_ecg(path, replace(hints, age=33.0, sex="m")).meta
    assert meta == {"age": 33, "sex": "M"} | own
    assert isinstance(meta["age"], int), "33.0 would stand on the page"
    assert ("age" in own) == (name in ("dicom", "edf", "muse", "aecg"))


LONG_MV = dict(zip(LEADS, np.rint(made_up_ecg(0, 1000, seconds=30) * 1000) / 1000, strict=True))
LONG_MV_100 = {lead: signal[::10] for lead, signal in LONG_MV.items()}
LONG = {
    "wfdb": lambda: wfdb(LONG_MV_100, 100),
    "edf": lambda: edf(LONG_MV_100, 100),
    "dicom": lambda: replaced(dicom(), b"DS\x04\x00100 ", b"DS\x04\x0050  "),
    "csv": lambda: table(LONG_MV_100, 100),
    "csv of more rows than are looked at": lambda: table(LONG_MV, 1000),
    "npy": lambda: npy(np.array(list(LONG_MV_100.values())).T, 100),
    "muse": lambda: muse(LONG_MV_100, 100),
    "aecg": lambda: aecg(LONG_MV_100, 100),
}


@pytest.mark.parametrize("name", LONG)
def test_a_longer_recording_says_how_long_it_is(name, tmp_path):
    """Whoever is shown the first ten seconds, with a heart rate and an opinion, must learn that there is more."""
    written = LONG[name]()
    ecg = read_ecg(written.put(tmp_path), written.hints)
    assert (ecg.seconds, ecg.meta["source_s"]) == (10, 20 if name == "dicom" else 30)


@pytest.mark.parametrize("name", SMALL)
def test_a_recording_of_ten_seconds_says_nothing_of_its_length(name, tmp_path):
    """`First 10 s of 10 s` beside every ordinary ECG would hide the words where they matter."""
    written = SMALL[name]()
    assert "source_s" not in read_ecg(written.put(tmp_path), written.hints).meta


def test_an_array_says_that_its_order_was_assumed(tmp_path):
    """Nothing in an array tells its leads, so whoever reads the answer must be able to see what was taken for granted."""
    written = npy(matrix())
    assert read_ecg(written.put(tmp_path), written.hints).meta == {"assumed_order": list(LEADS)}
    assert read_ecg(written.put(tmp_path), replace(written.hints, leads=LEADS)).meta == {"leads_by_hand": list(LEADS)}


# What must be asked for


def headerless(numbers: np.ndarray | None = None) -> Written:
    """A table of numbers alone (12, n), leads in their usual order."""
    buffer = io.BytesIO()
    np.savetxt(buffer, (matrix() if numbers is None else numbers).T, fmt="%.3f", delimiter=",")
    return Written({"record.csv": buffer.getvalue()})


def without_times(written: Written) -> Written:
    """A table without its first column."""
    rows = _text(written).splitlines()
    return Written({"record.csv": "\n".join(row.partition(",")[2] for row in rows).encode()})


def with_numbers(written: Written) -> Written:
    """A table whose first column, `t`, numbers the samples; read as milliseconds it would be of 1000 Hz."""
    head, *rows = (row.partition(",")[2] for row in _text(written).splitlines())
    return Written({"record.csv": "\n".join([f"t,{head}", *(f"{n},{row}" for n, row in enumerate(rows))]).encode()})


def without_units_dicom() -> Written:
    """dcmtk's file; where a channel's unit was uV, the sequence that tells it bears a tag that nobody knows."""
    undefined = b"\xff" * 4
    tells = b"SQ\0\0" + undefined + b"\xfe\xff\0\xe0" + undefined + b"\x08\0\0\x01SH\x02\0uV"
    return replaced(dicom(), b"\x3a\0\x11\x02" + tells, b"\x3a\0\x99\x02" + tells)


def without_units_aecg() -> Written:
    return replaced(replaced(aecg(MV), b'value="0.5" unit="uV"', b'value="0.5"'), b'"100" unit="uV"', b'"100"')


def must_be_told(written: Written, fs_hz=None, unit=None, leads=None) -> Case:
    """A file that must be told these facts."""
    return Case(replace(written, hints=Hints(fs_hz, unit, leads)), MV, off_mv=0.0025)


ASKED = {
    "csv without times": lambda: must_be_told(without_times(table(MV)), 500),
    "csv with the samples' numbers": lambda: must_be_told(with_numbers(table(MV)), 500),
    "csv without units": lambda: must_be_told(table(MV, name="{}"), unit="mV"),
    "csv without times and units": lambda: must_be_told(without_times(table(MV, name="{}")), 500, "mV"),
    "csv without a header": lambda: must_be_told(headerless(), 500, "mV", LEADS),
    "edf without units": lambda: must_be_told(edf(MV, unit=""), unit="uV"),
    "npy": lambda: must_be_told(npy(matrix()), 500, "mV"),
    "muse without units": lambda: must_be_told(
        replaced(muse(MV), b"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>", b""), unit="uV"
    ),
    "muse without a rate": lambda: must_be_told(replaced(muse(MV), b"<SampleBase>500</SampleBase>", b""), 500),
    "aecg without units": lambda: must_be_told(without_units_aecg(), unit="uV"),
    "aecg without a rate": lambda: must_be_told(replaced(aecg(MV), b'<increment value="0.002" unit="s" />', b""), 500),
    "dicom without units": lambda: Case(replace(without_units_dicom(), hints=Hints(unit="uV")), RECIPE_MV, 100),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_a_file_does_not_say_is_asked_for_and_taken_from_hints(name, tmp_path):
    """A guess would be wrong for somebody; the caller learns which facts to give, and with them the file is read."""
    case = ASKED[name]()
    path, hints = case.written.put(tmp_path), case.written.hints
    with pytest.raises(MissingFacts, match=r"the file does not state its .*; give (it|them) \(") as caught:
        read_ecg(path)
    assert caught.value.facts == tuple(fact for fact in ("fs_hz", "unit", "leads") if getattr(hints, fact) is not None)
    ecg = read_ecg(path, hints)
    assert ecg.fs_hz == case.fs_hz and ("leads_by_hand" in ecg.meta) == (hints.leads is not None)
    np.testing.assert_allclose(ecg.signal_mv, np.array([case.mv[lead] for lead in LEADS]), atol=case.off_mv)


# What is asked for its unit, in raw counts of 204.8 a millivolt.
COUNTS = {
    "csv": lambda: table({lead: np.rint(signal * 204.8).astype(int) for lead, signal in MV.items()}, name="{}"),
    "csv without a header": lambda: headerless(np.rint(matrix() * 204.8)),
    "edf": lambda: edf({lead: signal * 0.2048 for lead, signal in MV.items()}, unit=""),
    "npy": lambda: npy(np.rint(matrix() * 204.8).astype(np.int16)),
}


@pytest.mark.parametrize("unit", ["204.8/mV", "204,8 / mV"])
@pytest.mark.parametrize("name", COUNTS)
def test_raw_counts_are_read_once_it_is_said_how_many_make_a_millivolt(name, unit, tmp_path):
    """Many devices write what their converter counts: no unit of voltage would be right, and none could be chosen."""
    path = COUNTS[name]().put(tmp_path)
    leads = LEADS if name == "csv without a header" else None
    with pytest.raises(DoubtfulFact, match=r"the unit is probably another; give that, or .* as 200/mV \(unit\)$") as no:
        read_ecg(path, Hints(500, "mV", leads))
    assert no.value.facts == ("unit",)
    np.testing.assert_allclose(read_ecg(path, Hints(500, unit, leads)).signal_mv, matrix(), atol=0.5 / 204.8 + 1e-5)


def test_a_table_may_state_its_counts_itself(tmp_path):
    """The unit that a hint may give is one that a header may state, in brackets or in a line of units."""
    counts = {lead: signal * 1000 for lead, signal in MV.items()}
    np.testing.assert_allclose(
        read_ecg(table(counts, name="{} (1000/mV)").put(tmp_path)).signal_mv, matrix(), atol=1e-5
    )


@pytest.mark.parametrize("name", ["edf", "dicom", "csv", "muse", "aecg"])
def test_no_other_unit_is_asked_for_where_the_file_states_one(name, tmp_path):
    """What a file states wins, so a unit that is given would change nothing, however often it is asked for."""
    path = UNLIKELY_UNIT[name]().put(tmp_path)
    for hints in (None, Hints(500, "uV"), Hints(500, "1000/mV")):
        with pytest.raises(
            UnreadableEcg, match=r"the unit is probably another; correct the one that the file states$"
        ) as caught:
            read_ecg(path, hints)
        assert not isinstance(caught.value, MissingFacts)


def nameless_edf() -> Written:
    """An EDF file whose signals are all called Channel, but for the breathing."""
    written = edf(MV)
    for lead in SCRAMBLED:
        written = replaced(written, f"ECG {lead}".ljust(16).encode(), b"Channel".ljust(16), 1)
    return written


def test_signals_that_mean_no_lead_are_refused_until_they_are_named(tmp_path):
    """EDF has a name for every signal, which may say nothing; taken by its place a lead would be right only by luck."""
    path = nameless_edf().put(tmp_path)
    with pytest.raises(
        UnreadableEcg, match=r"are missing; .* the file names Resp, Channel, Channel, .* and 2 more; name each of its"
    ):
        read_ecg(path)
    ecg = read_ecg(path, Hints(leads=("Resp", *SCRAMBLED)))
    np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=0.0006)


@pytest.mark.parametrize("name", ["wfdb", "dicom", "edf", "csv", "muse", "aecg"])
def test_what_a_file_says_wins_over_hints(name, tmp_path):
    """One hint is given for many files; it must not turn millivolts into volts in those that state their own."""
    written = SMALL[name]()
    path = written.put(tmp_path)
    told, hinted = read_ecg(path), read_ecg(path, Hints(1000, "V", LEADS[::-1]))
    assert told.fs_hz == hinted.fs_hz and told.meta == hinted.meta
    np.testing.assert_array_equal(told.signal_mv, hinted.signal_mv)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"unit": "mmHg"}, "there is no unit 'mmHg'; choose one of mV, uV, nV, V, or write raw counts as 200/mV"),
        *[
            ({"unit": unit}, f"there is no unit {unit!r}; choose")
            for unit in ("0/mV", "-200/mV", "nan/mV", "200", "/mV")
        ],
        ({"unit": "9" * 400 + "/mV"}, "there is no unit '999"),
        ({"age": 430}, "the age is 430 years; 0 to 130 can be given"),
        ({"age": -1}, "the age is -1 years; 0 to 130 can be given"),
        ({"age": float("nan")}, "the age is nan years; 0 to 130 can be given"),
        ({"sex": "woman"}, "the sex is 'woman'; F or M can be given"),
        ({"fs_hz": 4}, "the sampling rate is 4 Hz; 50 Hz to 2000 Hz can be read"),
        ({"fs_hz": float("nan")}, "the sampling rate is nan Hz; 50 Hz to 2000 Hz can be read"),
    ],
)
def test_a_hint_that_cannot_be_is_refused_before_a_file_is_read(facts, sentence):
    """It would be refused once for every file, each time as if the file were at fault."""
    with pytest.raises((BadChoice, ValueError), match=re.escape(sentence)):
        Hints(**facts)


# How each format writes the name of a lead, and the order of its signals. EDF has the breathing first.
NAME_IN = {
    "wfdb": (lambda: wfdb(MV), " 0 {}\n".format, SCRAMBLED),
    "edf": (lambda: edf(MV), "ECG {:12}".format, ("Resp", *SCRAMBLED)),
    "csv": (lambda: table(MV), ",{} (mV)".format, SCRAMBLED),
    "muse": (lambda: muse(MV, uv_per_bit=1.0), "<LeadID>{}<".format, LEADS),
    "aecg": (lambda: aecg(MV), lambda lead: f'MDC_ECG_LEAD_{lead.upper()}"', LEADS),
}


def renamed(name: str, names: dict[str, str]) -> Written:
    """The record in one format with other names for some leads."""
    make, spelt, _ = NAME_IN[name]
    written = make()
    for lead, other in names.items():
        written = replaced(written, spelt(lead).encode(), spelt(other).encode())
    return written


@pytest.mark.parametrize("name", NAME_IN)
def test_the_chest_leads_may_be_called_as_iec_calls_them(name, tmp_path):
    """European devices write C1 to C6: an ECG of twelve leads would be refused for six that are missing."""
    path = renamed(name, {f"V{n}": f"C{n}" for n in range(1, 7)}).put(tmp_path)
    np.testing.assert_allclose(read_ecg(path).signal_mv, matrix(), atol=0.0006)


@pytest.mark.parametrize("name", NAME_IN)
def test_a_lead_under_both_its_names_is_refused_until_the_signals_are_named(name, tmp_path):
    """Which of C1 and V1 is meant cannot be known; whoever knows can say so."""
    path = renamed(name, {"V6": "C1"}).put(tmp_path)
    with pytest.raises(
        DoubtfulFact, match="lead V1 appears twice; each of the 12 leads is needed once; name each"
    ) as no:
        read_ecg(path)
    assert no.value.facts == ("leads",)
    ecg = read_ecg(path, Hints(leads=NAME_IN[name][2]))
    np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=0.0006)


CHANNELS = {lead: f"CH{n}" for n, lead in enumerate(LEADS, 1)}


@pytest.mark.parametrize("name", NAME_IN)
@pytest.mark.parametrize("unnamed", [LEADS, LEADS[6:]], ids=["all", "some"])
def test_names_that_say_nothing_can_be_given(name, unnamed, tmp_path):
    """There must be a way to read a sound ECG whose signals are called CH1 to CH12, all of them or the chest leads."""
    path = renamed(name, {lead: CHANNELS[lead] for lead in unnamed}).put(tmp_path)
    with pytest.raises(DoubtfulFact, match=r"are missing; .*; name each of its signals in their order \(leads\)$"):
        read_ecg(path)
    ecg = read_ecg(path, Hints(leads=NAME_IN[name][2]))
    assert ecg.meta["leads_by_hand"] == list(NAME_IN[name][2])  # a reader must know whom to ask about a lead
    np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=0.0006)


def test_codes_that_say_nothing_can_be_named_too(tmp_path):
    """A DICOM file whose channels have the codes of another scheme names no lead either."""
    content = dicom().files["record.dcm"].replace(b"5.6.3-9-", b"5.6.3-0-").replace(b"SH\x04\x002:", b"SH\x04\x003:")
    path = Written({"record.dcm": content}).put(tmp_path)
    with pytest.raises(DoubtfulFact, match=r"the file names A lead, A lead, .*; name each of its signals"):
        read_ecg(path)
    order = ("V6", "aVR", "I", "V1", "III", "V3", "aVF", "II", "V5", "aVL", "V2", "V4")
    expected = np.array([RECIPE_MV[lead] for lead in LEADS])
    np.testing.assert_allclose(read_ecg(path, Hints(leads=order)).signal_mv, expected, atol=1e-5)


def test_an_array_of_more_than_twelve_leads_is_read_once_they_are_named(tmp_path):
    """The Frank leads beside the twelve are no reason to refuse an array without a way out."""
    path = npy(np.vstack([matrix(), matrix()[:3]])).put(tmp_path)
    with pytest.raises(DoubtfulFact, match=r"has shape \(15, 5000\); .*; name each of its signals in their order"):
        read_ecg(path, Hints(500, "mV"))
    ecg = read_ecg(path, Hints(500, "mV", (*LEADS, "VX", "VY", "VZ")))
    np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=1e-5)


@pytest.mark.parametrize("first", [(), ("time",)])
def test_the_column_of_times_may_be_named_with_the_leads_or_not(first, tmp_path):
    """Who names `each column` of a table names the times too; every lead would stand one column off."""
    path = renamed("csv", CHANNELS).put(tmp_path)
    ecg = read_ecg(path, Hints(leads=(*first, *SCRAMBLED)))
    np.testing.assert_allclose(ecg.signal_mv, matrix(), atol=1e-5)


def test_no_way_out_is_offered_where_a_lead_was_not_recorded(tmp_path):
    """Other names make no V6 of eleven signals; who follows the sentence would call one lead by another's name."""
    with pytest.raises(UnreadableEcg) as caught:
        read_ecg(table(WITHOUT_V6).put(tmp_path))
    assert not isinstance(caught.value, MissingFacts) and caught.value.reason.endswith("V1, aVL, II, V5, aVR, V2, V4")


@pytest.mark.parametrize("make", [headerless, lambda: npy(matrix()), nameless_edf])
def test_as_many_leads_must_be_named_as_there_are(make, tmp_path):
    """Names that are one short would shift every lead by one."""
    with pytest.raises(UnreadableEcg, match=r"11 leads were named and the|\(11, n\) or \(n, 11\) is needed"):
        read_ecg(make().put(tmp_path), Hints(500, "mV", LEADS[:11]))


# What must be refused

NO_VOLTAGE = r"the unit is '(mmHg|MMHG|Pa)'; an ECG needs mV, uV, nV or V"
WRONG_UNIT = {
    "wfdb": lambda: replaced(wfdb(MV), b"/mV", b"/mmHg"),
    "edf": lambda: edf(MV, unit="mmHg"),
    "dicom": lambda: replaced(replaced(dicom(), b"SH\x02\0uV", b"SH\x02\0Pa"), b"SH\x02\0mV", b"SH\x02\0Pa"),
    "csv": lambda: table(MV, name="{} (mmHg)"),
    "muse": lambda: replaced(muse(MV), b"MICROVOLTS", b"MMHG"),
    "aecg": lambda: replaced(aecg(MV), b'"uV"', b'"mmHg"'),
}
# The signal itself tells a unit that is a thousand times off.
UNLIKELY_UNIT = {
    "edf": lambda: replaced(edf(MV), b"uV      ", b"mV      "),
    "dicom": lambda: replaced(dicom(), b"SH\x02\0uV", b"SH\x02\0mV"),
    "csv": lambda: table({lead: signal * 1000 for lead, signal in MV.items()}),
    "npy": lambda: replace(npy(matrix()), hints=Hints(500, "V")),
    "npy, too small": lambda: replace(npy(matrix()), hints=Hints(500, "uV")),
    "muse": lambda: replaced(muse(MV), b"MICROVOLTS", b"MILLIVOLTS"),
    "aecg": lambda: replaced(aecg(MV), b'"uV"', b'"mV"'),
}
WITHOUT_V6 = {lead: signal for lead, signal in MV.items() if lead != "V6"}
MISSING_LEAD = {
    "wfdb": lambda: wfdb_of(WITHOUT_V6),
    "edf": lambda: edf(WITHOUT_V6),
    "dicom": lambda: replaced(dicom(), b"5.6.3-9-8 ", b"5.6.3-9-90"),
    "csv": lambda: table(WITHOUT_V6),
    "npy": lambda: replace(npy(matrix(LEADS[:11])), hints=Hints(500, "mV", LEADS[:11])),
    "muse": lambda: muse(WITHOUT_V6),
    "aecg": lambda: aecg(WITHOUT_V6),
}
SHORT_MV = {lead: signal[:1500] for lead, signal in MV.items()}
TOO_SHORT = {
    "wfdb": lambda: wfdb(SHORT_MV),
    "edf": lambda: edf(SHORT_MV),
    "dicom": lambda: replaced(dicom(), b"DS\x04\x00100 ", b"DS\x04\x00333 "),
    "csv": lambda: table(SHORT_MV),
    "npy": lambda: npy(matrix()[:, :1500]),
    "muse": lambda: muse(SHORT_MV),
    "aecg": lambda: aecg(SHORT_MV),
}
REFUSED = [
    ("unit", WRONG_UNIT, NO_VOLTAGE),
    (
        "unlikely unit",
        UNLIKELY_UNIT,
        r"the signal (reaches|spans) [\d.e+-]+ mV.*; an ECG .*, so the unit is probably another"
        r"; (correct the one that the file states|give that, or for raw counts how many make 1 mV, as 200/mV \(unit\))",
    ),
    ("lead", MISSING_LEAD, r"lead V6 is missing; the 12 standard leads are needed and the file names .+"),
    ("short", TOO_SHORT, r"the record is 3(\.\d+)? s long; at least 10 s are needed"),
]


def reason(written: Written, folder) -> str:
    """The sentence that a record gets."""
    with pytest.raises(UnreadableEcg) as caught:
        read_ecg(written.put(folder), written.hints)
    assert len(caught.value.reason.splitlines()) == 1
    assert len(caught.value.reason) < 300
    return caught.value.reason


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(make, sentence, id=f"{what}: {name}")
        for what, makes, sentence in REFUSED
        for name, make in makes.items()
    ],
)
def test_what_no_reader_may_guess_is_refused_alike_in_every_format(make, sentence, tmp_path):
    """The same fault gets the same sentence, whatever the file: it says what is wrong and what would be right."""
    assert re.fullmatch(sentence, reason(make(), tmp_path))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
@pytest.mark.parametrize("name", SMALL)
def test_a_file_cut_short_is_never_read(name, share, tmp_path):
    """An upload that broke off must not become an ECG of the leads or the seconds that happened to arrive."""
    written = SMALL[name]()
    last = list(written.files)[-1]
    files = written.files | {last: written.files[last][: int(share * len(written.files[last]))]}
    said = reason(replace(written, files=files), tmp_path)
    if share > 0.5:
        assert re.search("cut short|broken off|copy it again|s long; at least 10 s|every row needs a number", said), (
            said
        )


LAUGHS = b'<!DOCTYPE %s [<!ENTITY a "ha"><!ENTITY b "%s"><!ENTITY c "%s">]>' % (b"%s", b"&a;" * 99, b"&b;" * 99)
OUTSIDE = b'<!DOCTYPE %s [<!ENTITY c SYSTEM "file:///etc/hostname">]>'
PARAMETERS = b'<!DOCTYPE %s [<!ENTITY %% c SYSTEM "file:///etc/hostname"> %%c;]>'


@pytest.mark.parametrize("declared", [LAUGHS, OUTSIDE, PARAMETERS], ids=["laughs", "outside", "parameters"])
@pytest.mark.parametrize("root", [b"AnnotatedECG", b"RestingECG"])
def test_xml_that_declares_entities_is_refused(root, declared, tmp_path):
    """Entities can read the server's files or unfold to gigabytes; no electrocardiograph writes any."""
    content = declared.replace(b"%s", root, 1).replace(b"%%", b"%") + b"<%s>&c;</%s>" % (root, root)
    assert reason(Written({"record.xml": content}), tmp_path) == (
        "the XML declares entities or a document type of its own, as no ECG needs; export it again"
    )


@pytest.mark.parametrize(
    "body",
    [b"<x>" * 5000, b"<x/>" * 300_000, b"<x %s/>" % b" ".join(b'a%d="1"' % n for n in range(600_000))],
    ids=["deep", "many", "attributes"],
)
def test_xml_larger_than_any_ecg_is_refused(body, tmp_path):
    """A few megabytes of elements become gigabytes of objects."""
    said = reason(Written({"record.xml": b"<RestingECG>" + body}), tmp_path)
    assert re.fullmatch(r"the XML (is deeper or larger than|has more attributes than) an ECG; give .* own file", said)


def image() -> Written:
    """A picture of four pixels in DICOM, as a scanner stores it."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    scan = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    scan.SOPClassUID, scan.Modality = CTImageStorage, "CT"
    scan.Rows, scan.Columns, scan.BitsAllocated, scan.PixelData = 2, 2, 16, bytes(8)
    file = io.BytesIO()
    scan.save_as(file, enforce_file_format=True)
    return Written({"scan.dcm": file.getvalue()})


def two_rates() -> Written:
    """EDF states the samples of a block for each signal; half of them for V3 is half its rate."""
    import edfio

    signals = [
        edfio.EdfSignal(MV[lead][::2] if lead == "V3" else MV[lead], 250 if lead == "V3" else 500, label=lead,
                        physical_dimension="mV", physical_range=(-33, 33))
        for lead in LEADS
    ]  # fmt: skip
    file = io.BytesIO()
    edfio.Edf(signals).write(file)
    return Written({"record.edf": file.getvalue()})


NO_TWELVE = {
    "dicom of two leads": (
        lambda: replaced(replaced(dicom(), b"5.6.3-9-", b"5.6.3-0-"), b"SH\x04\x002:6", b"SH\x04\x002:7"),
        r"leads .* are missing; the 12 standard leads are needed and the file names .+",
    ),
    "dicom image": (image, r"this DICOM file holds no waveform; give one that an electrocardiograph stored"),
    "dicom, deflated": (
        lambda: dicom("dcmtk_deflated.dcm"),
        r"this DICOM file is compressed; export it with an uncompressed transfer syntax",
    ),
    "dicom that is none": (
        lambda: Written({"record.dcm": bytes(500)}),
        r"this is not a DICOM file; DICM must stand after its first 128 bytes",
    ),
    "edf of a brain": (
        lambda: replaced(edf(MV), b"ECG ", b"EEG "),
        r"leads .* are missing; the 12 standard leads are needed and the file names Resp, EEG V3, .+",
    ),
    "edf with gaps": (
        lambda: replaced(edf(MV), b"EDF+C", b"EDF+D"),
        r"this EDF\+ file has gaps \(EDF\+D\); give a continuous one \(EDF\+C\)",
    ),
    "edf at two rates": (
        two_rates,
        r"the leads have sampling rates of 250, 500 Hz; one is needed",
    ),
    "table of something else": (
        lambda: Written({"weather.csv": b"day,rain (mm)\n1,2\n2,3\n"}),
        r"leads .* are missing; the 12 standard leads are needed and the file names .+",
    ),
    "table with a word in it": (
        lambda: replaced(table(MV), b"\n0.02,", b"\n0.02,lost"),
        r"row 11 has 'lost.*' under 'V3'; every row needs a number there",
    ),
    "table with a sample missing": (
        lambda: replaced(table(MV), b"\n1.0,", b"\n1.5,"),
        r"the time column does not rise evenly; each row must be one step later than the row before",
    ),
    "array of objects": (
        lambda: replaced(npy(matrix()), b"'<f8'", b"'|O' "),
        r"the array holds object; plain integers or floating point numbers are needed",
    ),
    "array of one lead": (
        lambda: npy(matrix()[:1]),
        r"the array has shape \(1, 5000\); \(12, n\) or \(n, 12\) is needed, 12 leads by time",
    ),
    "muse with median beats alone": (
        lambda: replaced(muse(MV), b">Rhythm<", b">Other<"),
        r"this MUSE file has no Rhythm waveform; export the record with its full disclosure",
    ),
    "aecg without series": (
        lambda: Written({"record.xml": b"<AnnotatedECG/>"}),
        r"this aECG file has no rhythm series; export the record with its waveforms",
    ),
    "xml of something else": (
        lambda: Written({"record.xml": b"<Invoice><Total>3</Total></Invoice>"}),
        r"this XML file's root element is 'Invoice'; AnnotatedECG \(HL7\) and RestingECG \(GE MUSE\) can be read",
    ),
    "scp-ecg by its name": (
        lambda: Written({"record.scp": bytes(100)}),
        r"SCP-ECG files cannot be read; export the record in another format: WFDB records .* or NumPy arrays \(\.npy\)",
    ),
    "scp-ecg by its content": (
        lambda: Written({"record.bin": bytes(16) + b"SCPECG" + bytes(100)}),
        r"SCP-ECG files cannot be read; export the record in another format: .*DICOM waveforms \(\.dcm\), .*",
    ),
}


@pytest.mark.parametrize("name", NO_TWELVE)
def test_what_is_no_ecg_of_twelve_leads_is_told_from_what_is_damaged(name, tmp_path):
    """Who gave an image or a brain's record needs another sentence than who gave half a file."""
    make, sentence = NO_TWELVE[name]
    said = reason(make(), tmp_path)
    assert re.fullmatch(sentence, said), said


@pytest.mark.parametrize("name", ["dicom", "muse"])
def test_formats_that_are_read_whole_have_a_limit(name, tmp_path):
    """A folder may hold anything; a file of gigabytes must not be loaded to find out what it is."""
    path = SMALL[name]().put(tmp_path)
    with path.open("r+b") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(UnreadableEcg, match="the file is larger than 20 MB; give one record of some minutes"):
        read_ecg(path)


def test_a_folder_gives_the_ecgs_of_every_format_and_nothing_else(tmp_path):
    """`imle predict FOLDER` must find each record once, and not stumble over what lies beside it."""
    expected = []
    for name, make in SMALL.items():
        (tmp_path / name).mkdir()
        expected.append(make().put(tmp_path / name))
    (tmp_path / "readme.txt").write_text("I,II,III\n")
    (tmp_path / "weather.csv").write_text("day,rain\n1,2\n")
    (tmp_path / "counts.csv").write_text("c1,c2,c3\n1,2,3\n")
    (tmp_path / "invoice.xml").write_text("<Invoice/>")
    (tmp_path / ".hidden").mkdir()
    SMALL["edf"]().put(tmp_path / ".hidden")
    assert ecg_files(tmp_path) == sorted(expected)


# What is uploaded


@pytest.fixture
def private(tmp_path, monkeypatch):
    """The folder that temporary folders are made in; when the test is over nothing is left in it, nor written beside it."""
    outside, inside = tmp_path / "outside", tmp_path / "outside" / "temporary"
    inside.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(inside))
    monkeypatch.chdir(outside)
    yield inside
    assert [path for path in tmp_path.rglob("*") if path not in (outside, inside)] == []


def test_files_of_all_formats_at_once(private):
    """Whoever drops a folder of files gets an answer for each record, under its own name and in the same order."""
    files = {f"{name} {of}": content for name, make in SMALL.items() for of, content in make().files.items()}
    answers = read_uploads({**files, "notes.txt": b"no ECG"}, Hints(100, "mV"))
    assert list(answers) == [*[name for name in files if not name.endswith(".dat")], "notes.txt"]
    *ecgs, notes = answers.values()
    assert all(isinstance(ecg, Ecg) for ecg in ecgs[1:]), ecgs
    assert str(notes).startswith("notes.txt: this is not an ECG file that can be read; ")
    assert str(ecgs[0]).startswith("wfdb record.hea: record.dat is missing")  # renamed, so the header names another


def test_the_two_files_of_a_wfdb_record_are_one_ecg(private):
    """In whatever order the browser sends them; a second pair with the same header text must not be mixed up."""
    one, other = wfdb(MV).files, wfdb(signals_mv(9)).files
    answers = read_uploads(
        {"a/record.dat": one["record.dat"], "a/record.hea": one["record.hea"],
         "b\\record.hea": other["record.hea"], "b\\record.dat": other["record.dat"]}
    )  # fmt: skip
    assert list(answers) == ["a/record.hea", "b\\record.hea"]
    for ecg, mv in zip(answers.values(), (MV, signals_mv(9)), strict=True):
        np.testing.assert_allclose(ecg.signal_mv, np.array([mv[lead] for lead in LEADS]), atol=0.0003)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("record.hea", "record.hea: record.dat is missing; give both files of the record, the header and the signals"),
        ("record.dat", "record.dat: record.hea is missing; give both files of the record, the header and the signals"),
    ],
)
def test_half_a_wfdb_record_says_which_file_is_missing(private, given, sentence):
    """The commonest mistake of all: only one of the two was chosen."""
    (answer,) = read_uploads({given: wfdb(MV).files[given]}).values()
    assert str(answer) == sentence


def test_two_files_of_one_name(private):
    """From two folders both are read; in one folder the second would overwrite the first, so it is refused."""
    one, two = (edf(signals_mv(seed, 100), 100).files["record.edf"] for seed in (1, 2))
    from_folders = read_uploads({"a/record.edf": one, "b/record.edf": two})
    assert [answer.id for answer in from_folders.values()] == ["record", "record"]
    assert not np.array_equal(*[answer.signal_mv for answer in from_folders.values()])
    record = wfdb(MV).files
    first, second = read_uploads({**record, "rec\0ord.hea": record["record.hea"]}).values()
    assert isinstance(first, Ecg)
    assert str(second) == "record.hea: two of the files have this name; give each record once"


@pytest.mark.parametrize(
    "name",
    ["../../record.edf", "/etc/record.edf", "..\\..\\record.edf", "C:\\record.edf", "a/../../record.edf",
     "record.edf\0.png", "x" * 5000 + "record.edf", "s3://bucket/record.edf", "re\ncord.edf", "рекорд 心電図.edf"],
)  # fmt: skip
def test_a_name_cannot_lead_out_of_the_private_folder(private, name):
    """A name comes from the network; as a path it could overwrite any file of the server's owner."""
    (answer,) = read_uploads({name: edf(MV).files["record.edf"]}).values()
    assert isinstance(answer, Ecg)
    assert answer.id.isprintable()


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/..", "\0", "\ud800", "...", " . "])
def test_a_name_that_is_none(name):
    """Joined to a folder these would be the folder itself, the one above, or no path at all."""
    assert safe_name(name) == "upload"


@pytest.mark.parametrize("target", ["../secret.dat", "/etc/hostname", "..\\secret.dat", "http://127.0.0.1:9/x.dat"])
def test_a_header_cannot_name_files_elsewhere(private, target):
    """The header is uploaded too: what it names would be read from the server's disk, or fetched from its network."""
    files = wfdb(MV).files
    answers = read_uploads({"record.hea": files["record.hea"].replace(b"record.dat", target.encode())})
    assert re.search("the header names '.*'; a record's files must lie beside its header", str(answers["record.hea"]))


@pytest.mark.parametrize("name", SMALL)
def test_uploads_have_a_limit_in_every_format(private, name):
    """What is uploaded lies in memory once for the page and once for the reader; the limit is said in the sentence."""
    files = SMALL[name]().files
    large = list(files)[-1]
    answers = read_uploads(files | {large: files[large].ljust(LARGEST_BYTES + 1, b"\0")}, Hints(100, "mV"))
    assert [str(answer) for answer in answers.values()] == [
        f"{large}: the file has 20.1 MB; files of up to 20 MB can be uploaded"
    ]


def test_a_missing_fact_is_asked_for_by_the_file_s_name_alone(private):
    """The page asks for it beside the name; the private folder's path would mean nothing and tell too much."""
    (answer,) = read_uploads({"mine/record.npy": npy(matrix()).files["record.npy"]}).values()
    assert isinstance(answer, MissingFacts)
    assert answer.facts == ("fs_hz", "unit")
    assert str(answer) == "record.npy: the file does not state its sampling rate or unit; give them (fs_hz, unit)"


def test_nothing_is_left_where_reading_breaks_down(private, monkeypatch):
    """A defect in a reader must not leave a patient's file on the server's disk."""
    monkeypatch.setattr("imle.formats.upload.read_ecg", lambda path, hints: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read_uploads(edf(MV).files)


def test_muse_numbers_are_what_base64_says(tmp_path):
    """The writer in these tests could share a mistake with the reader; this waveform is written out by hand."""
    ramp = base64.b64encode(b"".join(n.to_bytes(2, "little", signed=True) for n in range(-500, 4500))).decode()
    leads = "".join(
        f"<LeadData><LeadID>{lead}</LeadID><LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>"
        f"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><WaveFormData>{ramp}</WaveFormData></LeadData>"
        for lead in LEADS
    )
    rhythm = f"<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase>{leads}</Waveform>"
    (tmp_path / "ramp.xml").write_text(f"<RestingECG>{rhythm}</RestingECG>")
    ecg = read_ecg(tmp_path / "ramp.xml")
    np.testing.assert_allclose(ecg.signal_mv[7, [0, 500, 501, 4999]], [-2.44, 0, 0.00488, 21.95512], atol=1e-6)
