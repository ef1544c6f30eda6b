"""Spectra with a known truth: simulated molecules with their own shifts and widths, broad signals, noise."""

from functools import lru_cache

import numpy as np

from perspect.models.spins import Press
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import simulated_basis
from perspect.vocabulary import Grid, Spectra

FREQUENCY, DWELL, N, TE = 123.2e6, 1 / 2000, 1024, 0.030
HEALTHY = {
    "NAA": 11.0, "NAAG": 1.5, "Cr": 5.0, "PCr": 4.0, "GPC": 1.0, "PCho": 0.6, "Ins": 6.0, "sIns": 0.3, "Glu": 10.0,
    "Gln": 3.0, "GABA": 1.3, "GSH": 1.5, "Asp": 1.5, "Asc": 1.2, "Tau": 1.4, "Glc": 1.0, "Lac": 0.5, "Ala": 0.4,
    "Gly": 0.7, "PE": 1.4, "MM09": 6.0, "MM12": 1.8, "MM14": 4.5, "MM17": 2.3, "MM20": 9.0,
}  # fmt: skip
TUMOUR = {
    "NAA": 1.5, "Cr": 2.0, "PCr": 1.0, "GPC": 2.0, "PCho": 1.8, "Ins": 3.0, "Glu": 3.0, "Gln": 4.0, "GSH": 2.0,
    "Tau": 2.0, "Lac": 6.0, "Ala": 1.5, "Gly": 3.0, "MM09": 4.0, "MM12": 1.2, "MM14": 3.0, "MM17": 1.5, "MM20": 6.0, "Lip13a": 12.0,
    "Lip13b": 6.0, "Lip09": 4.0, "Lip20": 3.0,
}  # fmt: skip
PLACE = Grid((1, 1, 1), np.diag([20.0, 20.0, 20.0, 1.0]))


@lru_cache(maxsize=4)
def basis(te=TE):
    """All molecules of either profile."""
    names = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
    return simulated_basis(names, Press(0.011, te - 0.011), FREQUENCY, DWELL, N)


@lru_cache(maxsize=4)
def signals(te=TE):
    made = basis(te)
    broad = {key: broad_signal(one, FREQUENCY, DWELL, N) for key, one in BROAD.items()}
    return {**dict(zip(made.names, made.values, strict=True)), **broad}


def spectrum(truth, seed=0, snr=60.0, phase=0.3, shift=2.0, lorentz=10.0, gauss=150.0, te=TE, more=0.0):
    """`snr` is the largest singlet over the noise in the spectrum, roughly; `more` is added to the signal."""
    rng = np.random.default_rng(seed)
    t = np.arange(N) * DWELL
    total = np.zeros(N, complex)
    for key, amount in truth.items():
        own = 0.0 if key in BROAD else 1.0
        move = rng.normal(0, 0.004 * FREQUENCY * 1e-6)
        width = own * (lorentz + rng.normal(0, 0.48))
        total += amount * signals(te)[key] * np.exp(2j * np.pi * move * t - width * t - own * gauss * t**2)
    total = total * np.exp(1j * phase + 2j * np.pi * shift * t) + more
    line = np.abs(np.fft.fft(3.0 * np.exp(-lorentz * t - gauss * t**2))).max() * 10.0
    sigma = line / snr / np.sqrt(N)
    return spectra(total + sigma * (rng.normal(size=N) + 1j * rng.normal(size=N)), te)


def spectra(signal, te=TE, axes=()):
    return Spectra(signal[None, None, None], DWELL, FREQUENCY, PLACE, axes, te=te, tr=2.0)


def water(size=70000.0, lorentz=12.0, phase=0.0, bend=0.0):
    t = np.arange(N) * DWELL
    return spectra(size * np.exp(-lorentz * t + 1j * phase + 1j * bend * np.exp(-t / 0.02)))


def drawn(truth, seed, spread=0.25):
    """A patient of this kind: every amount varies by a quarter, macromolecules together."""
    rng = np.random.default_rng([seed, 7])
    broad = np.exp(rng.normal(0, spread))
    return {
        key: amount * (broad if key.startswith("MM") else np.exp(rng.normal(0, spread)))
        for key, amount in truth.items()
    }
