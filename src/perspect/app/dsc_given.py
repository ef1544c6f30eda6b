"""What was given by hand for a DSC examination and what the conventional images say, and what the room makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from perspect import dsc, io
from perspect.app.anatomy import Seen, judged, seen, seen_in
from perspect.app.dsc_inputs import TABLES, Inputs, baseline
from perspect.app.given import demand_read, map_on, read_images
from perspect.app.head import Head
from perspect.app.place import kept_of, region_on
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Curve, Flag, Grid, Measured, Problem, Recipe, Region, Severity, lexicon
from perspect.vocabulary.progress import Progress


@dataclass(frozen=True, eq=False)
class ByHand:
    """What was given instead of being found, on the grid of the series, and notes on how it got there; and what the
    conventional images say, where there are any. `ktrans` is in 1/s, `t1` in s at the time of the bolus.
    """

    mask: Region | None
    reference: Region | None
    aif: Region | Curve | None
    notes: tuple[Flag, ...]
    lesion: Region | None = None
    seen: Seen | None = None
    ktrans: Float[np.ndarray, "x y z"] | None = None
    t1: Float[np.ndarray, "x y z"] | None = None

    @property
    def white(self) -> Region | None:
        """The reference: given, or that of the conventional images."""
        return self.reference if self.reference is not None or self.seen is None else self.seen.white

    @property
    def regions(self) -> dict[str, Region]:
        """The lesion and what lies opposite of it, as far as they are known."""
        seen = self.seen
        lesion, opposite = (self.lesion, None) if seen is None else (seen.lesion, seen.opposite)
        found = {"lesion": lesion, "mirror": opposite}
        return {key: one for key, one in found.items() if one is not None}


def given_by_hand(inputs: Inputs, reading: io.Reading) -> ByHand:
    """The masks on the grid of the series, and the arterial input as a mask or as a curve (by its extension)."""
    notes: list[Flag] = []

    def region(path: Path | None, name: str) -> Region | None:
        if path is None:
            return None
        found, flags = region_on(path, name, reading.series[0].grid, has_positions=reading.code != 0)
        notes.extend(flags)
        return found

    mask, reference = region(inputs.mask, "brain"), region(inputs.reference, "reference")
    if inputs.aif is not None and not inputs.aif.exists():
        raise Problem(
            f"There is no arterial input '{inputs.aif}'.",
            "It is 'auto' (found in the brain), or a file: a mask (NIfTI) or a table of times and values (TSV).",
            "Use --aif auto, or check the path.",
        )
    if inputs.aif is not None and inputs.aif.suffix.lower() in TABLES:
        aif: Region | Curve | None = io.read_input_function(inputs.aif)
    else:
        aif = region(inputs.aif, "aif")
    grid = reading.series[0].grid
    per_minute = None if inputs.ktrans is None else _map_on(inputs.ktrans, grid)
    ktrans = None if per_minute is None else per_minute / np.float32(lexicon.KTRANS.shown_factor)
    return ByHand(mask, reference, aif, tuple(notes), ktrans=ktrans, t1=_t1_on(inputs, grid))


def _map_on(path: Path, grid: Grid) -> Float32[np.ndarray, "x y z"]:
    """A map that was given, on a grid. Raises `Problem` where it lies elsewhere."""
    values, own = io.read_volume(path)
    return np.asarray(values if own.matches(grid) else map_on(values, own, grid, path), np.float32)


def _t1_on(inputs: Inputs, grid: Grid) -> Float32[np.ndarray, "x y z"] | None:
    """T1 in s at the time of the bolus on a grid: as given, or less what agent took from it until then.

    Raises `Problem` where a map lies elsewhere, or where only the change was given.
    """
    if inputs.t1 is None:
        if inputs.delta_t1 is not None:
            raise Problem(
                f"{inputs.delta_t1.name} says what agent took from T1, and no T1 was given.",
                "It would be read by nobody.",
                "Give the T1 that it is taken from with --t1, or leave it out.",
            )
        return None
    t1 = _map_on(inputs.t1, grid)
    return t1 if inputs.delta_t1 is None else t1 - _map_on(inputs.delta_t1, grid)


def with_anatomy(
    by_hand: ByHand,
    reading: io.Reading,
    anatomy: Mapping[str, Path],
    inputs: Inputs,
    paths: list[Path],
    tell: Progress,
    head: Head | None = None,
) -> ByHand:
    """What was given, with what the conventional images say; they are not looked at where a reference was given and
    no lesion.

    `head` is what they say, where that is known already. Raises `Refusal` where the images are of different patients.
    """
    lesion, given = inputs.lesion, inputs.tissue
    io.demand_regions_of(paths[0], (lesion, inputs.mask, inputs.reference, *inputs.maps))
    if lesion is None and by_hand.reference is not None:
        demand_read(given, False, "the reference is given and no lesion, so that no conventional image is looked at")
        return by_hand
    demand_read(given, bool(anatomy), "no conventional image is read")
    if not anatomy:
        return by_hand if lesion is None else _with_lesion(by_hand, reading, lesion)
    tell("anatomy", 0.0)
    strangers = io.demand_one_patient([*paths, *anatomy.values(), *given.files])
    picture, grid = baseline(reading.series[0], {}), reading.series[0].grid
    if head is not None:
        found: Seen | None = seen_in(head, picture, grid)
    else:
        images, notes = read_images(anatomy, given)
        strangers = (*strangers, *notes)
        found = seen(picture, grid, images, None if lesion is None else io.read_region(lesion, "lesion"))
    if found is None:
        return by_hand if lesion is None else _with_lesion(by_hand, reading, lesion)
    return replace(by_hand, notes=(*by_hand.notes, *strangers, *found.flags), seen=found)


def _with_lesion(by_hand: ByHand, reading: io.Reading, path: Path) -> ByHand:
    """What was given, with a lesion that no conventional image shows, as it lies in the frame of the series."""
    lesion, notes = region_on(path, "lesion", reading.series[0].grid, has_positions=reading.code != 0)
    if by_hand.reference is None:
        sentence = "Without a conventional image the lesion is not left out of where the reference is sought."
        notes = (*notes, Flag("lesion-in-reference", Severity.CAUTION, sentence, "reference", source="anatomy"))
    return replace(by_hand, lesion=lesion, notes=(*by_hand.notes, *notes))


def quantified(reading: io.Reading, by_hand: ByHand, plan: dsc.Plan, threads: int, tell: Progress) -> Measured:
    """What the room says, together with what was remarked on while reading."""
    with on_threads(threads):
        measured = dsc.quantify(
            reading.series, plan, mask=by_hand.mask, reference=by_hand.white, aif=by_hand.aif,
            lesion=by_hand.regions.get("lesion"), keep=kept_of(by_hand.regions.get("lesion"), by_hand.white),
            ktrans=by_hand.ktrans, t1=by_hand.t1, progress=tell,
        )  # fmt: skip
    flags, regions = (*reading.flags, *by_hand.notes, *measured.flags), {**measured.regions, **by_hand.regions}
    if by_hand.seen is None:
        return replace(measured, flags=flags, regions=regions)
    doubts, numbers = judged(by_hand.seen, measured, by_hand.reference)
    recipe = Recipe((*by_hand.seen.steps, *measured.recipe.steps))
    summary = {**measured.summary, **numbers}
    return replace(measured, flags=(*flags, *doubts), recipe=recipe, regions=regions, summary=summary)
