"""Exchange relative to a reference region, without an arterial input: reads as a methods section.

The region shares its arterial input with the tissue, so that it falls out; it must take up agent itself (muscle, or
tissue that leaks), and plasma is neglected in both. What is told are ratios: Ktrans and ve over those of the region.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int16

from perspect.dce.errors import of_signal
from perspect.dce.kinetics import Seen
from perspect.dce.plan import RELATIVE, SOURCE
from perspect.dce.tissue import Tissue
from perspect.fit import Fit, fit
from perspect.models import (
    ConstrainedReferenceRegion,
    DelayedConstrainedReferenceRegion,
    DelayedReferenceRegion,
    ReferenceRegion,
)  # fmt: skip
from perspect.vocabulary import FAILED_FROM, Curve, Flag, Problem, Quantity, Region, Severity, Status, Step, lexicon

FEWEST_IN_REGION: Final = 2
"""Voxels of a region, without which its error is not known."""

TAKES_UP: Final = 3.0
"""Late level of a region's mean curve over its scatter at rest, from which on it takes up agent [our default]."""

FEWEST_THAT_TELL: Final = 10
"""Voxels that must tell kep of the region before all are fitted with one [our default]."""

TELLS: Final = 0.5
"""Relative standard error of kep of the region up to which a voxel tells it [our default]."""

GROUPS: Final = 4
"""Parts of the region that are left out in turn, to see what its noise does."""

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Int16[np.ndarray, " voxels"]]


@dataclass(frozen=True, eq=False)
class Relative:
    """The mean curve of the region (mM), its one kep (1/s) with its standard error, from how many voxels that is, and
    what was told of every voxel.
    """

    region: Region
    curve: Float[np.ndarray, " time"]
    kep: float
    kep_std: float
    n_told: int
    columns: dict[Quantity, Column]

    @property
    def has_delay(self) -> bool:
        """Whether an arrival of each voxel was fitted."""
        return lexicon.REL_DELAY in self.columns

    @property
    def name(self) -> str:
        """What the region is called: the file it is from, or its name."""
        return self.region.origin or self.region.name


@dataclass(frozen=True, eq=False)
class _Solved:
    """The fit of all voxels against one curve of the region, with its kep (1/s), the error of that, and from how many
    voxels it is.
    """

    kep: float
    kep_std: float
    n_told: int
    found: Fit

    @property
    def told(self) -> Float[np.ndarray, "quantities voxels"]:
        """Ktrans over that of the region, kep, ve over that of the region, which is R kep,R / kep, and the delay where
        it was fitted.
        """
        r, own, *delay = (self.found.values[one.key] for one in self.found.model.parameters)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack([r, own, r * self.kep / own, *delay])


def relative(tissue: Tissue, reference: Region, seen: Seen, has_delay: bool) -> Relative:
    """The ratios of exchange of every voxel to that of the region, and where it is asked for when agent comes to it.
    `seen` are the curves with their gains.

    Standard errors hold the residuals, the error of kep of the region, the noise of its curve (by leaving out parts of
    the region in turn) and the error of T1. Raises Problem where the region takes up no agent, or too few voxels tell
    its kep.
    """
    own = _own(tissue, reference)
    curve = own.mean(axis=0)
    whole = _solved(tissue.times, curve, seen, has_delay)
    found = of_signal(
        whole.found, np.flatnonzero(whole.found.status < FAILED_FROM), seen.curves, seen.gain, tissue.rest.n_frames
    )
    n = min(GROUPS, own.shape[0])
    means = [np.delete(own, slice(at, None, n), axis=0).mean(axis=0) for at in range(n)]
    parts = [_solved(tissue.times, mean, seen, has_delay) for mean in means]
    shifted = replace(whole, kep=whole.kep + whole.kep_std)
    shifted = replace(shifted, found=_with_one_kep(tissue.times, curve, shifted.kep, seen, has_delay))
    values, agent = whole.told, tissue.agent
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.stack([one.told for one in parts])
        of_curve = (n - 1) / n * ((spread - spread.mean(axis=0)) ** 2).sum(axis=0)
        of_kep = (shifted.told - values) ** 2
        of_t1 = tissue.error_by_t1 * values
        of_t1[[1, *range(3, len(values))]] = 0.0
        std = np.sqrt(_of_fit(found, whole.kep) + of_curve + of_kep + of_t1**2)
    status = np.where(agent.status >= FAILED_FROM, agent.status, found.status).astype(np.int16)
    quantities = (lexicon.REL_KTRANS, lexicon.KEP, lexicon.REL_VE, *([lexicon.REL_DELAY] if has_delay else []))
    columns = {one: (value, error, status) for one, value, error in zip(quantities, values, std, strict=True)}
    kep_std = float(np.hypot(whole.kep_std, np.sqrt(n - 1) * np.std([one.kep for one in parts])))
    return Relative(reference, curve, whole.kep, kep_std, whole.n_told, columns)


