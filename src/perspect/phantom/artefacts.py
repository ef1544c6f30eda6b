"""Traps that can be set in an examination of a virtual patient: each is one function, of protocol, images or anatomy.

What a trap does to other sequences than its own is nothing; two traps may be set at once, unless one undoes the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from perspect.phantom.dynamic import Dce, Dsc
from perspect.phantom.inserts import Insert, aired, bled, calcified, vessel_crossed
from perspect.phantom.labelled import Asl
from perspect.phantom.localised import Localised
from perspect.phantom.sequence import Acquired, Image, Moved, Pose, Sequence

TAIL: Final = 24.0
"""What a truncated tail leaves after the bolus has arrived, and what a late bolus leaves before the end, in s."""

WEAK: Final = 0.2
"""The share of its dose that arrives of a weak bolus."""

SATURATING: Final = 60.0
"""What the field of arteries adds to R2* in 1/s/mM at 3 T, in them and around them, when they fall to the noise."""

DRIFT: Final = -0.08
"""Relative change of the signal over a drifting series."""

FAILED: Final = 0.1
"""The share of labelling that still works in a carotid artery where it failed."""

FAT: Final = 0.03
"""The share of the voxel that seems to be scalp fat where outer lobes of the pulses see it."""

SLOPE: Final = 1.0
"""Hz/mm that a bad shim leaves across the voxel, in a random direction."""

NARROW: Final = 800.0
"""Bandwidth in Hz of pulses that select lactate a quarter of the voxel away from NAA."""

Scan = Dsc | Dce | Asl
Kind = TypeVar("Kind", bound=Sequence)
Did = Mapping[str, object]
"""What a trap did, by name: numbers that nobody can guess."""


@dataclass(frozen=True)
class Trap:
    """A trap: what a person calls it, what it does, and to which sequences.

    `of_protocol` changes the protocol before the scan, `of_images` what came of it (and says how). `insert` is put into
    the patient, whom all sequences see: it names none.
    """

    name: str
    sentence: str
    sequences: tuple[str, ...] = ()
    of_protocol: Callable[[Sequence, np.random.Generator], Sequence] | None = None
    of_images: Callable[[Acquired, np.random.Generator], tuple[Acquired, Did]] | None = None
    insert: Insert | None = None


def of(
    kind: type[Kind], change: Callable[[Kind, np.random.Generator], Sequence]
) -> Callable[[Sequence, np.random.Generator], Sequence]:
    """A change of protocols of one kind as a change of any protocol; raises `TypeError` of another."""

    def changed(scan: Sequence, rng: np.random.Generator) -> Sequence:
        if not isinstance(scan, kind):
            raise _foreign(scan)
        return change(scan, rng)

    return changed


def _foreign(scan: Sequence) -> TypeError:
    return TypeError(f"A {type(scan).__name__} has nothing that this trap could change.")


def moved_at_bolus(scan: Dsc, rng: np.random.Generator) -> Dsc:
    """The head nods as the bolus comes (people feel it), and does not quite come back."""
    first = int(scan.bolus.arrival / scan.tr) + 1
    there, further, back = (_pose(rng, size) for size in (1.0, 1.6, 0.5))
    return replace(scan, motion=(Moved(first, there), Moved(first + 2, further), Moved(first + 6, back)))


def moved_between_pairs(scan: Asl, rng: np.random.Generator) -> Asl:
    """The head moves six times, now between two pairs, now between label and control."""
    n = len(scan.volume_types)
    at = [round((i + 1) * n / 7) // 2 * 2 + i % 2 for i in range(6)]
    return replace(scan, motion=tuple(Moved(volume, _pose(rng, 0.8)) for volume in at))


def truncated(scan: Dsc, _: np.random.Generator) -> Dsc:
    """The series stops soon after the bolus: leakage and baseline after it cannot be seen."""
    return replace(scan, n_frames=min(int((scan.bolus.arrival + TAIL) / scan.tr) + 1, scan.n_frames))


def late(scan: Dsc, _: np.random.Generator) -> Dsc:
    """The bolus comes as the series ends."""
    wait = float(scan.times[-1]) - TAIL - scan.bolus.arrival
    return replace(scan, injections=(*scan.injections[:-1], replace(scan.bolus, start=scan.bolus.start + wait)))


def weakened(scan: Dsc, _: np.random.Generator) -> Dsc:
    """A fifth of the bolus arrives: the needle slipped, or the pump failed."""
    return replace(scan, injections=(*scan.injections[:-1], replace(scan.bolus, arriving=WEAK)))


def saturated(scan: Dsc, _: np.random.Generator) -> Dsc:
    """Arteries, and what shares their voxels, fall to the noise at the peak: their true curve is higher than is seen.

    Veins stay as they are.
    """
    return replace(scan, saturation=SATURATING)


def without_dummies(scan: Dsc, _: np.random.Generator) -> Dsc:
    """The first frames are brighter: magnetisation is still on its way to its steady state."""
    return replace(scan, dummies=0)


def drifted(scan: Sequence, _: np.random.Generator) -> Sequence:
    """The signal falls by some per cent from the first volume to the last."""
    if not isinstance(scan, Scan):
        raise _foreign(scan)
    return replace(scan, drift=DRIFT)


def unlabelled(scan: Asl, rng: np.random.Generator) -> Asl:
    """Labelling fails in one internal carotid artery: its territory seems without flow."""
    return replace(scan, labels=(FAILED, 1.0) if rng.random() < 0.5 else (1.0, FAILED))


def fat_seen(scan: Sequence, _: np.random.Generator) -> Sequence:
    """The pulses see scalp fat through their outer lobes: its signal stands where lactate and lipid of a tumour do."""
    if not isinstance(scan, Localised):
        raise _foreign(scan)
    return replace(scan, fat=FAT)


def badly_shimmed(scan: Sequence, _: np.random.Generator) -> Sequence:
    """A slope of the field is left across the voxel: lines are broad and run together."""
    if not isinstance(scan, Localised):
        raise _foreign(scan)
    return replace(scan, shim_error=SLOPE)


def displaced(scan: Sequence, _: np.random.Generator) -> Sequence:
    """The pulses are so narrow that each resonance comes from a box of its own."""
    if not isinstance(scan, Localised):
        raise _foreign(scan)
    return replace(scan, bandwidth=NARROW)


def swapped(acquired: Acquired, _: np.random.Generator) -> tuple[Acquired, Did]:
    """Label and control are stored the other way round than the table says: flow comes out negative."""

    def turned(image: Image) -> Image:
        values = image.values.copy(order="K")
        values[..., 0::2], values[..., 1::2] = image.values[..., 1::2], image.values[..., 0::2]
        return replace(image, values=values)

    return _each(acquired, turned), {"volume_type": "control and label are exchanged"}


def slice_lost(acquired: Acquired, rng: np.random.Generator) -> tuple[Acquired, Did]:
    """One slice through the lesion is empty in two volumes, in the bolus if there is one."""
    lesion = acquired.regions.get("core") or acquired.regions["brain"]
    at = int(np.median(np.nonzero(lesion.mask)[2]))
    first = _eventful(acquired, rng)

    def lacking(image: Image) -> Image:
        values = image.values.copy(order="K")
        values[:, :, at, first : first + 2] = 0
        return replace(image, values=values)

    return _each(acquired, lacking), {"slice": at, "volumes": [first, first + 1]}


def frame_repeated(acquired: Acquired, rng: np.random.Generator) -> tuple[Acquired, Did]:
    """One volume is stored twice, the second time in place of the next one."""
    at = _eventful(acquired, rng)

    def repeating(image: Image) -> Image:
        values = image.values.copy(order="K")
        values[..., at + 1] = values[..., at]
        return replace(image, values=values)

    return _each(acquired, repeating), {"volume": at + 1, "is": at}


def _each(acquired: Acquired, change: Callable[[Image], Image]) -> Acquired:
    """The same done to every series; single volumes stay as they are."""
    return replace(acquired, images=tuple(change(one) if one.times is not None else one for one in acquired.images))


def _eventful(acquired: Acquired, rng: np.random.Generator) -> int:
    """A volume where something happens: in the first pass of a bolus, else somewhere in the middle."""
    scan = acquired.sequence
    times = next(one.times for one in acquired.images if one.times is not None)
    if isinstance(scan, Dsc | Dce):
        return min(int(np.searchsorted(times, scan.bolus.arrival + 5.0)), times.size - 2)
    return int(rng.integers(times.size // 4, 3 * times.size // 4))


def _pose(rng: np.random.Generator, size: float) -> Pose:
    """A nod: a shift of about `size` mm up and down and to the front, a turn of about `size` degrees about x."""
    y, z = size * rng.choice([-1.0, 1.0], 2) * rng.uniform(0.6, 1.2, 2)
    x = 0.3 * size * rng.standard_normal()
    nod = size * rng.choice([-1.0, 1.0]) * rng.uniform(0.8, 1.2)
    about_y, about_z = 0.3 * size * rng.standard_normal(2)
    turns = np.deg2rad([nod, about_y, about_z])
    return float(x), float(y), float(z), float(turns[0]), float(turns[1]), float(turns[2])


_SERIES: Final = ("dsc", "dce", "asl")
_SPECTRA: Final = ("svs-short", "svs-long", "svs-2hg", "mrsi")

TRAPS: Final[tuple[Trap, ...]] = (
    Trap("late-bolus", f"The bolus arrives {TAIL:g} s before the series ends.", ("dsc",), of(Dsc, late)),
    Trap("motion-at-bolus", "The head nods while the bolus passes.", ("dsc",), of(Dsc, moved_at_bolus)),
    Trap(
        "motion-between-pairs",
        "The head moves between label and control images.",
        ("asl",),
        of(Asl, moved_between_pairs),
    ),
    Trap("truncated-tail", f"The series ends {TAIL:g} s after the bolus arrives.", ("dsc",), of(Dsc, truncated)),
    Trap("weak-bolus", f"Only {WEAK:.0%} of the dose arrives.", ("dsc",), of(Dsc, weakened)),
    Trap("arterial-saturation", "The arteries fall to the noise.", ("dsc",), of(Dsc, saturated)),
    Trap(
        "non-steady-first-frames",
        "The first frames are too bright: no dummy pulses.",
        ("dsc",),
        of(Dsc, without_dummies),
    ),
    Trap("drift", f"The signal falls by {-DRIFT:.0%} over the series.", _SERIES, drifted),
    Trap("failed-carotid", "Labelling fails in one internal carotid artery.", ("asl",), of(Asl, unlabelled)),
    Trap("wrong-label-order", "Label and control are exchanged.", ("asl",), None, swapped),
    Trap("dropped-slice", "A slice through the lesion is empty in two volumes.", _SERIES, None, slice_lost),
    Trap("duplicated-frame", "A volume stands in place of the next one.", ("dsc", "dce"), None, frame_repeated),
    Trap("fat-in-voxel", "Outer lobes of the pulses see scalp fat.", _SPECTRA, fat_seen),
    Trap("bad-shim", f"The field changes by {SLOPE:g} Hz/mm across the voxel.", _SPECTRA, badly_shimmed),
    Trap("chemical-shift-displacement", f"Pulses of {NARROW:g} Hz: a box for each line.", _SPECTRA, displaced),
    Trap("haemorrhage", "The lesion has bled: dark in T2*, no signal in DSC.", insert=bled),
    Trap("calcium", "The lesion is calcified in part.", insert=calcified),
    Trap("vessel-in-lesion", "A large artery runs through the lesion.", insert=vessel_crossed),
    Trap("sinus-drop-out", "Much air beside the brain: gradient echoes lose signal.", insert=aired),
)
"""Every trap, in the order in which they are set: the bolus is late before a head nods as it comes. `name` is what a
person types; it is resolved where it is typed."""
