"""A signal of spectroscopy from whatever file holds it: NIfTI-MRS, DICOM, LCModel, Philips SDAT/SPAR, Siemens RDA,
dangerplot, jMRUI text; raw data of Siemens and GE by way of spec2nii.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.io.dicom_header import is_dicom
from perspect.io.dicom_spectra import read_dicom
from perspect.io.lcmodel import NOWHERE, SaidByHand, read_basis, read_lcmodel
from perspect.io.nifti_mrs import basis_from, doubly_placed, read_nifti_mrs
from perspect.io.placement import TO_RAS, Box, contradiction
from perspect.io.raw_spectra import is_raw, read_raw
from perspect.io.series import sha256
from perspect.io.sidecar import read_sidecar
from perspect.vocabulary import Basis, Flag, Grid, Problem, Severity, Spectra

SECOND_PAIR: Final = 4
"""Columns of a text file from which on the third and fourth are the unsuppressed water of the same voxel."""


OF_SPAR: Final = {
    "scan_id": "ProtocolName", "averages": "NumberOfTransients", "equipment_sw_verions": "SoftwareVersions",
    "spectrum_inversion_time": "InversionTime",
}  # fmt: skip
OF_RDA: Final = {
    "ModelName": "ManufacturersModelName", "SoftwareVersion[0]": "SoftwareVersions", "SequenceName": "SequenceName",
    "NumberOfAverages": "NumberOfTransients", "TransmitCoil": "TransmitCoilName", "ProtocolName": "ProtocolName",
}  # fmt: skip
"""Words of two headers that say how a signal was taken, never of whom, and those of NIfTI-MRS for the same."""


def read_spectra(path: Path, said: SaidByHand | None = None) -> tuple[Spectra, tuple[Flag, ...]]:
    """The signal in a file, and what was remarked on while reading. What is said by hand overrides the header."""
    said = said or SaidByHand()
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "Nothing can be read.", "Check the path.")
    found, flags = _reader(path)(path, said)
    return said.over(found), flags


def water_within(path: Path, said: SaidByHand | None = None) -> Spectra | None:
    """Unsuppressed water of the same voxel that lies in the same file; `None` where there is none."""
    said, name = said or SaidByHand(), path.name.lower()
    found = None
    if is_raw(path):
        found = read_raw(path).water
    elif name.endswith(".txt"):
        found = read_text(path, said, 1)
    elif not name.endswith(ENDINGS) and is_dicom(path):
        found = read_dicom(path).water
    return None if found is None else said.over(found)


OF_PULSES: Final = ("VOI", "TxOffset", "PulseBandwidth", "ReadoutBandwidthPerVoxel")
"""What a sidecar may say of where lines are excited; for everything else the header of the file holds."""

ENDINGS: Final = (".nii", ".nii.gz", ".sdat", ".spar", ".rda", ".dpt", ".raw", ".h2o", ".txt", ".mrui")
"""Of files that say by their name what they are; DICOM says it inside."""


def _reader(path: Path) -> Callable[[Path, SaidByHand], tuple[Spectra, tuple[Flag, ...]]]:
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return lambda one, _: _with_sidecar(one)
    if name.endswith((".sdat", ".spar")):
        return lambda one, _: read_sdat(one)
    if name.endswith(".rda"):
        return lambda one, _: read_rda(one)
    if name.endswith(".dpt"):
        return lambda one, _: (read_dangerplot(one), ())
    if name.endswith((".raw", ".h2o")):
        return lambda one, said: (read_lcmodel(one, said), ())
    if name.endswith((".txt", ".mrui")):
        return lambda one, said: (_some(read_text(one, said)), ())
    if is_dicom(path):
        return lambda one, _: ((found := read_dicom(one)).signal, found.flags)
    if is_raw(path):
        return lambda one, _: (read_raw(one).signal, ())
    raise Problem(
        f"{path.name} is of no kind that is read here.",
        "Known are NIfTI-MRS (.nii.gz), DICOM, LCModel (.raw, .h2o), Philips (.sdat with .spar), Siemens (.rda, .dat), "
        "GE (.7), .dpt, .txt.",
        "Convert other raw data of the scanner with spec2nii.",
    )


def _with_sidecar(path: Path) -> tuple[Spectra, tuple[Flag, ...]]:
    """A NIfTI-MRS file, with what its sidecars alone say of the pulses; where both say it, the file holds."""
    found, flags = read_nifti_mrs(path), doubly_placed(path)
    beside = read_sidecar(path, path).values
    said = {key: beside[key] for key in OF_PULSES if key in beside}
    unlike = [key for key, value in said.items() if key in found.header and not _same(found.header[key], value)]
    if unlike:
        sentence = f"{path.name} and its sidecar do not say the same {', '.join(unlike)}: that of the file is used."
        flags = (*flags, Flag("pulses-contradicted", Severity.CAUTION, sentence, where=path.name, source="reading"))
    return replace(found, header={**said, **found.header}), flags


def undescribed(said: Any) -> Any:
    """A field of a header, which NIfTI-MRS lets come with a description, without it."""
    return said.get("Value") if isinstance(said, dict) else said


def _same(one: Any, other: Any) -> bool:
    """Whether two fields, which may come with a description, are alike, numbers to what rounding leaves."""
    one, other = undescribed(one), undescribed(other)
    try:
        return bool(np.allclose(np.array(one, float), np.array(other, float), rtol=1e-6, atol=1e-6))
    except (TypeError, ValueError):
        return bool(one == other)


def _some(found: Spectra | None) -> Spectra:
    assert found is not None
    return found


def read_any_basis(path: Path) -> Basis:
    """A basis set: LCModel's, or one of `perspect basis` as NIfTI-MRS."""
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "Nothing can be read.", "Check the path given to --basis.")
    return basis_from(read_nifti_mrs(path)) if path.name.lower().endswith((".nii", ".nii.gz")) else read_basis(path)


