"""`read_ecg` on WFDB records: what must be read alike however it is written, and the sentence that each bad file gets."""

import shutil

import numpy as np
import pytest
import wfdb
from made_up import PTBXL_LEADS, made_up_ecg, write_record

from imle import LEADS, UnreadableEcg, read_ecg
from imle.formats.wfdb_format import _read_any, _read_plain

# 16-bit samples at 1000 units a mV are half a microvolt off at most.
HALF_UNIT_MV = 0.0005 + 1e-6


def reason(path) -> str:
    with pytest.raises(UnreadableEcg) as caught:
        read_ecg(path)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.reason}"
    return caught.value.reason


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The stem of a record as PTB-XL writes it at 500 Hz, and its signal (12, 5000) mV."""
    stem = tmp_path_factory.mktemp("records") / "00001_hr"
    signal_mv = made_up_ecg(1)
    write_record(stem, signal_mv, 500)
    return stem, signal_mv


@pytest.fixture
def record(written, tmp_path):
    """A copy of the record to be damaged: its stem."""
    for suffix in (".hea", ".dat"):
        shutil.copy(f"{written[0]}{suffix}", tmp_path)
    return tmp_path / written[0].name


def edit_header(stem, old: str, new: str, count: int = -1) -> None:
    path = stem.with_suffix(".hea")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


# What must be read


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_record_is_found_by_any_of_its_names(written, suffix):
    """People click on the .dat, the .hea or give the stem; all three mean the record."""
    stem, signal_mv = written
    ecg = read_ecg(f"{stem}{suffix}")
    assert (ecg.fs_hz, ecg.id, ecg.leads) == (500, "00001_hr", LEADS)
    np.testing.assert_allclose(ecg.signal_mv, signal_mv, atol=HALF_UNIT_MV)


def test_the_quick_reader_answers_as_wfdb_does(written):
    """The shortcut for PTB-XL's own way of writing must give wfdb's numbers, not nearly so."""
    stem, _ = written
    expected = wfdb.rdsamp(str(stem))[0].T.astype(np.float32)
    np.testing.assert_array_equal(_read_plain(stem).signal_mv, expected)
    np.testing.assert_array_equal(_read_any(stem, stem).signal_mv, expected)


def test_comments_are_kept(record):
    """Age, sex and medication stand in a header's comments."""
    with record.with_suffix(".hea").open("a") as header:
        header.write("# Age: 70\n#Dx: 426783006\n")
    assert read_ecg(record).meta == {"age": 70, "comments": ["Age: 70", "Dx: 426783006"]}
    assert _read_any(record, record).meta == _read_plain(record).meta


@pytest.mark.parametrize(
    ("lines", "person"),
    [
        ("# Age: 74\n# Sex: Female\n", {"age": 74, "sex": "F"}),
        ("#age = 81\n#gender: male\n", {"age": 81, "sex": "M"}),
        ("# Age: NaN\n# Sex: Unknown\n", {}),
        ("# Age: 300\n# Sex: f\n", {"sex": "F"}),
        ("# Dosage: 50\n# Sexual history: m\n# Age at onset: 20\n", {}),
    ],
)
def test_age_and_sex_are_taken_from_comments(record, lines, person):
    """PhysioNet's headers state both there; whoever gave an age by hand would overrule the file."""
    with record.with_suffix(".hea").open("a") as header:
        header.write(lines)
    for meta in (read_ecg(record).meta, _read_any(record, record).meta):
        assert {key: value for key, value in meta.items() if key != "comments"} == person


def test_leads_go_by_name_not_by_place(tmp_path):
    """A file that starts with V1 would otherwise show an infarction in the wrong wall."""
    signal_mv = made_up_ecg(2)
    order = np.random.default_rng(0).permutation(12)
    names = ["ecg i", "Lead II", "iii", "avr", "aVL", "AVF", "v1", "V2", "ECG V3", "V4", "lead v5", "V6"]
    write_record(tmp_path / "mixed", signal_mv[order], 500, sig_name=[names[k] for k in order])
    np.testing.assert_allclose(read_ecg(tmp_path / "mixed").signal_mv, signal_mv, atol=HALF_UNIT_MV)


