"""Tissue beside a reference region, against curves that are summed over a clock of a twentieth of a second."""

import numpy as np
import pytest

from perspect.fit import carried, fit
from perspect.models import (
    ConstrainedReferenceRegion,
    DelayedConstrainedReferenceRegion,
    DelayedReferenceRegion,
    ReferenceRegion,
)  # fmt: skip
from perspect.vocabulary import Status

FINE = np.arange(0.0, 420.0, 0.05)
UNEVEN = np.concatenate([np.arange(0.0, 120.0, 2.0), np.arange(120.0, 400.0, 6.0)])
MUSCLE = (0.6e-3, 0.12)  # Ktrans in 1/s and ve
N = 300


def plasma(t):
    since = np.clip(t - 40.0, 0.0, None)
    return 5.0 * (since / 6.0) ** 2 * np.exp(2.0 - since / 3.0) + (1.0 - np.exp(-since / 6.0)) * np.exp(-since / 300.0)


def filled(ktrans, ve, t, delay=0.0):
    """A Tofts curve by sums, without the models of the package."""
    cp, decay = plasma(FINE), np.exp(-FINE * ktrans / ve)
    whole = np.fft.irfft(np.fft.rfft(cp, 2 * FINE.size) * np.fft.rfft(decay, 2 * FINE.size))[: FINE.size]
    whole = 0.05 * (whole - 0.5 * (cp[0] * decay + cp))
    return ktrans * np.interp(t - delay, FINE, whole)


def tissue(t, delay=(0.0, 0.0), n=N):
    """R, kep in 1/s, ve over that of muscle and delay of some voxels, and their curves."""
    rng = np.random.default_rng(0)
    ktrans, ve, late = rng.uniform(3e-4, 3e-3, n), rng.uniform(0.1, 0.5, n), rng.uniform(*delay, n)
    curves = np.array([filled(*one[:2], t, one[2]) for one in zip(ktrans, ve, late, strict=True)])
    return (ktrans / MUSCLE[0], ktrans / ve, ve / MUSCLE[1], late), curves


def told(found, kep_reference):
    r, kep = found.values["rktrans"], found.values["kep"]
    return r, kep, r * kep_reference / kep


def running(t, curves, is_rectangle=False):
    steps = np.diff(t) * (curves[..., 1:] if is_rectangle else 0.5 * (curves[..., 1:] + curves[..., :-1]))
    return np.concatenate([np.zeros((*curves.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def linear(t, region, curves, kep_reference=None, is_rectangle=False):
    """Cardenas-Rodriguez's form, or with kep of the region Ahmed's: R, kep, and ve over that of the region.

    C = R C_R + R kep_R (integral of C_R) - kep (integral of C)
    """
    of_region, of_tissue = running(t, region, is_rectangle), running(t, curves, is_rectangle)
    out = []
    for own, integral in zip(curves, of_tissue, strict=True):
        first = [region, of_region] if kep_reference is None else [region + kep_reference * of_region]
        c = np.linalg.lstsq(np.stack([*first, -integral], axis=1), own, rcond=None)[0]
        r, kep = c[0], c[-1]
        out.append((r, kep, (c[1] if kep_reference is None else r * kep_reference) / kep))
    return np.array(out).T


def off(values, truth):
    """Root mean square of relative errors, robust against a few without any."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.array(values) / np.array(truth) - 1.0
    return float(1.4826 * np.nanmedian(np.abs(relative)))


@pytest.mark.parametrize("t", [np.arange(0.0, 400.0, 3.0), UNEVEN], ids=["even", "uneven"])
def test_the_delay_of_tissue_behind_the_region_is_found_and_its_ratios_are_right(t):
    truth, curves = tissue(t, (-6.0, 6.0))
    region, kep = filled(*MUSCLE, t), MUSCLE[0] / MUSCLE[1]
    for model in (DelayedReferenceRegion(t, region), DelayedConstrainedReferenceRegion(t, region, kep)):
        found = fit(model, curves)
        for one, true in zip(told(found, kep), truth[:3], strict=True):
            assert np.nanmedian(np.abs(one / true - 1.0)) < 0.03
        assert np.nanmedian(np.abs(found.values["rdelay"] - truth[3])) < 0.1
        assert (found.status == Status.OK).mean() > 0.9


def test_a_delay_that_is_ignored_is_read_as_exchange():
    """The wrong variant: tissue that agent reaches some seconds before or after the region."""
    t = np.arange(0.0, 400.0, 3.0)
    truth, curves = tissue(t, (-6.0, 6.0))
    region, kep = filled(*MUSCLE, t), MUSCLE[0] / MUSCLE[1]
    ignored = told(fit(ConstrainedReferenceRegion(t, region, kep), curves), kep)
    heeded = told(fit(DelayedConstrainedReferenceRegion(t, region, kep), curves), kep)
    assert off(ignored[0], truth[0]) > 0.03 and off(ignored[1], truth[1]) > 0.05
    assert off(heeded[0], truth[0]) < 0.003 and off(heeded[1], truth[1]) < 0.01


@pytest.mark.parametrize(
    "t", [np.arange(0.0, 400.0, 2.0), np.arange(0.0, 400.0, 6.0), UNEVEN], ids=["2", "6", "uneven"]
)
def test_linear_integrals_by_rectangles_miss_what_exact_convolution_has(t):
    """The wrong variant, without noise."""
    truth, curves = tissue(t)
    region, kep = filled(*MUSCLE, t), MUSCLE[0] / MUSCLE[1]
    ours = told(fit(ConstrainedReferenceRegion(t, region, kep), curves), kep)
    wrong = linear(t, region, curves, kep, is_rectangle=True)
    for one, other, true in zip(ours[:2], wrong[:2], truth[:2], strict=True):
        assert off(one, true) < 2e-4 < 2e-3 < off(other, true)


@pytest.mark.parametrize("noise", [0.01, 0.02])
def test_the_curve_itself_and_its_integral_tell_ratios_equally_well(noise):
    """Where kep of the region is one for all; noise in mM of every sample and, a tenth of it, of the region."""
    t = UNEVEN
    truth, curves = tissue(t)
    rng, kep = np.random.default_rng(1), MUSCLE[0] / MUSCLE[1]
    noisy = curves + rng.normal(0.0, noise, curves.shape)
    region = filled(*MUSCLE, t) + rng.normal(0.0, 0.1 * noise, t.size)
    ours = told(fit(ConstrainedReferenceRegion(t, region, kep), noisy), kep)
    theirs = linear(t, region, noisy, kep)
    for one, other, true in zip(ours, theirs, truth[:3], strict=True):
        assert 0.87 < off(one, true) / off(other, true) < 1.15


def test_a_rate_of_the_region_by_tissue_that_takes_up_nothing_has_no_error_and_raises_no_warning():
    x = np.array([[0.0], [0.0], [1e-5]])
    known = np.diag([1e-4, 1e-9, 0.0])[:, :, None]
    of_r, of_region, of_kep = np.einsum("kkv->k", carried(ReferenceRegion(UNEVEN, plasma(UNEVEN)), x, known))
    assert of_r == pytest.approx(1e-4) and np.isnan(of_region) and of_kep == 0.0
