import numpy as np
import pytest

from perspect.fit import fit
from perspect.fit.family import family_of
from perspect.fit.space import projected
from perspect.models import DelayedExtendedTofts, TwoCompartmentExchange
from perspect.numerics.separable import dictionary

T = np.concatenate([np.arange(0.0, 100.0, 2.5), np.arange(100.0, 400.0, 8.0)])
NODES = (40, 60)


def bolus(t):
    x = np.clip(t - 20.0, 0.0, None) / 6.0
    return 5.0 * x**2 * np.exp(2.0 - 2.0 * x) + 1.0 * (1.0 - np.exp(-x)) * np.exp(-x / 70.0)


@pytest.mark.parametrize("noise", [0.002, 0.02])
@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        (DelayedExtendedTofts(T, bolus(T)), (5e-4, 0.1, 0.01, -1.0), (4e-3, 0.5, 0.1, 5.0)),
        (TwoCompartmentExchange(T, bolus(T)), (2e-3, 2e-4, 0.1, 0.01), (0.01, 2e-3, 0.5, 0.1)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else "",
)
def test_no_descent_on_exact_columns_from_a_fine_grid_ends_lower(model, low, high, noise):
    rng = np.random.default_rng(0)
    curves = model.predict(rng.uniform(low, high, (40, 4)))
    curves += rng.normal(0.0, noise, curves.shape)
    found = fit(model, curves)
    values = np.stack([found.values[quantity.key] for quantity in model.parameters], axis=-1)
    whole = np.isfinite(values).all(axis=1)
    assert whole.mean() > 0.8
    ours = ((curves - model.predict(np.where(whole[:, None], values, 1e-3))) ** 2).sum(axis=1)
    family = family_of(model)
    search = dictionary(family, NODES)
    best = search.explained(curves @ search.basis).argmax(axis=1)
    exact = projected(family, curves, search.u[best]).sse
    np.testing.assert_array_less((ours / exact)[whole], 1.0 + 1e-5)
