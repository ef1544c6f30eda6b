"""Where one image lies in another, as files: a plain 4 x 4 matrix, and the text form of ITK that other tools read.

The matrix takes places of the image named `to` to the same places of the image named `from` (mm): what is needed to
resample the latter onto the former, as BIDS names it (`from-T1w_to-dsc_mode-image_xfm`). Ours is in RAS+, as NIfTI has
it; ITK's is in LPS+.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.io.bids import Name, name_of
from perspect.io.canonical import canonical
from perspect.vocabulary import Problem

FLIP: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From RAS+ to LPS+ and back."""

ITK: Final = "#Insight Transform File V1.0"

WORDS: Final = (
    "place in `from` = matrix @ place in `to`, both in mm: it takes places of the image `to` to the same places of the "
    "image `from`, and so resamples `from` onto the grid of `to`."
)
"""The convention, said in every sidecar."""


@dataclass(frozen=True, eq=False)
class Transform:
    """`matrix` (mm, RAS+) takes places of the image `to` to the same places of the image `source`."""

    matrix: Float[np.ndarray, "4 4"]
    source: str
    to: str

    def __post_init__(self) -> None:
        demand_affine(self.matrix, f"The transform from {self.source} to {self.to}")

    def file(self, name: Name, desc: str = "") -> PurePosixPath:
        """Its path below the output folder, without ending: `sub-01/anat/sub-01_from-T1w_to-dsc_mode-image_xfm`."""
        described = f"_desc-{desc}" if desc else ""
        folder = PurePosixPath(name.folder.as_posix()) / "anat"
        return folder / f"{name.prefix}from-{self.source}_to-{self.to}_mode-image{described}_xfm"


def transform_files(transform: Transform, name: Name, facts: Mapping[str, Any]) -> dict[PurePosixPath, bytes]:
    """The two text forms, each with its sidecar; `facts` (similarity, error, ...) are said in both.

    The one named as BIDS Apps name theirs is ITK's, `desc-ras` is the plain matrix.
    """
    itk, plain = transform.file(name), transform.file(name, "ras")
    said = {"From": transform.source, "To": transform.to, "Mode": "image", "Convention": WORDS, "Units": "mm", **facts}
    lps = {"Format": "ITK (Insight Transform File V1.0)", "CoordinateSystem": "LPS+"}
    ras = {"Format": "4 x 4 matrix, a row to a line", "CoordinateSystem": "RAS+"}
    return {
        PurePosixPath(f"{itk}.txt"): itk_text(transform.matrix).encode(),
        PurePosixPath(f"{itk}.json"): canonical({**said, **lps}).encode(),
        PurePosixPath(f"{plain}.txt"): plain_text(transform.matrix).encode(),
        PurePosixPath(f"{plain}.json"): canonical({**said, **ras}).encode(),
    }


