"""What the arteries bring: a bolus, its dispersed return, and the slow tail of what has mixed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


def gamma_bolus(since: Float[np.ndarray, "*any"], width: float) -> Float[np.ndarray, "*any"]:
    """A bolus u³ exp(-u/width) of peak 1, `since` seconds after its arrival; zero before."""
    u = np.maximum(since, 0.0) / width
    return np.asarray((u / 3.0) ** 3 * np.exp(3.0 - u))


@dataclass(frozen=True)
class ArterialInput:
    """Concentration of agent in arterial blood as a function of continuous time, in mM.

    First pass: peak * (u/3)³ exp(3 - u) with u = (t - onset)/width (Wu et al. 2003, doi:10.1002/mrm.10522, whose width
    of 1.5 s is the default). Then, as fractions of the peak, a second passage (`recirculation`, `lag` seconds later and
    `recirculation_width` wide) and a tail that rises within `tail_rise` and is cleared with `tail_decay`.
    A preload is the same bolus given `preload` seconds earlier; None is none.

    The haematocrit is taken as zero everywhere in the phantoms: blood is what the agent fills.

    >>> ArterialInput(onset=10.0, peak=6.0).first_pass(np.array([9.0, 14.5]))
    array([0., 6.])
    """

    onset: float = 20.0
    peak: float = 6.0
    width: float = 1.5
    recirculation: float = 1.0 / 6.0
    lag: float = 8.0
    recirculation_width: float = 3.0
    tail: float = 0.15
    tail_rise: float = 10.0
    tail_decay: float = 900.0
    preload: float | None = None

    def first_pass(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The first passage alone, in mM."""
        return self.peak * gamma_bolus(t - self.onset, self.width)

    def __call__(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Concentration at the times `t` in s, in mM."""
        now = self._one_injection(t)
        return now if self.preload is None else now + self._one_injection(t + self.preload)

    @property
    def injections(self) -> tuple[float, ...]:
        """When agent first arrives, for each injection, in s."""
        return (self.onset,) if self.preload is None else (self.onset - self.preload, self.onset)

    def _one_injection(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        since = np.maximum(t - self.onset, 0.0)
        returned = self.recirculation * gamma_bolus(since - self.lag, self.recirculation_width)
        mixed = self.tail * -np.expm1(-since / self.tail_rise) * np.exp(-since / self.tail_decay)
        return self.first_pass(t) + self.peak * (returned + mixed)


def single_pass(onset: float = 12.0, peak: float = 6.0) -> ArterialInput:
    """A first passage without return or tail, as the deconvolution literature uses it."""
    return ArterialInput(onset=onset, peak=peak, recirculation=0.0, tail=0.0)
