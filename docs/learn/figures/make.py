"""Draws the figures of docs/learn/dsc.md from virtual objects: the same numbers and the same pictures every time.

Run it from anywhere: `python docs/learn/figures/make.py [FOLDER]`. The screenshot of the page is made by
`page_screenshot.py`, because it needs a browser.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perspect import dsc
from perspect.dsc.calibrate import calibrate
from perspect.dsc.deconvolve import Method, prepare
from perspect.dsc.quality import T1_SHARE_LIMITED, t1_share
from perspect.dsc.signal import NOISE_FLOOR, Relaxation, delta_r2star, relaxation, rest
from perspect.dsc.t1_effect import LARGEST_SHARE
from perspect.phantom import (
    ArterialInput,
    LeakageObject,
    Ranges,
    deconvolution_object,
    head_object,
    leakage_object,
    rician,
)
from perspect.phantom.deconvolution import Shape
from perspect.vocabulary import Acquisition, Grid, Region, Series

BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#aa5a94", "#56b4e9"
INK, FAINT, PALE = "#222222", "#b8b8b8", "#eef1f4"
"""Okabe and Ito's colours, which every kind of colour vision tells apart, and greys."""

STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.edgecolor": "#777777",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "figure.dpi": 130,
    "figure.constrained_layout.use": True,
}

NOTE: Final[dict[str, Any]] = {"fontsize": 10.0, "color": INK}


