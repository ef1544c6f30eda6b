"""The stated standard error of every map is the scatter that new noise makes."""

from dataclasses import replace

import numpy as np
import pytest

from dsc.made import blood, everything, flow_run, region, series
from perspect import dsc
from perspect.phantom import deconvolution_object, leakage_object

REPEATS = 10
LOWEST, HIGHEST = 0.8, 1.25


def ratios(runs):
    """Stated error over observed scatter: the median over the voxels that have a number in every run."""
    found = {}
    for key in runs[0].maps:
        values = np.array([run.maps[key].values.ravel() for run in runs], float)
        stated = np.array([run.maps[key].std.ravel() for run in runs], float)
        good = np.isfinite(values).all(axis=0)
        if good.sum() < 50:
            continue
        # The median of a standard deviation from ten values lies 4 % below the true one.
        seen = values[:, good].std(axis=0, ddof=1) / 0.96
        found[key] = float(np.median(np.sqrt((stated[:, good] ** 2).mean(axis=0)) / seen))
    return found


def noisy_again(thing, sigma, seed):
    rng = np.random.default_rng(seed)
    return [
        np.hypot(one + sigma * rng.standard_normal(one.shape), sigma * rng.standard_normal(one.shape))
        for one in thing.signals
    ]


@pytest.mark.parametrize(
    ("flip", "preload", "te", "snr"), [(60, True, 0.03, 100), (30, False, 0.03, 50), (70, False, (0.0086, 0.0346), 100)]
)
def test_of_volume_and_leakage(flip, preload, te, snr):
    thing = leakage_object(
        te=te, flip_angle=np.deg2rad(flip), has_preload=preload, n_white=500, n_grey=300, n_tumour=200, snr=1e7, seed=3
    )
    sigma = float(thing.signals[0][thing.white][:, :10].mean()) / snr
    plan = dsc.Plan(motion=False, leakage_reference="reference", deconvolution="none")
    runs = []
    for seed in range(REPEATS):
        echoes = tuple(
            series(one, thing.times, echo, thing.tr, thing.flip_angle, preload)
            for one, echo in zip(noisy_again(thing, sigma, seed), thing.te, strict=True)
        )
        white, arterial = region(thing.white), blood(thing.times, thing.arterial)
        runs.append(dsc.quantify(echoes, plan, mask=everything(thing.vp.size), reference=white, aif=arterial))
    found = ratios(runs)
    for key in ("cbv", "rcbv", "srcbv", "k1", "k2", "ph", "psr", "lpsr"):
        assert LOWEST <= found[key] <= HIGHEST, (key, found[key])


def test_of_flow_and_times():
    made = [
        deconvolution_object(tr=1.5, n_frames=66, snr=(60.0,), delays=(-3.0, 0.0, 3.0, 5.0), repeats=2, seed=100 + seed)
        for seed in range(REPEATS)
    ]
    found = ratios([flow_run(replace(one, arterial_signal=made[0].arterial_signal)) for one in made])
    for key in ("cbv", "cbf", "mtt", "tmax", "delay", "ttp", "ph", "psr"):
        assert LOWEST <= found[key] <= HIGHEST, (key, found[key])
