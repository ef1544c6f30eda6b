"""Spectroscopy in DICOM: the standard's MR Spectroscopy object (Philips, Siemens XA) and Siemens' own before it (CSA).

DICOM does not say which way a signal turns. Both vendors' standard objects turn the other way than `Spectra`; Siemens'
own object turns as `Spectra` does, as its RDA files do. A test reads the same voxel in both forms.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.io.lcmodel import NOWHERE
from perspect.io.placement import Box, contradiction
from perspect.io.series import sha256
from perspect.vocabulary import Flag, Grid, Problem, Severity, Spectra

STANDARD: Final = "1.2.840.10008.5.1.4.1.1.4.2"
"""MR Spectroscopy Storage."""

SIEMENS: Final = "1.3.12.2.1107.5.9.1"
"""Siemens' CSA Non-Image Storage, in which it kept spectra before software XA."""

SPECTRA, CSA_SIGNAL = (0x5600, 0x0020), (0x7FE1, 0x1010)
CSA_HEADERS: Final = ((0x0029, 0x1110), (0x0029, 0x1210))
CSA_PROTOCOLS: Final = ((0x0029, 0x1120), (0x0029, 0x1220))
"""Where Siemens' private headers lie: the second place is that of software VA and VB."""

WATER_ABOVE: Final = 5.0
"""How many times stronger than the other a frame must be to be its unsuppressed water [our default]."""

PLANE: Final = "the plane of its frame"
"""The one statement that is of a voxel in a grid also; slabs are of the whole volume that is excited."""

SLABS: Final = "its slabs"

KEPT: Final = {
    "Manufacturer": "Manufacturer", "ManufacturerModelName": "ManufacturersModelName",
    "SoftwareVersions": "SoftwareVersions", "ProtocolName": "ProtocolName", "PulseSequenceName": "SequenceName",
    "VolumeLocalizationTechnique": "PulseSequenceType", "BodyPartExamined": "BodyPart",
    "SpectrallySelectedSuppression": "WaterSuppression",
}  # fmt: skip
"""Attributes that are kept, by the names that NIfTI-MRS has for them. None of them says who the patient is."""


@dataclass(frozen=True, eq=False)
class ReadDicom:
    """What one DICOM file holds: the signal, unsuppressed water that lies in the same file, and remarks."""

    signal: Spectra
    water: Spectra | None
    flags: tuple[Flag, ...]


def read_dicom(path: Path) -> ReadDicom:
    """A spectroscopy object of DICOM."""
    from pydicom import dcmread

    found = dcmread(path)
    kind = str(found.get("SOPClassUID", ""))
    if SPECTRA in found:
        return _standard(path, found)
    if CSA_SIGNAL in found:
        return _siemens(path, found)
    raise Problem(
        f"{path.name} is DICOM, but holds no spectrum (SOP class {kind or 'not said'}).",
        "Spectroscopy lies in MR Spectroscopy Storage or in Siemens' CSA Non-Image Storage.",
        "Give the spectrum's own file, not an image that shows it.",
    )


def _standard(path: Path, found: Any) -> ReadDicom:
    """MR Spectroscopy Storage, whoever wrote it."""
    shape = tuple(int(found.get(key, 1)) for key in ("NumberOfFrames", "Rows", "Columns", "DataPointColumns"))
    values = _complex(path, found[SPECTRA].value, int(np.prod(shape))).conj().reshape(shape)
    width, frequency = (_required(path, found, key) for key in ("SpectralWidth", "TransmitterFrequency"))
    groups = tuple(_groups(found))
    header = _header(found, groups)
    boxes = tuple(_boxes(found, groups))
    is_single = shape[1:3] == (1, 1)
    usable = boxes if is_single else tuple(box for box in boxes if box.says == PLANE)  # slabs bound a grid as a whole
    whole = next((box for box in usable if box.axes is not None and box.edges is not None), None)
    affine = NOWHERE if whole is None else whole.affine()  # of a grid: the position of its first voxel
    flags = contradiction(path.name, boxes[0], boxes[1]) if len(boxes) == 2 and is_single else ()
    if not is_single and boxes and boxes[0].says == SLABS:
        # Of an image the slabs are the box of its pulses, which NIfTI-MRS calls VOI.
        header["VOI"] = boxes[0].affine().tolist()

    def made(frames: Complex[np.ndarray, "frames rows columns points"]) -> Spectra:
        # Frames of one voxel are repeats; those of a grid are its slices.
        many = np.moveaxis(frames, 0, -1) if is_single else frames.transpose(2, 1, 0, 3)
        axes = ("transient",) if is_single and frames.shape[0] > 1 else ()
        many = many[..., 0] if is_single and not axes else many
        reshaped = many.reshape(1, 1, 1, *many.shape[2:]) if is_single else many
        space = tuple(int(n) for n in reshaped.shape[:3])
        return Spectra(
            reshaped, 1 / width, frequency * 1e6, Grid((space[0], space[1], space[2]), affine), axes,
            te=_ms(groups, "EffectiveEchoTime"), tr=_ms(groups, "RepetitionTime"),
            nucleus=str(found.get("ResonantNucleus", "1H")), placed=whole is not None, name=path.name,
            sources={path.name: sha256(path)}, header=header,
        )  # fmt: skip

    if is_single:
        values, empty = _without_empty(values, path.name)
        flags = (*flags, *empty)
    signal, water = _without_water(values) if is_single else (values, None)
    return ReadDicom(made(signal), None if water is None else made(water), flags)


