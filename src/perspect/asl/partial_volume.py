"""Flow of pure tissue where voxels hold several: grey and white matter by regression over neighbours, a lesion by what
each of its voxels has left.

The model is y = g f_g + w f_w + l f_l, with the shares of grey matter, white matter and lesion; fluid has no signal.
Flow of grey and of white matter is taken to be even in a small neighbourhood. That of a lesion is not: a dead core lies
beside a rim that lives, and even flow makes of a core of 3 whatever the rim has. So f_l is another in every voxel. Then
a voxel that holds lesion says nothing of f_g and f_w by least squares (its own f_l takes up what it shows): these come
from the voxels without lesion, and f_l is what they leave, over its share. A voxel that is all lesion keeps what was
measured in it.

Asllani et al. 2008, doi:10.1002/mrm.21670
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.asl.kinetics import Kinetics
from perspect.vocabulary import FAILED_FROM, Around, Flag, Problem, Quantity, Region, Severity, Status, Step, lexicon

WIDTH: Final = 1.0
"""Standard deviation of the neighbourhood in voxels, within the slice. [our default]"""

LEAST: Final = 0.1
"""Share of a tissue in a voxel below which its flow there is not asked for. [our default]"""

TRACE: Final = 0.05
"""Share up to which a tissue is as good as absent from a voxel. [our default]"""

FREE: Final = 0.01
"""Share of lesion up to which a voxel speaks of grey and white matter: a tenth of a rim is more than half of white
matter. [our default]"""

COSTS: Final = 2.5
"""By how much the error of a voxel of a lesion may grow (half of a voxel costs twice, and what its neighbours leave
open): where more is taken out of it, nothing is left. [our default]"""

SEPARATE: Final = 0.02
"""Determinant of the normal equations over the product of their diagonal, below which neighbours hold the two tissues
in the same proportions and cannot be told apart. [our default]"""

SOURCE: Final = "partial-volume"

QUANTITIES: Final = {"cbfgm": lexicon.GREY_FLOW, "cbfwm": lexicon.WHITE_FLOW, "cbflesion": lexicon.LESION_FLOW}


@dataclass(frozen=True, eq=False)
class PureTissue:
    """Flow of one tissue by itself and its standard error in 1/s, with the status of each voxel."""

    flow: Float[np.ndarray, " voxels"]
    std: Float[np.ndarray, " voxels"]
    status: np.ndarray

    @property
    def is_told(self) -> Bool[np.ndarray, " voxels"]:
        """Where there is one."""
        return np.asarray(self.status < FAILED_FROM)


@dataclass(frozen=True, eq=False)
class Pure:
    """Flow of pure tissues by key, with the sentence for it, flags, and numbers for the summary."""

    tissues: dict[str, PureTissue]
    step: Step
    flags: tuple[Flag, ...]
    numbers: dict[str, Any]

    def quantities(self) -> dict[str, Quantity]:
        """What each map is."""
        return {key: QUANTITIES[key] for key in self.tissues}


@dataclass(frozen=True, eq=False)
class Shares:
    """What each voxel holds (0 to 1), together no more than all of it."""

    grey: Float[np.ndarray, " voxels"]
    white: Float[np.ndarray, " voxels"]
    fluid: Float[np.ndarray, " voxels"]
    lesion: Float[np.ndarray, " voxels"]


def pure_flow(fitted: Kinetics, around: Around, brain: Region, *, in_lesion: bool = False) -> Pure:
    """Flow of pure grey (cbfgm) and white matter (cbfwm), and `in_lesion` that of pure lesion (cbflesion).

    In the lesion grey and white matter get no value. Raises Problem without maps of both, or of a lesion that is asked
    for and not known.
    """
    shares = shares_of(around, brain)
    if in_lesion and around.lesion is None:
        raise Problem(
            "asl.partial_volume is 'lesion' but no lesion is known.",
            "It would be read by nobody.",
            "Give --lesion, or use asl.partial_volume=regression.",
        )
    flow, std = fitted.values["cbf"], fitted.std["cbf"]
    good = (fitted.status["cbf"] < FAILED_FROM) & (std > 0)
    ill = np.zeros(brain.n_voxels, bool) if around.lesion is None else brain.taken(around.lesion.mask)
    even = _even(np.where(good, flow, 0.0), np.where(good, std, 1.0), good & ~ill, shares, brain)
    tissues = {
        key: _told(even, at, good & ~ill, share)
        for at, (key, share) in enumerate((("cbfgm", shares.grey), ("cbfwm", shares.white)))
    }
    sentence = (
        "Flow of pure grey and white matter came from regression over neighbours (a Gaussian of "
        f"{WIDTH:g} voxel in the slice) by their shares; "
    )
    if not in_lesion:
        left = "a lesion was left out of it." if around.lesion is not None else "it is taken to be even among them."
        return Pure(tissues, _step(sentence + left), (), {})
    tissues["cbflesion"] = _of_lesion(flow, std, good, even, shares)
    numbers, flag = _reported(flow, tissues["cbflesion"], shares, ill)
    sentence += (
        "flow of the lesion is what grey and white matter leave of each of its voxels, over the share of the lesion, "
        "and no voxel lends it to another."
    )
    return Pure(tissues, _step(sentence), (flag,), numbers)


def shares_of(around: Around, brain: Region) -> Shares:
    """What each voxel holds. Maps of tissue that know of no lesion are made to leave it its place.

    Raises Problem without maps of grey and white matter.
    """
    if around.grey is None or around.white is None:
        raise Problem(
            "asl.partial_volume is asked for but there are no maps of grey and white matter.",
            "It divides flow among tissues by their shares.",
            "Give --gm and --wm, or conventional images, or use asl.partial_volume=none.",
        )
    given = (around.grey, around.white, around.fluid, around.share_of_lesion)
    grey, white, fluid, lesion = (
        np.zeros(brain.n_voxels) if one is None else np.clip(np.nan_to_num(brain.taken(one)), 0.0, 1.0).astype(float)
        for one in given
    )
    rest = grey + white + fluid
    room = np.minimum(1.0, (1.0 - lesion) / np.maximum(rest, 1e-9))
    return Shares(grey * room, white * room, fluid * room, lesion)


@dataclass(frozen=True, eq=False)
class _Even:
    """Flow of grey and white matter (first axis) around every voxel, the covariance of the two, and which are told.

    `is_told` is whether either could be told from the other, or the neighbours hold as good as none of that.
    """

    flow: Float[np.ndarray, "2 voxels"]
    covariance: Float[np.ndarray, "2 2 voxels"]
    is_told: Bool[np.ndarray, "2 voxels"]


def _even(
    value: Float[np.ndarray, " voxels"],
    std: Float[np.ndarray, " voxels"],
    good: Bool[np.ndarray, " voxels"],
    shares: Shares,
    brain: Region,
) -> _Even:
    """The normal equations of every neighbourhood, of voxels without lesion, and what noise makes of their solution."""
    weight = np.where(good & (shares.lesion <= FREE), np.clip(1.0 - shares.fluid, 0.0, 1.0) / std**2, 0.0)
    x = np.stack([shares.grey, shares.white])

    def summed(one: Float[np.ndarray, " voxels"], width: float = WIDTH) -> Float[np.ndarray, " voxels"]:
        volume = ndimage.gaussian_filter(brain.spread(one, 0.0), (width, width, 0.0), mode="constant")
        return np.asarray(brain.taken(volume))

    a = np.array([[summed(weight * one * other) for other in x] for one in x])
    b = np.array([summed(weight * one * value) for one in x])
    # The square of the kernel is a narrower one; the squared weights times the variance of each voxel are its noise.
    square = (weight * std) ** 2
    noise = np.array([[summed(square * one * other, WIDTH / np.sqrt(2.0)) for other in x] for one in x])
    noise = noise / (4.0 * np.pi * WIDTH**2)
    diagonal = np.stack([a[0, 0], a[1, 1]])
    determinant = a[0, 0] * a[1, 1] - a[0, 1] ** 2
    both = determinant > SEPARATE * diagonal.prod(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        inverse = np.array([[a[1, 1], -a[0, 1]], [-a[0, 1], a[0, 0]]]) / determinant
        alone = np.zeros_like(inverse)
        alone[0, 0], alone[1, 1] = 1.0 / diagonal
        inverse = np.where(both, inverse, alone)
        flow = np.einsum("ijv,jv->iv", inverse, b)
        covariance = np.einsum("ijv,jkv,lkv->ilv", inverse, noise, inverse)
        is_lone = a[0, 1] < TRACE * diagonal
    return _Even(flow, covariance, np.isfinite(flow) & (both | is_lone))


def _told(even: _Even, at: int, where: Bool[np.ndarray, " voxels"], share: Float[np.ndarray, " voxels"]) -> PureTissue:
    """Flow of grey (0) or white matter (1) in the voxels that hold it."""
    is_told = where & (share >= LEAST) & (even.is_told[at] | (share > 1.0 - LEAST)) & np.isfinite(even.flow[at])
    status = np.where(is_told, np.int16(Status.OK), np.int16(Status.NOT_DETERMINED))
    return PureTissue(even.flow[at], np.sqrt(even.covariance[at, at]), status)


def _of_lesion(
    flow: Float[np.ndarray, " voxels"],
    std: Float[np.ndarray, " voxels"],
    good: Bool[np.ndarray, " voxels"],
    even: _Even,
    shares: Shares,
) -> PureTissue:
    """What grey and white matter leave of each voxel, over its share of lesion; a trace that is not told is let be.

    Where that costs too much, nothing is told.
    """
    x = np.stack([shares.grey, shares.white])
    is_told = good & (shares.lesion >= LEAST) & (even.is_told | (x <= TRACE)).all(axis=0)
    usable = np.where(even.is_told, x, 0.0)
    others = np.einsum("iv,iv->v", usable, np.where(even.is_told, even.flow, 0.0))
    spread = np.einsum("iv,jv,ijv->v", usable, usable, np.where(np.isfinite(even.covariance), even.covariance, 0.0))
    share = np.where(shares.lesion >= LEAST, shares.lesion, np.nan)
    error = np.sqrt(std**2 + spread) / share
    status = np.where(is_told & (error <= COSTS * std), np.int16(Status.OK), np.int16(Status.NOT_DETERMINED))
    return PureTissue((flow - others) / share, error, status)


def _step(sentence: str) -> Step:
    return Step(SOURCE, sentence, {"width in voxels": WIDTH}, ("Asllani et al. 2008, doi:10.1002/mrm.21670",))


def _reported(
    flow: Float[np.ndarray, " voxels"], pure: PureTissue, shares: Shares, ill: Bool[np.ndarray, " voxels"]
) -> tuple[dict[str, Any], Flag]:
    """What the correction made of the lesion, in numbers and a flag."""
    inside = ill & pure.is_told
    mixed = inside & (shares.lesion < 1.0 - TRACE)
    unit = lexicon.LESION_FLOW
    moved = np.abs(pure.flow[mixed] - flow[mixed])
    means = [float(one[inside].mean()) if inside.any() else float("nan") for one in (flow, pure.flow)]
    numbers = {"n_voxels": int(inside.sum()), "n_mixed": int(mixed.sum()), "measured": means[0], "pure": means[1]}
    sentence = (
        f"Flow of pure lesion was asked for: {int(mixed.sum())} of {int(inside.sum())} of its voxels hold other tissue "
        "as well"
    )
    if mixed.any():
        sentence += (
            f", and flow there moves by {unit.shown_factor * float(moved.mean()):.0f} {unit.shown_unit} on average "
            f"({unit.shown_factor * float(moved.max()):.0f} at most), as the shares are right"
        )
    gone = int((ill & ~pure.is_told).sum())
    if gone:
        sentence += f". Of {gone} voxels too little is left to tell, or their neighbours tell too little"
    sentence += (
        f". The mean of the others goes from {unit.shown_factor * means[0]:.1f} to {unit.shown_factor * means[1]:.1f}; "
        "its numbers on the page come from the measured flow."
    )
    share = float(mixed.sum() / max(inside.sum(), 1))
    flag = Flag("lesion-partial-volume", Severity.CAUTION, sentence, "lesion", share, SOURCE)
    return {"lesion_partial_volume": numbers}, flag
