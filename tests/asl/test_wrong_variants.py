"""What others do wrong, done here on purpose beside what is right: each must be seen to fail by what is claimed."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, PARTITION, SHAPE, T1_BLOOD, ball, brain, changed, flow_map, labelled
from perspect import asl
from perspect.asl.kinetics import Kinetics
from perspect.asl.partial_volume import pure_flow
from perspect.asl.quality import quality
from perspect.asl.samples import differences
from perspect.asl.score import score
from perspect.fit import normal, posterior
from perspect.models import Pcasl, Tissue
from perspect.vocabulary import FAILED_FROM, Around, Problem, Region, Status

TO_FLOW = 6000.0
DELAYS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
GREY = (flow_map() > 0.005) & ball()
AROUND = Around(mask=brain())
TISSUE = Around(mask=brain(), grey=GREY.astype(float), white=(ball() & ~GREY).astype(float))


def flow_of(one, plan=None, around=AROUND):
    measured = asl.quantify(one, plan or asl.Plan(motion=False), around=around)
    return TO_FLOW * np.median(measured.maps["cbf"].values[GREY]), measured


def read_by(model, curve):
    nodes = np.arange(0.0, 4.0, 0.05)
    found = posterior(model, curve[None], np.array([1e-4]), nodes[:, None], normal(nodes, 1.3, 1.0))
    return TO_FLOW * found.values["cbf"][0], found.values["att"][0]


def test_delays_that_are_counted_from_the_start_of_labelling_lose_most_of_the_flow():
    plds, taus = np.array(DELAYS), np.full(6, 1.8)
    right = Pcasl(plds, taus, 0.85, Tissue(T1_BLOOD))
    curve = right.predict(np.array([60.0 / TO_FLOW, 0.8]))
    assert read_by(right, curve)[0] == pytest.approx(60.0, abs=0.5)
    # PLD taken for the time since labelling began: as if it had ended τ before.
    wrong, at = read_by(Pcasl(plds - 1.8, taus, 0.85, Tissue(T1_BLOOD)), curve)
    assert wrong < 36.0 or at < 0.15


def test_an_inversion_time_that_is_taken_for_a_delay_after_labelling_is_wrong_by_a_quarter():
    one = labelled(kind="pasl", delays=(1.8,), duration=0.8, efficiency=0.98, noise=0.01)
    assert flow_of(one)[0] == pytest.approx(60.0, abs=0.1)
    # TI 1.8 s is TI1 0.8 and a delay of 1.0 s.
    delay = replace(one.labelling, delays=one.labelling.delays - 0.8)
    assert flow_of(replace(one, labelling=delay))[0] < 0.7 * 60.0
    pcasl = changed(one, kind="pcasl", efficiency=0.85)
    assert abs(flow_of(pcasl)[0] - 60.0) > 8.0


def test_efficiency_that_counts_suppression_twice_is_wrong_by_what_the_pulses_cost():
    one = labelled(efficiency=0.85 * 0.95**4, suppressed=4, noise=0.01)
    assert flow_of(one)[0] == pytest.approx(60.0, abs=0.3)
    twice = flow_of(one, asl.Plan(motion=False, efficiency_includes="labelling"))[0]
    assert twice == pytest.approx(60.0 / 0.95**4, rel=0.01)


def test_slices_without_their_times_read_too_low_at_the_top():
    one = labelled(slice_time=0.05, noise=0.01)
    right, wrong = (flow_of(one)[1], flow_of(changed(one, slice_times=None))[1])
    top = GREY & (np.arange(SHAPE[2]) == SHAPE[2] - 1)
    assert TO_FLOW * right.maps["cbf"].values[top].mean() == pytest.approx(60.0, abs=0.3)
    assert TO_FLOW * wrong.maps["cbf"].values[top].mean() == pytest.approx(60.0 * np.exp(-0.25 / T1_BLOOD), abs=0.5)


def test_without_m0_nothing_is_called_flow_and_an_m0_of_one_would_be_in_the_ten_thousands():
    one = labelled(has_m0=False, suppressed=2, noise=0.05)
    measured = asl.quantify(one, asl.Plan(motion=False), around=AROUND)
    assert "cbf" not in measured.maps
    ones = replace(one, m0=replace(labelled().m0, values=np.ones(SHAPE)))
    said = {flag.code for flag in asl.quantify(ones, asl.Plan(motion=False), around=AROUND).flags}
    assert "scale-implausible" in said


@pytest.mark.parametrize(("vendor", "n", "factor"), [("GE", 3, 96.0), ("GE", 1, 32.0), ("Siemens", 1, 10.0)])
def test_the_scale_of_a_vendor_that_is_left_in_is_a_flow_that_nobody_has(vendor, n, factor):
    one = changed(labelled(scale=factor, noise=0.05), vendor=vendor, n_averages=n)
    assert flow_of(one)[0] == pytest.approx(60.0, abs=0.5)
    stored = asl.quantify(one, asl.Plan(motion=False, scale="stored"), around=AROUND)
    (flag,) = [one for one in stored.flags if one.code == "scale-implausible"]
    usual = TO_FLOW * flow_map()[ball()].mean() / 40.0
    assert flag.fraction == pytest.approx(factor * usual, rel=0.01)
    # A scale that nothing explains gives no absolute flow, and leaves the pattern as it is.
    assert "cbf" not in stored.maps
    relative = stored.maps["relcbf"].values
    assert np.median(relative[GREY]) / np.median(relative[ball() & ~GREY]) == pytest.approx(3.0, rel=0.01)


def test_another_decay_is_another_flow_by_a_quarter_in_grey_and_half_in_white_matter():
    for t1, att, expected in ((1.33, 0.8, -0.24), (0.83, 1.2, -0.53)):
        true = Pcasl(np.array([1.8]), np.array([1.8]), 0.85, Tissue(T1_BLOOD, t1)).predict(np.array([0.01, att]))
        paper = 2 * 0.85 * T1_BLOOD * np.exp(-1.8 / T1_BLOOD) * -np.expm1(-1.8 / T1_BLOOD) / PARTITION
        assert true[0] / paper / 0.01 - 1 == pytest.approx(expected, abs=0.02)


def test_flow_that_is_clipped_at_zero_has_a_floor_that_looks_like_perfusion():
    one = labelled(flow=np.where(np.arange(20)[:, None, None] > 12, 0.0, flow_map()), noise=3.0)
    dead = ball() & (np.arange(20)[:, None, None] > 12)
    measured = asl.quantify(one, asl.Plan(motion=False), around=AROUND)
    flow, error = TO_FLOW * measured.maps["cbf"].values[dead], TO_FLOW * measured.maps["cbf"].std[dead].mean()
    standard = error / np.sqrt(dead.sum())
    assert abs(flow.mean()) < 4 * standard
    assert np.clip(flow, 0.0, None).mean() > 6 * standard


def test_regression_over_a_lesion_that_is_not_left_out_makes_grey_matter_of_a_dead_core():
    whole, core = np.zeros((2, *SHAPE), bool)
    whole[6:14, 6:14, 1:5], core[8:12, 8:12, 1:5] = True, True
    flow = np.where(core, 3.0, np.where(whole, 95.0, 22.0)) / TO_FLOW
    # What a segmentation of healthy brains makes of it: a little grey matter everywhere, more in the core.
    grey = np.where(core, 0.3, np.where(whole, 0.8, 0.05))
    n = brain().n_voxels
    fitted = Kinetics(
        {"cbf": brain().taken(flow)}, {"cbf": np.full(n, 1e-4)},
        {"cbf": np.zeros(n, np.int16) + np.int16(Status.OK)}, None, None, None,
    )  # fmt: skip
    shares = Around(mask=brain(), grey=grey, white=1.0 - grey)
    wrong = TO_FLOW * pure_flow(fitted, shares, brain()).tissues["cbfgm"].flow
    assert np.nanmax(wrong[brain().taken(core)]) > 60.0
    right = pure_flow(fitted, replace(shares, lesion=Region(whole, GRID, "lesion")), brain()).tissues["cbfgm"].status
    assert (right[brain().taken(whole)] >= FAILED_FROM).all()


def test_a_tumour_full_of_vessels_does_not_fail_a_sound_scan_unless_it_is_left_in():
    tumour = np.zeros(SHAPE, bool)
    tumour[12:17, 6:13, :] = True
    one = labelled(flow=np.where(tumour & ball(), 300.0 / TO_FLOW, flow_map()), noise=0.1)
    fitted = asl.quantify(one, asl.Plan(motion=False), around=TISSUE).maps["cbf"]
    n = brain().n_voxels
    kinetics = Kinetics(
        {"cbf": brain().taken(fitted.values)}, {"cbf": brain().taken(fitted.std)},
        {"cbf": np.zeros(n, np.int16) + np.int16(Status.OK)}, None, None, None,
    )  # fmt: skip
    known = quality(kinetics, replace(TISSUE, lesion=Region(tumour & ball(), GRID, "lesion")), brain(), 0.9, True)
    naive = quality(kinetics, TISSUE, brain(), 0.9, True)
    assert not {flag.code for flag in known.flags}
    assert {"labelling-asymmetry", "arterial-transit"} & {flag.code for flag in naive.flags}
    assert known.numbers["qei"] > naive.numbers["qei"] + 0.1


def test_score_stops_before_the_removal_that_makes_the_tissues_less_even():
    rng = np.random.default_rng(0)
    tissues = np.stack([GREY[ball()], ~GREY[ball()]]).astype(float)
    clean = np.where(tissues[0] > 0, 6.0, 2.0)[:, None] + rng.normal(0.0, 1.0, (tissues.shape[1], 12))
    pattern = rng.normal(0.0, 30.0, tissues.shape[1])
    clean[:, 4] += pattern - pattern[tissues[0] > 0].mean()
    one = labelled(n_pairs=12)
    found = replace(differences(one.labelling, one.series.curves(ball()), np.ones(24, bool)), values=clean.astype("f4"))
    kept = score(found, tissues)
    assert not kept[4]

    def uneven(some):
        mean = clean[:, some].mean(axis=1)
        return sum((t.sum() - 1) * np.var(mean[t > 0], ddof=1) for t in tissues)

    # One more removal, of the pair that is most like the mean, would not have helped; nor does what was removed.
    mean = clean[:, kept].mean(axis=1)
    places = np.flatnonzero(kept)
    likest = places[np.argmax([np.corrcoef(clean[:, at], mean)[0, 1] for at in places])]
    fewer = kept.copy()
    fewer[likest] = False
    assert uneven(fewer) >= uneven(kept) * (1 - 1e-6)
    assert uneven(kept) < uneven(np.ones(12, bool))


def test_times_in_milliseconds_are_refused_and_would_be_no_label_at_all():
    with pytest.raises(Problem, match="seconds"):
        asl.Plan(att=1300.0)
    assert np.exp(-1800.0 / T1_BLOOD) == 0.0