def read_dangerplot(path: Path) -> Spectra:
    """A text file with a few lines of header and two columns (TARQUIN's own format)."""
    lines = path.read_text(encoding="latin-1").splitlines()
    at = next((k for k, line in enumerate(lines) if line.lower().startswith("real_fid")), None)
    said = {words[0]: words[-1] for line in lines[:at] if (words := line.split())}
    if at is None or not {"Sampling_frequency", "Transmitter_frequency"} <= set(said):
        raise Problem(f"{path.name} is no dangerplot file.", "Its sampling frequency is not known.", "Export it again.")
    values = _pairs(path, lines[at + 1 :])
    return Spectra(
        values[None, None, None], 1 / float(said["Sampling_frequency"]), float(said["Transmitter_frequency"]),
        Grid((1, 1, 1), NOWHERE), placed=False, name=path.name, sources={path.name: sha256(path)},
    )  # fmt: skip


def read_text(path: Path, by_hand: SaidByHand, pair: int = 0) -> Spectra | None:
    """A text file of jMRUI, or plain columns of real and imaginary parts (then dwell and frequency must be told).

    `pair` 1 reads the water in the third and fourth column of plain columns; `None` where there are only two.
    """
    lines = path.read_text(encoding="latin-1").splitlines()
    said = dict(re.findall(r"^(\w+):\s*([-+.\deE]+)\s*$", "\n".join(lines[:40]), flags=re.MULTILINE))
    dwell = by_hand.dwell or (float(said["SamplingInterval"]) * 1e-3 if "SamplingInterval" in said else None)
    frequency = by_hand.frequency or (float(said["TransmitterFrequency"]) if "TransmitterFrequency" in said else None)
    if dwell is None or not frequency:
        raise Problem(
            f"{path.name} does not say its sampling interval and frequency.",
            "Without both there is no axis in ppm.",
            "Give --bandwidth in Hz and --frequency in MHz.",
        )
    rows = [line for line in lines if re.fullmatch(r"\s*[-+.\deE]+(?:\s+[-+.\deE]+)+\s*", line)]
    is_plain = "PointsInDataset" not in said
    if pair and not (is_plain and rows and len(rows[0].split()) == SECOND_PAIR):
        return None
    values = _pairs(path, rows, 2 * pair)
    if not is_plain:
        values = values[: int(float(said["PointsInDataset"]))].conj()  # jMRUI turns the other way
    return Spectra(
        values[None, None, None], dwell, frequency, Grid((1, 1, 1), NOWHERE), placed=False, name=path.name,
        sources={path.name: sha256(path)},
    )  # fmt: skip


