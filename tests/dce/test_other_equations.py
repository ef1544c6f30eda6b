"""Tissue made by a matrix exponential and by sums over a fine clock, without the models of the package, in noisy signal
with its own T1, flip angle and T2*: what is said holds the truth within its errors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import made_dce as made
from perspect import dce
from perspect.vocabulary import Curve, Map, Status, lexicon

N, TE, R2STAR, HCT = 80, 0.002, 5.0, 0.38
STEP = 0.05
FINE = np.arange(0.0, 300.0, STEP)
TIMES = np.arange(0.0, 299.0, 1.5)


def passes(s, a, b):
    """A gamma-variate of height one, `s` seconds after its arrival."""
    late = np.maximum(s, 1e-9) / (a * b)
    return np.where(s > 0, late**a * np.exp(a * (1.0 - late)), 0.0)


def plasma(t):
    s = t - 30.0
    tail = np.where(s > 0, (1.0 - np.exp(-s / 9.0)) * np.exp(-s / 700.0), 0.0)
    return 7.5 * passes(s, 2.5, 2.2) + 1.3 * passes(s - 16.0, 3.0, 4.0) + 1.1 * tail


CP = plasma(FINE)


def convolved(impulse):
    n = 2 ** int(np.ceil(np.log2(2 * FINE.size)))
    whole = np.fft.irfft(np.fft.rfft(CP, n) * np.fft.rfft(impulse, n), n)[: FINE.size]
    return STEP * (whole - 0.5 * CP[0] * impulse - 0.5 * CP * impulse[0])


def extended_tofts(ktrans, ve, vp):
    return vp * CP + convolved(ktrans * np.exp(-ktrans / ve * FINE))


def exchange(fp, ps, ve, vp):
    """Two compartments, stepped by the exponential of their matrix from a flow that arrives at once."""
    rates = np.array([[-(fp + ps) / vp, ps / vp], [ps / ve, -ps / ve]])
    step, state, impulse = expm(rates * STEP), np.array([fp / vp, 0.0]), np.empty(FINE.size)
    for i in range(FINE.size):
        impulse[i] = vp * state[0] + ve * state[1]
        state = step @ state
    return convolved(impulse)


def aath(fp, ps, ve, vp):
    transit, extracted = vp / fp, 1.0 - np.exp(-ps / fp)
    entered = np.concatenate([[0.0], np.cumsum(0.5 * STEP * (CP[1:] + CP[:-1]))])
    leaked = convolved(extracted * fp * np.exp(-extracted * fp / ve * FINE))
    left, returned = (np.interp(FINE - transit, FINE, one, left=0.0) for one in (entered, leaked))
    return fp * (entered - left) + returned


RANGES = {"ktrans": (3e-4, 3e-3), "fp": (5e-3, 0.015), "ps": (5e-4, 2.5e-3), "ve": (0.12, 0.4), "vp": (0.03, 0.09)}


@pytest.mark.parametrize(
    ("model", "curve", "keys"),
    [
        ("extended-tofts", extended_tofts, ("ktrans", "ve", "vp")),
        ("2cxm", exchange, ("fp", "ps", "ve", "vp")),
        ("aath", aath, ("fp", "ps", "ve", "vp")),
    ],
)
def test_the_truth_of_others_lies_within_the_stated_errors(model, curve, keys):
    rng = np.random.default_rng(0)
    truth = {key: rng.uniform(*RANGES[key], N) for key in keys}
    c = np.array([np.interp(TIMES, FINE, curve(*one)) for one in zip(*truth.values(), strict=True)])
    t1, b1 = rng.uniform(0.9, 1.7, N), rng.uniform(0.85, 1.15, N)
    one = made.series(made.signal(c, t1, b1) * np.exp(-TE * R2STAR * c), 0.01, times=TIMES)
    before = t1.reshape(-1, 1, 1).astype(np.float32)
    plan = dce.Plan(motion=False, model=model, delay=False, hct=HCT, r1=made.R1, r2star_tissue=R2STAR)
    found = dce.quantify(
        replace(one, acquisition=replace(one.acquisition, te=TE)), plan, mask=made.everything(one),
        t1=Map(lexicon.T1, before, np.full_like(before, np.nan), np.zeros(before.shape, np.int16), one.grid),
        b1=b1.reshape(-1, 1, 1), aif=Curve(TIMES, (1.0 - HCT) * plasma(TIMES), "mM", "cb"),
    )  # fmt: skip
    if model == "extended-tofts":
        follows = {"kep": truth["ktrans"] / truth["ve"]}
    else:
        fp, ps = truth["fp"], truth["ps"]
        follows = {"ktrans": fp * ps / (fp + ps) if model == "2cxm" else fp * (1.0 - np.exp(-ps / fp))}
    for key, true in (truth | follows).items():
        said = found.maps[key]
        good = said.status[:, 0, 0] == Status.OK
        assert good.mean() > 0.9, key
        error = said.values[good, 0, 0] - true[good]
        assert abs(np.median(error / true[good])) < 0.02, key
        # Eighty voxels tell a spread to a tenth or so.
        assert 0.7 < np.std(error / said.std[good, 0, 0]) < 1.35, key
