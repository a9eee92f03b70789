"""Attention as heatmaps: the places of windows and positions, and the products of levels."""

import numpy as np
import pytest

from imle.attention import LEVELS, Attention, spread_positions
from imle.errors import BadChoice


def random_attention(seed: int = 0, n: int = 2) -> Attention:
    rng = np.random.default_rng(seed)
    beat, rhythm, channel = (rng.random(shape, np.float32) for shape in ((n, 12, 20, 13), (n, 12, 20), (n, 12)))
    return Attention(*(part / part.sum(-1, keepdims=True) for part in (beat, rhythm, channel)))


def by_label(seed: int = 2) -> Attention:
    """Of two records and three labels, with positions that divide their windows evenly."""
    rng = np.random.default_rng(seed)
    shapes = (2, 3, 12, 25, 5), (2, 3, 12, 25), (2, 3, 12)
    parts = [part / part.sum(-1, keepdims=True) for part in (rng.random(shape, np.float32) for shape in shapes)]
    return Attention(*parts, labels=("ASMI", "IMI", "NORM"))


@pytest.mark.parametrize("level", LEVELS)
def test_a_label_s_heatmap_is_that_of_its_own_attention(level):
    """Another label's heatmap under this one's name would explain the wrong diagnosis."""
    attention = by_label()
    alone = Attention(attention.beat[:, 1], attention.rhythm[:, 1], attention.channel[:, 1])
    heatmap = attention.heatmap(level, 1, label="IMI")
    assert heatmap.shape == (12, 1000)
    np.testing.assert_array_equal(heatmap, alone.heatmap(level, 1))
    assert (heatmap != attention.heatmap(level, 1, label="ASMI")).any()


def test_even_positions_lie_at_the_middle_of_their_cells():
    """A cell's weight drawn at its edge would shift the heatmap by half a cell, 40 ms, against the QRS complex."""
    attention = by_label().of("NORM")
    for cell in (3, 62):
        peak = np.zeros((1, 12, 25, 5), np.float32)
        peak[0, :, cell // 5, cell % 5] = 1
        drawn = Attention(peak, attention.rhythm[:1], attention.channel[:1]).heatmap("beat", 0)[0]
        assert np.average(np.arange(1000), weights=drawn) == pytest.approx(8 * cell + 3.5, abs=1e-3)


@pytest.mark.parametrize("label", [None, "MI"])
def test_a_label_that_is_missing_or_unknown_is_refused_in_one_sentence(label):
    """A first label taken in silence would be read as that of the diagnosis."""
    with pytest.raises(BadChoice, match=r"attention differs by label; name one of ASMI, IMI, NORM$"):
        by_label().heatmap("beat", 0, label=label)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_a_heatmap(level):
    """A level of another shape or range would break the overlay's common scale."""
    heatmap = random_attention().heatmap(level, 1)
    assert heatmap.shape == (12, 1000)
    assert heatmap.dtype == np.float32
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1


def test_positions_lie_where_the_authors_draw_them():
    """Sample s of 50 lies at position 12 s / 49; off by one would shift the heatmap against the QRS."""
    weights = np.random.default_rng(1).random((12, 20, 13))
    spread = spread_positions(weights, 50)
    expected = np.interp(np.arange(50) * 12 / 49, np.arange(13), weights[3, 7])
    np.testing.assert_allclose(spread[3, 350:400], expected, atol=1e-6)


def test_rhythm_and_channel_are_constant_within_a_window_and_a_lead():
    """A rhythm weight belongs to its whole window, a channel weight to its whole lead."""
    attention = random_attention()
    np.testing.assert_array_equal(attention.heatmap("rhythm", 0)[4, 150:200], attention.rhythm[0, 4, 3])
    np.testing.assert_array_equal(attention.heatmap("channel", 0)[7], attention.channel[0, 7])


def test_combined_is_a_distribution_over_the_record():
    """The combined heatmap is read as shares of the whole record, so it must sum to 1."""
    assert random_attention().heatmap("combined", 0).sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_combined_is_proportional_to_the_product():
    """Adding or averaging levels instead would let a lead without attention light up."""
    attention = random_attention()
    product = np.prod([attention.heatmap(level, 0) for level in ("beat", "rhythm", "channel")], axis=0)
    combined = attention.heatmap("combined", 0)
    np.testing.assert_allclose(combined / combined.max(), product / product.max(), atol=1e-6)


def test_published_is_beat_times_channel():
    """It is compared with the authors' figures, which leave the rhythm level out."""
    attention = random_attention()
    expected = attention.heatmap("beat", 0) * attention.heatmap("channel", 0)
    np.testing.assert_array_equal(attention.heatmap("published", 0), expected)


def test_unknown_level_and_label_are_refused_in_one_sentence():
    """A typing error in a URL must become a sentence, and a label must not be silently ignored."""
    with pytest.raises(ValueError, match="there is no attention level 'lead'; choose one of beat, rhythm, channel"):
        random_attention().heatmap("lead", 0)
    with pytest.raises(ValueError, match="the same for every label"):
        random_attention().heatmap("beat", 0, label="MI")
