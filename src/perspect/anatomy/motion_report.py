"""What is to be said about the motion of a series: displacements, flags, the sentence for the methods section."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.numerics import rigid
from perspect.numerics.parallel import spans
from perspect.vocabulary import Flag, Severity, Step

HEAD: Final = 50.0
"""Radius in mm at which framewise displacement counts rotations (Power et al. 2012)."""

EXCURSION: Final = 0.25
"""mm: an excursion during the bolus that is larger is said; what phantoms feign stays below a third of it."""


def displaced(motion: Float[np.ndarray, "4 4"], place: Float[np.ndarray, "3 points"]) -> Float[np.ndarray, "3 points"]:
    """By how much points move (mm)."""
    out: Float[np.ndarray, "3 points"] = (motion[:3, :3] - np.eye(3)) @ place + motion[:3, 3:]
    return out


def mean_displacement(
    motions: Sequence[Float[np.ndarray, "4 4"]], place: Float[np.ndarray, "3 points"]
) -> Float[np.ndarray, " time"]:
    """The mean distance (mm) by which points move, for every motion.

    The squared distance is a polynomial in the coordinates, so that all motions are one product with ten columns.
    """
    x, y, z = place
    columns = np.stack([x * x, y * y, z * z, x * y, x * z, y * z, x, y, z, np.ones_like(x)])
    terms = []
    for motion in motions:
        turn, shift = motion[:3, :3] - np.eye(3), motion[:3, 3]
        square, slope = turn.T @ turn, 2 * shift @ turn
        terms.append([*np.diag(square), *(2 * square[[0, 0, 1], [1, 2, 2]]), *slope, shift @ shift])
    coefficients, sums = np.array(terms), np.zeros(len(terms))
    for some in spans(place.shape[1]):
        squared = coefficients @ columns[:, some]
        sums += np.sqrt(np.maximum(squared, 0)).sum(axis=1)
    out: Float[np.ndarray, " time"] = sums / place.shape[1]
    return out


def framewise_displacement(
    parameters: Float[np.ndarray, "time 6"], good: Bool[np.ndarray, " time"]
) -> Float[np.ndarray, " time"]:
    """Sum of absolute changes of three translations and of three rotations on a sphere of 50 mm, in mm.

    Against the last volume before that is `good`; NaN for volumes that are not.

    Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018
    """
    out = np.full(len(parameters), np.nan)
    lengths = parameters[good] * np.repeat([HEAD, 1.0], 3)
    out[good] = np.abs(np.diff(lengths, axis=0, prepend=lengths[:1])).sum(axis=1)
    return out


def not_aligned(name: str, good: Bool[np.ndarray, " time"]) -> tuple[Flag, ...]:
    """A flag if some volumes could not be aligned."""
    n_failed = int((~good).sum())
    if not n_failed:
        return ()
    frames = ", ".join(str(frame) for frame in np.flatnonzero(~good))
    severity = Severity.LIMITED if n_failed <= 0.1 * good.size else Severity.REFUSED
    sentence = f"{n_failed} of {good.size} volumes could not be aligned to the volumes at rest and hold no values."
    where = f"{name}, volumes {frames}"
    return (Flag("motion-not-aligned", severity, sentence, where, n_failed / good.size, "motion"),)


def few_slices(name: str, n_slices: int, is_stack: bool, is_thick_stack: bool) -> tuple[Flag, ...]:
    """A flag if there are too few slices to tell motion across them, or to tell it well."""
    if is_thick_stack:
        return ()
    if is_stack:
        sentence = f"With {n_slices} slices motion across the slices is known to a few tenths of a mm only."
        return (Flag("motion-few-slices", Severity.NOTE, sentence, name, source="motion"),)
    sentence = f"With {n_slices} slice{'s' * (n_slices > 1)} motion across the slices cannot be seen or corrected."
    return (Flag("motion-in-plane-only", Severity.CAUTION, sentence, name, source="motion"),)


def not_covered(name: str, lost: float) -> tuple[Flag, ...]:
    """A flag if a share of the mask left the field of view, or was not finite in a volume."""
    sentence = (
        "Some voxels of the mask left the field of view during the series, or were not finite in a volume, and are "
        "not measured."
    )
    return (Flag("motion-not-covered", Severity.NOTE, sentence, name, lost, "motion"),) if lost > 0 else ()


def excursion(
    name: str,
    parameters: Float[np.ndarray, "time 6"],
    depth: Float[np.ndarray, " time"],
    place: Float[np.ndarray, "3 points"],
) -> tuple[Flag, ...]:
    """A flag if the head seems to have been elsewhere during the bolus than just before and after it."""
    during = np.flatnonzero(depth > 0.5)
    outer = np.flatnonzero(depth > 0.3)
    if not during.size:
        return ()
    around = np.concatenate([parameters[: outer[0]][-5:], parameters[outer[-1] + 1 :][:5]])
    if not around.size:
        return ()
    away = parameters[during] - np.median(around, axis=0)
    distance = float(mean_displacement([rigid.rigid(one) for one in away], place).max())
    if distance < EXCURSION:
        return ()
    sentence = (
        f"During the bolus the head seems up to {distance:.1f} mm from where it was before and after. It may have "
        "moved, but agent changes brightness unevenly, and shifts echo-planar images, which feigns motion."
    )
    return (Flag("motion-with-bolus", Severity.CAUTION, sentence, name, source="motion"),)


def step(is_stack: bool, displacement: Float[np.ndarray, " time"]) -> Step:
    """The sentence for the methods section."""
    number = "six" if is_stack else "three in-plane"
    return Step(
        "motion",
        f"Every volume was aligned to the mean of volumes at rest ({number} rigid parameters, gains by class of "
        "darkening so that the bolus is not read as motion) and resampled once by Fourier shears.",
        {"largest_displacement_mm": round(float(np.nanmax(displacement, initial=0.0)), 3)},
        (
            "Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd",
            "Eddy et al. 1996, doi:10.1002/mrm.1910360615",
            "Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018",
        ),
    )
