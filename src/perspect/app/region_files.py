"""The regions of an examination as files, on the grid of its conventional images: the lesion, its parts, the brain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

import perspect
from perspect import io
from perspect.app.head import Head
from perspect.io.canonical import canonical
from perspect.io.nifti_out import volume
from perspect.lesion.parts import Parts
from perspect.vocabulary import Region

LABELS: Final = {
    "whole": "lesion", "solid part": "solid", "enhancing": "enhancing", "cavity": "cavity", "oedema": "oedema",
    "rim of 5 mm": "rim",
}  # fmt: skip
"""Parts of a lesion as the names of files have them, which may hold letters only."""

BRAIN: Final = "brain"


def region_paths(name: io.Name, out: Path = Path()) -> dict[str, Path]:
    """Where masks may lie below the output folder (or wherever that is), by their label."""
    folder = out / Path(name.folder) / "anat"
    return {label: folder / f"{name.prefix}desc-{label}_mask.nii.gz" for label in (*LABELS.values(), BRAIN)}


def region_files(name: io.Name, head: Head, parts: Parts) -> dict[Path, bytes]:
    """Masks and their sidecars by their paths below the output folder. A part that the lesion does not have has no
    file.
    """
    paths = region_paths(name)
    found = {LABELS[key]: one for key, one in parts.regions.items()} | {BRAIN: head.tissues.brain}
    return {path: content for label, one in found.items() for path, content in _files(paths[label], label, one, head)}


def _files(path: Path, label: str, region: Region, head: Head) -> Iterator[tuple[Path, bytes]]:
    packed = volume(
        region.mask.astype(np.uint8), region.grid, code=1, intent="label", name=f"{label} mask",
        description=f"{region.name}; perspect {perspect.__version__}", window=(0, 1),
    )  # fmt: skip
    side: dict[str, Any] = {
        "Name": region.name, "Origin": region.origin, "Voxels": region.n_voxels, "Units": "1",
        "Sources": [{"File": one, "SHA256": digest} for one, digest in sorted(head.leading.sources.items())],
        "SoftwareVersion": f"perspect {perspect.__version__}",
    }  # fmt: skip
    yield path, packed
    yield path.with_name(f"{path.name.removesuffix('.nii.gz')}.json"), canonical(side).encode()
