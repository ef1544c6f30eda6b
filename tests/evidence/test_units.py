"""Published ratios to choline are of areas of lines; ours are of amounts."""

import numpy as np
import pytest

from perspect.evidence import row
from perspect.models.spins import Press
from perspect.mrs.signals import cached_basis
from perspect.vocabulary.spectra import shift

AREAS = {  # row: (what the source prints, the line below, its place in ppm)
    "grade.mrs.chocr_156.law2003": (1.56, ("Cr", "PCr"), 3.03),
    "rec.mrs.chonaa.zhang2014": (1.67, ("NAA",), 2.01),
}
FREQUENCY, DWELL, N = 123.2e6, 1 / 2000, 4096


def area(signals, ppm):
    """The area of the line at a place, of molecules in equal parts, by a fit of nothing but its height at 3 Hz."""
    t = np.arange(N) * DWELL
    spectrum = np.fft.fft(np.mean(signals, axis=0) * np.exp(-3.0 * np.pi * t))
    places = shift(np.fft.fftfreq(N, DWELL), FREQUENCY)
    return float(np.abs(spectrum[np.abs(places - ppm) < 0.03]).max())


@pytest.mark.parametrize("name", AREAS)
def test_amounts_whose_lines_have_the_published_ratio_lie_at_our_cutoff(name):
    printed, below, ppm = AREAS[name]
    basis = cached_basis(("GPC", "PCho", *below), Press(0.017, 0.127), FREQUENCY, DWELL, N)
    signals = dict(zip(basis.names, basis.values, strict=True))
    per_amount = area([signals["GPC"], signals["PCho"]], 3.21) / area([signals[one] for one in below], ppm)
    assert per_amount == pytest.approx(3.0, rel=0.1)  # nine protons against three; small lines lie under both
    cutoff = row(name).cutoff
    assert (cutoff.low + cutoff.high) / 2 == pytest.approx(printed / per_amount, rel=0.1)
