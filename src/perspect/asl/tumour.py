"""Flow of a lesion against normal tissue: every reference by itself, with an interval, without what is no tumour.

Published cut-offs of normalised flow belong to one scanner and one kind of region each. So a ratio with its interval is
stated, and no verdict.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.asl.hot_spots import CLUSTER, hot_spots
from perspect.asl.kinetics import Kinetics
from perspect.asl.no_tissue import Masks, no_tissue
from perspect.asl.quality import PURE
from perspect.asl.sides import sides
from perspect.vocabulary import FAILED_FROM, Around, Flag, Region, Severity, Status

FEWEST: Final = 20
"""Voxels of a reference."""

IN_LESIONS: Final = ("choroid plexus", "vessels", "fluid")
"""What is left out of a lesion."""

DRAWS: Final = 400
"""Of the bootstrap of a reference."""

LATE: Final = 0.5
"""s by which label comes later to a lesion than to its reference, from which on it is said. [our default]"""

SOURCE: Final = "lesion"


@dataclass(frozen=True, eq=False)
class ReadOut:
    """Numbers by name (nested by reference), flags, and the references that were used."""

    numbers: dict[str, Any]
    flags: tuple[Flag, ...]
    regions: dict[str, Region]


def read_out(fitted: Kinetics, around: Around, brain: Region, seed: int) -> ReadOut:
    """Mean and hot spots of a lesion, and their ratios to contralateral grey and white matter and to its mirror."""
    lesion = around.lesion
    if lesion is None:
        return ReadOut({}, (), {})
    masks = no_tissue(fitted, around, brain)
    inside, left_out = _tissue(fitted, around, brain, masks)
    flow, std = fitted.values["cbf"], fitted.std["cbf"]
    if inside.sum() < CLUSTER:
        sentence = f"Only {int(inside.sum())} voxels of the lesion could be measured: no flow is stated for it."
        return ReadOut({}, (Flag("lesion-not-measured", Severity.LIMITED, sentence, "lesion", source=SOURCE),), {})
    numbers: dict[str, Any] = {
        "n_voxels": int(inside.sum()),
        "left_out": left_out,
        "mean": float(flow[inside].mean()),
        "mean_std": _error(std[inside]),
    }
    rng = np.random.default_rng(seed)
    hot = hot_spots(flow, std, inside, brain, rng)
    if hot is not None:
        numbers |= {"hot": hot.flow, "hot_std": hot.std, "hot_voxels": hot.n_voxels}
    flags = [*sides(around, brain).flags()]
    regions = references(fitted, around, brain, masks)
    for name, region in regions.items():
        numbers[name] = _ratios(numbers, flow, brain.taken(region.mask), rng)
    _delay(fitted, inside, regions, brain, numbers, flags)
    if fitted.drawn is not None:
        numbers["transit_times_borrowed"] = float(np.nanmean(fitted.drawn[inside]))
    return ReadOut(numbers, tuple(flags), regions)


def of_white(found: ReadOut) -> dict[str, Region]:
    """White matter that a lesion was divided by, under the name that pages know."""
    return {"reference": found.regions["white"]} if "white" in found.regions else {}


def _tissue(
    fitted: Kinetics, around: Around, brain: Region, masks: Masks
) -> tuple[Bool[np.ndarray, " voxels"], dict[str, int]]:
    """The lesion's voxels that are measured and tissue, and how many are not for which reason (the first that holds).

    What lies in the shell of the sinuses stays: so do tumours.
    """
    assert around.lesion is not None
    ill = brain.taken(around.lesion.mask)
    left = ill & (fitted.status["cbf"] < FAILED_FROM)
    counts = {"not measured": int((ill & ~left).sum())}
    for name in IN_LESIONS:
        here = left & brain.taken(masks[name])
        counts[name] = int(here.sum())
        left &= ~here
    return np.asarray(left), counts


def references(fitted: Kinetics, around: Around, brain: Region, masks: Masks) -> dict[str, Region]:
    """Contralateral grey and white matter, and the place opposite the lesion, as far as each has voxels enough.

    Vessels, plexus, sinuses and fluid are left out of all of them.
    """
    assert around.lesion is not None
    mask = around.lesion.mask
    ok = brain.spread(fitted.status["cbf"] < FAILED_FROM, False)
    halves = sides(around, brain)
    other = halves.away_from(mask)
    away = ~ndimage.binary_dilation(mask, iterations=2) & ok & ~np.any(list(masks.values()), axis=0)
    found = {"mirror": halves.opposite(mask) & brain.mask & away}
    for name, share in (("grey", around.grey), ("white", around.white)):
        if share is not None:
            found[name] = (np.nan_to_num(share) >= PURE) & other & away
    words = {
        "mirror": "opposite the lesion",
        "grey": "contralateral grey matter",
        "white": "contralateral white matter",
    }
    return {
        name: Region(one, brain.grid, words[name], "by the tissue maps" if name != "mirror" else halves.words)
        for name, one in found.items()
        if one.sum() >= FEWEST
    }


def _ratios(
    numbers: dict[str, Any], flow: np.ndarray, reference: Bool[np.ndarray, " voxels"], rng: np.random.Generator
) -> dict[str, Any]:
    """Ratios to a reference with 95 % intervals: noise of the lesion, and which voxels of the reference were met."""
    values = flow[reference & np.isfinite(flow)]
    # The mean, as of the lesion: a mirror of two tissues has a median that is neither.
    level = float(values.mean())
    draws = values[rng.integers(0, values.size, (DRAWS, values.size))].mean(axis=1)
    spread = float(draws.std())
    out: dict[str, Any] = {"level": level, "level_std": spread, "n_voxels": int(values.size)}
    if not level > 2.0 * spread:
        return out | {"ratio": "not determined: the reference does not differ from 0"}
    for what in ("mean", "hot"):
        if what in numbers:
            ratio = numbers[what] / level
            error = float(np.hypot(numbers[f"{what}_std"] / level, ratio * spread / level))
            out[what] = ratio
            out[f"{what}_interval"] = [ratio - 1.96 * error, ratio + 1.96 * error]
    return out


def _error(std: Float[np.ndarray, " some"]) -> float:
    """Standard error of a mean of voxels whose noise is independent."""
    return float(np.sqrt((std**2).sum()) / std.size)


def _delay(
    fitted: Kinetics, inside: np.ndarray, regions: dict[str, Region], brain: Region, numbers: dict[str, Any],
    flags: list[Flag],
) -> None:  # fmt: skip
    if "att" not in fitted.values:
        sentence = "With one delay, low flow of a lesion may be late label: it cannot be told which."
        flags.append(Flag("lesion-one-delay", Severity.NOTE, sentence, "lesion", source=SOURCE))
        return
    att, told = fitted.values["att"], fitted.status["att"] == Status.OK
    here = att[inside & told]
    name = next((one for one in ("mirror", "white", "grey") if one in regions), None)
    if name is None or here.size < CLUSTER:
        return
    there = att[brain.taken(regions[name].mask) & told]
    if there.size < CLUSTER:
        return
    late = float(np.median(here) - np.median(there))
    numbers["later_than_reference"] = late
    if late > LATE:
        sentence = (
            f"Label comes {late:.1f} s later to the lesion than {regions[name].name}: delay, not low flow, would "
        )
        sentence += "darken it in an image of one delay. The flow stated here has the delay taken out."
        flags.append(Flag("lesion-late", Severity.NOTE, sentence, "lesion", source=SOURCE))
