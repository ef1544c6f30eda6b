"""Figures of spectroscopy: lines of brain and tumour, what the echo time does, amino acids against lipid."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawn.style import BLUE, FAINT, GREEN, INK, NOTE, ORANGE, PURPLE, panels
from perspect.models.spins import MOLECULES, Press, simulated
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.phantom.spectrum import ABSCESS, HEALTHY, NECROSIS, TUMOUR, Scan, virtual_spectrum

FREQUENCY, DWELL, N = 123.2e6, 1 / 2000, 2048
T = np.arange(N) * DWELL
PPM = 4.65 - np.fft.fftfreq(2 * N, DWELL) / FREQUENCY * 1e6
ORDER = np.argsort(-PPM)


def real(signal: np.ndarray) -> np.ndarray:
    """The real spectrum, in the order in which it is read."""
    whole = signal.copy()
    whole[0] /= 2
    return np.fft.fft(whole, 2 * N).real[ORDER]


def widened(signal: np.ndarray, width: float = 5.0) -> np.ndarray:
    return signal * np.exp(-np.pi * width * T)


def axis(ax: Axes, low: float, high: float, title: str) -> None:
    ax.set(xlim=(high, low), yticks=[], xlabel="ppm", title=title)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)


def lines() -> Figure:
    """Normal brain and a tumour at a short echo time."""
    figure, axes = panels(2, 4.2)
    marks = {"NAA": 2.01, "Cr": 3.03, "Cho": 3.21, "Ins": 3.56, "Glx": 2.35}
    for ax, truth, title in zip(axes, (HEALTHY, TUMOUR), ("Normal brain, TE 30 ms", "Tumour, TE 30 ms"), strict=True):
        scan = Scan(n_points=N, phase=0.0, shift=0.0, snr=80.0)
        shown = real(virtual_spectrum(truth, scan, 3).values[0, 0, 0])
        ax.plot(PPM[ORDER], shown, color=INK, linewidth=0.9)
        axis(ax, 0.3, 4.2, title)
        inside = (PPM[ORDER] > 0.3) & (PPM[ORDER] < 4.2)
        ax.set_ylim(-0.08 * shown[inside].max(), 1.2 * shown[inside].max())
        names = dict(marks)
        if truth is TUMOUR:
            names |= {"Lac + lipid": 1.3, "lipid + MM": 0.9}
        for name, at in names.items():
            near = np.abs(PPM[ORDER] - at) < 0.05
            ax.annotate(name, (at, shown[near].max()), xytext=(0, 5), textcoords="offset points", ha="center", **NOTE)
    return figure


def echo_times() -> Figure:
    """Lactate and lipid at 1.3 ppm at three echo times."""
    figure, axes = panels(3, 3.6, sharey=True)
    for ax, te in zip(axes, (0.030, 0.144, 0.288), strict=True):
        lactate = real(widened(simulated(MOLECULES["Lac"], Press(0.012, te - 0.012), FREQUENCY, DWELL, N)))
        fat = sum(broad_signal(BROAD[key], FREQUENCY, DWELL, N) for key in ("Lip13a", "Lip09"))
        lipid = real(1.2 * fat * np.exp(-(te - 0.030) / 0.07))
        ax.plot(PPM[ORDER], lipid, color=ORANGE, label="lipid")
        ax.plot(PPM[ORDER], lactate, color=BLUE, label="lactate")
        ax.plot(PPM[ORDER], lactate + lipid, color=INK, linewidth=1.0, linestyle="--", label="both")
        axis(ax, 0.6, 1.8, f"TE {te * 1e3:.0f} ms")
    axes[0].legend(loc="upper left")
    return figure


def amino_acids() -> Figure:
    """Pus and necrosis at 30 and 135 ms."""
    figure, axes = panels(2, 4.0)
    for ax, te, te1 in zip(axes, (0.030, 0.135), (0.011, 0.017), strict=True):
        scan = Scan(n_points=N, te=te, te1=te1, phase=0.0, shift=0.0, snr=100.0)
        shown = [real(virtual_spectrum(kind, scan, 5).values[0, 0, 0]) for kind in (ABSCESS, NECROSIS)]
        step = 1.1 * np.abs(shown[0][(PPM[ORDER] > 0.5) & (PPM[ORDER] < 2.2)]).max()
        for row, name, colour, lift in zip(shown, ("pus", "necrosis"), (PURPLE, GREEN), (step, 0.0), strict=True):
            ax.plot(PPM[ORDER], row / (1.0 if name == "pus" else 2.0) + lift, color=colour, linewidth=1.0, label=name)
        axis(ax, 0.5, 2.2, f"TE {te * 1e3:.0f} ms")
        ax.axvspan(0.86, 1.04, color=FAINT, alpha=0.25, linewidth=0)
        ax.axhline(step, color=FAINT, linewidth=0.8, zorder=0)
    axes[0].legend(loc="upper left")
    return figure
