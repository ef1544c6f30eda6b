"""Arterial inputs of populations, each as it was published, each saying whether it speaks of blood or of plasma.

Times count from the arrival of agent. Concentrations are in mM for a dose of 0.1 mmol/kg, given as in the publication.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import lgamma
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float

_MINUTE: Final = 60.0


@dataclass(frozen=True)
class Population(ABC):
    """An arterial curve of a population; a value of its own type says of which fluid."""

    source: ClassVar[str]

    @abstractmethod
    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Concentration in what was measured, `t` s after arrival, in mM; t is not negative."""

    def published(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Concentration in what was measured, in mM; none before arrival."""
        return np.where(t >= 0, self.measured(np.maximum(t, 0.0)), 0.0)

    @abstractmethod
    def plasma(self, t: Float[np.ndarray, "*any"], haematocrit: float) -> Float[np.ndarray, "*any"]:
        """Concentration in plasma, in mM, of blood with this haematocrit (0 to 1)."""


@dataclass(frozen=True)
class InBlood(Population):
    """Measured in whole blood: plasma holds 1/(1 - haematocrit) times as much."""

    def plasma(self, t: Float[np.ndarray, "*any"], haematocrit: float) -> Float[np.ndarray, "*any"]:
        """Concentration in plasma, in mM."""
        return self.published(t) / (1.0 - haematocrit)


@dataclass(frozen=True)
class InPlasma(Population):
    """Measured in plasma: the haematocrit changes nothing."""

    def plasma(self, t: Float[np.ndarray, "*any"], haematocrit: float) -> Float[np.ndarray, "*any"]:  # noqa: ARG002
        """Concentration in plasma, in mM."""
        return self.published(t)


@dataclass(frozen=True)
class Parker(InBlood):
    """Two Gaussians and an exponential behind a sigmoid; whole blood (table 1 of Parker et al. 2006).

    At its own t = 0 the function is not quite zero (0.08 mM): the first Gaussian has begun.
    """

    source = "Parker et al. 2006, doi:10.1002/mrm.21066"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Equation 1, with areas in mM min, times in min and rates in 1/min."""
        m = t / _MINUTE
        gaussians = sum(
            area / (width * np.sqrt(2.0 * np.pi)) * np.exp(-((m - centre) ** 2) / (2.0 * width**2))
            for area, centre, width in ((0.809, 0.17046, 0.0563), (0.330, 0.365, 0.132))
        )
        return np.asarray(gaussians + 1.050 * np.exp(-0.1685 * m) / (1.0 + np.exp(-38.078 * (m - 0.483))))


@dataclass(frozen=True)
class Georgiou(InPlasma):
    """Three exponentials times a bolus that circulates; plasma. Georgiou et al. 2019, doi:10.1002/mrm.27524, table 3

    The form is that of Horsfield et al. 2009, doi:10.1088/0031-9155/54/9/023.
    """

    source = "Georgiou et al. 2019, doi:10.1002/mrm.27524"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Equation 1; what came round k times is wider and later each time."""
        m = t / _MINUTE
        alpha, beta, tau = 5.26, 0.032, 0.129
        washout = sum(a * np.exp(-rate * m) for a, rate in ((0.37, 0.11), (0.33, 1.17), (10.06, 16.02)))
        passed = np.zeros(np.shape(m))
        for k in range(int(np.max(m, initial=0.0) / tau) + 1):
            since = np.maximum(m - k * tau, 0.0)
            power = (k + 1) * alpha + k
            with np.errstate(divide="ignore"):
                log = power * np.log(since) - since / beta - (power + 1.0) * np.log(beta) - lgamma(power + 1.0)
            passed += np.where(since > 0, np.exp(log), 0.0)
        return np.asarray(washout * passed)


@dataclass(frozen=True)
class Weinmann(InPlasma):
    """Two exponentials without a first pass; plasma. Weinmann et al. 1984, as used by Tofts and Kermode 1991,
    doi:10.1002/mrm.1910170208
    """

    source = "Weinmann et al. 1984; Tofts and Kermode 1991, doi:10.1002/mrm.1910170208"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """0.1 mmol/kg times 3.99 and 4.78 kg/L."""
        return np.asarray(0.1 * sum(a * np.exp(-rate * t / _MINUTE) for a, rate in ((3.99, 0.144), (4.78, 0.0111))))


@dataclass(frozen=True)
class FritzHansen(InPlasma):
    """Two exponentials without a first pass; plasma. Fritz-Hansen et al. 1996, doi:10.1002/mrm.1910360209"""

    source = "Fritz-Hansen et al. 1996, doi:10.1002/mrm.1910360209"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Amplitudes of 2.4 and 0.62 mM, rates of 3.0 and 0.016 /min."""
        return np.asarray(sum(a * np.exp(-rate * t / _MINUTE) for a, rate in ((2.4, 3.0), (0.62, 0.016))))


@dataclass(frozen=True)
class Orton(InPlasma):
    """A bolus and what the body returns; plasma. Orton et al. 2008, doi:10.1088/0031-9155/53/5/005, model 2"""

    source = "Orton et al. 2008, doi:10.1088/0031-9155/53/5/005"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """323 mM/min t exp(-20.2 t) + 1.07 mM (exp(-0.172 t) - exp(-20.2 t)), t in min."""
        m = t / _MINUTE
        fast = np.exp(-20.2 * m)
        return np.asarray(323.0 * m * fast + 1.07 * (np.exp(-0.172 * m) - fast))


@dataclass(frozen=True)
class McGrath(InBlood):
    """A rise in 7 s and two exponentials, of rats; whole blood. McGrath et al. 2009, doi:10.1002/mrm.21959, table 1"""

    source = "McGrath et al. 2009, doi:10.1002/mrm.21959"

    def measured(self, t: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Model B: 3.4 and 1.81 mM, 0.045 and 0.0015 /s, after a straight rise of 7 s."""
        rise = 7.0
        since = np.maximum(t - rise, 0.0)
        after = 3.4 * np.exp(-0.045 * since) + 1.81 * np.exp(-0.0015 * since)
        return np.asarray(np.where(t < rise, 5.21 * t / rise, after))


POPULATIONS: Final = MappingProxyType({
    "parker": Parker(), "georgiou": Georgiou(), "weinmann": Weinmann(), "fritz-hansen": FritzHansen(),
    "orton": Orton(), "mcgrath": McGrath(),
})  # fmt: skip
"""What a person calls them."""
