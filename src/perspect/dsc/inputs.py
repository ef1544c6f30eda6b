"""What a DSC analysis needs before it can begin: sound echoes, a brain, a baseline."""

import numpy as np
from jaxtyping import Float

from perspect.anatomy.aligned import FEWEST_VOLUMES
from perspect.anatomy.brain import brain_mask
from perspect.dsc.plan import Plan
from perspect.dsc.reference import Reference
from perspect.dsc.signal import Rest, rest
from perspect.vocabulary import Problem, Region, Series, lexicon

TYPICAL_SHARE = 0.999
"""Of the voxels of a map of Ktrans, which are to be what tissue has; the rest may be vessels."""

ROUGH_SHARE = 0.3
"""Of the bright signal: a voxel above it is head enough to look for the bolus in before the brain is known."""


def checked_echoes(series: Series | tuple[Series, ...]) -> tuple[Series, ...]:
    """One echo, or two of the same bolus in the order of their echo times.

    Raises Problem for no or too many echoes, a missing or implausible TE, series that do not belong together or are too
    short, and volumes without finite values.
    """
    echoes = (series,) if isinstance(series, Series) else tuple(series)
    if len(echoes) not in (1, 2):
        raise Problem(
            f"{len(echoes)} series were given.",
            "A DSC analysis takes one echo, or two of the same bolus.",
            "Give one series, or the two echoes of one series.",
        )
    for echo in echoes:
        _check_one(echo)
    echoes = tuple(echo.finite() for echo in echoes)
    if len(echoes) == 2:
        first, second = sorted(echoes, key=lambda echo: echo.acquisition.te or 0.0)
        if not first.grid.matches(second.grid) or first.n_times != second.n_times:
            raise Problem(
                f"{first.name} ({first.values.shape}) and {second.name} ({second.values.shape}) are not on the same "
                "grid.",
                "Two echoes of one bolus have the same voxels and volumes.",
                "Give the two echoes of one series.",
            )
        if first.acquisition.te == second.acquisition.te:
            raise Problem(
                f"{first.name} and {second.name} have the same TE, {first.acquisition.te} s.",
                "ΔR2* from two echoes divides by the difference of their echo times.",
                "Give both echo times: --te 0.0086 0.0346.",
            )
        echoes = (first, second)
    return echoes


def _check_one(echo: Series) -> None:
    te = echo.acquisition.te
    if te is None:
        raise Problem(
            f"{echo.name} has no EchoTime.",
            "ΔR2* is -ln(S/S0)/TE, so the series cannot be used.",
            "Add EchoTime in seconds to its sidecar, or give --te 0.030.",
        )
    if not 0.001 <= te <= 0.5:
        raise Problem(
            f"{echo.name} has an echo time of {te} s.",
            "DSC uses 0.005 to 0.1 s.",
            "Give TE in seconds, such as --te 0.030.",
        )
    if echo.n_times < FEWEST_VOLUMES:
        raise Problem(
            f"{echo.name} has {echo.n_times} volumes.",
            f"A baseline, a bolus and its tail need at least {FEWEST_VOLUMES}.",
            "Check that this is the dynamic series.",
        )
    if np.issubdtype(echo.values.dtype, np.floating):
        bad = [i for i in range(echo.n_times) if not np.isfinite(echo.values[..., i]).any()]
        if bad:
            raise Problem(
                f"{echo.name} has no finite value in volume "
                f"{', '.join(map(str, bad[:5]))}{' …' if len(bad) > 5 else ''}.",
                "A bolus curve with a hole in it has no area.",
                "Export the series again, or leave these volumes out and give the times of the rest with --times.",
            )


def check_place(region: Region, echo: Series) -> None:
    """Raises Problem for a region that is not on the grid of the series."""
    if not region.grid.matches(echo.grid):
        raise Problem(
            f"The region '{region.name}' ({region.grid.shape}) is not on the grid of {echo.name} ({echo.grid.shape}).",
            "Its voxels are other places.",
            "Resample it with perspect.anatomy.resample.onto first.",
        )