def test_other_channels_are_left_out(tmp_path):
    """The Frank leads of the PTB database stand beside the twelve; VX is no V1."""
    signal_mv = made_up_ecg(3)
    more = np.vstack([signal_mv[::-1], signal_mv[:3] * 2])
    write_record(
        tmp_path / "frank", more, 500, sig_name=[*PTBXL_LEADS[::-1], "VX", "VY", "VZ"], units=["mV"] * 15,
        fmt=["16"] * 15, adc_gain=[1000.0] * 15, baseline=[0] * 15,
    )  # fmt: skip
    np.testing.assert_allclose(read_ecg(tmp_path / "frank").signal_mv, signal_mv, atol=HALF_UNIT_MV)


@pytest.mark.parametrize(("unit", "per_mv"), [("mV", 1), ("uV", 1e3), ("V", 1e-3), ("nV", 1e6), ("MV", 1), ("µV", 1e3)])
def test_units_come_from_the_header(tmp_path, unit, per_mv):
    """A thousandfold error would drive every probability to an end. wfdb itself reads µV as V."""
    signal_mv = made_up_ecg(4)
    units = [unit] * 12
    write_record(tmp_path / "units", signal_mv * per_mv, 500, units=units, adc_gain=[1000.0 / per_mv] * 12)
    np.testing.assert_allclose(read_ecg(tmp_path / "units").signal_mv, signal_mv, atol=HALF_UNIT_MV)


def test_leads_may_differ_in_unit(tmp_path):
    """One factor for all leads would scale some of them a thousandfold."""
    signal_mv = made_up_ecg(4)
    per_mv = np.array([1.0, 1e3] * 6)
    write_record(
        tmp_path / "units", signal_mv * per_mv[:, None], 500, units=["mV", "uV"] * 6, adc_gain=list(1000 / per_mv)
    )
    np.testing.assert_allclose(read_ecg(tmp_path / "units").signal_mv, signal_mv, atol=HALF_UNIT_MV)


@pytest.mark.parametrize("fmt", ["16", "24", "32", "212"])
def test_gain_baseline_and_format_come_from_the_header(tmp_path, fmt):
    """Hospitals write 200 or 204.8 units a mV about a middle value; PTB-XL's 1000 about 0 is one case."""
    signal_mv = made_up_ecg(5)
    gains, baselines = [200.0 + 4.8 * k for k in range(12)], [100 * (k - 6) for k in range(12)]
    write_record(tmp_path / "gain", signal_mv, 500, fmt=[fmt] * 12, adc_gain=gains, baseline=baselines)
    np.testing.assert_allclose(read_ecg(tmp_path / "gain").signal_mv, signal_mv, atol=0.5 / 200 + 1e-6)


def test_matlab_files_are_read(tmp_path):
    """The PhysioNet challenges publish .mat files: a MATLAB header of 24 bytes, then the samples."""
    signal_mv = made_up_ecg(6)
    write_record(tmp_path / "A0001", signal_mv, 500)
    samples = (tmp_path / "A0001.dat").read_bytes()
    matrix = np.array([30, 12, 5000, 0, 4], "<i4").tobytes() + b"val\0"  # level 4: int16, 12 x 5000, named val
    (tmp_path / "A0001.mat").write_bytes(matrix + samples)
    (tmp_path / "A0001.dat").unlink()
    edit_header(tmp_path / "A0001", "A0001.dat 16", "A0001.mat 16+24")
    for name in ("A0001", "A0001.mat", "A0001.hea"):
        np.testing.assert_allclose(read_ecg(tmp_path / name).signal_mv, signal_mv, atol=HALF_UNIT_MV)


