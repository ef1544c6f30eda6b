"""Several echoes made one: less noise, no bias by label that decays otherwise than tissue, and how it decays."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import SHAPE, ball, brain, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.asl.echoes import combined, label_decay, tissue_rate
from perspect.vocabulary import Around

TE = (0.012, 0.040, 0.070)
TISSUE, LABEL = 0.060, 0.120
AROUND = Around(mask=brain())
STILL, FIRST = Plan(motion=False), Plan(motion=False, echoes="first")
GREY = (flow_map() > 0.005) & ball()


def echoed(label=LABEL, noise=1.0, seed=3, tissue=TISSUE, volumes=None, **more):
    """A series of three echoes; `label` is the T2 of label in s, of each delay if there are several."""
    one = labelled(noise=0.0, **more)
    rng = np.random.default_rng(seed)
    how, values = one.labelling, one.series.values.astype(np.float64)
    still = values[..., [how.volumes.index("control")]]
    of_label = np.full(how.delays.size, label) if np.isscalar(label) else np.array(label)[_sample(how.delays)]
    every = []
    for te in TE:
        frames = still * np.exp(-te / tissue) + (values - still) * np.exp(-te / of_label)
        frames = (frames + rng.normal(0.0, noise, frames.shape)).astype(np.float32)
        acquired = replace(one.series.acquisition, te=te)
        every.append(replace(one.series, values=np.asfortranarray(frames), acquisition=acquired))
    m0 = replace(one.m0, values=one.m0.values * np.exp(-TE[0] / tissue), te=TE[0])
    return replace(one, series=every[0], echoes=tuple(every[1:]), m0=m0)


def _sample(delays):
    return np.unique(delays, return_inverse=True)[1]


def test_the_echoes_together_have_less_noise_and_the_same_flow_as_the_first():
    one = echoed(n_pairs=30)
    both = [quantify(one, plan, around=AROUND) for plan in (STILL, FIRST)]
    flow, std = ([np.asarray(getattr(m.maps["cbf"], what))[GREY] for m in both] for what in ("values", "std"))
    # 384 voxels of 7 mL/100 g/min.
    assert abs(flow[0].mean() - flow[1].mean()) * 6000 < 1.0
    weights = np.exp(-np.array(TE) / LABEL)
    least = weights[0] / np.sqrt((weights**2).sum())
    assert np.median(std[0]) / np.median(std[1]) == pytest.approx(least, rel=0.05)
    assert np.std(flow[0]) / np.std(flow[1]) == pytest.approx(least, rel=0.1)
    assert next(step.name for step in both[0].recipe.steps) == "echoes"


def test_label_that_decays_more_slowly_than_tissue_is_found_and_undone(monkeypatch):
    one = echoed(n_pairs=30)
    found = quantify(one, STILL, around=AROUND)
    rate, error = found.summary["label_faster"]
    assert abs(rate - (1 / LABEL - 1 / TISSUE)) < 4 * error < 4.0
    assert found.summary["tissue_decay"] == pytest.approx(TISSUE, rel=0.01)
    plain = quantify(one, FIRST, around=AROUND).maps["cbf"].values[GREY].mean()
    assert found.maps["cbf"].values[GREY].mean() == pytest.approx(plain, rel=0.02)
    # Taken to decay as tissue does, it reads too high.
    monkeypatch.setattr("perspect.asl.echoes.TOLD", 0.0)
    naive = quantify(one, STILL, around=AROUND)
    assert naive.maps["cbf"].values[GREY].mean() > 1.1 * plain
    assert "label-decay-open" in {flag.code for flag in naive.flags}


def test_label_that_leaves_the_vessels_from_delay_to_delay_is_seen_to():
    delays = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    truth = (0.15, 0.13, 0.11, 0.09, 0.08, 0.07)
    one = echoed(label=truth, delays=delays, n_pairs=12, att=np.full(SHAPE, 0.7), noise=0.5)
    found = quantify(one, STILL, around=AROUND)
    np.testing.assert_allclose(found.summary["label_decay_per_delay"], truth, rtol=0.1)
    first = quantify(one, FIRST, around=AROUND)
    flow = [m.maps["cbf"].values[GREY].mean() * 6000 for m in (found, first)]
    assert flow[0] == pytest.approx(flow[1], abs=1.5)


def test_a_delay_without_label_states_no_decay_of_label_though_what_is_left_of_tissue_decays():
    one = echoed(delays=(0.5, 1.0, 1.5), n_pairs=8, att=np.full(SHAPE, 0.7), noise=0.5)
    left_over = np.random.default_rng(8).normal(0.0, 8.0, SHAPE) * ball()
    early = np.flatnonzero((one.labelling.delays == 0.5) & (np.array(one.labelling.volumes) == "label"))
    every = []
    for te, series in zip(TE, (one.series, *one.echoes), strict=True):
        values = series.values.copy(order="F")
        values[..., early] = values[..., early - 1] + (left_over * np.exp(-te / 0.04))[..., None].astype(np.float32)
        every.append(replace(series, values=values))
    found = quantify(replace(one, series=every[0], echoes=tuple(every[1:])), STILL, around=AROUND).summary
    assert found["label_decay_per_delay"][0] is None
    assert found["label_faster_per_delay"][0] is None
    np.testing.assert_allclose(found["label_decay_per_delay"][1:], LABEL, rtol=0.1)


def test_still_tissue_is_what_the_first_echo_shows():
    one = echoed(noise=0.0)
    both = combined(one, brain(), is_wanted=True)
    controls = one.labelling.of("control")
    np.testing.assert_allclose(
        both.series.values[..., controls][ball()], one.series.values[..., controls][ball()], rtol=1e-4
    )


def differences_alone(one):
    """What a scanner that stores no controls leaves of a series."""
    places = one.labelling.of("label")
    every = [
        replace(s, values=np.asfortranarray(s.values[..., places - 1] - s.values[..., places]), times=s.times[places])
        for s in (one.series, *one.echoes)
    ]
    how = replace(one.labelling, volumes=("deltam",) * places.size, delays=one.labelling.delays[places],
                  durations=one.labelling.durations[places])  # fmt: skip
    return replace(one, series=every[0], echoes=tuple(every[1:]), labelling=how)


def test_of_differences_alone_the_decay_of_label_is_that_of_the_weights():
    one = echoed(n_pairs=30)
    made = differences_alone(one)
    how = made.labelling
    assert not tissue_rate(made, np.array(TE), np.arange(30)).any()
    decay = label_decay(made, how, brain(), np.array(TE), np.zeros(brain().n_voxels), np.arange(30))
    assert abs(decay.rate - 1 / LABEL) < 4 * decay.std
    flow = [quantify(each, STILL, around=AROUND).maps["cbf"].values[GREY].mean() for each in (made, one)]
    assert flow[0] == pytest.approx(flow[1], rel=0.01)


def test_where_the_decay_of_label_cannot_be_told_that_is_said_and_tissue_is_taken():
    one = echoed(noise=400.0, n_pairs=2)
    both = combined(one, brain(), is_wanted=True)
    assert not both.decay.is_told
    assert {flag.code for flag in both.flags} == {"label-decay-open"}
    assert both.decay.of_label(1.8) == 0.0


@pytest.mark.parametrize("label", [0.04, LABEL])
def test_of_differences_alone_whose_decay_is_not_told_the_first_echo_is_used_and_that_is_said(monkeypatch, label):
    monkeypatch.setattr("perspect.asl.echoes.TOLD", 0.0)
    made = differences_alone(echoed(label=label, n_pairs=10))
    found, first = (quantify(made, plan, around=AROUND) for plan in (STILL, FIRST))
    np.testing.assert_array_equal(found.maps["cbf"].values, first.maps["cbf"].values)
    codes = {flag.code for flag in found.flags}
    assert "echoes-not-combined" in codes
    assert "label-decay-open" not in codes
    # The plain mean of the echoes would read a sixth (slow label) to a half (fast label) too low.
    every = [one.values[ball()].mean() for one in (made.series, *made.echoes)]
    assert np.mean(every) < 0.85 * every[0]
