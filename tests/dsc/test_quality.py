from dataclasses import replace

import numpy as np
import pytest

from dsc.made import everything, leakage_run, series
from perspect import dsc
from perspect.dsc.quality import Reliability, protocol, refuse_protocol, refuse_reference, t1_share, voxel_flags
from perspect.dsc.reference import Reference
from perspect.dsc.signal import Rest, relaxation
from perspect.phantom import DeconvolutionDesign, LeakageDesign, deconvolution_object, leakage_object
from perspect.vocabulary import Acquisition, Refusal, Status

DEGREES = np.pi / 180
TIMES = 1.5 * np.arange(120)
REST = Rest(1, 30, 46.0, 36, 300.0)


def setting(flip=60, te=0.03, tr=1.5, field=3.0, preload=True):
    return Acquisition(
        te=te, tr=tr, flip_angle=None if flip is None else flip * DEGREES, field=field, has_preload=preload
    )


def grade(acquisition, times=TIMES, at_rest=REST, corrected=True, te=None):
    return protocol(acquisition, (acquisition.te,) if te is None else te, times, at_rest, corrected)


def test_the_recommended_protocols_are_called_recommended():
    for acquisition in (setting(60, 0.03), setting(60, 0.045, field=1.5), setting(30, 0.03, preload=False)):
        assert grade(acquisition).reliability == Reliability.RECOMMENDED, acquisition


@pytest.mark.parametrize(
    ("acquisition", "level", "code"),
    [
        (setting(90, 0.03, preload=False), Reliability.UNRELIABLE, "t1-weighted"),
        (setting(60, 0.03, preload=False), Reliability.LIMITED, "t1-weighted"),
        (setting(90, 0.03, preload=True), Reliability.LIMITED, "t1-weighted"),
        (setting(45, 0.03, preload=False), Reliability.ACCEPTABLE, "no-preload"),
        (setting(60, 0.06), Reliability.LIMITED, "echo-time"),
        (setting(None), Reliability.LIMITED, "protocol-unknown"),
    ],
)
def test_a_weaker_protocol_is_named_with_its_reason(acquisition, level, code):
    found = grade(acquisition)
    assert found.reliability == level
    assert code in {flag.code for flag in found.flags}
    assert found.reasons


def test_a_t1_effect_is_never_told_without_the_t1_that_it_is_of():
    """The page had 30% and 51.7% of one thing: the one of white matter, the other of a longer T1."""
    told = [
        flag.sentence for flip, preload in ((45, False), (60, False), (90, False), (90, True))
        for flag in grade(setting(flip, 0.03, preload=preload)).flags if "T1 effect" in flag.sentence
    ]  # fmt: skip
    assert len(told) == 4
    assert all("of the T2* effect where T1 is 1.1 s" in one for one in told)


def test_few_voxels_are_not_told_as_none():
    signal = np.ones((10_000, 4), np.float32)
    status = np.full(10_000, Status.OK, np.int16)
    status[0], status[1:51] = Status.NO_SIGNAL, Status.SATURATED
    curves = replace(relaxation((signal,), (0.03,), Rest(0, 2, 3.0, 3, 1.0)), status=status)
    told = {flag.code: flag.sentence for flag in voxel_flags(curves)}
    assert told["no-signal"].startswith("Less than 0.1% of the brain's voxels")
    assert told["saturated"].startswith("0.5% of the brain's voxels")


def test_short_baseline_short_tail_and_slow_sampling_are_named():
    times = 2.5 * np.arange(30)
    codes = {flag.code for flag in grade(setting(tr=2.5), times, Rest(0, 5, 14.0, 9, 100.0)).flags}
    assert {"short-baseline", "truncated-tail", "slow-sampling"} <= codes


def test_without_correction_the_class_is_limited():
    assert grade(setting(), corrected=False).reliability == Reliability.LIMITED


def test_t1_effects_grow_with_the_flip_angle_and_fall_with_the_echo_time():
    share = [t1_share(setting(flip), (0.03,)) for flip in (10, 30, 60, 90)]
    assert np.all(np.diff(share) > 0)
    assert t1_share(setting(60), (0.06,)) == pytest.approx(share[2] / 2)
    assert t1_share(setting(60), (0.01, 0.03)) == 0.0
    assert np.isnan(t1_share(setting(None), (0.03,)))


def test_only_the_protocol_in_which_the_effects_cancel_is_refused():
    with pytest.raises(Refusal, match="T1 effect"):
        refuse_protocol(setting(90, 0.025), (0.025,))
    refuse_protocol(setting(90, 0.045), (0.045,))
    refuse_protocol(setting(90, 0.025), (0.01, 0.03))
    refuse_protocol(setting(None), (0.025,))


def made(curve, tail):
    curve = np.asarray(curve, float)
    return Reference(curve, np.full(curve.size, 0.01), np.arange(50), tail, 0.01)


def test_a_reference_below_zero_is_refused_and_a_sound_one_is_not():
    rise = np.r_[np.zeros(10), np.linspace(0, 5, 5), np.linspace(5, 0.5, 15)]
    refuse_reference(made(rise, 0.1), slice(10, 30))
    with pytest.raises(Refusal, match="does not show a loss"):
        refuse_reference(made(-rise, 0.1), slice(10, 30))
    with pytest.raises(Refusal, match="below zero"):
        refuse_reference(made(rise, -0.2), slice(10, 30))


def test_slow_blood_that_looks_like_leakage_everywhere_is_named_and_a_leaking_tumour_is_not():
    slow = deconvolution_object(DeconvolutionDesign(snr=(60.0,), delays=(0.0,)))
    plan = dsc.Plan(motion=False, deconvolution="none")
    brain = everything(slow.signal.shape[0])
    found = dsc.quantify(series(slow.signal, slow.times, slow.te), plan, mask=brain)
    (flag,) = (flag for flag in found.flags if flag.code == "widespread-leakage")
    assert flag.fraction > 0.3
    leaking = leakage_run(leakage_object(LeakageDesign(n_white=600, n_tumour=60, seed=1)), preload=True)
    assert "widespread-leakage" not in {flag.code for flag in leaking.flags}
