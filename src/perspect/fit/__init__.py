"""The only fitter: values with standard errors and a status for any model, and which of several models to believe."""

from perspect.fit.error import cramer_rao, jacobian
from perspect.fit.fit import Fit, fit
from perspect.fit.posterior import Posterior, normal, posterior
from perspect.fit.select import aicc, choice, to_beat, weights
from perspect.fit.stated import carried

__all__ = [
    "Fit", "Posterior", "aicc", "carried", "choice", "cramer_rao", "fit", "jacobian", "normal", "posterior", "to_beat",
    "weights",
]  # fmt: skip