def _without_empty(
    frames: Complex[np.ndarray, "frames 1 1 points"], name: str
) -> tuple[Complex[np.ndarray, "kept 1 1 points"], tuple[Flag, ...]]:
    """Frames that hold anything; all of them where none does."""
    is_full = frames.any(axis=(1, 2, 3))
    if is_full.all() or not is_full.any():
        return frames, ()
    text = f"{np.sum(~is_full)} of {is_full.size} frames of {name} hold nothing but zeros and were left out."
    share = float(np.mean(~is_full))
    return frames[is_full], (Flag("frames-empty", Severity.NOTE, text, name, share, "reading"),)


def _without_water(
    frames: Complex[np.ndarray, "frames 1 1 points"],
) -> tuple[Complex[np.ndarray, "kept 1 1 points"], Complex[np.ndarray, "water 1 1 points"] | None]:
    """Frames of suppressed water and of unsuppressed water.

    Philips adds the reference as a second frame and says so in private attributes that change with the release; that
    water is thousands of times stronger than molecules does not change. Strong frames that are the majority are the
    signal, and the weak ones among them spoilt repeats.
    """
    sizes = np.sqrt(np.mean(np.abs(frames) ** 2, axis=(1, 2, 3)))
    order = np.sort(sizes)
    steps = order[1:] / np.maximum(order[:-1], 1e-300)
    if not steps.size or steps.max() < WATER_ABOVE:
        return frames, None
    is_water = sizes >= order[int(np.argmax(steps)) + 1]
    if 2 * is_water.sum() > is_water.size:
        return frames, None
    return frames[~is_water], frames[is_water]


def _groups(found: Any) -> Iterator[Any]:
    """The functional groups that describe the first frame: its own, then those that all frames share."""
    for key in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        if found.get(key):
            yield found[key].value[0]


def _inside(groups: tuple[Any, ...], attribute: str) -> Any:
    """The first value of an attribute in any macro of the functional groups; `None` where there is none."""
    for group in groups:
        for element in group:
            if element.VR == "SQ" and element.value and attribute in element.value[0]:
                return element.value[0].get(attribute)
    return None


def _boxes(found: Any, groups: tuple[Any, ...]) -> Iterator[Box]:
    """The statements of the voxel: its slabs where they are whole, the plane of the frame, and what else there is."""
    slabs = list(found.get("VolumeLocalizationSequence") or ())
    centre = _mean_position(slabs)
    thick = [float(one.SlabThickness) for one in slabs if "SlabThickness" in one]
    normals = np.array([_vector(one.get("SlabOrientation")) for one in slabs]).reshape(-1, 3)
    if centre is not None and len(slabs) == len(thick) == 3 and abs(np.linalg.det(normals)) > 0.9:
        yield Box(SLABS, centre, normals.T, np.array(thick))
        centre = None
    plane = _plane(groups, thick)
    if plane is not None:
        yield plane
    if centre is not None:
        yield Box("the middle of its slab", centre)


def _plane(groups: tuple[Any, ...], thick: list[float]) -> Box | None:
    """The voxel as a pixel of an image: position, orientation, spacing, and a thickness that may stand elsewhere."""
    position, turned, spacing = (
        _inside(groups, key) for key in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    )
    depth = _inside(groups, "SliceThickness") or (thick[0] if thick else None)
    if position is None or turned is None or spacing is None or not depth:
        return None
    row, column = np.array(turned, float).reshape(2, 3)
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    edges = np.array([float(spacing[1]), float(spacing[0]), float(depth)])
    return Box(PLANE, np.array(position, float), axes, edges)


