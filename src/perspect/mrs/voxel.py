"""One voxel of a spectroscopic image from its fit to numbers, or to why there are none; and the maps of all voxels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.mrs.amounts import ratio, weights
from perspect.mrs.decompose import Decomposition
from perspect.mrs.profile import TURNED, members
from perspect.mrs.quality import HOPELESS_SNR, SWAMPED, WIDEST, Quality, quality
from perspect.mrs.watermap import INSTITUTIONAL, GridScale
from perspect.vocabulary import FittedSpectrum, Map, Quantity, Region, Spectra, Status, lexicon

AMOUNTS: Final = (
    lexicon.TNAA, lexicon.TCR, lexicon.TCHO, lexicon.INS, lexicon.GLX, lexicon.LAC, lexicon.LIP13,
)  # fmt: skip

MAIN: Final = (lexicon.TNAA, lexicon.TCR, lexicon.TCHO)

BAD_FIT: Final = 12.0
"""Residual variance over that of the noise above which a voxel is not used [our default]."""

BURIED: Final = 0.8
"""Share of the baseline in what is fitted above which a voxel is not used: in sixteen images of virtual patients errors
of four such voxels were six times what is stated; below it they were as stated at any share [our default]."""

CLEAR_OF_LIPID: Final = 0.5
"""Lactate over lipid that leaked in, below which it is not told at short echo times: in a synthetic image it is 0.7 to
1.8 in a tumour with 12 mM of lactate, and at most 0.2 beside the scalp [our default]."""

UNUSABLE: Final = "unusable: "
"""How the names of regions begin that hold voxels without a number; the reason follows."""

Place = tuple[int, ...]
Number = tuple[float, float]
NOTHING: Final[Number] = (np.nan, np.nan)


@dataclass(frozen=True)
class Voxel:
    """What was found in one voxel: amplitudes with errors by quantity, ratio, width and offset in Hz, or why not; and
    the fit, also where its numbers may not be used.
    """

    values: Mapping[str, Number]
    ratio: Number
    width: float
    offset: float
    status: Status
    reason: str
    fit: FittedSpectrum | None = field(default=None, compare=False)


def failed(status: Status, reason: str) -> Voxel:
    """A voxel without numbers."""
    return Voxel({}, NOTHING, np.nan, np.nan, status, reason)


def voxel(offset: float, found: Decomposition | None, below: str = "", *, is_late: bool = False) -> Voxel:
    """The numbers of one voxel, or why they may not be used. Its water was `offset` Hz off, which has been taken out;
    amplitudes are over that of `below`, a key of a sum, where it is given. At a late echo time lactate stands on its
    head or has a phase that lipid has not.
    """
    if found is None:
        return failed(Status.SINGULAR, "no solution")
    status, reason = usable(quality(found))
    if status.is_failure:
        return replace(failed(status, reason), fit=found.drawn)
    leak = leaked(found)
    out = {}
    for quantity in AMOUNTS:
        parts = members(quantity.key)
        # Lipid that leaked in is no amount of this place, and a little lactate that does not turn is lost in it.
        is_lost = quantity is lexicon.LAC and not is_late and amplitude(found, "Lac")[0] < CLEAR_OF_LIPID * leak
        if set(parts) & set(found.names) and not (leak > 0 and (quantity is lexicon.LIP13 or is_lost)):
            out[quantity.key] = over(found, quantity.key, below) if below else amplitude(found, quantity.key)
    shift = float(found.solution.place.theta[2])
    return Voxel(out, over(found, "tCho", "tNAA"), found.width, offset + shift, status, reason, found.drawn)


def leaked(found: Decomposition) -> float:
    """How large lipid at 1.3 ppm is that has a phase or sign of its own; 0 where it was not asked for."""
    if not any(name.endswith(TURNED) for name in found.names):
        return 0.0
    at = {name: size for name, size in zip(found.names, found.amplitudes, strict=True) if name.startswith("Lip13")}
    across = sum(size for name, size in at.items() if name.endswith(TURNED))
    return float(np.hypot(across, sum(at.values()) - across))


def amplitude(found: Decomposition, key: str) -> Number:
    """A sum with its standard error, in units of the data per proton."""
    w = weights(found, members(key))
    return float(w @ found.amplitudes), float(np.sqrt(max(w @ found.covariance @ w, 0.0)))


def over(found: Decomposition, above: str, below: str) -> Number:
    """A ratio of two sums with its error; NaN where the second may be zero."""
    one = ratio(found, above, below)
    return one.value, one.std


def usable(q: Quality) -> tuple[Status, str]:
    """Whether the numbers of a voxel mean anything, and the reason where they do not."""
    if not q.snr > HOPELESS_SNR:
        return Status.NO_SIGNAL, "no line above the noise"
    if q.fwhm_ppm > WIDEST:
        return Status.NOT_DETERMINED, "lines too wide (shim)"
    if q.lipid > SWAMPED:
        return Status.NOT_DETERMINED, "swamped by lipid"
    if q.misfit > BAD_FIT:
        return Status.NOT_DETERMINED, "residual is no noise"
    if q.baseline > BURIED:
        return Status.NOT_DETERMINED, "lines buried in baseline"
    return Status.OK, ""


def sizes_of(found: Mapping[Place, Voxel], shape: tuple[int, ...]) -> Float[np.ndarray, "x y z"]:
    """How much of the three main sums was found together in each voxel, unscaled; NaN where nothing was."""
    out = np.full(shape, np.nan)
    for place, one in found.items():
        if not one.status.is_failure:
            out[place] = sum(one.values.get(key.key, NOTHING)[0] for key in MAIN)
    return out


def amount_maps(
    spectra: Spectra, found: Mapping[Place, Voxel], scale: GridScale, *, is_scale_in_error: bool = True
) -> dict[str, Map]:
    """Amounts with their errors: those of the fit, and of the scale of each voxel where they are asked for."""

    def scaled(key: str) -> Callable[[Place, Voxel], Number]:
        def pick(place: Place, one: Voxel) -> Number:
            value, noise = (part * float(scale.factor[place]) for part in one.values.get(key, NOTHING))
            return value, float(np.hypot(noise, value * scale.spread[place])) if is_scale_in_error else noise

        return pick

    return {
        quantity.key: mapped(spectra, found, in_unit(quantity, scale.unit), scaled(quantity.key))
        for quantity in AMOUNTS
    }


def in_unit(quantity: Quantity, unit: str) -> Quantity:
    """An amount in the unit in which it was found."""
    ucum = "1" if unit == INSTITUTIONAL or " " in unit else unit
    return quantity if unit == quantity.unit else replace(quantity, unit=unit, shown_unit=unit, ucum=ucum)


def mapped(
    spectra: Spectra, found: Mapping[Place, Voxel], quantity: Quantity, pick: Callable[[Place, Voxel], Number]
) -> Map:
    """A map of what is picked from every voxel with its error."""
    shape = spectra.values.shape[:3]
    values, std = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    status = np.full(shape, int(Status.OUTSIDE), np.int16)
    for place, one in found.items():
        value, error = pick(place, one)
        is_known = np.isfinite(value) and np.isfinite(error)
        status[place] = one.status if one.status.is_failure or is_known else Status.NOT_DETERMINED
        if is_known and not one.status.is_failure:
            values[place], std[place] = value, error
    return Map(quantity, values, std, status, spectra.grid)


def exact(spectra: Spectra, found: Mapping[Place, Voxel], quantity: Quantity, pick: Callable[[Voxel], float]) -> Map:
    """A map of what has no error of its own."""
    return mapped(spectra, found, quantity, lambda _, one: (pick(one), 0.0 if np.isfinite(pick(one)) else np.nan))


def unusable(spectra: Spectra, found: Mapping[Place, Voxel]) -> dict[str, Region]:
    """The voxels without a number, by reason."""
    out = {}
    for reason in dict.fromkeys(one.reason for one in found.values() if one.status.is_failure):
        where = np.zeros(spectra.values.shape[:3], bool)
        where[tuple(np.transpose([place for place, one in found.items() if one.reason == reason]))] = True
        out[f"{UNUSABLE}{reason}"] = Region(where, spectra.grid, reason, "quality of the voxel")
    return out