@pytest.mark.parametrize("fs_hz", [50, 62.5, 257, 1000, 2000])
def test_rates_from_50_hz_to_2_khz_are_read(tmp_path, fs_hz):
    """The rate must come from the header and reach the model's 100 Hz from there."""
    time_s = np.arange(round(10 * fs_hz)) / fs_hz
    signal_mv = np.linspace(0.5, 1.6, 12)[:, None] * np.sin(2 * np.pi * 5 * time_s)
    write_record(tmp_path / "rate", signal_mv, fs_hz)
    ecg = read_ecg(tmp_path / "rate")
    assert ecg.fs_hz == fs_hz
    expected = np.linspace(0.5, 1.6, 12)[:, None] * np.sin(2 * np.pi * 5 * np.arange(1000) / 100)
    np.testing.assert_allclose(ecg.for_model()[:, 50:-50], expected[:, 50:-50], atol=0.01)


@pytest.mark.parametrize("changes", [{}, {"adc_gain": [500.0] * 12}])
def test_longer_records_are_cut_to_ten_seconds(tmp_path, changes):
    """The first ten seconds are what the sheet shows and the model sees."""
    signal_mv = made_up_ecg(7, 100, seconds=25)
    write_record(tmp_path / "long", signal_mv, 100, **changes)
    ecg = read_ecg(tmp_path / "long")
    assert ecg.signal_mv.shape == (12, 1000)
    np.testing.assert_allclose(ecg.signal_mv, signal_mv[:, :1000], atol=0.0011)


@pytest.mark.parametrize("changes", [{}, {"adc_gain": [500.0] * 12}])
@pytest.mark.parametrize("verified_s", [3600, 20])
def test_a_longer_record_says_how_long_it_is(tmp_path, monkeypatch, changes, verified_s):
    """Ten seconds of a day of Holter would be taken for the whole; what is too long to be read through says so too."""
    monkeypatch.setattr("imle.formats.wfdb_format.LONGEST_VERIFIED_S", verified_s)
    write_record(tmp_path / "long", made_up_ecg(7, 100, seconds=25), 100, **changes)
    assert read_ecg(tmp_path / "long").meta["source_s"] == 25
    edit_header(tmp_path / "long", "12 100 2500", "12 100")
    assert read_ecg(tmp_path / "long").meta["source_s"] == 25


def test_a_record_in_pieces_says_how_long_they_are_together(tmp_path):
    """The pieces that are not needed are not opened, and a day in pieces would be told as ten seconds."""
    write_record(tmp_path / "a", made_up_ecg(8, 500, seconds=12), 500)
    (tmp_path / "day.hea").write_text("day/3 12 500 43200000\na 6000\nb 40000000\nc 3194000\n")
    assert read_ecg(tmp_path / "day").meta["source_s"] == 24 * 3600


def test_a_few_samples_more_are_no_longer_record(record):
    """`First 10 s of 10 s` on every sheet of a recorder that fills up its last block would say nothing."""
    assert "source_s" not in read_ecg(record).meta
    with record.with_suffix(".dat").open("ab") as samples:
        samples.write(bytes(24))
    edit_header(record, "12 500 5000", "12 500 5001")
    assert "source_s" not in _read_any(record, record).meta


def test_a_signal_file_longer_than_its_header_says(record, written):
    """Some recorders fill up the last block; what the header counts is the record."""
    with record.with_suffix(".dat").open("ab") as samples:
        samples.write(bytes(512))
    np.testing.assert_allclose(read_ecg(record).signal_mv, written[1], atol=HALF_UNIT_MV)


def test_a_header_without_length_is_read(record, written):
    """The number of samples is optional in WFDB; then the file's size tells it."""
    edit_header(record, "12 500 5000", "12 500")
    np.testing.assert_allclose(read_ecg(record).signal_mv, written[1], atol=HALF_UNIT_MV)


