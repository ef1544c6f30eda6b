"""Figures of the signal: the bolus, leakage under protocols, saturation."""

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from drawn.style import BLUE, GREEN, INK, NOTE, ORANGE, PALE, PURPLE, SKY, panels
from perspect import dsc
from perspect.dsc.quality import T1_SHARE_LIMITED, t1_share
from perspect.dsc.signal import NOISE_FLOOR, delta_r2star
from perspect.dsc.t1_effect import LARGEST_SHARE
from perspect.phantom import ArterialInput, HeadDesign, LeakageDesign, Ranges, head_object, leakage_object, rician
from perspect.vocabulary import Acquisition


def bolus() -> Figure:
    """Signal to ΔR2*: steady state, baseline, arrival, first pass, gamma-variate."""
    head = head_object(HeadDesign((48, 48, 8), n_frames=80, onset=40.0, snr=80.0, seed=2))
    series, grey = head.series[0], head.regions["grey"]
    run = dsc.quantify(
        series, dsc.Plan(motion=False, leakage="none", t1_effect="ignored", deconvolution="none"), mask=grey
    )
    numbers, tissue = run.summary, run.curves["tissue"]
    times, artery = series.times, series.curves(head.regions["artery"].mask).mean(axis=0)
    signal = series.curves(grey.mask).mean(axis=0)
    first, stop = numbers["baseline_frames"]
    level, arrival = signal[first:stop].mean(), numbers["arrival"]

    figure, (left, right) = panels(2, 4.4)
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
    assert tissue.fit is not None
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
    figure, axes = panels(2, 4.3, sharey=True)
    for panel, has_preload in zip(axes, (False, True), strict=True):
        for degrees, colour in ((30, BLUE), (60, GREEN), (90, ORANGE)):
            thing = leakage_object(LeakageDesign(
                flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_white=1, n_grey=1, n_tumour=1,
                snr=np.inf, ranges=ranges,
                arterial=ArterialInput(onset=30.0), n_frames=80,
            ))  # fmt: skip
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


LEVELS: Final = (
    (0.25, "without preload: noted"),
    (T1_SHARE_LIMITED, "without preload: limited"),
    (0.75, "without preload: unreliable; with preload: limited"),
    (LARGEST_SHARE, "refused"),
)


def protocols() -> Figure:
    """T1 effect over T2* effect by flip angle and echo time: where a protocol is usable, limited, refused."""
    figure, (panel,) = panels(1, 4.4, width=7.6)
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


def saturation() -> Figure:
    """What is recorded of a large artery: the magnitude cannot fall below its noise."""
    te, snr, rng = 0.03, 60.0, np.random.default_rng(0)
    figure, (left, right) = panels(2, 4.2)
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
