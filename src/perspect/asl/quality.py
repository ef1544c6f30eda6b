"""What can be wrong with a map of flow: each check is a number, and a flag where the number says so.

All of them suppose a normal brain. So lesion and the place opposite it are left out first: a tumour full of vessels
would fail them, and nothing be wrong with the scan.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int16
from scipy import ndimage

from perspect.asl.kinetics import Kinetics
from perspect.asl.quarters import compared, quarters
from perspect.asl.sides import sides
from perspect.vocabulary import FAILED_FROM, Around, Flag, Region, Severity, Status

TO_FLOW: Final = 6000.0
"""mL/100 g/min in 1/s."""

PURE: Final = 0.7
"""Share from which on a voxel is called grey or white matter here (as ExploreASL and aslprep have it)."""

FEWEST: Final = 50
"""Voxels without which nothing is said of a tissue."""

SPATIAL_COV: Final = (0.67, 1.0)
"""Spatial coefficient of variation of flow in grey matter from which on vessels show, and from which on they are most
of what shows (Mutsaerts et al. 2017, doi:10.1177/0271678X16683690; bins as in ExploreASL)."""

GREY_FLOW: Final = (20.0, 110.0)
"""Mean flow of grey matter in mL/100 g/min that can be, from elderly to children."""

BRAIN_FLOW: Final = (10.0, 100.0)
"""Mean flow of all that is in a mask of the brain in mL/100 g/min that can be, elderly to children. [our default]"""

RATIO: Final = (1.5, 4.0)
"""Flow of grey over white matter that can be."""

NEGATIVE: Final = 0.1
"""Share of negative voxels in grey matter from which on it is said. [our default]"""

MISSING: Final = 0.5
"""Share of the brain without a flow from which on it is said. [our default]"""

TWO_TIMES: Final = 0.1
"""Share of the voxels of the brain or of a lesion that two transit times fit alike, from which on it is said. [our
default]"""

SOURCE: Final = "quality"


@dataclass(frozen=True, eq=False)
class Quality:
    """Numbers by name, flags."""

    numbers: dict[str, Any]
    flags: tuple[Flag, ...]


def quality(fitted: Kinetics, around: Around, brain: Region, halves: float, is_absolute: bool) -> Quality:
    """All checks that the data allow."""
    flow = fitted.values["cbf"]
    normal = (fitted.status["cbf"] < FAILED_FROM) & ~_ill(around, brain)
    grey, white = _pure(around.grey, brain, normal), _pure(around.white, brain, normal)
    tissue = grey if grey is not None else normal
    numbers: dict[str, Any] = {"halves_correlation": halves, "quality_without_lesion": around.lesion is not None}
    flags: list[Flag] = []
    _missing(fitted.status["cbf"], numbers, flags)
    _two_times(fitted, around, brain, numbers, flags)
    if fitted.misfit is not None:
        # Two delays leave nothing by which a fit could be judged.
        told = fitted.misfit[normal & np.isfinite(fitted.misfit)]
        numbers["misfit"] = float(told.mean()) if told.size else float("nan")
    _variation(flow[tissue], fitted.std["cbf"][tissue], grey is not None, fitted.correlation is None, numbers, flags)
    _negative(flow, fitted.std["cbf"], tissue, numbers, flags)
    if is_absolute:
        _level(flow[tissue], grey is not None, numbers, flags)
    if grey is not None and white is not None:
        _ratio(flow[grey], flow[white], numbers, flags)
        numbers["qei"] = quality_index(flow, around, brain, normal)
    of_quarters, said = compared(quarters(fitted, sides(around, brain), normal))
    numbers |= of_quarters
    flags += said
    return Quality(numbers, tuple(flags))


def _missing(status: Int16[np.ndarray, " voxels"], numbers: dict[str, Any], flags: list[Flag]) -> None:
    """Whether much of the brain has no flow."""
    gone = status >= FAILED_FROM
    share = float(gone.mean())
    numbers["without_flow_share"] = share
    if share > MISSING:
        most = Status(int(np.bincount(status[gone]).argmax()))
        sentence = f"{share:.0%} of the voxels of the brain have no flow (most of them: {most.sentence})."
        flags.append(_flag("flow-missing", Severity.LIMITED, sentence, share))


def _two_times(fitted: Kinetics, around: Around, brain: Region, numbers: dict[str, Any], flags: list[Flag]) -> None:
    """Voxels that two separate transit times fit almost alike: each of them has another flow.

    Where label in arteries is part of the model of a voxel it is not looked for.
    """
    if fitted.correlation is None:
        return
    measured = fitted.status["cbf"] < FAILED_FROM
    places = {"brain": measured}
    if around.lesion is not None:
        places["lesion"] = measured & brain.taken(around.lesion.mask)
    for name, inside in places.items():
        if inside.sum() < FEWEST:
            continue
        share = float((fitted.status["cbf"][inside] == Status.AMBIGUOUS).mean())
        numbers["two_transit_times_share" if name == "brain" else "two_transit_times_share_lesion"] = share
        if share > TWO_TIMES:
            sentence = (
                f"In {share:.0%} of the voxels of the {name} two separate transit times fit almost alike, each with "
                "another flow. What is stated is the mean of both, with an error that holds both; the status map "
                "marks them."
            )
            flags.append(Flag("two-transit-times", Severity.CAUTION, sentence, name, share, SOURCE))


def _ill(around: Around, brain: Region) -> Bool[np.ndarray, " voxels"]:
    """The lesion and the place opposite it."""
    if around.lesion is None:
        return np.zeros(brain.n_voxels, bool)
    return np.asarray(brain.taken(around.lesion.mask | sides(around, brain).opposite(around.lesion.mask)))


def _pure(
    share: Float[np.ndarray, "x y z"] | None, brain: Region, normal: Bool[np.ndarray, " voxels"]
) -> Bool[np.ndarray, " voxels"] | None:
    if share is None:
        return None
    inside = (np.nan_to_num(brain.taken(share)) >= PURE) & normal
    return inside if inside.sum() >= FEWEST else None


def _flag(code: str, severity: Severity, sentence: str, fraction: float = float("nan")) -> Flag:
    return Flag(code, severity, sentence, "brain", fraction, SOURCE)


def _variation(
    flow: Float[np.ndarray, " some"],
    std: Float[np.ndarray, " some"],
    is_grey: bool,
    is_single: bool,
    numbers: dict[str, Any],
    flags: list[Flag],
) -> None:
    """Spatial coefficient of variation: label still in arteries makes flow look uneven."""
    if flow.size < FEWEST or not flow.mean() > 0:
        return
    # Without what noise adds: a noisy scan is not one with label in arteries. Noise that would make more than there is
    # leaves it open.
    rest = float(flow.var() - (std**2).mean())
    cov = float(np.sqrt(rest) / flow.mean()) if rest > 0 else float("nan")
    numbers["spatial_cov" if is_grey else "spatial_cov_brain"] = cov
    if not is_grey or not cov >= SPATIAL_COV[0]:
        return
    severe = cov >= SPATIAL_COV[1]
    sentence = f"Flow in grey matter varies by {cov:.0%} of its mean (normal: below {SPATIAL_COV[0]:.0%}): " + (
        "label in arteries or noise is most of what shows." if severe else "label in arteries shows."
    )
    if is_single:
        sentence += " With one delay, dark tissue beside bright vessels is late, not necessarily without flow."
    flags.append(_flag("arterial-transit", Severity.LIMITED if severe else Severity.CAUTION, sentence, cov))


def _negative(
    flow: np.ndarray, std: np.ndarray, tissue: np.ndarray, numbers: dict[str, Any], flags: list[Flag]
) -> None:
    if tissue.sum() < FEWEST:
        return
    share = float((flow[tissue] < 0).mean())
    # What noise alone makes negative of a flow like the median is no fault of the scan.
    surely = float((flow[tissue] < -2.0 * std[tissue]).mean())
    numbers["negative_share"], numbers["surely_negative_share"] = share, surely
    if surely > 0.5 * NEGATIVE:
        sentence = f"{surely:.0%} of the voxels have a flow that is negative by more than noise: motion or subtraction."
        flags.append(_flag("negative-flow", Severity.LIMITED, sentence, surely))
    elif share > NEGATIVE:
        sentence = f"{share:.0%} of the voxels have a negative flow, as noise makes it where flow is small or late."
        flags.append(_flag("negative-flow", Severity.CAUTION, sentence, share))


def _level(flow: np.ndarray, is_grey: bool, numbers: dict[str, Any], flags: list[Flag]) -> None:
    if flow.size < FEWEST:
        return
    mean = float(flow.mean() * TO_FLOW)
    numbers["mean_flow_grey" if is_grey else "mean_flow_brain"] = mean / TO_FLOW
    what, (least, most) = ("grey matter", GREY_FLOW) if is_grey else ("the brain", BRAIN_FLOW)
    if not least <= mean <= most:
        sentence = (
            f"Mean flow of {what} is {mean:.0f} mL/100 g/min (usually {least:.0f} to {most:.0f}): "
            "check M0, labelling and their scale before reading absolute values."
        )
        flags.append(_flag("implausible-flow", Severity.LIMITED, sentence))


def _ratio(grey: np.ndarray, white: np.ndarray, numbers: dict[str, Any], flags: list[Flag]) -> None:
    ratio = float(grey.mean() / white.mean()) if white.mean() > 0 else float("inf")
    numbers["grey_over_white"] = ratio
    if not RATIO[0] <= ratio <= RATIO[1]:
        sentence = (
            f"Flow of grey over white matter is {ratio:.2f} (usually {RATIO[0]:g} to {RATIO[1]:g}): "
            "blurred images or misplaced tissue maps make it small, late white matter large."
        )
        flags.append(_flag("grey-white-ratio", Severity.CAUTION, sentence, ratio))


def quality_index(
    flow: Float[np.ndarray, " voxels"], around: Around, brain: Region, normal: Bool[np.ndarray, " voxels"]
) -> float:
    """Quality evaluation index of flow, 0 to 1: likeness to 2.5 grey + white matter, evenness, few negative voxels.

    Dolui et al. 2024, doi:10.1002/jmri.29308 (constants as in aslprep)
    """
    if around.grey is None or around.white is None:
        return float("nan")
    grey, white = (np.nan_to_num(brain.taken(one)) for one in (around.grey, around.white))
    sigma = [5.0 / 2.3548 / size for size in brain.grid.spacing]
    inside = brain.spread(normal.astype(np.float64), 0.0)
    blurred = ndimage.gaussian_filter(brain.spread(np.where(normal, flow, 0.0), 0.0), sigma)
    smooth = brain.taken(blurred / np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-3))
    rho = max(float(np.corrcoef(smooth[normal], (2.5 * grey + white)[normal])[0, 1]), 0.0)
    parts = [smooth[normal & (one >= PURE)] for one in (grey, white)]
    spare = sum(max(part.size - 1, 0) for part in parts)
    pooled = sum(float(((part - part.mean()) ** 2).sum()) for part in parts if part.size) / max(spare, 1)
    uneven = pooled / max(abs(float(parts[0].mean())), 1e-9) * TO_FLOW
    negative = float((smooth[normal & (grey >= PURE)] < 0).mean())
    likeness = 1.0 - np.exp(-3.0126 * rho**2.4419)
    penalty = np.exp(-(0.054 * uneven**0.9272 + 2.8478 * negative**0.5196))
    return float(np.cbrt(likeness * penalty))
