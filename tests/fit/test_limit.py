"""What is said of a curve that a model and its limit fit as well."""

import numpy as np
import pytest

from perspect.fit import fit
from perspect.models import DelayedTwoCompartmentExchange, TwoCompartmentExchange
from perspect.models.arterial import Parker
from perspect.vocabulary import Status

T = np.arange(0.0, 300.0, 1.5)
CP = Parker().plasma(T - 20.0, 0.42)
NOISE = 0.012

MIXED = {"fp": 0.0016, "ps": 0.0025, "ve": 0.06, "vp": 0.11}
"""Exchange that is faster than flow: one compartment but for a trace."""

APART = {"fp": 0.006, "ps": 0.001, "ve": 0.2, "vp": 0.05}


def exchanging(tissue, n, model=None):
    """The model, truths in its order, and n noisy curves."""
    model = TwoCompartmentExchange(T, CP) if model is None else model
    p = np.array([tissue.get(quantity.key, 2.0) for quantity in model.parameters])
    return model, p, model.predict(p) + np.random.default_rng(0).normal(0.0, NOISE, (n, T.size))


def test_exchange_that_is_faster_than_flow_is_not_read_as_none():
    """Without the look at one compartment 1 in 8 fits says that there is no exchange, with a small error."""
    model, p, curves = exchanging(MIXED, 500)
    found = fit(model, curves)
    is_far = np.abs(found.values["ps"] - p[1]) > 5.0 * found.std["ps"]
    is_sound = found.status_of("ps") == Status.OK
    assert is_far.mean() > 0.1
    assert not (is_far & is_sound).any()
    assert is_sound.mean() < 0.05
    assert np.median(found.values["fp"]) == pytest.approx(p[0], rel=0.05)


def test_exchange_beside_plasma_is_sound():
    model, _, curves = exchanging(APART, 500)
    assert (fit(model, curves).status_of("ps") == Status.OK).all()


@pytest.mark.parametrize(("tissue", "least", "most"), [(MIXED, 0.0, 0.1), (APART, 1.0, 1.0)])
def test_the_same_holds_with_a_delay(tissue, least, most):
    model, _, curves = exchanging(tissue, 20, DelayedTwoCompartmentExchange(T, CP))
    assert least <= (fit(model, curves).status_of("ps") == Status.OK).mean() <= most


def test_noise_that_is_known_decides():
    """With a tenth of the noise the same tissue tells its exchange."""
    model, p, _ = exchanging(MIXED, 1)
    fine = model.predict(p) + np.random.default_rng(0).normal(0.0, 0.1 * NOISE, (50, T.size))
    assert (fit(model, fine).status_of("ps") == Status.OK).all()
    assert (fit(model, fine, noise=np.full(50, NOISE)).status_of("ps") != Status.OK).all()
