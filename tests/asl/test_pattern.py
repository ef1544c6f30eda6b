"""A phantom is refused whatever there is of it, a head in much noise is not, and what stays open is said."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import SHAPE, ball, brain, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.asl.pattern import pattern
from perspect.asl.samples import differences
from perspect.vocabulary import Around, Refusal, Severity

STILL = Plan(motion=False)
AROUND = Around(mask=brain())
DELAYS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
SMALL_SERIES = {
    "one pair": {"n_pairs": 1},
    "two pairs": {"n_pairs": 2},
    "three pairs": {"n_pairs": 3},
    "six delays of a pair each": {"n_pairs": 1, "delays": DELAYS},
}


def drifting(drift, noise=1.0, **more):
    """A ball without flow whose controls are brighter by a share of the image."""
    one = labelled(flow=np.zeros(SHAPE), noise=noise, **more)
    values = one.series.values.copy(order="F")
    values[..., ::2] *= 1.0 + drift
    return replace(one, series=replace(one.series, values=values))


def subtracted(one, has_m0=True):
    """What a scanner that stores differences only leaves of a series."""
    values = np.asfortranarray(one.series.values[..., ::2] - one.series.values[..., 1::2])
    n = values.shape[3]
    how = replace(
        one.labelling, volumes=("deltam",) * n, delays=one.labelling.delays[::2], durations=one.labelling.durations[::2]
    )
    series = replace(one.series, values=values, times=np.arange(float(n)))
    return replace(one, series=series, labelling=how, m0=one.m0 if has_m0 else None)


def said(measured, code):
    return [flag for flag in measured.flags if flag.code == code]


@pytest.mark.parametrize("drift", [0.0, 0.007, -0.007])
@pytest.mark.parametrize("few", SMALL_SERIES.values(), ids=SMALL_SERIES.keys())
def test_a_phantom_is_refused_however_few_pairs_there_are_of_it(few, drift):
    with pytest.raises(Refusal, match="No labelled blood"):
        quantify(drifting(drift, **few), STILL, around=AROUND)


@pytest.mark.parametrize("drift", [0.0, 0.007])
def test_one_difference_of_a_phantom_is_refused(drift):
    with pytest.raises(Refusal, match="neighbouring voxels"):
        quantify(subtracted(drifting(drift, n_pairs=1)), STILL, around=AROUND)


@pytest.mark.parametrize("few", SMALL_SERIES.values(), ids=SMALL_SERIES.keys())
def test_a_head_is_measured_however_few_pairs_there_are_of_it(few):
    one = labelled(noise=1.0, **(few | ({"att": np.full(SHAPE, 0.9)} if "delays" in few else {})))
    measured = quantify(one, STILL, around=AROUND)
    assert not said(measured, "label-not-shown")
    assert bool(said(measured, "label-seen-once")) == (few == {"n_pairs": 1})


def test_a_head_of_much_noise_whose_mean_stands_out_is_not_called_unlabelled():
    """Noise of 1.5 % of every image: single voxels of odd and even pairs have next to nothing in common."""
    one = labelled(noise=15.0, n_pairs=10)
    measured = quantify(one, STILL, around=AROUND)
    assert measured.summary["halves_correlation"] < 0.1
    flow = 6000.0 * measured.maps["cbf"].values[ball()]
    # 1176 voxels of 15/1000·√(2/10)/0.69 60 = 58 mL/100 g/min tell their mean to 1.7.
    assert flow.mean() == pytest.approx(6000.0 * flow_map()[ball()].mean(), abs=5.0)


@pytest.mark.parametrize("seed", range(4))
def test_where_noise_would_hide_flow_neither_label_nor_its_absence_is_claimed(seed):
    for one in (labelled(noise=40.0, n_pairs=6, seed=seed), drifting(0.005, noise=40.0, n_pairs=6, seed=seed)):
        (flag,) = said(quantify(one, STILL, around=AROUND), "label-not-shown")
        assert flag.severity == Severity.LIMITED
        assert "noise" in flag.sentence


def test_differences_without_any_image_to_divide_by_do_not_tell_a_drift_from_blood_and_that_is_said():
    """The phantom is brighter in the middle, as coils make it: its drift has a pattern that comes again."""
    one = drifting(0.007, n_pairs=4)
    x = np.arange(SHAPE[0])[:, None, None, None]
    bright = replace(one.series, values=np.asfortranarray(one.series.values * (1.0 + 0.05 * x).astype(np.float32)))
    measured = quantify(subtracted(replace(one, series=bright), has_m0=False), STILL, around=AROUND)
    (flag,) = said(measured, "label-not-shown")
    assert flag.severity == Severity.LIMITED
    assert "relcbf" in measured.maps


def test_what_noise_makes_of_the_likeness_of_two_looks_is_stated():
    chances, found = [], []
    for seed in range(40):
        one = labelled(flow=np.zeros(SHAPE), noise=1.0, n_pairs=4, seed=seed)
        pairs = differences(one.labelling, one.series.curves(ball()), np.ones(8, bool))
        seen = pattern(pairs, brain(), 1e-3)
        chances.append(seen.chance)
        found.append(seen.smoothed)
    # Forty draws tell a standard deviation to an eighth; the ball has edges, of which the statement knows nothing.
    assert np.std(found) == pytest.approx(np.mean(chances), rel=0.35)