def bolus() -> Figure:
    """Signal to ΔR2*: steady state, baseline, arrival, first pass, gamma-variate."""
    head = head_object((48, 48, 8), n_frames=80, onset=40.0, snr=80.0, seed=2)
    series, grey = head.series[0], head.regions["grey"]
    run = dsc.quantify(
        series, dsc.Plan(motion=False, leakage="none", t1_effect="ignored", deconvolution="none"), mask=grey
    )
    numbers, tissue = run.summary, run.curves["tissue"]
    times, artery = series.times, series.curves(head.regions["artery"].mask).mean(axis=0)
    signal = series.curves(grey.mask).mean(axis=0)
    first, stop = numbers["baseline_frames"]
    level, arrival = signal[first:stop].mean(), numbers["arrival"]

    figure, (left, right) = _panels(2, 4.4)
    low, high = 0.96 * signal.min(), 1.05 * signal.max()
    left.axvspan(times[first] - 0.7, times[stop - 1] + 0.7, color=PALE, lw=0)
    left.plot([times[first], times[-1]], [level, level], "--", color=INK, lw=1.0)
    left.plot(times[first:], signal[first:], "o-", color=BLUE, ms=3.5, lw=1.2, label="mean signal of grey matter")
    left.plot(times[:first], signal[:first], "o", mfc="white", color=ORANGE, ms=6, label="not yet steady: left out")
    left.annotate(
        "level at rest, $S_{BL}$", (times[-1], level), xytext=(0, 5), textcoords="offset points", ha="right", **NOTE
    )
    left.annotate(
        "baseline", (times[(first + stop) // 2], low), xytext=(0, 8), textcoords="offset points", ha="center", **NOTE
    )
    left.axvline(arrival, color=GREEN, lw=1.5)
    left.annotate("arrival", (arrival, low), xytext=(5, 8), textcoords="offset points", fontsize=10, color=GREEN)
    left.set(ylim=(low, high), xlabel="time (s)", ylabel="signal (a.u.)", title="What the scanner stores")
    left.legend(loc="upper right")

    inside = times >= numbers["window_seconds"][0]
    top = 1.12 * tissue.values.max()
    right.fill_between(
        times[inside], 0, tissue.values[inside], color=SKY, alpha=0.3, lw=0, label="area: the blood volume"
    )
    right.plot(times, tissue.values, "o-", color=BLUE, ms=3.5, lw=1.2, label="grey matter")
    right.plot(times, tissue.fit, color=ORANGE, lw=1.8, label="gamma-variate of the first pass")
    blood = delta_r2star(artery, artery[first:stop].mean(), 0.03)
    right.plot(times, blood / 3, color=PURPLE, lw=1.6, label="artery, a third of it")
    right.axvline(arrival, color=GREEN, lw=1.5)
    end = numbers["first_pass_end"]
    right.axvline(end, color="#888888", lw=1.2, ls="--")
    right.annotate("end of the first pass", (end, 0.42 * top), xytext=(5, 0), textcoords="offset points", **NOTE)
    right.set(
        xlabel="time (s)",
        ylabel="ΔR2* (1/s)",
        title="ΔR2* = −ln(S / $S_{BL}$) / TE",
        xlim=(25, None),
        ylim=(-0.04 * top, top),
    )
    right.legend(loc="upper right")
    return figure


def leakage() -> Figure:
    """One leaking voxel of tumour under three flip angles, with and without preload."""
    ranges = Ranges(
        vp_grey=(0.04, 0.04), vp_tumour=(0.04, 0.04), mtt=(4.5, 4.5), ps=(0.12 / 60, 0.12 / 60), ve=(0.3, 0.3),
        kp=(80.0, 80.0), ke=(24.0, 24.0),
    )  # fmt: skip
    figure, axes = _panels(2, 4.3, sharey=True)
    for panel, has_preload in zip(axes, (False, True), strict=True):
        for degrees, colour in ((30, BLUE), (60, GREEN), (90, ORANGE)):
            thing = leakage_object(
                flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_white=1, n_grey=1, n_tumour=1,
                snr=np.inf, ranges=ranges,
                arterial=ArterialInput(onset=30.0), n_frames=80,
            )  # fmt: skip
            tumour = thing.signal[thing.tumour]
            seen = delta_r2star(tumour, tumour[:, thing.rest].mean(axis=1), thing.te[0])[0]
            panel.plot(thing.times, seen, color=colour, label=f"the tumour, flip angle {degrees}°")
        panel.plot(
            thing.times,
            thing.delta_r2star[thing.grey][0],
            "--",
            color=INK,
            lw=1.6,
            label="the same vessels without leakage",
        )
        panel.axhline(0, color="#777777", lw=0.8)
        panel.set(
            xlabel="time (s)",
            title="With a preload five minutes earlier" if has_preload else "Without preload",
            xlim=(20, 118),
        )
    axes[0].set_ylabel("apparent ΔR2* (1/s)")
    axes[1].legend(loc="upper right")
    axes[0].annotate("T1 shortening: the signal rises", (117, -5.6), ha="right", **NOTE)
    axes[1].annotate("leaked agent darkens (T2*)", (117, 4.2), ha="right", **NOTE)
    return figure


Correcting = Literal["auto", "bsw", "leu", "none"]

PROTOCOLS: Final = (("FA 60°, no preload", 60, False), ("FA 60°, preload", 60, True), ("FA 30°, no preload", 30, False))


def correction() -> Figure:
    """Uncorrected and corrected rCBV of tumour voxels against the truth, for three protocols."""
    figure, axes = _panels(3, 4.4, sharey=True)
    low, high = -2.5, 6.5
    for panel, (name, degrees, has_preload) in zip(axes, PROTOCOLS, strict=True):
        thing = leakage_object(flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_tumour=150, seed=3)
        true = thing.rcbv[thing.tumour]
        panel.plot([0, high], [0, high], color=INK, lw=1.0)
        words = []
        for method, colour, marker, word in (("none", ORANGE, "x", "uncorrected"), ("auto", BLUE, "o", "corrected")):
            found, _ = _rcbv(thing, method, has_preload)
            mew = 1.1 if marker == "x" else 0
            panel.plot(true, found, marker, color=colour, ms=4, alpha=0.65, mew=mew, label=word)
            agreement, bias = _concordance(found, true), found.mean() / true.mean() - 1
            words.append(f"{word}: CCC {agreement:.2f}, bias {bias:+.0%}".replace("-", "−"))
        panel.set(xlim=(0, 4.4), ylim=(low, high), xlabel="true rCBV", title=name)
        panel.text(0.03, 0.975, "\n".join(words), transform=panel.transAxes, va="top", fontsize=9.5, linespacing=1.35)
    axes[0].set_ylabel("measured rCBV")
    axes[2].legend(loc="lower right")
    return figure


DELAYS: Final = (-3.0, -1.5, 0.0, 1.5, 3.0, 5.0)


def delay() -> Figure:
    """Flow over delay by the causal and by the circulant decomposition."""
    thing = deconvolution_object(tr=1.5, n_frames=66, snr=(60.0,), delays=DELAYS, repeats=4, seed=5)
    tissue = _tissue(thing.signal, thing.times, thing.te)
    artery = thing.arterial_delta_r2star_measured
    cuts = {method: _calibrated(method, artery, thing.times, tissue) for method in ("osvd", "ssvd")}
    figure, axes = _panels(3, 4.2, width_ratios=(1, 1, 1.25))
    one = deconvolution_object(
        tr=1.5, n_frames=66, snr=(1e3,), delays=(-3.0, 0.0, 5.0), repeats=1, flow_and_volume=((0.01, 0.06),),
        shapes=(Shape.EXPONENTIAL,), arterial_snr=1e3,
    )  # fmt: skip
    clean = _tissue(one.signal, one.times, one.te)
    names, words = {"ssvd": "sSVD: causal", "osvd": "oSVD: circulant"}, ("3 s early", "no delay", "5 s late")
    for panel, method in zip(axes, names, strict=False):
        solver = prepare(method, one.arterial_delta_r2star, one.times, cuts[method])
        for word, solution, colour in zip(words, solver.solve(clean.curves), (ORANGE, INK, BLUE), strict=True):
            around = np.arange(-8, 14)
            panel.plot(1.5 * around, 6000 * solution[around], color=colour, label=word)
        panel.axhline(60, color="#888888", ls="--", lw=1.0)
        panel.set(xlabel="time after the arterial input (s)", title=names[method], ylim=(-20, 112))
    axes[0].set_ylabel("flow-scaled residue (mL/100 mL/min)")
    axes[1].annotate("true flow", (19, 60), xytext=(0, 3), textcoords="offset points", ha="right", **NOTE)
    axes[0].legend(loc="upper right", fontsize=9.5, bbox_to_anchor=(1.02, 1.0))

    for method, colour in (("ssvd", ORANGE), ("osvd", BLUE)):
        share = prepare(method, artery, thing.times, cuts[method]).residues(tissue.curves).flow / thing.cbf
        low, middle, high = np.transpose([np.nanpercentile(share[thing.delay == one], (25, 50, 75)) for one in DELAYS])
        axes[2].fill_between(DELAYS, low, high, color=colour, alpha=0.18, lw=0)
        axes[2].plot(DELAYS, middle, "o-", color=colour, label=names[method].split(":")[0])
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
    figure, (panel,) = _panels(1, 4.4, width=7.6)
    allowed = np.geomspace(0.02, 0.4, 25)
    for tr, n_frames, colour, marker in ((1.0, 100, BLUE, "o"), (1.5, 66, GREEN, "s"), (2.0, 55, ORANGE, "^")):
        thing = deconvolution_object(
            tr=tr, n_frames=n_frames, snr=(60.0,), delays=(-3.0, 0.0, 3.0, 5.0), repeats=3, seed=5
        )
        tissue = _tissue(thing.signal, thing.times, thing.te)
        artery = thing.arterial_delta_r2star_measured

        def error(cut: float, artery=artery, thing=thing, tissue=tissue) -> float:
            flow = prepare("osvd", artery, thing.times, cut).residues(tissue.curves).flow
            return 100 * float(np.nanmedian(np.abs(flow / thing.cbf - 1)))

        panel.plot(allowed, [error(float(one)) for one in allowed], color=colour, label=f"TR {tr:g} s")
        cut = _calibrated("osvd", artery, thing.times, tissue)
        panel.plot(cut, error(cut), marker, color=colour, ms=11, mec="white", mew=1.2)
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


def saturation() -> Figure:
    """What is recorded of a large artery: the magnitude cannot fall below its noise."""
    te, snr, rng = 0.03, 60.0, np.random.default_rng(0)
    figure, (left, right) = _panels(2, 4.2)
    true = np.linspace(0, 300, 151)
    recorded = delta_r2star(rician(np.broadcast_to(np.exp(-te * true), (4000, 151)), 1 / snr, rng), np.ones(4000), te)
    floor = float(np.log(snr / NOISE_FLOOR) / te)
    left.axvspan(floor, 300, color=PALE, lw=0)
    left.fill_between(
        true, *np.percentile(recorded, (5, 95), axis=0), color=SKY, alpha=0.45, lw=0, label="recorded, 5 to 95 %"
    )
    left.plot(true, np.median(recorded, axis=0), color=BLUE, label="recorded, median")
    left.plot(true, true, "--", color=INK, lw=1.4, label="true")
    left.annotate(
        "signal below three\ntimes its noise:\nSATURATED",
        (floor, 20),
        xytext=(7, 0),
        textcoords="offset points",
        **NOTE,
    )
    left.set(
        xlabel="true ΔR2* (1/s)",
        ylabel="recorded ΔR2* (1/s)",
        title="One sample, TE 30 ms, SNR 60",
        ylim=(0, 300),
        xlim=(0, 300),
    )
    left.legend(loc="upper left")

    times, comes = np.arange(0.0, 60.0, 1.5), ArterialInput(onset=15.0, peak=1.0)
    for peak, colour in ((80.0, GREEN), (250.0, ORANGE)):
        artery = peak * comes(times)
        seen = delta_r2star(rician(np.exp(-te * artery), 1 / snr, rng), np.ones(()), te)
        area, height = np.trapezoid(seen, times) / np.trapezoid(artery, times), seen.max() / artery.max()
        right.plot(times, artery, "--", color=colour, lw=1.5)
        word = "small" if peak < floor else "large"
        right.plot(
            times,
            seen,
            "o-",
            color=colour,
            ms=3.5,
            label=f"{word} artery: {height:.0%} of the peak, {area:.0%} of the area",
        )
    right.plot([], [], "--", color=INK, lw=1.5, label="true")
    right.axhline(floor, color="#888888", lw=1.2, ls=":")
    right.annotate("three times the noise", (57, floor), xytext=(0, 3), textcoords="offset points", ha="right", **NOTE)
    right.set(xlabel="time (s)", ylabel="ΔR2* (1/s)", title="An artery that is cut off", xlim=(8, 58), ylim=(-10, 330))
    right.legend(loc="upper right", fontsize=9.5)
    return figure


EVEN: Final[dict[str, Any]] = {"kp": (80.0, 80.0), "ke": (24.0, 24.0)}
"""The same relaxivities in every voxel, so that only what a figure is about differs."""

KINDS: Final = (
    ("no leakage, transit time as the reference", GREEN),
    ("no leakage, transit time 3 to 6 s", SKY),
    ("tumour that leaks", ORANGE),
)


def errors() -> Figure:
    """Stated standard errors against the scatter over new noise, and how often the truth lies within two of them."""
    covered, scatter = {}, np.array([])
    for name, degrees, has_preload in PROTOCOLS:
        shares = []
        for transit in ((4.5, 4.5), (3.0, 6.0)):
            thing = leakage_object(
                flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_grey=60, n_tumour=60, snr=np.inf, seed=4,
                t10=(1.1, 1.1, 1.6), ranges=Ranges(mtt=transit, vp_grey=(0.01, 0.05), **EVEN),
            )  # fmt: skip
            value, std, true = _repeated(thing, 30, has_preload)
            within = (np.abs(value - true[:, None]) < 2 * std).mean(axis=1)
            shares += [within[:60].mean(), within[60:].mean()]
            if has_preload:
                apart = (value - value.mean(axis=1, keepdims=True)) / std * np.sqrt(30 / 29)
                scatter = np.append(scatter, apart[60:])
        covered[name] = [100 * shares[i] for i in (0, 2, 3)]

    figure, (left, right) = _panels(2, 4.4, width_ratios=(1, 1.3))
    grid = np.linspace(-4, 4, 33)
    left.hist(scatter, list(grid), density=True, color=SKY, alpha=0.8, label=f"new noise: SD {scatter.std():.2f}")
    left.plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), color=INK, lw=1.6, label="exact errors: SD 1")
    left.set(
        xlabel="(rCBV − its mean) / stated standard error", ylabel="density", xlim=(-4, 4), ylim=(0, 0.7),
        title="Noise is in the errors",
    )  # fmt: skip
    left.legend(loc="upper left")
    at = np.arange(len(covered))
    for i, (kind, colour) in enumerate(KINDS):
        shares = [both[i] for both in covered.values()]
        right.bar(at + 0.28 * (i - 1), shares, 0.26, color=colour, label=kind)
        for x, share in zip(at + 0.28 * (i - 1), shares, strict=True):
            right.annotate(f"{share:.0f}", (x, share), xytext=(0, 3), textcoords="offset points", ha="center", **NOTE)
    right.axhline(95, color=INK, ls="--", lw=1.0)
    right.set_xticks(at, [name.replace(", ", "\n") for name in covered])
    right.set_yticks([0, 25, 50, 75, 95])
    right.set(ylabel="truth within 2 stated errors (%)", ylim=(0, 150), title="Bias of protocol and model is not")
    right.grid(axis="x", visible=False)
    right.legend(loc="upper right")
    return figure


