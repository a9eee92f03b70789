"""`Ecg`: what it accepts, what it refuses and in which words, and its change of sampling rate."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import made_up_ecg

from imle import LEADS, Ecg
from imle.ecg import InvalidEcg, resample
from imle.leads import canonical_lead


def sine(frequency_hz: float, fs_hz: float, seconds: float = 10, phase: float = 0.7) -> np.ndarray:
    """(12, n) mV, the same sinusoid in every lead at an amplitude of its own."""
    time_s = np.arange(round(seconds * fs_hz)) / fs_hz
    amplitude_mv = np.linspace(0.5, 1.6, 12)[:, None]
    return amplitude_mv * np.sin(2 * np.pi * frequency_hz * time_s + phase)


def refusal(signal_mv, fs_hz=500.0) -> str:
    with pytest.raises(InvalidEcg) as caught:
        Ecg(signal_mv, fs_hz)
    return str(caught.value)


@pytest.mark.parametrize("fs_hz", [50, 62.5, 100, 128, 250, 257, 333.33, 360, 500, 512, 977, 1000, 2000])
def test_every_rate_gives_the_models_thousand_samples(fs_hz):
    """A network takes exactly (12, 1000); one sample more or less at some rate would fail only for its users."""
    ecg = Ecg(sine(7, fs_hz), fs_hz)
    assert ecg.seconds == pytest.approx(10, abs=0.01)
    assert ecg.for_model().shape == (12, 1000)
    assert ecg.for_model().dtype == np.float32


@pytest.mark.parametrize("frequency_hz", [1.0, 7.0, 17.0])
@pytest.mark.parametrize("fs_hz", [50, 128, 250, 257, 360, 500, 1000, 2000])
def test_resampling_keeps_amplitude_and_phase(fs_hz, frequency_hz):
    """A filter that delays or damps would move the R peak or shrink it."""
    expected = sine(frequency_hz, 100)
    found = Ecg(sine(frequency_hz, fs_hz), fs_hz).for_model()
    np.testing.assert_allclose(found[:, 100:-100], expected[:, 100:-100], atol=0.01)


@pytest.mark.parametrize(
    ("fs_hz", "frequency_hz"), [(250, 70), (360, 60), (500, 60), (500, 90), (1000, 110), (2000, 440)]
)
def test_resampling_removes_what_would_alias(fs_hz, frequency_hz):
    """60 Hz mains folded to 40 Hz would look like muscle or fibrillation."""
    found = Ecg(sine(frequency_hz, fs_hz), fs_hz).at(100).signal_mv
    assert np.abs(found[:, 100:-100]).max() < 0.02


def test_resampling_leaves_no_step_at_the_ends():
    """A filter that takes the world beyond the record for zero would draw a false wave into its first and last beat."""
    offset_mv = 2 + np.linspace(0, 1, 5000)[None]
    found = resample(offset_mv.repeat(12, axis=0), 500, 100)
    np.testing.assert_allclose(found, 2 + np.linspace(0, 1, 5000)[None, ::5].repeat(12, axis=0), atol=0.01)


@pytest.mark.parametrize("fs_hz", [499.9987, 1999.9999, 99.999])
def test_an_odd_rate_needs_no_large_filter(fs_hz):
    """At 1999.9999 Hz the exact ratio's filter has 400 million taps: one small file would end the whole dashboard."""
    signal_mv = sine(7, fs_hz)
    tracemalloc.start()
    found = resample(signal_mv, fs_hz, 100)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape[1] >= 1000 and most < 100e6
    np.testing.assert_allclose(found[:, 50:950], sine(7, 100)[:, 50:950], atol=0.03)


def test_the_same_rate_changes_no_sample():
    """PTB-XL at 100 Hz must reach the model as it is."""
    signal_mv = made_up_ecg(0, 100).astype(np.float32)
    np.testing.assert_array_equal(Ecg(signal_mv, 100).for_model(), signal_mv)


def test_the_model_sees_the_first_ten_seconds():
    """Another ten seconds than those on the sheet would be explained."""
    signal_mv = made_up_ecg(0, 100, seconds=14)
    np.testing.assert_array_equal(Ecg(signal_mv, 100).for_model(), signal_mv[:, :1000].astype(np.float32))


@pytest.mark.parametrize(
    ("source_s", "text"),
    [
        (None, ""),
        (10.24, "first 10 s of 10.2 s"),
        (30, "first 10 s of 30 s"),
        (59.97, "first 10 s of 1 min"),
        (125.4, "first 10 s of 2 min 5 s"),
        (3599.6, "first 10 s of 1 h"),
        (24 * 3600 + 185, "first 10 s of 24 h 3 min"),
    ],
)
def test_an_ecg_says_of_how_long_a_recording_it_is_the_beginning(source_s, text):
    """Ten seconds of a day would be taken for all that was recorded; 86,585 s is no length that anybody reads."""
    meta = {} if source_s is None else {"source_s": source_s}
    assert Ecg(made_up_ecg(0, 257), 257, "17", meta).at(100).part_text == text


def test_there_and_back_keeps_meta_and_id():
    """A record that loses its name on the way cannot be found again."""
    ecg = Ecg(made_up_ecg(0), 500, "17", {"age": 70}).at(100)
    assert (ecg.id, ecg.meta, ecg.fs_hz, ecg.leads) == ("17", {"age": 70}, 100, LEADS)


def test_nan_is_refused():
    """NaN would turn every probability into NaN without a word."""
    signal_mv = made_up_ecg(0)
    signal_mv[7, 100] = np.nan
    assert refusal(signal_mv) == "lead V2 has missing samples (NaN); every sample of the 12 leads is needed"


