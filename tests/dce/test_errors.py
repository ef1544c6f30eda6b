"""Standard errors that hold errors of the signal, where slopes all but depend on each other."""

import warnings

import numpy as np

from perspect.dce.errors import of_signal
from perspect.fit import fit
from perspect.models import TwoCompartmentExchange
from perspect.models.arterial import Parker
from perspect.vocabulary import FAILED_FROM, Status

T = np.arange(0.0, 300.0, 1.5)


def test_a_variance_that_is_not_positive_is_said_and_no_number_and_no_warning():
    model = TwoCompartmentExchange(T, Parker().plasma(T - 30.0, 0.42))
    # So small a space outside the vessels that its rate is all but that of the plasma.
    curves = model.predict(np.tile([7e-3, 4e-6, 2e-5, 0.094], (300, 1)))
    curves += np.random.default_rng(0).normal(0.0, 1e-4, curves.shape)
    found = fit(model, curves)
    even = np.full(T.size, 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stated = of_signal(found, np.arange(300), curves, lambda rows: (np.tile(even, (rows.size, 1)),) * 2, 10)
    lost = (found.status < FAILED_FROM) & (stated.status == Status.SINGULAR)
    assert 5 < lost.sum() < 100  # 26 here
    for key in ("fp", "ps", "ve", "vp"):
        assert np.isnan(stated.values[key][lost]).all() and np.isnan(stated.std[key][lost]).all()
        told = np.isfinite(stated.values[key])
        assert (stated.std[key][told & ~np.isnan(found.std[key])] > 0).all()
