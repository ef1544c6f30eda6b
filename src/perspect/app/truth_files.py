"""The truth of a virtual patient as BIDS derivatives: maps, masks, labels, tables."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect import io
from perspect.io import canonical, nifti_out
from perspect.phantom import Compartment, Patient, RegionTruth
from perspect.phantom.sequence import Acquired
from perspect.vocabulary import Grid, Quantity, Region, lexicon

AMOUNTS: Final = (
    lexicon.TNAA, lexicon.TCR, lexicon.TCHO, lexicon.INS, lexicon.GLX, lexicon.LAC, lexicon.LIP13,
)  # fmt: skip
"""What there is a truth of in spectra."""


def _amount(of: Quantity) -> Quantity:
    """A true amount has a unit, which a measured one need not have."""
    return replace(of, unit="mmol/L", shown_unit="mmol/L", meaning=f"{of.name}, averaged over the whole of a voxel.")


SPINS: Final = Quantity(
    "PDmap", "Proton density", "PD", "1", 0.0, 2.0, "Water that gives signal, relative to pure water."
)
"""Known of virtual patients only: nothing here measures it."""

QUANTITIES: Final[Mapping[str, Quantity]] = {
    "cbv": lexicon.CBV, "rcbv": lexicon.RCBV, "cbf": lexicon.CBF, "mtt": lexicon.MTT, "delay": lexicon.DELAY,
    "ktrans": lexicon.KTRANS, "ps": lexicon.PS, "ve": lexicon.VE, "vp": lexicon.VP, "t1": lexicon.T1,
    "t2": lexicon.T2, "r2star": lexicon.R2STAR, "adc": lexicon.ADC, "transit": lexicon.ATT, "abv": lexicon.ABV,
    "b1": lexicon.B1, "spins": SPINS,
    **{one.key.lower(): _amount(one) for one in AMOUNTS},
}  # fmt: skip
"""What each true map is, by its name in the phantom."""

DENSITY: Final = 1.05
"""g/mL of brain: the truth of ASL is flow per mass, as ASL measures it; that of DSC per volume [our default]."""

PATIENT: Final = "T1w"
"""Whose grid the regions of the patient have; its masks are written once: on many disks names that differ by case are
one file."""

MOTION: Final = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def of_sequence(acquired: Acquired, subject: str) -> dict[PurePosixPath, bytes]:
    """Maps and masks on the grid of a sequence, its arterial curve, its motion."""
    space = PATIENT if acquired.sequence.name == PATIENT.lower() else acquired.sequence.name
    folder = io.TRUTH / subject / ("mrs" if acquired.signals else "perf" if space in ("dsc", "dce", "asl") else "anat")
    start = f"{subject}_space-{space.replace('-', '')}"
    made: dict[PurePosixPath, bytes] = {}
    for key, values in acquired.truth.items():
        quantity, true = _as_measured(key, values, space)
        made |= _image(folder / f"{start}_desc-truth_{quantity.key}", _map(true, quantity, acquired.grid), {
            "Name": quantity.name, "Symbol": quantity.symbol, "Units": quantity.shown_unit,
            "CAPLEX": quantity.caplex, "Description": quantity.meaning, **_space(space),
        })  # fmt: skip
    if space != PATIENT:
        made |= masks(acquired.regions.values(), folder, start, space)
    made |= _tables(acquired, folder, start)
    if acquired.traps:
        made[folder / f"{start}_desc-truth_traps.json"] = canonical.canonical(acquired.traps).encode()
    return made


def _as_measured(
    key: str, values: Float[np.ndarray, "x y z"], space: str
) -> tuple[Quantity, Float[np.ndarray, "x y z"]]:
    """A true map as the quantity that the sequence of its grid measures."""
    if (key, space) == ("cbf", "asl"):
        return lexicon.FLOW, values / DENSITY
    return QUANTITIES[key], values


def of_patient(patient: Patient, rows: Iterable[RegionTruth], subject: str) -> dict[PurePosixPath, bytes]:
    """The label map and the regions at 1 mm, and the table of regions."""
    folder = io.TRUTH / subject
    labels = label_map(patient)
    start = folder / "anat" / f"{subject}_desc-truth_dseg"
    made = _image(start, nifti_out.image(labels, patient.grid, description="labels of compartments"), {
        "Description": "What fills most of each voxel", **_space(PATIENT),
    })  # fmt: skip
    listed = "\n".join(f"{one.value}\t{one.name.lower()}" for one in Compartment)
    made[start.with_suffix(".tsv")] = f"index\tname\n{listed}\n".encode()
    made |= masks(patient.regions.values(), folder / "anat", f"{subject}_space-{PATIENT}", PATIENT)
    return made | _region_table(rows, folder / f"{subject}_desc-truth_rois")


def masks(regions: Iterable[Region], folder: PurePosixPath, start: str, space: str) -> dict[PurePosixPath, bytes]:
    """A mask of each region."""
    made: dict[PurePosixPath, bytes] = {}
    for region in regions:
        label = region.name.replace("_", "")
        packed = nifti_out.volume(
            region.mask.astype(np.uint8), region.grid, code=1, intent="label", name=label,
            description=f"true region: {region.name}", window=(0, 1),
        )  # fmt: skip
        side = {"Name": region.name, "Type": "ROI", "Voxels": region.n_voxels, **_space(space)}
        made |= _image(folder / f"{start}_label-{label}_desc-truth_mask", packed, side)
    return made


def label_map(patient: Patient) -> np.ndarray:
    """The number of the compartment that fills most of each voxel of the fine grid."""
    labels = np.zeros(int(np.prod(patient.grid.shape)), np.uint8)
    most = np.zeros(labels.size, np.float32)
    for part in patient.parts:
        larger = part.fraction > most[part.inside]
        where = part.inside[larger]
        labels[where] = part.compartment
        most[where] = part.fraction[larger]
    return labels.reshape(patient.grid.shape, order="F")


def _map(values: Float[np.ndarray, "x y z"], quantity: Quantity, grid: Grid) -> bytes:
    shown = np.asarray(values * quantity.shown_factor, np.float32)
    return nifti_out.volume(
        shown, grid, code=1, intent="estimate", name=quantity.key,
        description=f"true {quantity.name} [{quantity.shown_unit}]", window=quantity.display,
    )  # fmt: skip


def _image(stem: PurePosixPath, packed: bytes, side: Mapping[str, Any]) -> dict[PurePosixPath, bytes]:
    return {
        stem.with_name(f"{stem.name}.nii.gz"): packed,
        stem.with_name(f"{stem.name}.json"): canonical.canonical({"SkullStripped": False, **side}).encode(),
    }


def _space(space: str) -> dict[str, str]:
    return {"SpatialReference": f"the grid of the {space} images of this patient, in scanner coordinates"}


def _tables(acquired: Acquired, folder: PurePosixPath, start: str) -> dict[PurePosixPath, bytes]:
    """Columns over the volumes; the arterial curve is a table that `perspect dsc --aif` can read."""
    times = next((one.times for one in acquired.images if one.times is not None), None)
    made: dict[PurePosixPath, bytes] = {}
    if times is None:
        return made
    if "arterial" in acquired.table:
        made |= _table(folder / f"{start}_desc-truth_aif", {"time": times, "cb": acquired.table["arterial"]}, {
            "time": {"Units": "s", "Description": "Time since the first volume"},
            "cb": {"Units": "mmol/L", "Description": "Agent in arterial blood; the haematocrit is zero"},
        })  # fmt: skip
    if "trans_x" in acquired.table:
        columns = {"time": times, **{name: acquired.table[name] for name in MOTION}}
        made |= _table(folder / f"{start}_desc-truth_motion", columns, {
            "time": {"Units": "s", "Description": "Time since the first volume"},
            **{name: {"Units": "mm" if name.startswith("trans") else "rad",
                      "Description": "How the head had moved, in scanner axes, turned about x, y, z, then shifted"}
               for name in MOTION},
        })  # fmt: skip
    return made


def _table(
    stem: PurePosixPath, columns: Mapping[str, np.ndarray], meaning: Mapping[str, Any]
) -> dict[PurePosixPath, bytes]:
    rows = zip(*(np.asarray(column, float) for column in columns.values()), strict=True)
    lines = ["\t".join(columns), *("\t".join(f"{one + 0.0:.9g}" for one in row) for row in rows)]
    return {
        stem.with_name(f"{stem.name}.tsv"): ("\n".join(lines) + "\n").encode(),
        stem.with_name(f"{stem.name}.json"): canonical.canonical(meaning).encode(),
    }


def _region_table(rows: Iterable[RegionTruth], stem: PurePosixPath) -> dict[PurePosixPath, bytes]:
    """A row for each region and quantity, in the unit of files."""
    lines = ["region\tquantity\tunit\tmean\tmedian\tstd\tn_voxels"]
    for row in rows:
        quantity = QUANTITIES[row.quantity]
        numbers = (quantity.shown_factor * one for one in (row.mean, row.median, row.std))
        shown = "\t".join(f"{one:.6g}" for one in numbers)
        lines.append(f"{row.region}\t{quantity.key}\t{quantity.shown_unit}\t{shown}\t{row.n_voxels}")
    meaning = {
        "region": {"Description": "True region of the patient at 1 mm (see the masks)"},
        "quantity": {"Description": "Key of the quantity: `perspect describe quantity KEY`"},
        "unit": {"Description": "Unit of mean, median and std"},
        "mean": {"Description": "Over the voxels where the quantity means something"},
        "median": {"Description": "The same"},
        "std": {"Description": "Standard deviation over those voxels: how much the tissue varies, not an error"},
        "n_voxels": {"Description": "How many they are"},
    }
    return {
        stem.with_name(f"{stem.name}.tsv"): ("\n".join(lines) + "\n").encode(),
        stem.with_name(f"{stem.name}.json"): canonical.canonical(meaning).encode(),
    }
