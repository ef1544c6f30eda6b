"""Makes `dsc-page.png` and `answer-page.png`: pages of `perspect dsc` and `perspect demo`, as a browser shows them.

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
from perspect.app.demo import demonstrate
from perspect.phantom import HeadDesign, head_object

SIZE = (1200, 1500)
ANSWER_SIZE = (1100, 1960)
COLOURS = 256
"""Of the picture: as many as the page's maps need, at a third of the bytes."""

QUIET = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--virtual-time-budget=60000",
)  # fmt: skip
"""Without a graphics card WebGL is computed, which takes a while: the picture is taken when nothing is left to do."""


def virtual_patient(folder: Path) -> Path:
    """The head as a NIfTI file with its sidecar."""
    (series,) = head_object(HeadDesign(seed=1)).series
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


def pictured(browser: str, page: Path, size: tuple[int, int], into: Path) -> None:
    """The top of a page as a browser shows it."""
    with tempfile.TemporaryDirectory() as name:
        picture = Path(name) / "page.png"
        profile, window = f"--user-data-dir={name}/profile", f"--window-size={size[0]},{size[1]}"
        call = [browser, *QUIET, profile, window, f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(call, check=True, capture_output=True)
        with Image.open(picture) as whole:
            fewer = whole.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            fewer.save(into, optimize=True)


def main(browser: str, folder: Path) -> None:
    """Measures the virtual head and asks about a virtual patient, and takes a picture of either page."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        page = examine_dsc(Inputs((virtual_patient(work),)), work / "out", threads=2).written.page
        pictured(browser, page, SIZE, folder / "dsc-page.png")
        answer = demonstrate(work / "demo", "radiation-necrosis", threads=2).page
        pictured(browser, answer, ANSWER_SIZE, folder / "answer-page.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "chromium", Path(__file__).parent)
