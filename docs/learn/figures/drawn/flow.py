"""Figures of deconvolution: delay, oscillation index."""

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from drawn.style import BLUE, GREEN, INK, NOTE, ORANGE, panels
from perspect.dsc.calibrate import calibrate
from perspect.dsc.deconvolve import Method, prepare
from perspect.dsc.passage import first_pass, width_of
from perspect.dsc.signal import Relaxation, relaxation, rest
from perspect.phantom import DeconvolutionDesign, deconvolution_object
from perspect.phantom.deconvolution import Shape

DELAYS: Final = (-3.0, -1.5, 0.0, 1.5, 3.0, 5.0)


DECOMPOSITIONS: Final[tuple[tuple[Method, str, str], ...]] = (
    ("ssvd", "sSVD: causal", ORANGE),
    ("osvd", "oSVD: circulant", BLUE),
)


def delay() -> Figure:
    """Flow over delay by the causal and by the circulant decomposition."""
    thing = deconvolution_object(
        DeconvolutionDesign(tr=1.5, n_frames=66, snr=(60.0,), delays=DELAYS, repeats=4, seed=5)
    )
    tissue = tissue_of(thing.signal, thing.times, thing.te)
    artery = thing.arterial_delta_r2star_measured
    cuts = {method: calibrated(method, artery, thing.times, tissue) for method, _, _ in DECOMPOSITIONS}
    figure, axes = panels(3, 4.2, width_ratios=(1, 1, 1.25))
    one = deconvolution_object(DeconvolutionDesign(
        tr=1.5, n_frames=66, snr=(1e3,), delays=(-3.0, 0.0, 5.0), repeats=1, flow_and_volume=((0.01, 0.06),),
        shapes=(Shape.EXPONENTIAL,), arterial_snr=1e3,
    ))  # fmt: skip
    clean = tissue_of(one.signal, one.times, one.te)
    words = ("3 s early", "no delay", "5 s late")
    for panel, (method, name, _) in zip(axes, DECOMPOSITIONS, strict=False):
        solver = prepare(method, one.arterial_delta_r2star, one.times, cuts[method])
        for word, solution, colour in zip(words, solver.solve(clean.curves), (ORANGE, INK, BLUE), strict=True):
            around = np.arange(-8, 14)
            panel.plot(1.5 * around, 6000 * solution[around], color=colour, label=word)
        panel.axhline(60, color="#888888", ls="--", lw=1.0)
        panel.set(xlabel="time after the arterial input (s)", title=name, ylim=(-20, 112))
    axes[0].set_ylabel("flow-scaled residue (mL/100 mL/min)")
    axes[1].annotate("true flow", (19, 60), xytext=(0, 3), textcoords="offset points", ha="right", **NOTE)
    axes[0].legend(loc="upper right", fontsize=9.5, bbox_to_anchor=(1.02, 1.0))

    for method, name, colour in DECOMPOSITIONS:
        share = prepare(method, artery, thing.times, cuts[method]).residues(tissue.curves).flow / thing.cbf
        low, middle, high = np.transpose([np.nanpercentile(share[thing.delay == one], (25, 50, 75)) for one in DELAYS])
        axes[2].fill_between(DELAYS, low, high, color=colour, alpha=0.18, lw=0)
        axes[2].plot(DELAYS, middle, "o-", color=colour, label=name.split(":")[0])
    axes[2].axhline(1, color=INK, lw=1.0)
    axes[2].set(
        xlabel="delay of the tissue after the artery (s)",
        ylabel="CBF found / true",
        title="All tissues, SNR 60",
        ylim=(0.4, 1.9),
    )
    axes[2].legend(loc="upper right")
    return figure


def oscillation() -> Figure:
    """Error of CBF against the oscillation index that is allowed, for three repetition times."""
    figure, (panel,) = panels(1, 4.4, width=7.6)
    allowed = np.geomspace(0.02, 0.4, 25)
    for tr, n_frames, colour, marker in ((1.0, 100, BLUE, "o"), (1.5, 66, GREEN, "s"), (2.0, 55, ORANGE, "^")):
        thing = deconvolution_object(
            DeconvolutionDesign(tr=tr, n_frames=n_frames, snr=(60.0,), delays=(-3.0, 0.0, 3.0, 5.0), repeats=3, seed=5)
        )
        tissue = tissue_of(thing.signal, thing.times, thing.te)
        artery = thing.arterial_delta_r2star_measured
        cut = calibrated("osvd", artery, thing.times, tissue)
        error = {
            one: 100 * np.nanmedian(np.abs(_flow(one, artery, thing.times, tissue) / thing.cbf - 1))
            for one in (*allowed, cut)
        }
        panel.plot(allowed, [error[one] for one in allowed], color=colour, label=f"TR {tr:g} s")
        panel.plot(cut, error[cut], marker, color=colour, ms=11, mec="white", mew=1.2)
    panel.axvline(0.035, color=INK, ls="--", lw=1.2)
    panel.annotate("the usual constant, 0.035", (0.035, 41), xytext=(5, -2), textcoords="offset points", **NOTE)
    panel.plot([], [], "o", color="#666666", ms=10, mec="white", label="found by simulating the acquisition")
    panel.set(
        xscale="log", xlabel="oscillation index that is allowed", ylabel="median error of CBF (%)", ylim=(10, 43),
        title="The best oscillation index depends on the sampling",
    )  # fmt: skip
    panel.set_xticks([0.02, 0.035, 0.05, 0.1, 0.2, 0.4], ["0.02", "0.035", "0.05", "0.1", "0.2", "0.4"])
    panel.minorticks_off()
    panel.legend(loc="upper right", bbox_to_anchor=(0.99, 0.9))
    return figure


def tissue_of(signal: np.ndarray, times: np.ndarray, te: float) -> Relaxation:
    """ΔR2* of loose curves, with the baseline found on their mean."""
    at_rest = rest(signal.mean(axis=0).astype(float), times, 1.5)
    return relaxation((np.asfortranarray(signal),), (te,), at_rest)


def calibrated(method: Method, artery: np.ndarray, times: np.ndarray, tissue: Relaxation) -> float:
    """The cut that a simulation of this acquisition finds, as the pipeline does."""
    mean = np.nanmean(tissue.curves, axis=0)
    passed = first_pass(mean, times, tissue.rest.stop, tissue.rest.peak)
    contrast = np.nanmax(tissue.curves, axis=1) / tissue.noise
    levels = np.quantile(contrast, (0.05, 0.25, 0.5, 0.75, 0.95))
    return calibrate(method, artery, times, passed.frames, width_of(passed, mean, times), tissue, levels, 0).cut


def _flow(cut: float, artery: np.ndarray, times: np.ndarray, tissue: Relaxation) -> np.ndarray:
    """CBF in 1/s by oSVD with this oscillation index."""
    return prepare("osvd", artery, times, float(cut)).residues(tissue.curves).flow
