"""Makes `dsc-page.png`: the page that `perspect dsc` writes for the virtual head, as a browser shows it.

Needs a Chromium: `python docs/learn/figures/screenshot.py [BROWSER]`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image

from perspect.app import Inputs, examine_dsc
from perspect.phantom import head_object

SIZE = (1200, 1500)
COLOURS = 256
"""Of the picture: as many as the page's maps need, at a third of the bytes."""

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def virtual_patient(folder: Path) -> Path:
    """The head as a NIfTI file with its sidecar."""
    (series,) = head_object(seed=1).series
    taken = series.acquisition
    image: Any = nib.Nifti1Image(  # type: ignore[no-untyped-call]
        np.asarray(series.values), series.grid.affine
    )
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = taken.tr
    path = folder / "virtual-head_dsc.nii.gz"
    nib.save(image, path)
    side = {
        "EchoTime": taken.te,
        "RepetitionTime": taken.tr,
        "FlipAngle": float(np.rad2deg(taken.flip_angle or 0.0)),
        "MagneticFieldStrength": taken.field,
        "Preload": taken.has_preload,
        "ContrastBolusAgent": taken.agent,
        "ContrastBolusDose": taken.dose,
    }
    path.with_name("virtual-head_dsc.json").write_text(json.dumps(side), encoding="utf-8")
    return path


def main(browser: str, into: Path) -> None:
    """Measures the virtual patient and takes a picture of the top of its page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = examine_dsc(Inputs((virtual_patient(folder),)), folder / "out", threads=2).written.page
        width, height = SIZE
        call = [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"]
        picture = folder / "page.png"
        subprocess.run([*call, f"--screenshot={picture}", page.resolve().as_uri()], check=True, capture_output=True)
        with Image.open(picture) as whole:
            whole.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                into, optimize=True
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "chromium", Path(__file__).with_name("dsc-page.png"))
