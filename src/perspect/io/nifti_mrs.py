"""NIfTI-MRS in and out, on nibabel alone: what lies on disk already has the sense of `Spectra`.

The reader that the standard's own library offers conjugates on loading and on saving; whoever mixes the two turns every
spectrum round. Here nothing is conjugated, ever.

Clarke et al. 2022, doi:10.1002/mrm.29418
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from jaxtyping import Complex
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from perspect.io.gz import compressed
from perspect.io.placement import box_of, contradiction
from perspect.io.series import sha256
from perspect.vocabulary import Basis, Flag, Grid, Problem, Spectra
from perspect.vocabulary.spectra import Kind

EXTENSION: Final = 44
"""The code of the header extension that holds the JSON."""

VERSION: Final = b"mrs_v0_9"

AXES: Final = {
    "DIM_COIL": "coil", "DIM_DYN": "transient", "DIM_EDIT": "edit", "DIM_PHASE_CYCLE": "phase",
    "DIM_MEAS": "measurement",
    "DIM_INDIRECT_0": "indirect", "DIM_INDIRECT_1": "indirect1", "DIM_INDIRECT_2": "indirect2", "DIM_USER_0": "user",
    "DIM_USER_1": "user1", "DIM_USER_2": "user2", "DIM_ISIS": "isis", "DIM_METCYCLE": "metcycle",
}  # fmt: skip
"""The standard's names of axes, and ours."""

PERSONAL: Final = frozenset(
    {
        "PatientName", "PatientID", "PatientDoB", "PatientBirthDate", "PatientSex", "PatientWeight", "InstitutionName",
        "InstitutionAddress", "OriginalFile", "DeviceSerialNumber",
    }
)  # fmt: skip
"""Fields that say who and where, which are read past and never written."""

DEFAULT_AXES: Final = ("DIM_COIL", "DIM_DYN", "DIM_INDIRECT_0")
"""What the standard takes the fifth to seventh axis for where the header does not say."""

TIME_UNITS: Final = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}


def _whole(path: Path) -> tuple[Any, np.ndarray]:
    """Header and values. nibabel and gzip answer a damaged file with errors of these kinds."""
    try:
        image: Any = nib.load(path)
        return image.header, np.asanyarray(image.dataobj)
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error) as error:
        raise Problem(
            f"{path.name} cannot be read as NIfTI-MRS ({error}).",
            "It is damaged, or something else under this name.",
            "Copy or convert it again.",
        ) from error


def read_nifti_mrs(path: Path) -> Spectra:
    """A spectrum or a grid of spectra. Raises `Problem` for a file that is damaged or holds none."""
    header, values = _whole(path)
    said = _extension(path, header)
    if values.dtype.kind != "c" or values.ndim < 4:
        raise Problem(
            f"{path.name} holds {values.dtype} of shape {values.shape}.",
            "NIfTI-MRS holds complex numbers with time as the fourth axis.",
            "Convert the raw file again, for example with spec2nii.",
        )
    axes = tuple(
        AXES.get(str(said.get(f"dim_{at}", DEFAULT_AXES[at - 5])), f"axis{at}") for at in range(5, values.ndim + 1)
    )
    values, axes = _squeezed(values, axes)
    unit = TIME_UNITS.get(int(header["xyzt_units"]) & 0b111000, 1.0)
    x, y, z = values.shape[:3]
    placed = bool(int(header["sform_code"]) or int(header["qform_code"]))
    return Spectra(
        values,
        _dwell(float(header["pixdim"][4]) * unit, _number(said, "SpectralWidth")),
        _first(path, said, "SpectrometerFrequency") * 1e6,
        Grid((x, y, z), np.array(header.get_best_affine(), float)),
        axes,
        te=_number(said, "EchoTime"),
        tr=_number(said, "RepetitionTime"),
        nucleus=str((said.get("ResonantNucleus") or ["1H"])[0]),
        placed=placed,
        name=path.name,
        sources={path.name: sha256(path)},
        header={key: value for key, value in said.items() if key not in PERSONAL},
    )


def doubly_placed(path: Path) -> tuple[Flag, ...]:
    """Whether the two affines of a NIfTI header, where both are set, state different voxels."""
    header: Any = nib.load(path).header
    if not (int(header["sform_code"]) and int(header["qform_code"])):
        return ()
    first, second = (
        box_of(np.array(found), f"its {says}")
        for found, says in ((header.get_sform(), "sform"), (header.get_qform(), "qform"))
    )
    return contradiction(path.name, first, second)


