"""Where a voxel of spectroscopy lies, from each statement of its header by itself, and whether the statements agree.

Every second complaint about readers of spectroscopy is of a voxel in the wrong place: half a voxel off, turned by 90°,
at twice its distance from the isocentre. A header states the voxel more than once; one statement is the other's check.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.vocabulary import Flag, Severity

TO_RAS: Final = np.diag([-1.0, -1.0, 1.0])
"""From the patient's left, back, head (DICOM) to right, front, head (NIfTI)."""

APART: Final = 1.0
"""mm by which two statements of one centre or one edge may differ."""

TURNED: Final = 2.0
"""Degrees by which the axes of two statements may differ [our default]."""


@dataclass(frozen=True, eq=False)
class Box:
    """A statement of a voxel: centre in mm and unit axes (columns) in the patient's left, back, head, edges in mm.

    `axes` or `edges` are `None` where the statement does not say them.
    """

    says: str
    centre: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"] | None = None
    edges: Float[np.ndarray, "3"] | None = None

    def affine(self) -> Float[np.ndarray, "4 4"]:
        """From the one voxel to the scanner's right, front, head."""
        if self.axes is None or self.edges is None:
            raise ValueError(f"{self.says} states no whole voxel.")
        out = np.eye(4)
        out[:3, :3] = TO_RAS @ self.axes @ np.diag(self.edges)
        out[:3, 3] = TO_RAS @ self.centre
        return out


def box_of(affine: Float[np.ndarray, "4 4"], says: str) -> Box:
    """The statement that an affine makes of its first voxel."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    return Box(says, TO_RAS @ affine[:3, 3], TO_RAS @ affine[:3, :3] / np.maximum(edges, 1e-12), edges)


def contradiction(name: str, first: Box, second: Box) -> tuple[Flag, ...]:
    """A flag where two statements of one voxel do not agree, with what differs by how much; nothing where they do."""
    said = []
    apart = float(np.linalg.norm(first.centre - second.centre))
    if apart > APART:
        said.append(f"centres {apart:.0f} mm apart" + _doubled(first, second))
    if first.edges is not None and second.edges is not None:
        longer = float(np.abs(np.sort(first.edges) - np.sort(second.edges)).max())
        if longer > APART:
            said.append(f"edges that differ by {longer:.0f} mm")
        elif first.axes is not None and second.axes is not None and (turned := _turned(first, second)) > TURNED:
            said.append(f"orientations that differ by {turned:.0f}°")
    if not said:
        return ()
    sentence = (
        f"{name} states its voxel twice, with {' and '.join(said)}: {first.says} (used here) and {second.says}. Check "
        "the voxel on an image."
    )
    return (Flag("position-contradicted", Severity.CAUTION, sentence, where=name, source="reading"),)


def _doubled(first: Box, second: Box) -> str:
    """A known fault of some software: every coordinate is exactly doubled."""
    a, b = first.centre, second.centre
    small, large = (a, b) if np.linalg.norm(a) < np.linalg.norm(b) else (b, a)
    return ", one exactly twice the other" if np.allclose(2 * small, large, atol=APART) else ""


def _turned(first: Box, second: Box) -> float:
    """The largest angle in degrees between edges of the same length, whatever their order and sign."""
    assert first.axes is not None and second.axes is not None and first.edges is not None and second.edges is not None
    a, b = _tensor(first), _tensor(second)
    # Two boxes of one centre and equal edges differ by their second moments only; a cube has no orientation.
    spread = float(np.ptp(np.sort(first.edges) ** 2))
    if spread < 1e-6:
        return 0.0
    share = float(np.linalg.norm(a - b, 2)) / spread
    return float(np.degrees(np.arcsin(min(1.0, share))))


def _tensor(box: Box) -> Float[np.ndarray, "3 3"]:
    """The second moment of a box (times 12), which does not ask for the order or sign of its axes."""
    assert box.axes is not None and box.edges is not None
    out: Float[np.ndarray, "3 3"] = box.axes @ np.diag(box.edges**2) @ box.axes.T
    return out
