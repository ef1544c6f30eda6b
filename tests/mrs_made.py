"""Virtual spectra for tests, in short."""

from functools import lru_cache

from perspect.models.spins import Press
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import simulated_basis
from perspect.phantom.spectrum import HEALTHY, TUMOUR, Scan, as_spectra, varied, virtual_spectrum, virtual_water

SCAN = Scan()
FREQUENCY, DWELL, N, TE = SCAN.frequency, SCAN.dwell, SCAN.n_points, SCAN.te

__all__ = [
    "DWELL",
    "FREQUENCY",
    "HEALTHY",
    "TE",
    "TUMOUR",
    "N",
    "basis",
    "drawn",
    "spectra",
    "spectrum",
    "water",
]  # fmt: skip


@lru_cache(maxsize=4)
def basis(te=TE):
    """All molecules of either profile."""
    names = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
    return simulated_basis(names, Press(0.011, te - 0.011), FREQUENCY, DWELL, N)


def spectrum(truth, seed=0, **scan):
    return virtual_spectrum(truth, Scan(**scan), seed)


def spectra(signal, axes=()):
    return as_spectra(signal, SCAN, axes)


def water(size=70000.0, bend=0.0):
    return virtual_water(Scan(bend=bend), size)


drawn = varied
