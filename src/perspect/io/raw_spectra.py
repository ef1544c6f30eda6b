"""Raw data of Siemens (twix) and GE (P-files) by way of spec2nii, an extra: `pip install 'perspect[convert]'`."""

import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from perspect.io.nifti_mrs import read_nifti_mrs
from perspect.io.series import sha256
from perspect.vocabulary import Problem, Spectra

CALLS: Final = {".dat": ("twix", "-e", "image"), ".7": ("ge",)}
"""How spec2nii is asked, by the ending of a file."""

RUN: Final = "from spec2nii.spec2nii import main; main()"

PATIENCE: Final = 600.0
"""Seconds that a conversion may take."""


OLDEST: Final = 12.0
"""The header revision of GE's P-files from which on spec2nii reads them. For older ones version 0.8.15 compares bytes
with a text (`Pfile.is_ge_file`: a TypeError), and past that its mapper opens no file (`PfileMapper.read_data`)."""


@dataclass(frozen=True, eq=False)
class ReadRaw:
    """The signal of a raw file, and the water reference that lies in the same file where there is one."""

    signal: Spectra
    water: Spectra | None


def is_raw(path: Path) -> bool:
    """Whether a file is raw data, by its name."""
    return path.suffix.lower() in CALLS


def read_raw(path: Path) -> ReadRaw:
    """A file of raw data, converted in a folder that is gone afterwards."""
    _demand_known(path)
    if find_spec("spec2nii") is None:
        raise Problem(
            f"{path.name} is raw data of a scanner, which is read through spec2nii, and spec2nii is not installed.",
            "Its layout changes with every software release; spec2nii follows them.",
            "pip install 'perspect[convert]', or export the spectrum as DICOM.",
        )
    with TemporaryDirectory() as folder:
        converted(path, Path(folder))
        made = sorted(Path(folder).glob("*.nii.gz"))
        water = [one for one in made if one.name.removesuffix(".nii.gz").endswith("_ref")]
        signal = [one for one in made if one not in water]
        if not signal:
            raise Problem(f"spec2nii made no spectrum of {path.name}.", "Nothing can be read.", "Export it as DICOM.")
        read = [replace(read_nifti_mrs(one), name=path.name, sources={}) for one in (signal[0], *water[:1])]
    sources = {path.name: sha256(path)}
    return ReadRaw(replace(read[0], sources=sources), replace(read[1], sources=sources) if len(read) > 1 else None)


def converted(path: Path, folder: Path) -> None:
    """Runs spec2nii; raises `Problem` with its last words where it fails."""
    call = [sys.executable, "-c", RUN, *CALLS[path.suffix.lower()], str(path), "-o", str(folder), "-f", "found"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        raise Problem(
            f"spec2nii could not read {path.name}: {words[-1] if words else 'it did not say why'}.",
            "It knows some software releases of a scanner and not others.",
            "Export the spectrum as DICOM, or try another version of spec2nii.",
        )


def _demand_known(path: Path) -> None:
    """Raises `Problem` for a P-file whose header is older than those that spec2nii can read."""
    if path.suffix.lower() != ".7":
        return
    first = path.read_bytes()[:4]
    revisions = [np.frombuffer(first, kind)[0] for kind in ("<f4", ">f4")] if len(first) == 4 else []
    old = [float(one) for one in revisions if 5.0 <= one < OLDEST]
    if old:
        raise Problem(
            f"{path.name} is a P-file of header revision {old[0]:g}.",
            f"P-files are read through spec2nii, which reads revision {OLDEST:g} and later.",
            "Export the spectrum as DICOM, or convert it with another program (SAGE, TARQUIN).",
        )