def _extension(path: Path, header: Any) -> dict[str, Any]:
    found = [one for one in header.extensions if one.get_code() == EXTENSION]
    if not found:
        raise Problem(
            f"{path.name} has no header extension {EXTENSION}: it is no NIfTI-MRS file.",
            "Field strength and nucleus are not known.",
            "Convert the raw file with spec2nii.",
        )
    content = found[0].get_content()
    if isinstance(content, dict):
        return content
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    try:
        said: dict[str, Any] = json.loads(text.rstrip("\0 \n"))
    except json.JSONDecodeError as error:
        raise Problem(
            f"The NIfTI-MRS header of {path.name} is no JSON ({error}).", "Its axes are unknown.", "Convert it again."
        ) from error
    return said


def _dwell(stored: float, width: float | None) -> float:
    """The time between points: stored in seven digits, from the spectral width in full where the two agree."""
    return 1 / width if width and abs(stored * width - 1) < 1e-5 else stored


def _squeezed(values: np.ndarray, axes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Without axes of length one after the fourth."""
    drop = tuple(at for at in range(4, values.ndim) if values.shape[at] == 1)
    kept = tuple(name for at, name in enumerate(axes) if at + 4 not in drop)
    return np.squeeze(values, axis=drop), kept


def _first(path: Path, said: Mapping[str, Any], key: str) -> float:
    value = said.get(key)
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, int | float):
        raise Problem(f"{path.name} does not say {key}.", "Without it there is no axis in ppm.", f"Add {key} in MHz.")
    return float(value)


def _number(said: Mapping[str, Any], key: str) -> float | None:
    value = said.get(key)
    return float(value) if isinstance(value, int | float) else None


def nifti_mrs(
    values: Complex[np.ndarray, "x y z points *more"], like: Spectra, more: Mapping[str, Any], axes: Sequence[str] = ()
) -> bytes:
    """A .nii.gz file in memory; `like` gives grid, dwell, frequency and times, `more` goes into the header, `axes` are
    the standard's names of the axes after the fourth.
    """
    header: dict[str, Any] = {
        "SpectrometerFrequency": [round(like.frequency * 1e-6, 9)],
        "ResonantNucleus": [like.nucleus],
        "SpectralWidth": 1 / like.dwell,
        **({} if like.te is None else {"EchoTime": like.te}),
        **({} if like.tr is None else {"RepetitionTime": like.tr}),
        **{f"dim_{at}": name for at, name in enumerate(axes, 5)},
        **more,
    }
    # With an affine, nibabel would set the code of a place in the scanner when it writes, whatever was set before.
    affine = like.grid.affine if like.placed else None
    image: Any = nib.Nifti1Image(np.asarray(values, np.complex64), affine)  # type: ignore[no-untyped-call]
    if like.placed:
        image.header.set_sform(affine, 1)
        image.header.set_qform(affine, 1)
    image.header["pixdim"][1:4] = like.grid.spacing
    image.header["pixdim"][4] = like.dwell
    image.header.set_xyzt_units("mm", "sec")
    image.header["intent_name"] = VERSION
    text = json.dumps(header, sort_keys=True).encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension(EXTENSION, text))
    return compressed(image.to_bytes())


def basis_nifti(basis: Basis) -> bytes:
    """A basis set as NIfTI-MRS: one molecule an index of the fifth axis, their names in the header."""
    place = Grid((1, 1, 1), np.diag([10000.0, 10000.0, 10000.0, 1.0]))
    values = basis.values.T[None, None, None]
    te = 0.0 if basis.delay else basis.te
    like = Spectra(values, basis.dwell, basis.frequency, place, ("user",), te=te, placed=False)
    more = {
        "dim_5_info": "molecules of a basis set",
        "dim_5_header": {"Metabolite": list(basis.names), "Kind": list(basis.kinds)},
        "BasisOrigin": basis.origin,
        **({"AcquisitionStartTime": basis.delay} if basis.delay else {}),
    }
    return nifti_mrs(values, like, more, ("DIM_USER_0",))


def basis_from(spectra: Spectra) -> Basis:
    """A basis set that was written by `basis_nifti`."""
    said = spectra.header.get("dim_5_header", {})
    names = said.get("Metabolite") if isinstance(said, dict) else None
    # The axis of a single molecule has length one and is dropped by whoever reads the file.
    values = spectra.values[0, 0, 0].reshape(spectra.n_points, -1)
    if not isinstance(names, list) or len(names) != values.shape[1]:
        raise Problem(
            f"{spectra.name} does not name the molecules of a basis set (dim_5_header, Metabolite).",
            "It is not known which signal is which.",
            "Write it with `perspect basis`.",
        )
    kinds: tuple[Kind, ...] = tuple(said.get("Kind", ()))
    origin = str(spectra.header.get("BasisOrigin", spectra.name))
    values = np.ascontiguousarray(values.T).astype(complex)
    start = spectra.header.get("AcquisitionStartTime")
    delay = float(start) if isinstance(start, (int, float)) else 0.0
    te = delay or spectra.te
    return Basis(tuple(map(str, names)), values, spectra.dwell, spectra.frequency, te, origin, kinds, delay)