def test_several_samples_a_frame(record, written):
    """Some machines write frames of several samples; the frame rate alone would stretch the record."""
    signal_mv = written[1]
    frames = signal_mv.reshape(12, 2500, 2).transpose(1, 0, 2).ravel()
    record.with_suffix(".dat").write_bytes(np.rint(frames * 1000).astype("<i2").tobytes())
    edit_header(record, "12 500 5000", "12 250 2500")
    edit_header(record, ".dat 16 ", ".dat 16x2 ")
    ecg = read_ecg(record)
    assert ecg.fs_hz == 500
    np.testing.assert_allclose(ecg.signal_mv, signal_mv, atol=HALF_UNIT_MV)


def test_records_of_several_segments(tmp_path):
    """Long recordings come in pieces; ten seconds may cross from one to the next."""
    signal_mv = made_up_ecg(8, 500, seconds=12)
    write_record(tmp_path / "a", signal_mv[:, :3000], 500)
    write_record(tmp_path / "b", signal_mv[:, 3000:], 500)
    (tmp_path / "both.hea").write_text("both/2 12 500 6000\na 3000\nb 3000\n")
    np.testing.assert_allclose(read_ecg(tmp_path / "both").signal_mv, signal_mv[:, :5000], atol=HALF_UNIT_MV)
    (tmp_path / "b.hea").unlink()
    assert reason(tmp_path / "both") == "b.hea is missing; give both files of the record, the header and the signals"


def test_segments_in_microvolts_with_an_accent_in_the_notes(tmp_path):
    """wfdb reads µV as V; which header tells the unit differs where the record is in pieces."""
    signal_mv = made_up_ecg(8)
    write_record(tmp_path / "a", signal_mv * 1000, 500, units=["µV"] * 12, adc_gain=[1.0] * 12)
    (tmp_path / "whole.hea").write_text("whole/1 12 500 5000\na 5000\n# Größe: 180 cm\n")
    np.testing.assert_allclose(read_ecg(tmp_path / "whole").signal_mv, signal_mv, atol=HALF_UNIT_MV)


@pytest.mark.parametrize("fmt", ["1602000", "999", "x"])
def test_a_header_with_a_sample_format_that_does_not_exist(record, fmt):
    """wfdb fails on it in the middle of its arithmetic."""
    edit_header(record, ".dat 16 ", f".dat {fmt} ", 1)
    assert reason(record).endswith("copy both again") or reason(record) == NO_HEADER


def test_a_header_that_names_a_file_of_endless_name(record):
    """The operating system refuses such a name with an error of its own."""
    edit_header(record, "00001_hr.dat", "x" * 300)
    assert reason(record) == NO_HEADER


def test_dots_in_a_name_are_no_suffix(record):
    """`patient.7.hea` and `patient.8.hea` are two records."""
    for suffix in (".hea", ".dat"):
        shutil.move(f"{record}{suffix}", record.with_name(f"patient.7{suffix}"))
    edit_header(record.with_name("patient.7.hea"), "00001_hr", "patient.7")
    assert read_ecg(record.with_name("patient.7")).id == "patient.7"
    assert read_ecg(record.with_name("patient.7.hea")).id == "patient.7"


# What must be refused, and how


def test_missing_dat(record):
    record.with_suffix(".dat").unlink()
    for name in (record, record.with_suffix(".hea")):
        assert reason(name) == "00001_hr.dat is missing; give both files of the record, the header and the signals"


def test_missing_header(record):
    record.with_suffix(".hea").unlink()
    said = reason(record.with_suffix(".dat"))
    assert said == "00001_hr.hea is missing; give both files of the record, the header and the signals"


def test_truncated_dat(record):
    """Half a record must not be read as one of five seconds, nor padded."""
    whole = record.with_suffix(".dat").read_bytes()
    record.with_suffix(".dat").write_bytes(whole[: 24 * 3000 + 7])
    assert reason(record) == "00001_hr.dat ends after 3000 of 5000 samples; it was cut short, so copy it again"
    record.with_suffix(".dat").write_bytes(b"")
    assert reason(record) == "00001_hr.dat ends after 0 of 5000 samples; it was cut short, so copy it again"