def transit() -> Figure:
    """What the corrections do to tissue that does not leak, over its transit time."""
    figure, axes = _panels(2, 4.2, sharey=True)
    edges = np.linspace(3.0, 6.0, 9)
    for panel, (name, degrees, has_preload) in zip(axes, PROTOCOLS[:0:-1], strict=True):
        thing = leakage_object(
            flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_white=600, n_tumour=10, seed=4,
            ranges=Ranges(**EVEN),
        )  # fmt: skip
        for method, colour, word in (("none", INK, "uncorrected"), ("bsw", GREEN, "one-way"), ("auto", BLUE, "auto")):
            value, _ = _quantified(thing.signal, thing, 600, method, has_preload)
            share = value[:600] / thing.rcbv[thing.white]
            place = np.digitize(thing.mtt[thing.white], edges[1:-1])
            low, middle, high = np.transpose([np.percentile(share[place == one], (25, 50, 75)) for one in range(8)])
            centres = 0.5 * (edges[1:] + edges[:-1])
            panel.fill_between(centres, low, high, color=colour, alpha=0.15, lw=0)
            panel.plot(centres, middle, "o-", ms=4, color=colour, label=word)
        panel.axhline(1, color="#888888", lw=0.8)
        panel.set(xlabel="true mean transit time (s)", title=name, ylim=(0.8, 1.3))
    axes[0].set_ylabel("rCBV found / true")
    axes[0].legend(loc="upper right")
    return figure