def _mean_position(slabs: list[Any]) -> Float[np.ndarray, "3"] | None:
    positions = [_vector(one.get("MidSlabPosition")) for one in slabs if one.get("MidSlabPosition") is not None]
    return np.mean(positions, axis=0) if positions else None


def _vector(value: Any) -> Float[np.ndarray, "3"]:
    return np.zeros(3) if value is None else np.array(value, float)


def _siemens(path: Path, found: Any) -> ReadDicom:
    """Siemens before XA: numbers in one private element, what they mean in two private headers."""
    said = _csa(next((bytes(found[tag].value) for tag in CSA_HEADERS if _is_bytes(found, tag)), b""))
    protocol = _protocol(next((bytes(found[tag].value) for tag in CSA_PROTOCOLS if _is_bytes(found, tag)), b""))
    if not {"RealDwellTime", "ImagingFrequency"} <= set(said):
        raise Problem(
            f"The private header of {path.name} does not say RealDwellTime and ImagingFrequency.",
            "There is no axis in ppm.",
            "Export the spectrum again without removing private elements, or as RDA.",
        )
    columns, rows, slices = (int(_first(said, key, 1.0)) for key in ("Columns", "Rows", "NumberOfFrames"))
    raw = np.frombuffer(bytes(found[CSA_SIGNAL].value), "<f4")
    n_points = raw.size // 2 // (columns * rows * slices)
    values = _complex(path, raw.tobytes(), n_points * columns * rows * slices)
    values = values.reshape(slices, rows, columns, n_points).transpose(2, 1, 0, 3)
    affine, flags = _siemens_place(path.name, said, protocol, columns * rows * slices == 1)
    signal = Spectra(
        values, float(said["RealDwellTime"][0]) * 1e-9, float(said["ImagingFrequency"][0]) * 1e6,
        Grid((columns, rows, slices), affine), te=_first(said, "EchoTime", 0.0) * 1e-3 or None,
        tr=_first(said, "RepetitionTime", 0.0) * 1e-3 or None, nucleus=str(said.get("ImagedNucleus", ["1H"])[0]),
        placed=affine is not NOWHERE, name=path.name, sources={path.name: sha256(path)},
        header={**_header(found, ()), **_siemens_words(said, protocol)},
    )  # fmt: skip
    return ReadDicom(signal, None, flags)


def _siemens_words(said: Mapping[str, list[str]], protocol: Mapping[str, str]) -> dict[str, Any]:
    """What the private headers add for the table of the acquisition."""
    words = {
        "SequenceName": said.get("SequenceName", [None])[0],
        "NumberOfTransients": _first(said, "NumberOfAverages", np.nan),
        "ReceiveCoilName": said.get("ImaCoilString", [None])[0],
        "TxOffset": float(protocol["sSpecPara.dDeltaFrequency"]) if "sSpecPara.dDeltaFrequency" in protocol else None,
    }
    return {key: value for key, value in words.items() if value is not None and value == value}


def _siemens_place(
    name: str, said: Mapping[str, list[str]], protocol: Mapping[str, str], is_single: bool
) -> tuple[Float[np.ndarray, "4 4"], tuple[Flag, ...]]:
    """The voxel from the plane of its image, whose position is a corner, compared with the volume of interest."""
    try:
        corner = np.array([float(one) for one in said["ImagePositionPatient"][:3]])
        row, column = np.array([float(one) for one in said["ImageOrientationPatient"][:6]]).reshape(2, 3)
        down, along = (float(one) for one in said["PixelSpacing"][:2])
        depth = float(said["SliceThickness"][0])
    except (KeyError, ValueError, IndexError):
        return NOWHERE, ()
    axes, edges = np.stack([row, column, np.cross(row, column)], axis=1), np.array([along, down, depth])
    centre = corner + row * along / 2 + column * down / 2
    plane = Box("the plane of its image", centre, axes, edges)
    interest = _interest(said, protocol)
    if interest is None or not is_single:
        return plane.affine(), ()
    return plane.affine(), contradiction(name, plane, interest)


