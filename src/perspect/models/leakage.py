"""Leakage of agent in dynamic susceptibility contrast: the voxel's curve as that of healthy tissue and its integral."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.models.base import Model, Separable
from perspect.models.spgr import log_enhancement, log_enhancement_slope
from perspect.numerics.convolve import cumulative_trapezoid, exponential_convolution
from perspect.vocabulary.lexicon import AT_ONCE, K1, K2, KEP_LEAKAGE, LEAK_R1, T1, TRANSIT_TIME
from perspect.vocabulary.quantity import Quantity

T1_BOUNDS: Final = (0.5, 3.5)
"""Longitudinal relaxation times of solid lesions at 1.5 and 3 T, in s, with room to spare."""

EXPECTED_T1: Final = (1.6, 0.25)
"""Mean and standard deviation of T1 of a lesion at 3 T before agent, in s [our default]."""

TRANSVERSE: Final = 2.0
"""What leaked agent adds to R2* per R1: about 24 /s/mM of its own (Semmineh et al. 2017, doi:10.18383/j.tom.2016.00286:
20 to 28), less the gradients that it takes from the vessels (80 vp/ve /s/mM, with vp/ve about 0.2), over 4.2 /s/mM."""

_START_K1, _START_R1, _START_T1 = (0.6, 2.0), (3e-4, 1e-3, 3e-3, 8e-3, 0.02, 0.05), (1.0, 1.6, 2.4)
_SLOW, _FAST = (0.0, 0.004, 0.009), (0.016, 0.03)
"""K1, κ, T1 and kep where a fit may begin."""

_NODES: Final = 257
"""Of the table of the derivative along kep: straight lines between them err by less than a thousandth."""


@dataclass(frozen=True, eq=False)
class Leakage(Separable):
    r"""Leakage that only goes one way.

    $$\Delta R_2^*(t) = K_1\, r(t) - K_2 \int_0^t r(u)\, du$$

    r is the mean ΔR2* (1/s) of tissue whose barrier is whole, t are its times in s. K2 is positive where leaked agent
    raises the signal (T1) and negative where it lowers it (T2*).

    Boxerman, Schmainda and Weisskoff 2006, AJNR 27:859-867
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (K1, K2)
    linear = (K1, K2)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and minus its running integral."""
        atoms = np.stack([self.reference, -cumulative_trapezoid(self.t, self.reference)])
        return np.broadcast_to(atoms, (*theta.shape[:-1], *atoms.shape))


@dataclass(frozen=True, eq=False)
class BidirectionalLeakage(Separable):
    r"""Leakage that comes back into the vessels at a rate kep; at kep = 0 it is `Leakage`.

    $$\Delta R_2^*(t) = K_1\, r(t) - K_2 \int_0^t r(u)\, e^{-k_{ep}(t-u)}\, du$$

    Leu et al. 2016, doi:10.3174/ajnr.A4759
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (K1, K2, KEP_LEAKAGE)
    linear = (K1, K2)
    nonlinear = (KEP_LEAKAGE,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and minus its convolution with what has not yet returned."""
        leaked = exponential_convolution(self.t, self.reference, theta[..., 0])
        return np.stack([np.broadcast_to(self.reference, leaked.shape), -leaked], axis=-2)


@dataclass(frozen=True, eq=False)
class LeakageBesideTransit(Separable):
    r"""One-way leakage in a voxel through which blood takes another time than through the reference.

    $$\Delta R_2^*(t) = K_1\, s(t) + K_1'\,\big(r(t) - s(t)\big) - K_2 \int_0^t r(u)\, du, \qquad
    s(t) = \int_0^t r(u)\, e^{-(t-u)/T}\, \frac{du}{T}$$

    r is the mean ΔR2* (1/s) of tissue whose barrier is whole, t are its times in s. Where blood leaves a voxel and the
    reference as from well-mixed compartments, with transit times T and T_r, this is exact with K1' = K1 T_r/T: then
    T c' + c = K1 (T_r r' + r). A slow voxel has a broad curve with a high tail, as leakage by T2* makes it; a fast one
    the contrary.

    Well-mixed compartment: Zierler 1965, doi:10.1161/01.RES.16.4.309; leakage: Boxerman et al. 2006, AJNR 27:859
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (K1, AT_ONCE, K2, TRANSIT_TIME)
    linear = (K1, AT_ONCE, K2)
    nonlinear = (TRANSIT_TIME,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference after another such passage, what is missing to the reference itself, and minus its integral."""
        rate = np.asarray(1.0 / theta[..., 0])
        passed = rate[..., None] * exponential_convolution(self.t, self.reference, rate)
        leaked = np.broadcast_to(-cumulative_trapezoid(self.t, self.reference), passed.shape)
        return np.stack([passed, self.reference - passed, leaked], axis=-2)


@dataclass(frozen=True, eq=False)
class SaturatingLeakage(Model):
    r"""Bidirectional leakage whose T1 effect saturates, seen by one spoiled gradient echo without preload.

    $$\Delta R_2^*(t) = K_1\, r(t) + \eta\kappa\, l(t) - \frac{1}{TE}\, g\!\left(\rho K_1 r(t) + \kappa\, l(t)\right),
    \qquad l(t) = \int_0^t r(u)\, e^{-k_{ep}(t-u)}\, du$$

    r is ΔR2* (1/s) of tissue whose barrier is whole, freed from T1 effects. κ l is what leaked agent adds to R1, η κ l
    (η: `transverse`) what it adds to R2*, ρ K1 r what the agent inside the vessels adds to R1 (ρ: `relaxivities`,
    longitudinal over transverse), g the logarithm of the steady-state signal of `models.spgr` with the T1 of the
    tissue, of which `expected_t1` (mean, standard deviation) is known beforehand. Times are in s, `flip_angle` in rad.
    `Leakage` and `BidirectionalLeakage` are its limit for little agent: K2 = κ (g'(0)/TE - η).

    Steady state: Fram et al. 1987, doi:10.1016/0730-725X(87)90021-X; T1 and T2* effects of leaked agent: Quarles et
    al. 2009, doi:10.1088/0031-9155/54/19/006
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]
    te: float
    tr: float
    flip_angle: float
    relaxivities: float
    transverse: float = TRANSVERSE
    expected_t1: tuple[float, float] = EXPECTED_T1

    parameters = (K1, LEAK_R1, T1, KEP_LEAKAGE)

    def predict(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time"]:
        """What -ln(S/S0)/TE shows, in 1/s."""
        k1, kappa, t1, kep = _columns(p)
        inside, leaked = k1 * self.reference, kappa * exponential_convolution(self.t, self.reference, kep[..., 0])
        hidden = log_enhancement(self.relaxivities * inside + leaked, 1 / t1, self.tr, self.flip_angle) / self.te
        out: Float[np.ndarray, "*voxels time"] = inside + self.transverse * leaked - hidden
        return out

    def of_leaked(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time"]:
        """What of it is not K1 r: to be taken from a curve so that the blood inside the vessels is left, in 1/s."""
        out: Float[np.ndarray, "*voxels time"] = self.predict(p) - p[..., :1] * self.reference
        return out

    @cached_property
    def _fading(self) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, "nodes time"]]:
        """How the integral falls with kep: on equal steps of it."""
        kep = np.linspace(KEP_LEAKAGE.low, KEP_LEAKAGE.high, _NODES)
        return kep, np.gradient(exponential_convolution(self.t, self.reference, kep), kep, axis=0, edge_order=2)

    def slopes(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time parameters"]:
        """Derivatives along the parameters; that of the integral along kep is read from a table."""
        k1, kappa, t1, kep = _columns(p)
        integral = exponential_convolution(self.t, self.reference, kep[..., 0])
        r1 = 1 / t1 + self.relaxivities * k1 * self.reference + kappa * integral
        steep = log_enhancement_slope(r1, self.tr, self.flip_angle) / self.te
        at_rest = log_enhancement_slope(1 / t1, self.tr, self.flip_angle) / self.te
        fades = _interpolated(kep[..., 0], *self._fading)
        return np.stack(
            [
                self.reference * (1 - self.relaxivities * steep), integral * (self.transverse - steep),
                (steep - at_rest) / t1**2, kappa * fades * (self.transverse - steep),
            ],
            axis=-1,
        )  # fmt: skip

    def onset(self, t1: Float[np.ndarray, "*voxels"]) -> Float[np.ndarray, "*voxels"]:
        """K2 over κ: by how much the first agent to leak lowers ΔR2* as seen, per R1 that it adds."""
        return log_enhancement_slope(1 / t1, self.tr, self.flip_angle) / self.te - self.transverse

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """K1 is positive here, and T1 that of a lesion."""
        if quantity is T1:
            return T1_BOUNDS
        return (0.0, K1.high) if quantity is K1 else super().bounds(quantity)

    def surprise(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels known"]:
        """T1 from the expected one, in standard deviations."""
        mean, std = self.expected_t1
        return (p[..., 2:3] - mean) / std

    def start(self, curves: Float[np.ndarray, "voxels time"]) -> Float[np.ndarray, "2 voxels parameters"]:
        """The best of a few κ and T1 with slow and with fast return, and the K1 that suits them."""
        return np.stack([self._start(curves, some) for some in (_SLOW, _FAST)])

    def _start(
        self, curves: Float[np.ndarray, "voxels time"], returns: tuple[float, ...]
    ) -> Float[np.ndarray, "voxels parameters"]:
        least = np.full(curves.shape[0], np.inf)
        best = np.zeros((curves.shape[0], len(self.parameters)))
        size = max(float(np.linalg.norm(self.reference)), np.finfo(float).tiny)
        for about, kappa, t1, kep in product(_START_K1, _START_R1, _START_T1, returns):
            whole = curves - self.of_leaked(np.array([about, kappa, t1, kep]))
            inside = whole @ self.reference / size
            left = np.einsum("vt,vt->v", whole, whole) - inside**2
            better = left < least
            least[better] = left[better]
            k1 = np.maximum(inside[better], 0.0) / size
            best[better] = np.stack(np.broadcast_arrays(k1, kappa, t1, kep), axis=1)
        return best


def _interpolated(
    x: Float[np.ndarray, "*voxels"], nodes: Float[np.ndarray, " nodes"], curves: Float[np.ndarray, "nodes time"]
) -> Float[np.ndarray, "*voxels time"]:
    """Curves between those on equal steps of `nodes`, by straight lines."""
    place = np.clip((x - nodes[0]) / (nodes[1] - nodes[0]), 0.0, nodes.size - 1.0)
    left = np.minimum(place.astype(np.int64), nodes.size - 2)
    share = (place - left)[..., None]
    out: Float[np.ndarray, "*voxels time"] = curves[left] * (1 - share) + curves[left + 1] * share
    return out


def _columns(p: Float[np.ndarray, "*voxels parameters"]) -> tuple[np.ndarray, ...]:
    """The parameters, each ready to weigh a curve."""
    return tuple(np.moveaxis(p, -1, 0)[..., None])