HEADS: Final[tuple[tuple[str, dict[str, Any], dict[str, Any], str], ...]] = (
    ("FA 60°, preload", {}, {}, BLUE),
    ("the same, T1 effect ignored", {}, {"t1_effect": "ignored"}, SKY),
    ("FA 30°, no preload", {"flip_angle": np.deg2rad(30), "has_preload": False}, {}, GREEN),
    (
        "two echoes, 70°, no preload",
        {"flip_angle": np.deg2rad(70), "has_preload": False, "te": (0.0086, 0.0346)},
        {},
        PURPLE,
    ),
)
TISSUES: Final = {
    "white": "white matter\nT1 0.95 s",
    "grey": "grey matter\nT1 1.4 s",
    "oedema": "oedema\nT1 1.6 s",
    "rim": "enhancing rim\nT1 1.5 s, leaks",
}


def tissues() -> Figure:
    """rCBV of the tissues of the virtual head against the truth, for four ways to image and measure it."""
    figure, (panel,) = _panels(1, 4.4)
    at = np.arange(len(TISSUES))
    for i, (name, scan, choice, colour) in enumerate(HEADS):
        head = head_object((48, 48, 8), n_frames=100, seed=1, **scan)
        run = dsc.quantify(
            head.series, dsc.Plan(motion=False, deconvolution="none", **choice), mask=head.regions["brain"],
            reference=head.regions["white"],
        )  # fmt: skip
        share = run.maps["rcbv"].values / head.truth["rcbv"]
        quartiles = np.transpose([np.nanpercentile(share[head.regions[one].mask], (25, 50, 75)) for one in TISSUES])
        around = np.abs(quartiles[[0, 2]] - quartiles[1])
        place = at + 0.15 * (i - 1.5)
        panel.errorbar(place, quartiles[1], around, fmt="o", ms=8, color=colour, capsize=3, lw=1.6, label=name)
    panel.axhline(1, color=INK, lw=1.0)
    panel.set_xticks(at, TISSUES.values())
    panel.grid(axis="x", visible=False)
    panel.set(
        ylabel="rCBV found / true",
        ylim=(0, 1.6),
        xlim=(-0.5, 3.5),
        title="Virtual head, TE 30 ms, median and quartiles of voxels",
    )
    panel.legend(loc="upper right", ncols=2)
    return figure


