"""Reference objects of others, as plain values in inside units. They are no part of this project: absent, tests skip.

Every loader takes the folder `shared_data` (see conftest) and says in its skip message which file it missed.
"""

import csv
import io
import lzma
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest


@dataclass(frozen=True, eq=False)
class SharedDeconvolution:
    """Curves with known flow: signal (voxels, time) time-major in memory; cbf 1/s, cbv mL/mL, mtt and delay s.

    `shape` is 0 exponential, 1 box, 2 gamma(3). Arterial ΔR2* over `arterial_scale` is on the scale of tissue.
    """

    times: np.ndarray
    te: float
    signal: np.ndarray
    arterial_signal: np.ndarray
    arterial_signal_noisy: np.ndarray
    arterial_scale: float
    onset: float
    cbf: np.ndarray
    cbv: np.ndarray
    mtt: np.ndarray
    delay: np.ndarray
    shape: np.ndarray
    snr: np.ndarray


@dataclass(frozen=True, eq=False)
class SharedLeakage:
    """Voxels of normal tissue and tumour: signals per echo (voxels, time); ps 1/s; flip angle rad; onset at 45 s."""

    times: np.ndarray
    te: tuple[float, ...]
    tr: float
    flip_angle: float
    has_preload: bool
    signals: tuple[np.ndarray, ...]
    normal: np.ndarray
    vp: np.ndarray
    ve: np.ndarray
    ps: np.ndarray
    arterial: np.ndarray | None
    delta_r2star: np.ndarray | None

    @property
    def tumour(self):
        return ~self.normal

    @property
    def rcbv(self):
        return self.vp / self.vp[self.normal].mean()


@dataclass(frozen=True, eq=False)
class SharedConcentration:
    """OSIPI's DSC curves: concentration (voxels, time), one arterial curve; cbf 1/s, cbv mL/mL.

    The curves were convolved by left rectangles at TR: their areas belong to `cbv_as_made`, not to `cbv`.
    """

    times: np.ndarray
    concentration: np.ndarray
    arterial: np.ndarray
    cbf: np.ndarray
    cbv: np.ndarray

    @property
    def cbv_as_made(self):
        tr, mtt = self.times[1] - self.times[0], self.cbv / self.cbf
        return self.cbv * np.exp(-self.times / mtt[:, None]).sum(axis=1) * tr / mtt


def deconvolution_set(shared_data: Path, tr: str = "1.5") -> SharedDeconvolution:
    """`tr` is "1" or "1.5" (s)."""
    z = _arrays(shared_data, "dsc_deconv.npz")
    key = f"TR{tr}_"
    return SharedDeconvolution(
        z[key + "t"], float(z["te"]), np.asfortranarray(z[key + "signal"]),
        z[key + "aif_signal"], z[key + "aif_signal_noisy"], float(z[key + "aif_scale"]), float(z["bolus_onset"]),
        z[key + "cbf"] / 6000.0, z[key + "cbv"] / 100.0, z[key + "mtt"], z[key + "delay"],
        z[key + "kind"].astype(int), z[key + "snr"],
    )  # fmt: skip


def leakage_set(shared_data: Path, degrees: int = 60, has_preload: bool = True) -> SharedLeakage:
    """Flip angles of 30, 60 and 90 degrees with and without preload, TE 30 ms."""
    z = _arrays(shared_data, "dsc_leakage.npz")
    key = f"FA{degrees}_pre{int(has_preload)}_TE30_"
    vp = z[key + "vp"]
    return SharedLeakage(
        z[key + "t"], (0.03,), 1.5, float(np.deg2rad(degrees)), has_preload, (np.asfortranarray(z[key + "signal"]),),
        np.arange(vp.size) < int(z[key + "n_normal"]), vp, z[key + "ve"], z[key + "PS_per_min"] / 60.0,
        z[key + "aif_conc"], None,
    )  # fmt: skip


def dual_echo_set(shared_data: Path) -> SharedLeakage:
    """Two echoes (8.6 and 34.6 ms), no preload, with the true ΔR2*."""
    z = _arrays(shared_data, "dsc_dual_echo.npz")
    vp = z["vp"]
    return SharedLeakage(
        z["t"], (float(z["te1"]), float(z["te2"])), float(z["TR"]), float(np.deg2rad(z["FA"])), False,
        (np.asfortranarray(z["signal_te1"]), np.asfortranarray(z["signal_te2"])),
        np.arange(vp.size) < int(z["n_normal"]), vp, z["ve"], z["PS_per_min"] / 60.0, None, z["delta_r2s_true"],
    )  # fmt: skip


def osipi_set(shared_data: Path) -> SharedConcentration:
    """Seven of the fourteen curves of OSIPI's test of DSC quantification."""
    archive = _file(shared_data, "osipi_codecollection.tar.xz")
    with lzma.open(archive) as unpacked, tarfile.open(fileobj=unpacked) as members:
        text = members.extractfile("osipi_codecollection/dsc_data.csv").read().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    tissue = np.array([np.array(row["C_tis"].split(), float) for row in rows])
    arterial = np.array(rows[0]["C_aif"].split(), float)
    return SharedConcentration(
        np.arange(arterial.size) * float(rows[0]["tr"]), tissue, arterial,
        np.array([float(row["cbf"]) for row in rows]) / 6000.0, np.array([float(row["cbv"]) for row in rows]) / 100.0,
    )  # fmt: skip


def _file(shared_data: Path, name: str) -> Path:
    nested = shared_data / "dsc-dce" / ("synthetic" if name.endswith(".npz") else "") / name
    if not nested.is_file():
        pytest.skip(f"the reference object {nested} is not here; it is no part of this project")
    return nested


def _arrays(shared_data: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(_file(shared_data, name)) as stored:
        return dict(stored)
