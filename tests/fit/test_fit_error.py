import numpy as np

from perspect.fit import cramer_rao, jacobian
from perspect.models import ExtendedTofts, Patlak

T = np.cumsum(np.r_[0.0, np.random.default_rng(0).uniform(1.0, 6.0, 60)])
CP = 5.0 * np.exp(-T / 60.0) * (T > 10.0)


def test_the_jacobian_of_a_linear_model_is_its_columns():
    patlak = Patlak(T, CP)
    p = np.array([[0.0, 0.0], [1e-3, 0.05]])
    columns = patlak.atoms(np.empty((2, 0)))
    np.testing.assert_allclose(jacobian(patlak, p), np.swapaxes(columns, 1, 2), rtol=1e-6, atol=1e-9)


def test_the_jacobian_agrees_with_slopes_known_in_closed_form():
    model = ExtendedTofts(T, CP)
    p = np.array([[2e-3, 0.2, 0.05]])
    h = 1e-6
    for j, scale in enumerate((1e-3, 0.1, 0.1)):
        step = np.zeros(3)
        step[j] = h * scale
        expected = (model.predict(p + step) - model.predict(p - step)) / (2.0 * h * scale)
        np.testing.assert_allclose(jacobian(model, p)[..., j], expected, rtol=1e-5, atol=1e-6)


def test_doubling_the_noise_doubles_the_error():
    model = ExtendedTofts(T, CP)
    p = np.tile([2e-3, 0.2, 0.05], (2, 1))
    one, two = cramer_rao(model, p, np.array([0.01, 0.02]))
    np.testing.assert_allclose(two, 4.0 * one)


def test_equal_noise_said_per_sample_is_the_bound():
    model = ExtendedTofts(T, CP)
    p = np.array([[2e-3, 0.2, 0.05]])
    np.testing.assert_allclose(
        cramer_rao(model, p, np.full((1, T.size), 0.01)), cramer_rao(model, p, np.array([0.01])), rtol=1e-6
    )


def test_parameters_that_are_not_determined_have_no_bound():
    model = ExtendedTofts(T, CP)
    assert np.isnan(cramer_rao(model, np.array([[0.0, 0.2, 0.05]]), np.array([0.01]))).all()