def refuse_brighter_echo(echoes: tuple[Series, ...]) -> None:
    """Stops where the later of two echoes is the brighter one. Asked only of what cannot be used, because files may
    have been scaled each by itself.

    Raises Problem.
    """
    if len(echoes) < 2:
        return
    first, second = (float(np.nanmean(_image(echo, slice(0, 1)))) for echo in echoes)
    if second > first:
        at, late = (f"{1000 * (echo.acquisition.te or np.nan):g} ms" for echo in echoes)
        raise Problem(
            f"The echo of {late} is brighter ({second:.3g}) than that of {at} ({first:.3g}), and shows no bolus.",
            "Signal decays: each may have the echo time of the other.",
            "Check which echo time belongs to which file; with --te they stand in the order of the files.",
        )


def check_ktrans(ktrans: Float[np.ndarray, "x y z"] | None, echo: Series, plan: Plan) -> None:
    """Raises Problem where a map of Ktrans lies elsewhere, is not in 1/s, or would be read by nobody."""
    if ktrans is None:
        return
    if plan.extraction == "ignored" or plan.leakage != "auto":
        raise Problem(
            "A map of Ktrans was given, and what agent leaves is not added to blood volume.",
            "It would be read by nobody.",
            "Leave it out, or use dsc.extraction=auto and dsc.leakage=auto.",
        )
    if ktrans.shape != echo.grid.shape:
        raise Problem(
            f"The map of Ktrans has shape {ktrans.shape}, the series {echo.grid.shape}.",
            "Each voxel has its own Ktrans.",
            "Bring the map onto the grid of the series.",
        )
    high = float(np.nanquantile(ktrans, TYPICAL_SHARE)) if np.isfinite(ktrans).any() else float("nan")
    if not high <= lexicon.KTRANS.high:
        raise Problem(
            f"A thousandth of the map of Ktrans is above {60 * high:.3g} /min.",
            f"No tissue of the head has more than {60 * lexicon.KTRANS.high:g} /min; it may be in another unit.",
            "Give Ktrans in /min as a file, in 1/s as an array.",
        )


def demand_white(normal: Reference) -> None:
    """Raises Problem where the leakage reference is not white matter, whose plasma Ktrans is held against."""
    if not normal.is_given:
        raise Problem(
            "A map of Ktrans was given, and no normal-appearing white matter that the leakage is corrected against.",
            "Ktrans is held against the plasma of white matter.",
            "Give --reference or conventional images, or leave the map out.",
        )


def find_brain_and_rest(echo: Series, plan: Plan, mask: Region | None) -> tuple[Region, Rest]:
    """The brain (the mask where one is given) and the baseline before the bolus, found on its mean signal.

    Raises Problem where the mask holds nothing, or where no brain is found.
    """
    if mask is not None:
        if mask.n_voxels == 0:
            raise Problem(
                f"The mask '{mask.name}' is empty.", "Nothing would be measured.", "Give a mask of the brain."
            )
        return mask, rest(echo.mean_curve(mask.mask), echo.times, plan.guard)
    middle = _image(echo, slice(1, max(2, min(6, echo.n_times // 4))))
    finite = middle[np.isfinite(middle)]
    rough = np.nan_to_num(middle, nan=0.0) > ROUGH_SHARE * np.quantile(finite, 0.98)
    if not rough.any():
        raise Problem(f"{echo.name} shows no head.", "Every voxel is dark.", "Give a mask of the brain with --mask.")
    first = rest(echo.mean_curve(rough), echo.times, plan.guard)
    at_rest = _image(echo, first.frames)
    around = slice(max(first.peak - 1, 0), first.peak + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        dip = 1 - _image(echo, around) / at_rest
    brain = brain_mask(at_rest, np.nan_to_num(dip, nan=0.0, posinf=0.0, neginf=0.0), echo.grid)
    if not brain.any():
        raise Problem(
            f"No brain was found in {echo.name}.", "Every map would be computed on noise.", "Give a mask with --mask."
        )
    region = Region(brain, echo.grid, "brain", "found on the image at rest and its loss of signal at the bolus")
    return region, rest(echo.mean_curve(brain), echo.times, plan.guard)


def _image(echo: Series, frames: slice) -> Float[np.ndarray, "x y z"]:
    """Mean image of some frames."""
    mean = echo.values[..., frames].mean(axis=-1, dtype=np.float64)
    image: Float[np.ndarray, "x y z"] = mean * echo.slope + echo.intercept
    return image