def _interest(said: Mapping[str, list[str]], protocol: Mapping[str, str]) -> Box | None:
    """The volume of interest as the header states it, or else the protocol, where what is zero is not written."""
    says = "its volume of interest"
    keys = ("VoiReadoutFoV", "VoiPhaseFoV", "VoiThickness")
    if "VoiPosition" in said and all(key in said for key in keys):
        position = np.array([float(one) for one in said["VoiPosition"][:3]])
        return Box(says, position, None, np.array([float(said[key][0]) for key in keys]))
    at = "sSpecPara.sVoI."
    edges = [protocol.get(at + key) for key in ("dReadoutFOV", "dPhaseFOV", "dThickness")]
    if any(edge is None for edge in edges):
        return None
    position = np.array([float(protocol.get(f"{at}sPosition.{axis}", 0.0)) for axis in ("dSag", "dCor", "dTra")])
    return Box(says, position, None, np.array([float(str(edge)) for edge in edges]))


def _csa(raw: bytes) -> dict[str, list[str]]:
    """Siemens' private header of the second kind: named lists of words."""
    if raw[:4] != b"SV10":
        return {}
    out: dict[str, list[str]] = {}
    n_tags, at = int.from_bytes(raw[8:12], "little"), 16
    for _ in range(n_tags):
        name = raw[at : at + 64].split(b"\0")[0].decode("latin-1")
        n_items, at = int.from_bytes(raw[at + 76 : at + 80], "little"), at + 84
        words = []
        for _ in range(n_items):
            length = int.from_bytes(raw[at : at + 4], "little")
            words.append(raw[at + 16 : at + 16 + length].split(b"\0")[0].decode("latin-1").strip())
            at += 16 + -(-length // 4) * 4
        out[name] = [word for word in words if word]
    return {name: words for name, words in out.items() if words}


def _protocol(raw: bytes) -> dict[str, str]:
    """The lines `key = value` of Siemens' measurement protocol."""
    begin, end = raw.find(b"### ASCCONV BEGIN"), raw.find(b"### ASCCONV END")
    lines = raw[max(begin, 0) : end].decode("latin-1").splitlines() if end > 0 else []
    pairs = (re.fullmatch(r"\s*([\w.\[\]]+)\s*=\s*\"*([^\"]*?)\"*\s*", line) for line in lines)
    return {found[1]: found[2] for found in pairs if found}


def _header(found: Any, groups: tuple[Any, ...]) -> dict[str, Any]:
    """What is kept of a DICOM header, in the words of NIfTI-MRS."""
    out: dict[str, Any] = {}
    for key, word in KEPT.items():
        if found.get(key) not in (None, ""):
            value = found.get(key)
            out[word] = str(value) if isinstance(value, str) else " ".join(str(one) for one in value)
    coil = _inside(groups, "ReceiveCoilName")
    angle = _inside(groups, "FlipAngle")
    more = {"ReceiveCoilName": coil and str(coil), "ExcitationFlipAngle": angle and float(angle)}
    return out | {key: value for key, value in more.items() if value}


def _first(said: Mapping[str, list[str]], key: str, otherwise: float) -> float:
    try:
        return float(said[key][0])
    except (KeyError, ValueError):
        return otherwise


def _ms(groups: tuple[Any, ...], attribute: str) -> float | None:
    value = _inside(groups, attribute)
    return float(value) * 1e-3 if value else None


def _is_bytes(found: Any, tag: tuple[int, int]) -> bool:
    return tag in found and isinstance(found[tag].value, bytes) and found[tag].value[:1] in (b"S", b"<", b"\x00", b"\n")


def _required(path: Path, found: Any, key: str) -> float:
    value = found.get(key)
    value = value[0] if value is not None and not isinstance(value, int | float | str) else value
    if not value:
        raise Problem(f"{path.name} does not say {key}.", "There is no axis in ppm.", "Export it again.")
    return float(value)


def _complex(path: Path, raw: Any, expected: int) -> Complex[np.ndarray, " points"]:
    numbers = np.frombuffer(raw, "<f4") if isinstance(raw, bytes) else np.asarray(raw, np.float32)
    if numbers.size != 2 * expected:
        raise Problem(
            f"{path.name} holds {numbers.size // 2} points, its header says {expected}.",
            "The file is truncated, or laid out in a way that is not known here.",
            "Copy it again.",
        )
    values: Complex[np.ndarray, " points"] = (numbers[::2] + 1j * numbers[1::2]).astype(complex)
    return values