def read_transform(path: Path) -> Transform:
    """Either text form; the names `from` and `to` are those of the file, empty where it has none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path.name} could not be read as text: {error}.",
            "A transform is a text file: a 4 x 4 matrix or ITK's form.",
            "Check the path; convert other formats (.mat, .h5, .lta) first.",
        ) from error
    matrix = from_itk(text, path.name) if text.startswith("#Insight") else from_plain(text, path.name)
    name = name_of(path)
    return Transform(matrix, name.get("from") or "", name.get("to") or "")


def plain_text(matrix: Float[np.ndarray, "4 4"]) -> str:
    """Four lines of four numbers, with every digit."""
    return "".join(" ".join(repr(float(one)) for one in row) + "\n" for row in matrix)


def from_plain(text: str, where: str) -> Float[np.ndarray, "4 4"]:
    """The matrix of four lines of four numbers; lines that begin with # are passed over."""
    rows = [line.replace(",", " ").split() for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    if [len(row) for row in rows] != [4, 4, 4, 4]:
        raise Problem(
            f"{where} is no 4 x 4 matrix and not ITK's form either.",
            "It is not known where the image lies.",
            "Give four lines of four numbers, or a file that begins with '#Insight Transform File'.",
        )
    matrix = np.array([[_number(one, where) for one in row] for row in rows])
    demand_affine(matrix, where)
    return matrix


def itk_text(matrix: Float[np.ndarray, "4 4"]) -> str:
    """The form of ITK: its matrix by rows, then its translation, about the origin, in LPS+."""
    lps = FLIP @ matrix @ FLIP
    numbers = " ".join(repr(float(one)) for one in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    return (
        f"{ITK}\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters: {numbers}\nFixedParameters: 0 0 0\n"
    )


def from_itk(text: str, where: str) -> Float[np.ndarray, "4 4"]:
    """The matrix (RAS+) of one rigid or affine transform of ITK, about whatever centre.

    y = A (x - centre) + centre + translation. Angles of Euler3DTransform turn about z, then x, then y of the file's own
    (LPS) axes, or z, y, x where its fourth fixed parameter says so; a versor is the vector part of a unit quaternion.
    """
    kinds = re.findall(r"^Transform:\s*([A-Za-z0-9]+?)(?:_(?:double|float)_3_3)?\s*$", text, re.MULTILINE)
    if len(kinds) != 1 or kinds[0] not in LINEAR:
        named = ", ".join(kinds) or "none"
        raise Problem(
            f"{where} holds {'one transform' if len(kinds) == 1 else f'{len(kinds)} transforms'} ({named}).",
            "Only a single rigid or affine transform in three dimensions is understood.",
            "Compose the affine transforms into one, and leave out deformations.",
        )
    linear, n = LINEAR[kinds[0]]
    given, fixed = _list(text, "Parameters", where), _list(text, "FixedParameters", where)
    if given.size != n or fixed.size < 3:
        raise Problem(
            f"{where} has {given.size} parameters and {fixed.size} fixed ones; a {kinds[0]} has {n} and 3.",
            "It is damaged, or of two dimensions.",
            "Write it again.",
        )
    turn = linear(given, fixed)
    shift, centre = given[-3:], fixed[:3]
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = turn, shift + centre - turn @ centre
    demand_affine(lps, where)
    out: Float[np.ndarray, "4 4"] = FLIP @ lps @ FLIP
    return out


def demand_affine(matrix: Float[np.ndarray, "4 4"], where: str) -> None:
    """A `Problem` for a matrix that puts no image anywhere."""
    if np.isfinite(matrix).all() and np.allclose(matrix[3], [0, 0, 0, 1]) and abs(np.linalg.det(matrix)) > 1e-9:
        return
    raise Problem(
        f"{where} is no affine matrix.",
        "It holds what is not finite, maps a volume onto less than one, or its last row is not 0 0 0 1.",
        "Align the images again.",
    )


def _matrix(given: Float[np.ndarray, " n"], _: Float[np.ndarray, " m"]) -> Float[np.ndarray, "3 3"]:
    return given[:9].reshape(3, 3)


def _euler(given: Float[np.ndarray, " n"], fixed: Float[np.ndarray, " m"]) -> Float[np.ndarray, "3 3"]:
    (ca, cb, cc), (sa, sb, sc) = np.cos(given[:3]), np.sin(given[:3])
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    is_zyx = fixed.size > 3 and fixed[3] != 0
    out: Float[np.ndarray, "3 3"] = about_z @ about_y @ about_x if is_zyx else about_z @ about_x @ about_y
    return out


def _versor(given: Float[np.ndarray, " n"], _: Float[np.ndarray, " m"]) -> Float[np.ndarray, "3 3"]:
    x, y, z = given[:3]
    w = np.sqrt(max(0.0, 1 - float(x * x + y * y + z * z)))
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out: Float[np.ndarray, "3 3"] = np.eye(3) + 2 * w * across + 2 * across @ across
    return out


LINEAR: Final = {
    "MatrixOffsetTransformBase": (_matrix, 12),
    "AffineTransform": (_matrix, 12),
    "Euler3DTransform": (_euler, 6),
    "VersorRigid3DTransform": (_versor, 6),
}
"""Transforms of ITK that are understood: what their linear part is, and how many parameters they have."""


def _list(text: str, key: str, where: str) -> Float[np.ndarray, " n"]:
    found = re.search(rf"^{key}:(.*)$", text, re.MULTILINE)
    return np.array([_number(one, where) for one in (found[1].split() if found else [])])


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Problem(
            f"{where} has '{text}' where a number should be.", "It cannot be used in part.", "Write it again."
        ) from error