LEVELS: Final = (
    (0.25, "without preload: noted"),
    (T1_SHARE_LIMITED, "without preload: limited"),
    (0.75, "without preload: unreliable; with preload: limited"),
    (LARGEST_SHARE, "refused"),
)


def protocols() -> Figure:
    """T1 effect over T2* effect by flip angle and echo time: where a protocol is usable, limited, refused."""
    figure, (panel,) = _panels(1, 4.4, width=7.6)
    degrees = np.linspace(10, 90, 81)
    for te, colour in ((0.025, ORANGE), (0.030, GREEN), (0.045, BLUE)):
        share = [t1_share(Acquisition(te=te, tr=1.5, flip_angle=float(np.deg2rad(one))), (te,)) for one in degrees]
        panel.plot(degrees, 100 * np.array(share), color=colour, label=f"TE {1000 * te:.0f} ms")
    for level, word in LEVELS:
        panel.axhline(100 * level, color="#888888", ls="--", lw=1.0)
        panel.annotate(word, (11, 100 * level), xytext=(0, 3), textcoords="offset points", **NOTE)
    panel.set(
        xlabel="flip angle (°)", ylabel="T1 effect / T2* effect (%)", title="Agent inside vessels, TR 1.5 s",
        xlim=(10, 90), ylim=(0, 120),
    )  # fmt: skip
    panel.legend(loc="lower right")
    return figure