def test_truncated_twelve_bit_dat(tmp_path):
    """In packed formats a sample is no whole number of bytes; the count must be right there too."""
    write_record(tmp_path / "packed", made_up_ecg(9), 500, fmt=["212"] * 12, adc_gain=[200.0] * 12)
    dat = tmp_path / "packed.dat"
    dat.write_bytes(dat.read_bytes()[: 18 * 1000])
    assert (
        reason(tmp_path / "packed") == "packed.dat ends after 1000 of 5000 samples; it was cut short, so copy it again"
    )


def test_wrong_checksum(record):
    """One flipped bit is invisible on the sheet; only the checksum tells."""
    samples = bytearray(record.with_suffix(".dat").read_bytes())
    samples[24 * 100 + 2 * 6] ^= 4  # sample 100 of V1
    record.with_suffix(".dat").write_bytes(samples)
    assert reason(record) == "the checksum of lead V1 is wrong; the file is damaged, so copy it again"


def test_eleven_leads(tmp_path):
    """A model of twelve leads cannot guess the one that is not there."""
    write_record(tmp_path / "eleven", made_up_ecg(10)[:11], 500)
    assert reason(tmp_path / "eleven") == (
        "lead V6 is missing; the 12 standard leads are needed and the file names "
        "I, II, III, AVR, AVL, AVF, V1, V2, V3, V4, V5"
    )


def test_unknown_lead_names(tmp_path):
    """Leads that are taken by their place would be right only by luck."""
    names = [f"CH{k}" for k in range(1, 13)]
    write_record(tmp_path / "channels", made_up_ecg(11), 500, sig_name=names)
    assert reason(tmp_path / "channels") == (
        f"leads {', '.join(LEADS)} are missing; the 12 standard leads are needed and the file names {', '.join(names)}; "
        "name each of its signals in their order (leads)"
    )


def test_a_lead_that_appears_twice(record):
    """Which of the two is meant cannot be known."""
    edit_header(record, "0 V6", "0 v5")
    assert reason(record) == (
        "lead V5 appears twice; each of the 12 leads is needed once; name each of its signals in their order (leads)"
    )


@pytest.mark.parametrize("gain", [1000.0, 500.0])
def test_nan(tmp_path, gain):
    """WFDB writes a missing sample as -32768, which is -32.768 mV to a reader that does not know."""
    signal_mv = made_up_ecg(13)
    signal_mv[7, 40:60] = np.nan
    write_record(tmp_path / "gap", signal_mv, 500, adc_gain=[gain] * 12)
    assert reason(tmp_path / "gap") == "lead V2 has missing samples (NaN); every sample of the 12 leads is needed"


@pytest.mark.parametrize("gain", [1000.0, 500.0])
def test_flat_leads(tmp_path, gain):
    signal_mv = made_up_ecg(14)
    signal_mv[[1, 9]] = 0.2
    write_record(tmp_path / "flat", signal_mv, 500, adc_gain=[gain] * 12)
    assert reason(tmp_path / "flat") == "leads II, V4 have no signal (a flat line); all 12 leads must be recorded"


@pytest.mark.parametrize("gain", [1000.0, 500.0])
def test_three_seconds(tmp_path, gain):
    write_record(tmp_path / "short", made_up_ecg(15, seconds=3), 500, adc_gain=[gain] * 12)
    assert reason(tmp_path / "short") == "the record is 3 s long; at least 10 s are needed"


def test_a_short_record_whose_header_gives_no_length(tmp_path):
    write_record(tmp_path / "short", made_up_ecg(15, seconds=3), 500)
    edit_header(tmp_path / "short", "12 500 1500", "12 500")
    assert reason(tmp_path / "short") == "the record is 3 s long; at least 10 s are needed"


@pytest.mark.parametrize("gain", [1000.0, 500.0])
def test_rates_out_of_range(tmp_path, gain):
    write_record(tmp_path / "slow", made_up_ecg(16)[:, :1000], 25, adc_gain=[gain] * 12)
    assert reason(tmp_path / "slow") == "the sampling rate is 25 Hz; 50 Hz to 2000 Hz can be read"


