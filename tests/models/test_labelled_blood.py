import numpy as np
import pytest

from labelled_head import PARTITION, T1_BLOOD, white_paper
from perspect.models import ArterialPasl, ArterialPcasl, Pasl, Pcasl, Tissue
from perspect.models.labelled import FLOW_OUT
from perspect.phantom.labelled import arterial_label, tissue_label

BLOOD = Tissue(T1_BLOOD)
GREY = Tissue(T1_BLOOD, 1.33)
DELAYS = np.array([0.2, 0.9, 1.8, 2.6])
LASTS = np.array([1.8, 1.4, 1.8, 2.2])


@pytest.mark.parametrize("duration", [1.5, 1.8])
def test_continuous_labelling_of_blood_that_has_come_is_the_equation_of_the_consensus(duration):
    model = Pcasl(np.array([1.8]), np.array([duration]), 0.85, BLOOD)
    for att in (0.3, 1.0, 1.8):
        expected = white_paper(0.01, 1.8, duration)
        np.testing.assert_allclose(model.predict(np.array([0.01, att]))[0], expected, rtol=1e-12)


def test_pulsed_labelling_of_blood_that_has_come_is_the_equation_of_the_consensus():
    model = Pasl(np.array([1.8]), np.array([0.8]), 0.98, BLOOD)
    expected = white_paper(0.01, 1.8, 0.8, 0.98, "pasl")
    np.testing.assert_allclose(model.predict(np.array([0.01, 0.7]))[0], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["pcasl", "pasl"])
def test_blood_that_has_not_come_gives_nothing_and_then_comes_without_a_jump(kind):
    times = np.linspace(-1.5, 3.0, 4501)
    of = Pcasl if kind == "pcasl" else Pasl
    curve = of(times, np.full(times.size, 0.8), 0.9, GREY).predict(np.array([0.01, 1.2]))
    arrives = times + (0.8 if kind == "pcasl" else 0.0)
    assert (curve[arrives <= 1.2] == 0).all()
    assert (curve[arrives > 1.21] > 0).all()
    assert np.abs(np.diff(curve)).max() < 2e-5


def test_labelling_for_ever_leaves_what_comes_and_decays_in_balance():
    curve = Pcasl(np.zeros(1), np.full(1, 100.0), 0.85, GREY).predict(np.array([0.01, 0.5]))
    rate = 1 / 1.33 + FLOW_OUT / PARTITION
    np.testing.assert_allclose(curve, 2 * 0.85 * 0.01 / PARTITION / rate * np.exp(-0.5 / T1_BLOOD), rtol=1e-12)


def test_the_pulsed_equation_has_its_limit_where_tissue_decays_as_blood():
    near = [Pasl(DELAYS, LASTS, 0.98, Tissue(T1_BLOOD, 1 / (1 / T1_BLOOD - FLOW_OUT / 0.9 + d))) for d in (1e-5, 1e-9)]
    p = np.array([0.01, 0.6])
    np.testing.assert_allclose(near[0].predict(p), near[1].predict(p), rtol=1e-4)


@pytest.mark.parametrize("is_pulsed", [False, True])
def test_another_program_for_the_same_equations_agrees(is_pulsed):
    """The virtual patients' labelling, written apart from the models."""
    since = DELAYS if is_pulsed else DELAYS + 1.8
    model = (Pasl if is_pulsed else Pcasl)(DELAYS, np.full(4, 1.8), 0.85, GREY)
    one = np.array([FLOW_OUT]), np.array([0.9]), np.array([1.33])
    label = tissue_label(since[:, None], *one, T1_BLOOD, 1.8, partition=PARTITION, is_pulsed=is_pulsed)[:, 0]
    np.testing.assert_allclose(model.predict(np.array([FLOW_OUT, 0.9])), 2 * 0.85 / PARTITION * label, rtol=1e-9)


@pytest.mark.parametrize("is_pulsed", [False, True])
def test_arteries_show_label_only_while_it_passes(is_pulsed):
    since = np.arange(0.0, 4.0, 0.25) + 0.1
    delays = since if is_pulsed else since - 1.75
    model = (ArterialPasl if is_pulsed else ArterialPcasl)(delays, np.full(16, 1.75), 0.85, GREY)
    curve = model.predict(np.array([0.0, 0.02, 1.0, 0.73]))
    passes = arterial_label(since[:, None], np.array([0.73]), T1_BLOOD, 1.75, is_pulsed=is_pulsed)[:, 0]
    # All samples are two standard deviations of the edge away from it, or more.
    np.testing.assert_allclose(curve, 2 * 0.85 / PARTITION * 0.02 * passes, atol=0.025 * curve.max())


def test_tissue_that_decays_faster_than_blood_reads_lower():
    """So a series made with T1 of tissue and read as if label stayed in blood gives too little flow."""
    one = np.array([1.8])
    of = [Pcasl(one, one, 0.85, tissue).predict(np.array([0.01, 0.8])) for tissue in (BLOOD, GREY)]
    assert 0.7 < of[1][0] / of[0][0] < 0.9
