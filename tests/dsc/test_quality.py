import numpy as np
import pytest

from dsc.made import everything, leakage_run, series
from perspect import dsc
from perspect.dsc.quality import Reliability, protocol, refuse_protocol, refuse_reference, t1_share
from perspect.dsc.reference import Reference
from perspect.dsc.signal import Rest
from perspect.phantom import DeconvolutionDesign, LeakageDesign, deconvolution_object, leakage_object
from perspect.vocabulary import Acquisition, Refusal

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
