"""The reference of a leakage correction: the mean curve of brain whose vessels do not leak."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.integrate import linear_maps, mean_weights, trapezoid_weights
from perspect.dsc.signal import Relaxation
from perspect.models import BidirectionalLeakage
from perspect.vocabulary import Problem, Refusal, Region, Status

TAIL_SECONDS: Final = 15.0
"""The last seconds, in which leaked agent shows; the literature's last ten frames at TR 1.5 s (Boxerman 2006)."""

LEAST_CONTRAST: Final = 5.0
"""Peak over noise of a voxel that may speak for the reference [our default]."""

MOST_AREA: Final = 3.0
"""Times the median area: more is a vessel, whose curve is not tissue's [our default]."""

FEWEST_REFERENCE: Final = 20
"""Voxels of which the mean curve is a reference [our default]."""

LARGE_REFERENCE: Final = 200
"""Voxels from which a given region of white matter stands for tissue without leakage by itself [our default]."""

SURE: Final = 3.0
"""Standard errors beyond which a tail differs from rest."""

SPEAKING: Final = 0.1
"""Share of the brain that must differ for its tails to speak."""

HALF: Final = 0.5
"""Share of a tail that a straight line through the baseline must explain to be called its cause [our default]."""

LEAST_ABOVE: Final = 0.3
"""Share of those that must lie above rest. In heads with one lesion it is above 0.7 in every protocol that can be
corrected and below 0.1 with FA 90°, TE 25 ms; in objects that are mostly tumour it is 0.33 with FA 60° and 0.25 with
FA 90° [our reference objects]."""

LESS_T1: Final = (
    "Use two echoes, or a smaller flip angle (30°, or 60° with preload); this series gives no blood volume."
)

WIDEST: Final = 1.5
"""Standard errors from the mode within which a voxel counts as not enhancing."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The mean ΔR2* of brain without leakage (1/s), whose voxels (positions among those given), and its tail.

    `tail` is the mean of the last seconds relative to the peak; negative means that T1 shortening outweighs T2*.
    `is_given` says whether the voxels are those of a region that was given.
    """

    curve: Float[np.ndarray, " time"]
    std: Float[np.ndarray, " time"]
    voxels: Int[np.ndarray, " chosen"]
    tail: float
    tail_std: float
    is_given: bool = False


def tail_frames(times: Float[np.ndarray, " time"]) -> slice:
    """The last frames, at least three."""
    return slice(min(int(np.searchsorted(times, times[-1] - TAIL_SECONDS)), times.size - 3), times.size)


def leakage_reference(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    first_pass: slice,
    choice: Literal["auto", "brain", "reference"],
    brain: Region,
    given: Region | None,
) -> Reference:
    """The curve that leakage is told by: that of a given region, or of what does not enhance in the brain.

    `auto` takes the region where it is given and large enough to speak for itself. Raises Refusal where the brain has
    no such curve, Problem where `reference` is chosen and no region was given.
    """
    if choice == "reference" and given is None:
        raise Problem(
            "dsc.leakage_reference is 'reference' but no reference region was given.",
            "Its mean curve stands for tissue without leakage.",
            "Give --reference MASK, or use dsc.leakage_reference=brain.",
        )
    white = np.zeros(0, np.int64)
    if given is not None and choice != "brain":
        white = np.flatnonzero(brain.taken(given.mask) & (relaxation.status == Status.OK))
    if choice == "reference" or white.size >= LARGE_REFERENCE:
        return mean_reference(relaxation, times, first_pass, white, is_given=True)
    return reference_curve(relaxation, times, first_pass, relaxation.is_usable)


