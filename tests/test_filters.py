"""The display filters: what they let through, what they take off, and that no wave is moved."""

import numpy as np
import pytest
from made_up import made_up_ecg

from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.filters import DISPLAY_FILTERS, display_filter


def sine(frequency_hz: float, fs_hz: float, seconds: float = 60) -> Ecg:
    """1 mV at one frequency in every lead."""
    time_s = np.arange(round(seconds * fs_hz)) / fs_hz
    return Ecg(np.tile(np.sin(2 * np.pi * frequency_hz * time_s + 0.7), (12, 1)), fs_hz)


def middle(signal_mv: np.ndarray) -> np.ndarray:
    """Without the fifth at either end."""
    fifth = signal_mv.shape[1] // 5
    return signal_mv[:, fifth:-fifth]


def gain(names: tuple[str, ...], frequency_hz: float, fs_hz: float) -> float:
    """What is left of a sine, as a share; negative would be a wave turned over."""
    ecg = sine(frequency_hz, fs_hz)
    before, after = middle(ecg.signal_mv), middle(display_filter(ecg, names).signal_mv)
    return float((before * after).sum() / (before * before).sum())


@pytest.mark.parametrize("fs_hz", [100, 250, 500, 1000])
@pytest.mark.parametrize("name", DISPLAY_FILTERS)
def test_the_middle_of_the_ecg_passes_unchanged(name, fs_hz):
    """A filter that damps or delays 10 Hz would change every QRS complex that is measured on the sheet."""
    ecg = sine(10, fs_hz)
    np.testing.assert_allclose(middle(display_filter(ecg, (name,)).signal_mv), middle(ecg.signal_mv), atol=0.01)


@pytest.mark.parametrize("fs_hz", [100, 250, 500, 1000])
@pytest.mark.parametrize(
    ("name", "removed_hz", "kept_hz"),
    [("baseline", 0.15, 1.5), ("mains", 50, 45), ("mains", 50, 40), ("mains60", 60, 55), ("40hz", 110, 20)],
)
def test_each_filter_takes_off_its_own_and_no_more(name, removed_hz, kept_hz, fs_hz):
    """A filter that is named on the sheet and does nothing, or more than it says, misleads the reader."""
    if removed_hz < fs_hz / 2:
        assert abs(gain((name,), removed_hz, fs_hz)) < 0.07
    assert gain((name,), kept_hz, fs_hz) > 0.93


@pytest.mark.parametrize("fs_hz", [100, 128, 250, 500, 1000])
@pytest.mark.parametrize(("name", "edge_hz"), [("baseline", 0.5), ("40hz", 40)])
def test_an_edge_is_3_db_down_at_every_rate(name, edge_hz, fs_hz):
    """Two passes through one filter would be 6 dB down, and the band on the sheet would be wrong."""
    assert 20 * np.log10(gain((name,), edge_hz, fs_hz)) == pytest.approx(-3, abs=0.2)


@pytest.mark.parametrize("wander_hz", [-0.2, 0, 0.2])
@pytest.mark.parametrize(("name", "mains_hz"), [("mains", 50), ("mains60", 60)])
def test_mains_are_removed_as_far_as_they_wander(name, mains_hz, wander_hz):
    """The grid's frequency is never exactly its own; a notch too narrow would leave the hum."""
    assert abs(gain((name,), mains_hz + wander_hz, 500)) < 0.1


@pytest.mark.parametrize("names", [(name,) for name in DISPLAY_FILTERS] + [tuple(DISPLAY_FILTERS)])
def test_no_filter_moves_the_r_peak(names):
    """A delay would move every interval's end by as much as its wave is slow."""
    ecg = Ecg(made_up_ecg(3), 500)
    filtered = display_filter(ecg, names)
    for lead in (1, 6, 10):
        strongest = np.argsort(np.abs(ecg.signal_mv[lead]))[-1]
        around = slice(max(strongest - 30, 0), strongest + 30)
        moved = np.argmax(np.abs(filtered.signal_mv[lead, around])) - np.argmax(np.abs(ecg.signal_mv[lead, around]))
        assert abs(moved) <= 1