def test_leads_at_different_rates(tmp_path):
    """Resampling each lead by itself would be a guess about filters that nobody has stated."""
    leads = [made_up_ecg(17, 1000)[0], *made_up_ecg(17)[1:]]
    write_record(tmp_path / "rates", leads, 500, e_p_signal=leads, samps_per_frame=[2] + [1] * 11)
    assert reason(tmp_path / "rates") == "the leads have sampling rates of 500, 1000 Hz; one is needed"


def test_wrong_unit(record):
    """Microvolts that the header calls millivolts."""
    edit_header(record, "1000.0(0)/mV", "1.0(0)/mV")
    said = reason(record)
    assert said.startswith("the signal reaches ")
    assert said.endswith(
        " mV; an ECG stays under 50 mV, so the unit is probably another; correct the one that the file states"
    )


def test_a_unit_that_is_no_voltage(record):
    edit_header(record, "/mV", "/mmHg")
    assert reason(record) == "the unit is 'mmHg'; an ECG needs mV, uV, nV or V"


NO_HEADER = "this is not a WFDB header; its first line must give the record's name, leads, rate and length"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 40, b"Dear colleague,\nno ECG.\n"]
)
def test_a_header_that_is_none(tmp_path, content):
    (tmp_path / "x.hea").write_bytes(content)
    assert reason(tmp_path / "x.hea") == NO_HEADER


def test_not_an_ecg_at_all(tmp_path):
    """A picture or a letter must be told from a damaged ECG."""
    picture = tmp_path / "holiday.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    said = (
        "this is not an ECG file that can be read; WFDB records (.hea with .dat or .mat), DICOM waveforms (.dcm), "
        "EDF and EDF+ (.edf), HL7 aECG and GE MUSE (.xml), tables (.csv, .tsv) and NumPy arrays (.npy) can"
    )
    assert reason(picture) == said
    matlab = tmp_path / "results.mat"
    matlab.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(1000))
    assert reason(matlab) == "results.hea is missing; give both files of the record, the header and the signals"


def test_a_wfdb_record_that_is_no_ecg(tmp_path):
    """Blood pressure and breathing come in the same files from the same hospitals."""
    write_record(tmp_path / "icu", made_up_ecg(17)[:2], 500, sig_name=["ABP", "RESP"], units=["mmHg", "NU"])
    assert reason(tmp_path / "icu").endswith(
        "are missing; the 12 standard leads are needed and the file names ABP, RESP"
    )


def test_nothing_there(tmp_path):
    for name in ("gone", "gone.hea", "gone.dat", "gone.csv"):
        assert reason(tmp_path / name) == "there is no such file"


def test_a_folder(tmp_path):
    assert reason(tmp_path) == "this is a folder; give one record's file"
    assert reason(".") == "this is a folder; give one record's file"
    assert reason("/") == "this is a folder; give one record's file"


def test_a_header_that_promises_more_memory_than_there_is(record):
    """A damaged length must be refused, not allocated."""
    edit_header(record, "12 500 5000", "12 500 99999999999")
    assert reason(record) == "00001_hr.dat ends after 5000 of 99999999999 samples; it was cut short, so copy it again"
    edit_header(record, "12 500 99999999999", "12 99999999999 5000")
    assert reason(record) == "the sampling rate is 1e+11 Hz; 50 Hz to 2000 Hz can be read"


@pytest.mark.ptbxl
@pytest.mark.parametrize("suffix", ["lr", "hr"])
def test_real_records_are_read_as_wfdb_reads_them(ptbxl_root, suffix):
    """What holds for made-up headers must hold for PTB-XL's."""
    folder = ptbxl_root / ("records100" if suffix == "lr" else "records500") / "00000"
    for path in sorted(folder.glob("*.hea"))[:20]:
        expected = wfdb.rdsamp(str(path.with_suffix("")))[0].T.astype(np.float32)
        assert _read_plain(path.with_suffix("")) is not None
        np.testing.assert_array_equal(read_ecg(path).signal_mv, expected)