def reference_curve(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], first_pass: slice, eligible: Bool[np.ndarray, " voxels"]
) -> Reference:
    """The mean curve of brain tissue that neither enhances nor loses signal after the bolus.

    Blood gives every tissue without leakage the same tail per area of the first pass. The mode of that ratio over the
    brain is it; voxels within a standard error and a half of the mode are the reference, which is then confirmed:
    their K2 must not differ from the mode of K2 either. Boxerman et al. 2006 (AJNR 27:859) take voxels whose tail is
    within a standard deviation of the baseline, which at high signal-to-noise excludes normal tissue because agent
    recirculates.

    Raises Refusal where too few voxels are left.
    """
    curves = relaxation.curves
    weights = np.stack([trapezoid_weights(times, first_pass), mean_weights(times.size, tail_frames(times))], axis=1)
    (area, tail), (area_std, tail_std) = linear_maps(relaxation, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = eligible & (area > LEAST_CONTRAST * area_std) & (relaxation.status == Status.OK)
    good &= area < MOST_AREA * np.median(area[good] if good.any() else area)
    if good.sum() < FEWEST_REFERENCE:
        raise Refusal(
            f"Only {int(good.sum())} voxels of the brain show the bolus clearly enough to serve as leakage reference.",
            "The correction compares every voxel with the mean curve of tissue without leakage.",
            "Check the mask and the injection; or use --leakage none and read the result as uncorrected.",
        )
    voxels = np.flatnonzero(good)
    ratio, ratio_std = tail[voxels] / area[voxels], tail_std[voxels] / area[voxels]
    chosen = voxels[_near_mode(ratio, ratio_std)]
    k2, k2_std = leakage_term(relaxation, times, curves[chosen].mean(axis=0, dtype=np.float64))
    chosen = voxels[_near_mode(k2[voxels], k2_std[voxels])]
    return mean_reference(relaxation, times, first_pass, chosen)


def refuse_negative_tails(relaxation: Relaxation, times: Float[np.ndarray, " time"]) -> None:
    """Stops where T1 shortening outweighs T2* in most of the brain, leaking or not.

    Agent that recirculates keeps ΔR2* of every tissue above rest. Raises Refusal where, of the voxels whose last
    seconds differ from rest, nearly all lie on the wrong side of it; Problem where two echoes say so, in which T1
    cancels.
    """
    (tail,), (std,) = linear_maps(relaxation, mean_weights(times.size, tail_frames(times))[:, None])
    with np.errstate(invalid="ignore"):
        differs = relaxation.is_usable & (np.abs(tail) > SURE * std)
    if differs.sum() < max(FEWEST_REFERENCE, SPEAKING * relaxation.is_usable.sum()):
        return
    above = float((tail[differs] > 0).mean())
    if above < LEAST_ABOVE:
        _refuse_drift(relaxation, times, differs)
        _refuse_swapped(relaxation.echo_times, 1 - above)
        raise Refusal(
            f"After the bolus the signal stays above rest in {1 - above:.0%} of the brain's voxels that differ from "
            "rest.",
            "Agent shortens T1 there more than it shows in T2*, also where nothing leaks, so there is no blood "
            "volume in these curves.",
            LESS_T1,
        )


def _refuse_swapped(echo_times: tuple[float, ...], share: float) -> None:
    """Stops where the rates of two echoes have the wrong sign, as when each has the echo time of the other.

    Raises Problem.
    """
    if len(echo_times) < 2:
        return
    first, second = (f"{1000 * te:g} ms" for te in echo_times)
    raise Problem(
        f"By the two echoes ({first}, {second}) agent makes T2* longer in {share:.0%} of the brain's voxels that "
        "differ from rest.",
        "No agent does, and T1 effects cancel between two echoes: each may have the echo time of the other, or they "
        "are not of one bolus.",
        "Check which echo time belongs to which file; with --te they stand in the order of the files.",
    )


def _refuse_drift(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], differs: Bool[np.ndarray, " voxels"]
) -> None:
    """Stops with the drift as the cause where the straight line through the baseline explains the tails.

    Raises Refusal.
    """
    rest = relaxation.rest.frames
    curve = relaxation.curves[differs].mean(axis=0, dtype=np.float64)
    clock = times[rest] - times[rest].mean()
    slope = float(clock @ curve[rest] / (clock @ clock))
    left = curve[rest] - curve[rest].mean() - slope * clock
    error = float(np.sqrt((left @ left) / max(clock.size - 2, 1) / (clock @ clock)))
    late = tail_frames(times)
    tail = float(curve[late].mean())
    explained = slope * float(times[late].mean() - times[rest].mean()) / tail
    if slope < -SURE * error and explained > HALF:
        raise Refusal(
            f"The signal rises along a straight line over the whole series, before the bolus too: that drift explains "
            f"{min(explained, 1.0):.0%} of how far it stays above rest at the end.",
            "Every blood volume is an area above the level at rest, which a drift moves.",
            "Take the drift of the scanner out of the series first, or acquire it again.",
        )


def mean_reference(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    first_pass: slice,
    voxels: Int[np.ndarray, " chosen"],
    *,
    is_given: bool = False,
) -> Reference:
    """The mean curve of these voxels as reference.

    Raises Problem for fewer than two voxels.
    """
    if voxels.size < 2:
        raise Problem(
            f"The region for the leakage reference has {voxels.size} usable voxels.",
            "Its mean curve stands for tissue without leakage.",
            "Draw a larger one inside the brain mask, or use dsc.leakage_reference=brain.",
        )
    curve = relaxation.curves[voxels].mean(axis=0, dtype=np.float64)
    std = relaxation.curves[voxels].std(axis=0, ddof=1, dtype=np.float64) / np.sqrt(voxels.size)
    frames = tail_frames(times)
    peak = float(curve[first_pass].max())
    return Reference(
        curve,
        std,
        voxels,
        float(curve[frames].mean() / abs(peak)),
        float(np.sqrt((std[frames] ** 2).mean()) / abs(peak)),
        is_given,
    )


def _near_mode(values: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"]) -> Bool[np.ndarray, " voxels"]:
    """Which values are within WIDEST standard errors of the mode; at least the nearest FEWEST_REFERENCE."""
    distance = np.abs(values - half_sample_mode(values)) / std
    near = distance <= WIDEST
    if near.sum() < FEWEST_REFERENCE:
        near = distance <= np.sort(distance)[min(FEWEST_REFERENCE, distance.size) - 1]
    out: np.ndarray = near
    return out


def half_sample_mode(values: Float[np.ndarray, " voxels"]) -> float:
    """The mode of a sample: the densest half of it, again and again.

    Bickel & Frühwirth 2006, doi:10.1016/j.csda.2005.07.011
    """
    x = np.sort(values[np.isfinite(values)])
    while x.size > 3:
        half = (x.size + 1) // 2
        start = int(np.argmin(x[half - 1 :] - x[: x.size - half + 1]))
        x = x[start : start + half]
    if x.size == 3:
        x = x[:2] if x[1] - x[0] < x[2] - x[1] else x[1:]
    return float(x.mean())


def design(
    times: Float[np.ndarray, " time"], curve: Float[np.ndarray, " time"], frames: slice, kep: float = 0.0
) -> Float[np.ndarray, "time 2"]:
    """The columns that K1 and K2 weigh, on the frames that are fitted (zero elsewhere)."""
    columns = np.zeros((times.size, 2))
    columns[frames] = BidirectionalLeakage(t=times[frames], reference=curve[frames]).atoms(np.array([kep])).T
    return columns


def leakage_term(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], curve: Float[np.ndarray, " time"]
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """K2 of every voxel against this reference, and its standard error, in 1/s."""
    columns = design(times, curve, slice(relaxation.rest.stop, times.size))
    values, std = linear_maps(relaxation, np.linalg.pinv(columns).T)
    return values[1], std[1]
