"""How a heatmap agrees with the places that a guideline names, each score beside what chance and the average heatmap get.

A heatmap (12, 1000) is 0 or more and sums to 1; a mask (12, 1000) says which samples the guideline names. The average
heatmap is one a label: how much of the heatmap of an average record lies in each lead and wave segment. A record is
scored by it as if it were its own heatmap, since a model may always look at the same leads, whatever the record.
"""

from __future__ import annotations

import numpy as np

from imle.leads import LEADS
from imle.measure.segments import SEGMENTS, UNKNOWN, by_segment

# By which a record's heatmap is judged to be hardly its own: so much of it lies where the average's lies.
LIKE_AVERAGE = 0.8
BEFORE_QRS = ("P", "PQ")


def relevance(attribution: np.ndarray) -> np.ndarray:
    """(..., 12, 1000) signed -> heatmap: what speaks for the label, scaled to sum to 1 over the record.

    What speaks against it counts nothing; where nothing speaks for it, every sample counts alike.
    """
    positive = np.maximum(np.asarray(attribution, np.float64), 0)
    total = positive.sum(axis=(-2, -1), keepdims=True)
    alike = np.full_like(positive, 1 / (positive.shape[-2] * positive.shape[-1]))
    return np.divide(positive, total, out=alike, where=total > 0)


def lead_segment_shares(heatmap: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """(12, 6): the heatmap's share in each lead and wave segment; less than 1 in all where samples are UNKNOWN."""
    return by_segment(heatmap, segments)


def spread_over(shares: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """(12, 6) shares -> heatmap (12, 1000): each spread evenly over its segment's samples in this record.

    A lead keeps its part of the whole. In a record without P waves TP runs to the QRS complex, and has what P and PQ had;
    the share of another segment that the record lacks lies in the lead's samples of no segment, as does what the shares
    lack of 1.
    """
    lengths = by_segment(np.ones(len(segments)), segments)
    of_leads = _whole(shares).sum(axis=1)
    own = np.array(shares, float)
    for name in (name for name in BEFORE_QRS if not lengths[SEGMENTS.index(name)]):
        own[:, SEGMENTS.index("TP")] += own[:, SEGMENTS.index(name)]
        own[:, SEGMENTS.index(name)] = 0
    own[:, lengths == 0] = 0
    outside = np.maximum(of_leads - own.sum(axis=1), 0)
    parts, lengths = np.c_[own, outside], np.r_[lengths, (segments == UNKNOWN).sum()]
    density = np.divide(parts, lengths, out=np.zeros_like(parts), where=lengths > 0)
    heatmap = density[:, segments]  # UNKNOWN, -1, takes the last column
    placed = heatmap.sum(axis=1)
    even = np.repeat(of_leads[:, None] / len(segments), len(segments), axis=1)
    return np.divide(heatmap * of_leads[:, None], placed[:, None], out=even, where=placed[:, None] > 0)


def relevance_mass(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """The share of the heatmap inside the mask (Arras et al. 2022, doi:10.1016/j.inffus.2021.11.008). By chance: `area`."""
    return float(heatmap[mask].sum())


def rank_accuracy(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Of the k highest samples, the share inside the mask, which has k (ibid.); 0 for an empty mask. By chance: `area`.

    Where the k-th highest value is shared by several samples, each of them counts for the same part.
    """
    k = int(mask.sum())
    if not k:
        return 0.0
    least = np.partition(heatmap, -k, axis=None)[-k]
    above, level = heatmap > least, heatmap == least
    places = k - int(above.sum())
    return float((mask & above).sum() + places * (mask & level).sum() / level.sum()) / k


def pointing(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """1 where the highest sample lies inside the mask, else 0 (Zhang et al. 2018, doi:10.1007/s11263-017-1059-x).

    Where several share the highest value, the part of them inside. By chance: `area`.
    """
    highest = heatmap == heatmap.max()
    return float(mask[highest].mean())


def area(mask: np.ndarray) -> float:
    """The mask's share of the record: what each of the three scores is by chance."""
    return float(mask.mean())


SCORES = {"mass": relevance_mass, "rank": rank_accuracy, "pointing": pointing}


def overlap(shares: np.ndarray, average: np.ndarray) -> float:
    """How much of one (12, 6) lies where the other does, 0 to 1: one less the total variation distance."""
    return float(np.minimum(_whole(shares), _whole(average)).sum())


def _whole(shares: np.ndarray) -> np.ndarray:
    total = shares.sum()
    return shares / total if total > 0 else np.full(shares.shape, 1 / (len(LEADS) * len(SEGMENTS)))