def _pairs(path: Path, rows: list[str], first: int = 0) -> np.ndarray:
    try:
        numbers = np.array([[float(one) for one in row.split()[first : first + 2]] for row in rows if row.strip()])
        values: np.ndarray = numbers[:, 0] + 1j * numbers[:, 1]
    except (ValueError, IndexError) as error:
        raise Problem(f"{path.name} has rows that are no pairs of numbers.", str(error), "Export it again.") from error
    return values


def read_sdat(path: Path) -> tuple[Spectra, tuple[Flag, ...]]:
    """Philips: numbers in the VAX form of floating point in .SDAT, everything else in .SPAR beside it.

    The file has the opposite sense of `Spectra`: with its numbers as they stand, NAA would lie at 7.3 ppm.
    """
    data, text = _pair(path)
    said = dict(re.findall(r"^\s*(\w[\w ]*?)\s*:\s*\"?([^\"\n]*?)\"?\s*$", text, flags=re.MULTILINE))
    try:
        n, rows = int(said["samples"]), int(said["rows"])
        dwell, frequency = 1 / float(said["sample_frequency"]), float(said["synthesizer_frequency"])
    except (KeyError, ValueError) as error:
        raise Problem(
            f"The SPAR file of {path.name} does not say {error}.",
            "There is no axis in ppm.",
            "Export both files again.",
        ) from error
    numbers = vax(data.read_bytes())
    if numbers.size != 2 * n * rows:
        raise Problem(
            f"{data.name} holds {numbers.size // 2} points, its SPAR file says {n} times {rows}.",
            "They do not belong together.",
            "Export both files again.",
        )
    values = (numbers[::2] - 1j * numbers[1::2]).reshape(rows, n).T  # the file turns the other way
    axes = ("transient",) if rows > 1 else ()
    return (
        Spectra(
            values.reshape(1, 1, 1, n, *((rows,) if rows > 1 else ())), dwell, frequency,
            Grid((1, 1, 1), _philips_affine(said)), axes, te=_ms(said, "echo_time"), tr=_ms(said, "repetition_time"),
            name=data.name, sources={data.name: sha256(data)},
            header=_words(said, OF_SPAR) | {"Manufacturer": "Philips"},
        ),
        (),
    )  # fmt: skip


def _pair(path: Path) -> tuple[Path, str]:
    """The SDAT file, and the text of the SPAR file, whatever the case of their endings."""
    found = {one.suffix.lower(): one for one in path.parent.glob(f"{path.stem}.*")}
    if not {".sdat", ".spar"} <= set(found):
        raise Problem(
            f"{path.name} has no partner: a Philips signal is a .SDAT and a .SPAR file.",
            "One holds the numbers, the other what they mean.",
            "Put both into one folder.",
        )
    return found[".sdat"], found[".spar"].read_text(encoding="latin-1").replace("\r", "")