def _own(tissue: Tissue, reference: Region) -> Float[np.ndarray, "some time"]:
    """The curves of the region, in mM. Raises Problem where they are too few, or take up nothing."""
    usable = tissue.inside.taken(reference.mask) & (tissue.agent.status < FAILED_FROM)
    own = tissue.agent.curves[usable].astype(np.float64)
    if own.shape[0] < FEWEST_IN_REGION:
        raise Problem(
            f"{own.shape[0]} voxels of the reference region '{reference.name}' have a curve.",
            "Their mean is what all others are measured against.",
            "Choose other voxels, inside --mask.",
        )
    curve = own.mean(axis=0)
    late = float(curve[-max(3, curve.size // 10) :].mean())
    if not late > TAKES_UP * curve[tissue.rest.frames].std(ddof=1):
        raise Problem(
            f"The reference region '{reference.name}' takes up no agent: {late:.2g} mM at the end of the series.",
            "Nothing can be relative to nothing; normal brain does not leak.",
            "Choose muscle, or other tissue that enhances.",
        )
    return own


def _solved(
    times: Float[np.ndarray, " time"], curve: Float[np.ndarray, " time"], seen: Seen, has_delay: bool
) -> _Solved:
    """Every voxel by itself first; as all of them have one region, the median of what those that tell its kep say is
    that of all. Each counts by the inverse of its variance: a plain median is drawn up by those that hardly tell it,
    of which only the high ones have a small relative error.

    Ahmed and Levesque 2017, doi:10.1002/mrm.26530
    """
    free = fit((DelayedReferenceRegion if has_delay else ReferenceRegion)(times, curve), seen.curves)
    values, std = (part[lexicon.KEP_REFERENCE.key] for part in (free.values, free.std))
    with np.errstate(invalid="ignore"):
        tells = (free.status == Status.OK) & (std <= TELLS * values)
    n_told = int(tells.sum())
    if n_told < FEWEST_THAT_TELL:
        raise Problem(
            f"Only {n_told} voxels tell the rate of return of the reference region.",
            "It is told by tissue whose own rate differs from it, and Ktrans is relative to it.",
            "Widen --mask, or choose another region.",
        )
    values, std = values[tells], std[tells]
    kep = _middle(values, std**-2.0)
    # The standard error of a median, by the spread that half of them are within.
    scale = 1.4826 * float(np.median(np.abs(values - kep) / std))
    kep_std = 1.2533 * scale / float(np.sqrt((std**-2.0).sum()))
    return _Solved(kep, kep_std, n_told, _with_one_kep(times, curve, kep, seen, has_delay))


def _middle(values: Float[np.ndarray, " some"], weights: Float[np.ndarray, " some"]) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, 0.5 * below[-1])])


def _with_one_kep(
    times: Float[np.ndarray, " time"], curve: Float[np.ndarray, " time"], kep: float, seen: Seen, has_delay: bool
) -> Fit:
    """Every voxel against the region, whose kep (1/s) is one."""
    model = DelayedConstrainedReferenceRegion if has_delay else ConstrainedReferenceRegion
    return fit(model(times, curve, kep), seen.curves)


def _of_fit(found: Fit, kep: float) -> Float[np.ndarray, "quantities voxels"]:
    """The variance of each of `_Solved.told` that the fit itself states, the region taken as known."""
    r, own = (found.values[one.key] for one in (lexicon.REL_KTRANS, lexicon.KEP))
    slopes = np.stack([kep / own, -r * kep / own**2], axis=-1)
    of_ve = np.einsum("vi,vij,vj->v", slopes, found.covariance[:, :2, :2], slopes)
    of_r, of_own, *of_delay = np.moveaxis(np.einsum("vii->vi", found.covariance), -1, 0)
    return np.stack([of_r, of_own, of_ve, *of_delay])


def relative_flags(one: Relative) -> tuple[Flag, ...]:
    """What a reader must know of ratios."""
    text = (
        f"Ktrans and ve are ratios to those of '{one.name}', which differ between people and with treatment. "
        "Plasma in the voxel and in the region is neglected: vessels read as leakage, and as a faster kep."
    )
    return (Flag("relative-to-region", Severity.CAUTION, text, "rktrans, rve, kep", source=SOURCE),)


def relative_step(one: Relative) -> Step:
    """How it was done, for the methods section."""
    return Step(
        "kinetics",
        f"Exchange was measured against the mean curve of '{one.name}', without an arterial input"
        f"{', with an arrival of its own in each voxel' if one.has_delay else ''}: each voxel "
        f"by itself, then all with the rate of return of the region, the middle of what {one.n_told} voxels tell "
        f"({60 * one.kep:.3g} ± {60 * one.kep_std:.2g} /min). Standard errors hold the residuals, that rate, and "
        "the noise of the region.",
        {"kep_reference": one.kep},
        (
            "Yankeelov et al. 2005, doi:10.1016/j.mri.2005.02.013",
            "Cardenas-Rodriguez et al. 2013, doi:10.1016/j.mri.2012.10.008",
            "Ahmed and Levesque 2017, doi:10.1002/mrm.26530",
        ),
    )


def relative_summary(one: Relative) -> dict[str, Any]:
    """Its plain numbers, in inside units."""
    usable = float((one.columns[lexicon.KEP][2] < FAILED_FROM).mean())
    return {
        "reference_origin": one.name, "reference_kep": one.kep, "reference_kep_std": one.kep_std,
        "reference_voxels_that_tell": one.n_told,
        "model_shares": {RELATIVE: usable},
    }  # fmt: skip


def relative_curves(one: Relative, times: Float[np.ndarray, " time"]) -> dict[str, Curve]:
    """The curve of the region."""
    return {"reference": Curve(times, one.curve, "mM", f"reference region ({one.name})")}