def test_a_wandering_baseline_is_straight_to_the_ends_of_the_record():
    """A filter that starts from zero bends the first and the last beat."""
    heart_mv = made_up_ecg(5)
    time_s = np.arange(heart_mv.shape[1]) / 500
    wander_mv = 0.4 * np.sin(2 * np.pi * 0.15 * time_s + 1) + 2
    straight = display_filter(Ecg(heart_mv + wander_mv, 500), ("baseline",)).signal_mv
    wanted = display_filter(Ecg(heart_mv, 500), ("baseline",)).signal_mv
    assert np.abs(straight - wanted)[:, 500:-500].max() < 0.05
    assert np.abs(straight - wanted).max() < 0.2


@pytest.mark.parametrize(
    ("names", "fs_hz", "band"),
    [
        (("baseline",), 500, "from 0.5 Hz"),
        (("mains",), 500, "mains 50 Hz"),
        (("40hz",), 500, "up to 40 Hz"),
        (("40hz", "baseline"), 500, "0.5–40 Hz"),
        (("mains", "40hz", "baseline"), 500, "0.5–40 Hz, mains 50 Hz"),
        (("mains60", "baseline"), 500, "from 0.5 Hz, mains 60 Hz"),
        (("baseline", "mains", "40hz"), 100, "0.5–40 Hz; mains 50 Hz not applied: 100 Hz sampling ends at 50 Hz"),
        (("mains60",), 100, "off; mains 60 Hz not applied: 100 Hz sampling ends at 50 Hz"),
        (("40hz",), 64, "off; up to 40 Hz not applied: 64 Hz sampling ends at 32 Hz"),
    ],
)
def test_the_band_says_what_was_done(names, fs_hz, band):
    """The reader must know what the trace has lost, and which filter of those chosen did nothing."""
    assert display_filter(sine(5, fs_hz), names).meta["band"] == band


def test_the_order_of_the_names_changes_nothing():
    """The sheet must not depend on which button was pressed first."""
    ecg = Ecg(made_up_ecg(1), 500)
    one, other = (display_filter(ecg, names) for names in (("baseline", "40hz"), ("40hz", "baseline", "40hz")))
    np.testing.assert_array_equal(one.signal_mv, other.signal_mv)
    assert one.meta == other.meta


def test_a_filter_that_is_not_possible_leaves_the_signal_alone():
    """100 Hz records are the most of PTB-XL; a remembered mains filter must not stand between them and the reader."""
    ecg = Ecg(made_up_ecg(1, 100), 100)
    for name in ("mains", "mains60"):
        np.testing.assert_array_equal(display_filter(ecg, (name,)).signal_mv, ecg.signal_mv)


def test_a_filter_upon_a_filter_names_both():
    """The first filter's loss is not undone by the second."""
    twice = display_filter(display_filter(sine(5, 500), ("baseline",)), ("40hz",))
    assert twice.meta["band"] == "from 0.5 Hz, up to 40 Hz"


def test_the_record_itself_is_left_as_it_was():
    """The model reads the same object; a filter for the eye must not reach it."""
    ecg = Ecg(made_up_ecg(2), 500, "17", {"age": 70})
    before = ecg.signal_mv.copy()
    filtered = display_filter(ecg, tuple(DISPLAY_FILTERS))
    np.testing.assert_array_equal(ecg.signal_mv, before)
    assert "band" not in ecg.meta
    assert (filtered.id, filtered.fs_hz, filtered.meta["age"]) == ("17", 500, 70)
    assert display_filter(ecg, ()) is ecg


def test_an_unknown_filter_is_refused_in_a_sentence():
    with pytest.raises(
        BadChoice, match="there is no display filter 'muscle'; choose among baseline, mains, mains60, 40hz"
    ):
        display_filter(sine(5, 500), ("baseline", "muscle"))