FIGURES: Final[Mapping[str, Callable[[], Figure]]] = {
    "bolus": bolus,
    "leakage": leakage,
    "correction": correction,
    "protocols": protocols,
    "tissues": tissues,
    "delay": delay,
    "oscillation": oscillation,
    "saturation": saturation,
    "transit": transit,
    "errors": errors,
}


def _panels(n: int, height: float, width: float = 10.4, **more: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height))
    return figure, list(figure.subplots(1, n, squeeze=False, **more)[0])


def _tissue(signal: np.ndarray, times: np.ndarray, te: float) -> Relaxation:
    """ΔR2* of loose curves, with the baseline found on their mean."""
    at_rest = rest(signal.mean(axis=0).astype(float), times, 1.5)
    return relaxation((np.asfortranarray(signal),), (te,), at_rest)


def _calibrated(method: Method, artery: np.ndarray, times: np.ndarray, tissue: Relaxation) -> float:
    """The cut that a simulation of this acquisition finds, as the pipeline does."""
    stop = tissue.rest.stop
    contrast = np.nanmax(tissue.curves, axis=1) / tissue.noise
    passing = slice(stop, int(np.searchsorted(times, times[stop] + 30.0)))
    levels = np.quantile(contrast, (0.05, 0.25, 0.5, 0.75, 0.95))
    return calibrate(method, artery, times, passing, tissue, levels, 0).cut