def test_infinity_is_refused():
    signal_mv = made_up_ecg(0)
    signal_mv[[0, 3], 5] = np.inf
    assert refusal(signal_mv) == "leads I, aVR have missing samples (NaN); every sample of the 12 leads is needed"


def test_flat_leads_are_refused():
    """A lead that fell off must not be explained as if it had been recorded."""
    signal_mv = made_up_ecg(0)
    signal_mv[10] = 0.3
    assert refusal(signal_mv) == "lead V5 has no signal (a flat line); all 12 leads must be recorded"
    signal_mv[11] = 0
    assert refusal(signal_mv) == "leads V5, V6 have no signal (a flat line); all 12 leads must be recorded"


def test_short_records_are_refused():
    """Three seconds padded to ten would be another ECG."""
    assert refusal(made_up_ecg(0, seconds=3)) == "the record is 3 s long; at least 10 s are needed"
    assert refusal(made_up_ecg(0)[:, :-1]) == "the record is 9.998 s long; at least 10 s are needed"


def test_other_numbers_of_leads_are_refused():
    assert refusal(made_up_ecg(0)[:11]) == "the signal has shape (11, 5000); 12 leads by time are needed"
    assert refusal(made_up_ecg(0).T) == "the signal has shape (5000, 12); 12 leads by time are needed"
    assert refusal(made_up_ecg(0)[0]) == "the signal has shape (5000,); 12 leads by time are needed"


@pytest.mark.parametrize(("fs_hz", "shown"), [(49, "49"), (2001, "2001"), (0, "0"), (-100, "-100"), (np.nan, "nan")])
def test_rates_that_cannot_be_read_are_refused(fs_hz, shown):
    """Below 50 Hz there is no QRS left; a rate in samples a minute would stretch ten seconds into minutes."""
    assert refusal(made_up_ecg(0), fs_hz) == f"the sampling rate is {shown} Hz; 50 Hz to 2000 Hz can be read"


def test_microvolts_as_millivolts_are_refused():
    """A thousandfold amplitude would drive every probability to an end without a word."""
    said = refusal(made_up_ecg(0) * 1000)
    assert said.startswith("the signal reaches ")
    assert said.endswith(" mV; an ECG stays under 50 mV, so the unit is probably another")


def test_volts_as_millivolts_are_refused():
    """A thousandth of the amplitude is flat to the model, but not to the test for flat lines."""
    said = refusal(made_up_ecg(0) / 1000)
    assert said.startswith("the signal spans 0.00")
    assert said.endswith(" mV in its largest lead; an ECG spans more than 0.05 mV, so the unit is probably another")


def test_an_offset_is_no_amplitude():
    """Electrode offsets of hundreds of millivolts are real; they must not be taken for a wrong unit."""
    assert Ecg(made_up_ecg(0) + 300, 500).seconds == 10


@pytest.mark.parametrize(
    "name",
    [
        "-aVR",
        "- aVR",
        "\u2212aVR",
        "ECG -aVR",
        "Lead \u2212 aVR",
        "MDC_ECG_LEAD_-aVR",
        "aVR-",
        "\uff0daVR",
        "\u2013aVR",
    ],
)
def test_a_lead_turned_over_is_none_of_the_twelve(name):
    """Read as aVR, the -aVR of Cabrera's order would show every wave upside down."""
    assert canonical_lead(name) is None


@given(
    st.sampled_from(["", "ECG", "Lead ", "mdc_ecg_lead_"]),
    st.sampled_from("-\u2212\u2013\uff0d\u207b"),
    st.sampled_from(LEADS),
)
def test_no_sign_is_ever_lost(before, sign, lead):
    """A sign that stands apart from the word before it turns the lead over, however it is written."""
    assert canonical_lead(f"{before} {sign}{lead}") is None
    assert canonical_lead(f"{before}{lead}{sign}") is None


@given(st.text(max_size=20))
def test_any_name_is_a_lead_or_none(name):
    """A name comes from a file, which may hold anything."""
    assert canonical_lead(name) in (*LEADS, None)


@pytest.mark.parametrize(
    "name", ["I-I", "I-II", "I II", "D I-D II", "V1-V2", "C7", "V0", "D4", "EEG C3", "aV", "lead", ""]
)
def test_what_is_no_lead_is_not_taken_for_one(name):
    """`I-II` run together would be III, and the difference of two leads is III turned over."""
    assert canonical_lead(name) is None


@pytest.mark.parametrize("before", ["", "Lead ", "lead_", "ECG ", "EKG-", "MDC_ECG_LEAD_", " "])
@pytest.mark.parametrize(
    ("spellings", "leads"),
    [
        (LEADS, LEADS),
        ([lead.upper() for lead in LEADS], LEADS),
        (["aV R", "aV-L", "a VF", "V 1", "V-2", "V_3"], ["aVR", "aVL", "aVF", "V1", "V2", "V3"]),
        (["C1", "C2", "c3", "C 4", "C5", "C6"], LEADS[6:]),
        (["DI", "DII", "DIII", "D1", "D2", "d3"], LEADS[:3] * 2),
        (["\u2160", "\u2161", "\u2162", "\uff36\uff11"], [*LEADS[:3], "V1"]),
    ],
)
def test_a_lead_is_known_by_every_name_that_devices_give_it(spellings, leads, before):
    """IEC's C1 to C6, and the Roman numbers of Japanese devices, would be leads that are missing."""
    assert [canonical_lead(f"{before}{name}") for name in spellings] == list(leads)