def vax(raw: bytes) -> Float[np.ndarray, " numbers"]:
    """VAX F floating point: words swapped, an exponent that is larger by two, zero where the exponent is."""
    words = np.frombuffer(raw[: len(raw) // 4 * 4], "<u2").reshape(-1, 2)
    bits = (words[:, 0].astype(np.uint32) << 16) | words[:, 1]
    exponent = (bits >> 23) & 0xFF
    sign = np.where(bits >> 31, -1.0, 1.0)
    fraction = (bits & 0x7FFFFF).astype(float) / 2**24 + 0.5
    value = sign * fraction * 2.0 ** (exponent.astype(float) - 128)
    return np.where(exponent == 0, 0.0, value)


def _ms(said: Mapping[str, str], key: str) -> float | None:
    try:
        return float(said[key]) * 1e-3
    except (KeyError, ValueError):
        return None


def _philips_affine(said: Mapping[str, str]) -> Float[np.ndarray, "4 4"]:
    """The voxel from its sizes, offsets from the centre and angles, which Philips gives for back, left and head."""
    order = ("lr", "ap", "cc")
    try:
        size, off, angle = (
            np.array([float(said[f"{axis}_{what}"]) for axis in order]) for what in ("size", "off_center", "angulation")
        )
    except (KeyError, ValueError):
        return NOWHERE
    a, b, c = np.deg2rad(angle)
    turn = (
        np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        @ np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    affine = np.eye(4)
    affine[:3, :3] = TO_RAS @ turn @ np.diag(size)
    affine[:3, 3] = TO_RAS @ off
    return affine


def read_rda(path: Path) -> tuple[Spectra, tuple[Flag, ...]]:
    """Siemens: a header in words, then little-endian doubles. The voxel is stated twice; both are compared."""
    raw = path.read_bytes()
    end = raw.find(b">>> End of header <<<")
    if not raw.lstrip().startswith(b">>> Begin of header <<<") or end < 0:
        raise Problem(f"{path.name} is no RDA file.", "Its header is missing.", "Export it again.")
    text = raw[:end].decode("latin-1").replace("\r", "")
    said = dict(re.findall(r"^([\w\[\] ]+):[ \t]*(.*)$", text, flags=re.MULTILINE))
    body = raw[raw.index(b"\n", end) + 1 :]
    numbers = np.frombuffer(body[: len(body) // 16 * 16], "<f8")
    try:
        n = int(float(said["VectorSize"]))
        grid = tuple(int(float(said.get(f"CSIMatrixSize[{k}]", "1"))) for k in range(3))
        dwell, frequency = float(said["DwellTime"]) * 1e-6, float(said["MRFrequency"]) * 1e6
    except (KeyError, ValueError) as error:
        raise Problem(
            f"The header of {path.name} does not say {error}.", "There is no axis in ppm.", "Export it again."
        ) from error
    if numbers.size != 2 * n * int(np.prod(grid)):
        raise Problem(
            f"{path.name} holds {numbers.size // 2} points, its header says {n} for each of "
            f"{int(np.prod(grid))} voxels.",
            "The file is truncated.",
            "Copy it again.",
        )
    values = (numbers[::2] + 1j * numbers[1::2]).reshape(*grid[::-1], n).transpose(2, 1, 0, 3)
    affine, flags = _siemens_affine(said, path.name)
    place = Grid((grid[0], grid[1], grid[2]), affine)
    return (
        Spectra(
            values, dwell, frequency, place, te=_ms(said, "TE"), tr=_ms(said, "TR"), name=path.name,
            sources={path.name: sha256(path)}, header=_words(said, OF_RDA) | {"Manufacturer": "Siemens"},
        ),
        flags,
    )  # fmt: skip


def _words(said: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    """What is kept of a header; numbers as numbers."""
    found = {word: said[key].strip(" ;") for key, word in known.items() if said.get(key, "").strip(" ;")}
    return {
        word: float(one) if re.fullmatch(r"[\d.]+", one) and "Soft" not in word else one for word, one in found.items()
    }


def _siemens_affine(said: Mapping[str, str], name: str) -> tuple[Float[np.ndarray, "4 4"], tuple[Flag, ...]]:
    """The voxel from its corner and axes, compared with what the volume of interest states."""
    try:
        corner, row, column = (
            np.array([float(said[f"{what}[{k}]"]) for k in range(3)])
            for what in ("PositionVector", "RowVector", "ColumnVector")
        )
        width, height, depth = (float(said[key]) for key in ("FoVWidth", "FoVHeight", "FoV3D"))
        stated = np.array([float(said[f"VOIPosition{axis}"]) for axis in ("Sag", "Cor", "Tra")])
    except (KeyError, ValueError):
        return NOWHERE, ()
    axes, edges = np.stack([row, column, np.cross(row, column)], axis=1), np.array([width, height, depth])
    plane = Box("the axes of its image", corner + row * width / 2 + column * height / 2, axes, edges)
    return plane.affine(), contradiction(name, plane, Box("its volume of interest", stated, None, _interest(said)))


def _interest(said: Mapping[str, str]) -> Float[np.ndarray, "3"] | None:
    """The edges of the volume of interest; one of the words is misspelt by some software."""
    words = (("VOIReadoutFOV", "VOIReadoutVOV"), ("VOIPhaseFOV",), ("VOIThickness",))
    edges = [next((said[word] for word in known if word in said), None) for known in words]
    return None if any(edge is None for edge in edges) else np.array([float(str(edge)) for edge in edges])