def _rcbv(thing: LeakageObject, method: Correcting, has_preload: bool) -> tuple[np.ndarray, np.ndarray]:
    """rCBV of the tumour and its standard error, through the whole pipeline."""
    n_white = int(thing.white.sum())
    value, std = _quantified(thing.signal, thing, n_white, method, has_preload)
    return value[n_white:].astype(float), std[n_white:].astype(float)


def _quantified(
    signal: np.ndarray, thing: LeakageObject, n_white: int, method: Correcting, has_preload: bool
) -> tuple[np.ndarray, np.ndarray]:
    """rCBV and its error of loose curves of which the first `n_white` are the reference."""
    n = signal.shape[0]
    grid = Grid((n, 1, 1), np.eye(4))
    taken = Acquisition(te=thing.te[0], tr=thing.tr, flip_angle=thing.flip_angle, field=3.0, has_preload=has_preload)
    values = np.asfortranarray(signal.astype(np.float32)).reshape(n, 1, 1, -1, order="F")
    white = (np.arange(n) < n_white).reshape(-1, 1, 1)
    run = dsc.quantify(
        Series(values, grid, thing.times, taken),
        dsc.Plan(motion=False, leakage=method, leakage_reference="reference", deconvolution="none"),
        mask=Region(np.ones((n, 1, 1), bool), grid, "everything"),
        reference=Region(white, grid, "white matter"),
    )
    found = run.maps["rcbv"]
    return found.values.ravel(order="F"), found.std.ravel(order="F")


def _repeated(thing: LeakageObject, n: int, has_preload: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """rCBV of everything but white matter under `n` draws of noise, its errors, and the truth."""
    white = thing.signal[thing.white]
    again = np.concatenate([white, np.repeat(thing.signal[~thing.white], n, axis=0)])
    noisy = rician(again, white[:, thing.rest].mean() / 100.0, np.random.default_rng(1))
    both = _quantified(noisy, thing, white.shape[0], "auto", has_preload)
    value, std = (one[white.shape[0] :].reshape(-1, n).astype(float) for one in both)
    return value, std, thing.rcbv[~thing.white]


def _concordance(a: np.ndarray, b: np.ndarray) -> float:
    """Lin's concordance correlation coefficient (Lin 1989, doi:10.2307/2532051)."""
    return float(2 * np.cov(a, b)[0, 1] / (a.var(ddof=1) + b.var(ddof=1) + (a.mean() - b.mean()) ** 2))


def main(folder: Path, names: list[str]) -> None:
    """Draws the figures that are named (all, if none is) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or FIGURES:
        with mpl.rc_context(STYLE):
            FIGURES[name]().savefig(folder / f"{name}.png", metadata={"Software": None})


if __name__ == "__main__":
    known = [word for word in sys.argv[1:] if word in FIGURES]
    other = [Path(word) for word in sys.argv[1:] if word not in FIGURES]
    main(other[0] if other else Path(__file__).parent, known)
