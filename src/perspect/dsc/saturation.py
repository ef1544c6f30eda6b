"""Leakage where no preload is on record: the T1 effect of what leaks may be strong, and saturates.

The linear models take the T1 effect as proportional to what has leaked. Without a preload it is not: the first agent
brightens the tissue most. Here the signal equation says how, with the T1 of each voxel found from its own curve, drawn
towards that of lesions as far as the curve cannot tell. After a preload that nobody recorded few voxels leak with
so sure a T1 effect, and these say a shorter T1 (docs/why/figures.md has what that gains).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.signal import Relaxation, delta_r2star
from perspect.dsc.t1_effect import R1, R2STAR, T1Effect, longer_t1
from perspect.fit import fit
from perspect.fit.error import foreknown
from perspect.models import SaturatingLeakage
from perspect.models.leakage import EXPECTED_T1
from perspect.numerics.parallel import each, spans
from perspect.vocabulary.lexicon import KEP_LEAKAGE

SURE: Final = 4.0
"""Standard errors by which K2 must be positive for a voxel to be fitted in this way. Where K2 is negative T2* outweighs
T1, and slow white matter, which is no leak, looks alike [our default]."""

STEP: Final = 1e-4
"""Step of a derivative along T1, in s."""

CHUNK: Final = 512
"""Voxels in a chunk whose Jacobians are held at once."""


@dataclass(frozen=True, eq=False)
class Saturation:
    """What leaked in some voxels (positions among those of the mask): the model, its parameters, and the curve that
    the leak adds to ΔR2* as it would be seen without any T1 effect.

    `values` and `std` are K1, K2, kep and the corrected area, as `leakage.bidirectional` gives them; K2 is that of the
    first agent to leak. Voxels whose fit failed are not among them.
    """

    voxels: Int[np.ndarray, " some"]
    model: SaturatingLeakage
    frames: slice
    parameters: Float[np.ndarray, "some parameters"]
    values: Float[np.ndarray, "4 some"]
    std: Float[np.ndarray, "4 some"]

    def corrected(self, relaxation: Relaxation, rows: Int[np.ndarray, " few"]) -> Float[np.ndarray, "few time"]:
        """ΔR2* of some of these voxels without the leak and without any T1 effect, in 1/s."""
        out = seen(relaxation, self.voxels[rows])
        out[:, self.frames] -= self.model.of_leaked(self.parameters[rows])
        return out


def saturation(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, " time"],
    window: slice,
    voxels: Int[np.ndarray, " some"],
    effect: T1Effect | OwnT1,
    field: float | None = None,
) -> Saturation:
    """Leakage of `voxels` against the reference `curve` (both freed from intravascular T1 effects by `effect`), at a
    `field` in T (3 where it is not known).

    The standard errors hold the noise of the curve and of its level at rest; that of the area also what is not known
    of the voxel's T1.
    """
    frames = slice(relaxation.rest.stop, times.size)
    longer = longer_t1(field)
    model = SaturatingLeakage(
        t=times[frames], reference=curve[frames], te=effect.te, tr=effect.tr, flip_angle=effect.flip_angle,
        relaxivities=R1 / R2STAR, expected_t1=(longer * EXPECTED_T1[0], longer * EXPECTED_T1[1]),
    )  # fmt: skip
    plain = replace(relaxation, t1=None)
    noise = plain.noise[voxels].astype(np.float64)
    found = fit(model, seen(relaxation, voxels)[:, frames], noise=noise)
    everything = np.stack([found.values[one.key] for one in model.parameters], axis=-1)
    good = np.flatnonzero(np.isfinite(everything).all(axis=1))
    values, std = np.empty((4, good.size)), np.empty((4, good.size))
    kept = Saturation(voxels[good], model, frames, everything[good], values, std)
    area = trapezoid_weights(times, window)

    def work(span: slice) -> None:
        rows = np.arange(span.start, span.stop)
        values[:3, span], gradient = _linearised(model, kept.parameters[span], noise[good[span]], area[frames])
        values[3, span] = kept.corrected(relaxation, rows) @ area
        std[:, span] = _spread(kept, plain, gradient, area, span)
        # A return that ends on what is allowed has no error of its own, as in the linear model.
        std[2, span][(values[2, span] <= KEP_LEAKAGE.low) | (values[2, span] >= KEP_LEAKAGE.high)] = np.nan

    each(work, spans(good.size, CHUNK))
    return kept


def seen(relaxation: Relaxation, voxels: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some time"]:
    """What -ln(S/S0)/TE shows in some voxels, in 1/s."""
    if isinstance(relaxation.t1, OwnT1):
        signal, level = relaxation.signals[0][voxels], relaxation.baselines[0][voxels]
        return delta_r2star(signal, level, relaxation.echo_times[0]).astype(np.float64)
    curves = relaxation.curves[voxels]
    return (curves if relaxation.t1 is None else relaxation.t1.seen(curves)).astype(np.float64)


def _linearised(
    model: SaturatingLeakage,
    p: Float[np.ndarray, "few parameters"],
    noise: Float[np.ndarray, " few"],
    area: Float[np.ndarray, " time"],
) -> tuple[Float[np.ndarray, "3 few"], tuple[Float[np.ndarray, "few 4 time"], Float[np.ndarray, "few 4 known"]]]:
    """K1, K2 and kep; and how these and the corrected area follow the samples, and what was expected beforehand.

    The area follows the samples in two ways: as a sum of them, which is left to the caller, and through the leak.
    """
    k1, kappa, t1, kep = p.T
    onset = model.onset(t1)
    slopes = model.slopes(p)
    wanted = np.zeros((*p.shape, 4))
    wanted[:, 0, 0] = wanted[:, 3, 2] = 1.0
    wanted[:, 1, 1], wanted[:, 2, 1] = onset, kappa * (model.onset(t1 + STEP) - onset) / STEP
    wanted[:, :, 3] = -area @ slopes
    wanted[:, 0, 3] += model.reference @ area
    known = noise[:, None, None] * foreknown(model, p)
    # What ends on its bound is held there: it does not follow the samples.
    low, high = np.array([model.bounds(one) for one in model.parameters]).T
    held = (p <= low) | (p >= high)
    slopes, known = np.where(held[:, None], 0.0, slopes), np.where(held[:, None], 0.0, known)
    wanted = np.where(held[:, :, None], 0.0, wanted)
    hessian = np.swapaxes(slopes, 1, 2) @ slopes + np.swapaxes(known, 1, 2) @ known
    diagonal = np.arange(p.shape[1])
    hessian[:, diagonal, diagonal] += held
    root = np.sqrt(np.maximum(hessian[:, diagonal, diagonal], np.finfo(float).tiny))
    hair = np.finfo(float).eps * np.eye(p.shape[1])
    solved = np.linalg.solve(hessian / (root[:, :, None] * root[:, None]) + hair, wanted / root[:, :, None])
    answer = np.swapaxes(solved / root[:, :, None], 1, 2)
    return np.stack([k1, kappa * onset, kep]), (answer @ np.swapaxes(slopes, 1, 2), answer @ np.swapaxes(known, 1, 2))


def _spread(
    kept: Saturation,
    plain: Relaxation,
    gradient: tuple[Float[np.ndarray, "few 4 after"], Float[np.ndarray, "few 4 known"]],
    area: Float[np.ndarray, " time"],
    span: slice,
) -> Float[np.ndarray, "4 few"]:
    """Standard errors from the noise of the samples and of the level at rest that they share; of the area also from
    the doubt beforehand.
    """
    places = kept.voxels[span]
    by_sample = np.zeros((places.size, 4, area.size))
    by_sample[:, :, kept.frames] = gradient[0]
    by_sample[:, 3] += area
    noise = plain.noise[places].astype(np.float64)
    variance = np.einsum("vkt,vt->kv", by_sample**2, plain.variance(places))
    variance += (by_sample.sum(axis=-1) ** 2).T * noise**2 / plain.rest.n_frames
    variance[3] += (gradient[1][:, 3] ** 2).sum(axis=-1) * noise**2
    spread: Float[np.ndarray, "4 few"] = np.sqrt(variance)
    return spread
