"""A Look-Locker series from volumes to flow: its pulses are in the model, and what cannot be modelled is refused."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import SHAPE, ball, brain, changed, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.models import ReadOftenPasl, Tissue
from perspect.vocabulary import Around, Problem

PULSES = 0.3 + 0.3 * np.arange(7)
ANGLE = np.deg2rad(30.0)
AROUND = Around(mask=brain())
TO_FLOW = 6000.0


def series(noise=0.2, slice_time=None, angle=ANGLE):
    """A pulsed Look-Locker series with a bolus of 0.8 s that comes after 0.6 s, label decaying as in blood."""
    one = labelled(delays=PULSES, n_pairs=4, kind="pasl", duration=0.8, efficiency=0.98, noise=noise,
                   flow=np.zeros(SHAPE), att=np.zeros(SHAPE), slice_time=slice_time)  # fmt: skip
    how = one.labelling
    values = one.series.values.copy(order="F")
    later = np.zeros(SHAPE[2]) if slice_time is None else slice_time * np.arange(SHAPE[2])
    for z, more in enumerate(later):
        model = ReadOftenPasl(PULSES + more, np.full(7, 0.8), 0.98, Tissue(1.65), PULSES + more, np.full(7, angle))
        curve = model.predict(np.stack([flow_map()[:, :, z], np.full(SHAPE[:2], 0.6)], axis=-1)) * 1000.0
        for at in how.of("label"):
            values[:, :, z, at] -= curve[..., int(np.abs(PULSES - how.delays[at]).argmin())]
    m0 = replace(one.m0, flip_angle=np.pi / 2)
    how = replace(how, flip_angles=np.full(len(how.volumes), angle))
    return replace(one, series=replace(one.series, values=values), labelling=how, m0=m0)


@pytest.mark.parametrize("slice_time", [None, 0.03])
def test_flow_is_read_with_what_the_pulses_use_up(slice_time):
    one = series(slice_time=slice_time)
    found = quantify(one, Plan(motion=False), around=AROUND)
    grey = (flow_map() > 0.005) & ball()
    assert np.median(found.maps["cbf"].values[grey]) * TO_FLOW == pytest.approx(60.0, rel=0.03)
    assert np.median(found.maps["att"].values[grey]) == pytest.approx(0.6, abs=0.05)
    # Read as if each delay had a labelling of its own, it is too low by half.
    plain = quantify(changed(one, flip_angles=None), Plan(motion=False), around=AROUND)
    assert np.median(plain.maps["cbf"].values[grey]) * TO_FLOW < 0.5 * 60.0


def test_a_delay_of_which_nothing_is_used_still_had_its_pulse():
    one = series()
    values = one.series.values.copy(order="F")
    lost = np.flatnonzero(np.abs(one.labelling.delays - PULSES[2]) < 1e-6)
    how = replace(one.labelling, volumes=tuple(
        "m0scan" if at in lost[1:] else kind for at, kind in enumerate(one.labelling.volumes)
    ))  # fmt: skip
    values[..., lost] = values[..., lost[:1]]
    found = quantify(replace(one, series=replace(one.series, values=values), labelling=how), Plan(motion=False),
                     around=AROUND)  # fmt: skip
    grey = (flow_map() > 0.005) & ball()
    assert np.median(found.maps["cbf"].values[grey]) * TO_FLOW == pytest.approx(60.0, rel=0.03)


def test_an_m0_of_unknown_flip_angle_is_taken_as_read_alike_and_that_is_said():
    one = series()
    unknown = replace(one, m0=replace(one.m0, values=one.m0.values * np.sin(ANGLE), flip_angle=None))
    found = quantify(unknown, Plan(motion=False), around=AROUND)
    assert "m0-flip-angle-unknown" in {flag.code for flag in found.flags}
    grey = (flow_map() > 0.005) & ball()
    assert np.median(found.maps["cbf"].values[grey]) * TO_FLOW == pytest.approx(60.0, rel=0.03)


def test_without_m0_flow_of_a_look_locker_series_is_relative():
    found = quantify(replace(series(), m0=None), Plan(motion=False), around=AROUND)
    assert "relcbf" in found.maps and "cbf" not in found.maps


def test_what_is_not_modelled_is_a_problem():
    one = series()
    durations = one.labelling.durations.copy()
    durations[-4:] = 0.6
    with pytest.raises(Problem, match="labelling lasts"):
        quantify(changed(one, durations=durations), Plan(motion=False), around=AROUND)
    angles = one.labelling.flip_angles.copy()
    angles[3] = 0.1
    with pytest.raises(Problem, match="flip angle of the readout"):
        quantify(changed(one, flip_angles=angles), Plan(motion=False), around=AROUND)
