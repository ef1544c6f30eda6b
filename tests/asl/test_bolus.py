"""How long a bolus lasts that nothing cuts off: several inversion times tell it, or flow stays relative."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, PARTITION, T1_BLOOD, ball, brain, flow_map
from perspect import asl
from perspect.asl.bolus import plain_means, told_by
from perspect.asl.kinetics import Setting
from perspect.asl.samples import differences
from perspect.models import Pasl, Tissue
from perspect.vocabulary import Acquisition, Around, Calibration, Labelled, Labelling, Series

TO_FLOW = 6000.0
TIMES = (0.4, 0.7, 1.0, 1.3, 1.6, 1.9, 2.2, 2.6)
GREY = (flow_map() > 0.005) & ball()


def fair(true=1.1, times=TIMES, noise=0.7, n_pairs=8, seed=0, t1=None):
    """A FAIR series of several inversion times whose bolus lasts `true` s, which its labelling does not say."""
    rng = np.random.default_rng(seed)
    flow = brain().taken(flow_map())
    att = np.where(flow > 0.005, 0.55, 0.8) + rng.normal(0.0, 0.1, flow.size)
    model = Pasl(np.array(times), np.full(len(times), true), 0.98, Tissue(T1_BLOOD, t1, PARTITION))
    blood = 1000.0 * model.predict(np.stack([flow, att], axis=1))
    still, frames, when = 1000.0 * ball(), [], []
    for at, time in enumerate(times):
        label = still - brain().spread(blood[:, at], 0.0)
        for _ in range(n_pairs):
            frames += [still, label]
            when += [time, time]
    values = np.stack(frames, axis=-1) + rng.normal(0.0, noise, (*still.shape, len(frames)))
    n = len(frames)
    how = Labelling("pasl", ("control", "label") * (n // 2), np.array(when), np.full(n, np.nan), 0.98,
                    is_suppressed=False, is_crushed=True)  # fmt: skip
    one = Series(
        np.asfortranarray(values.astype(np.float32)), GRID, 4.0 * np.arange(n), Acquisition(te=0.012, tr=4.0, field=3.0)
    )
    return Labelled(one, how, Calibration(still, "separate", 20.0, 0.012))


def run(one, **choice):
    return asl.quantify(one, asl.Plan(motion=False, **choice), around=Around(mask=brain()))


def flag_of(measured, code):
    return [one for one in measured.flags if one.code == code]


def test_several_inversion_times_tell_the_bolus_and_flow_is_absolute():
    measured = run(fair())
    (flag,) = flag_of(measured, "bolus-told")
    duration = measured.summary["durations"][0]
    assert duration == pytest.approx(1.1, abs=0.05)
    assert flag.fraction < 0.1
    assert TO_FLOW * np.median(measured.maps["cbf"].values[GREY]) == pytest.approx(60.0, rel=0.06)
    # Taken for 1 s in silence it would be off by a tenth, for 0.7 s by half.
    short = run(fair(), bolus=0.7)
    assert abs(TO_FLOW * np.median(short.maps["cbf"].values[GREY]) - 60.0) > 6.0


def told(one):
    """The bolus that a series tells, by itself."""
    how = replace(one.labelling, durations=np.ones(len(one.labelling.volumes)))
    found = differences(how, one.series.curves(ball()), np.ones(len(how.volumes), bool))
    means = plain_means(found, np.zeros(brain().n_voxels), None)
    return told_by(means, Setting("pasl", 0.98, T1_BLOOD, PARTITION), np.ones(brain().n_voxels, bool))


def test_the_error_of_the_bolus_is_its_scatter():
    found = [told(fair(seed=seed, noise=3.0, n_pairs=4)) for seed in range(12)]
    durations, stated = (np.array([getattr(one, name) for one in found]) for name in ("duration", "error"))
    # Twelve tell a scatter to a fifth.
    assert 0.6 < stated.mean() / durations.std(ddof=1) < 1.7
    assert durations.mean() == pytest.approx(1.1, abs=3.0 * stated.mean() / np.sqrt(12) + 0.01)


@pytest.mark.parametrize(("times", "noise"), [((0.4, 0.5, 0.6, 0.7), 0.7), ((1.6, 2.2), 0.7), (TIMES, 40.0)])
def test_times_that_do_not_tell_it_leave_flow_relative(times, noise):
    measured = run(fair(times=times, noise=noise))
    assert flag_of(measured, "bolus-unknown") and not flag_of(measured, "bolus-told")
    assert "relcbf" in measured.maps and "cbf" not in measured.maps


def test_a_bolus_that_is_given_is_taken_as_given():
    measured = run(fair(), bolus=1.3)
    assert flag_of(measured, "bolus-given")
    assert measured.summary["durations"] == [1.3] * len(TIMES)


def test_label_that_decays_in_tissue_is_told_by_the_t1_of_tissue():
    measured = run(fair(t1=1.33), kinetics="t1app")
    assert measured.summary["durations"][0] == pytest.approx(1.1, abs=0.06)
