"""What is measured on an ECG: R peaks, wave segments, intervals, axis, ST levels and the median beat of each lead."""

from imle.measure.measurements import TITLES, Measured, Measurements, measure, signed
from imle.measure.median_beat import MedianBeat, average_over_beats

__all__ = ["TITLES", "Measured", "Measurements", "MedianBeat", "average_over_beats", "measure", "signed"]
