"""Figures of blood volume against the truth: correction, transit time, tissues, standard errors."""

from typing import Any, Final, Literal

import numpy as np
from matplotlib.figure import Figure

from drawn.style import BLUE, GREEN, INK, NOTE, ORANGE, PURPLE, SKY, panels
from perspect import dsc
from perspect.phantom import HeadDesign, LeakageDesign, LeakageObject, Ranges, head_object, leakage_object, rician
from perspect.vocabulary import Acquisition, Grid, Region, Series

Correcting = Literal["auto", "bsw", "leu", "none"]

PROTOCOLS: Final = (("FA 60°, no preload", 60, False), ("FA 60°, preload", 60, True), ("FA 30°, no preload", 30, False))


CORRECTIONS: Final[tuple[tuple[Correcting, str, str, str], ...]] = (
    ("none", ORANGE, "x", "uncorrected"),
    ("auto", BLUE, "o", "corrected"),
)


def correction() -> Figure:
    """Uncorrected and corrected rCBV of tumour voxels against the truth, for three protocols."""
    figure, axes = panels(3, 4.4, sharey=True)
    low, high = -2.5, 6.5
    for panel, (name, degrees, has_preload) in zip(axes, PROTOCOLS, strict=True):
        thing = leakage_object(
            LeakageDesign(flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_tumour=150, seed=3)
        )
        true = thing.rcbv[thing.tumour]
        panel.plot([0, high], [0, high], color=INK, lw=1.0)
        words = []
        for method, colour, marker, word in CORRECTIONS:
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


EVEN: Final[dict[str, Any]] = {"kp": (80.0, 80.0), "ke": (24.0, 24.0)}
"""The same relaxivities in every voxel, so that only what a figure is about differs."""

KINDS: Final = (
    ("no leakage, transit time as the reference", GREEN),
    ("no leakage, transit time 3 to 6 s", SKY),
    ("tumour that leaks", ORANGE),
)


WIDE: Final = (2.0, 12.0)
"""Transit times of tissue without leakage, in s: of white matter, which is the reference, and of the lesion alike."""

NO_LEAK: Final = (0.0, 1e-9)

ECHOES: Final[tuple[tuple[str, int, float | tuple[float, float]], ...]] = (
    ("one echo, 30°", 30, 0.03), ("two echoes, 70°", 70, (0.0086, 0.0346)),
)  # fmt: skip

METHODS: Final[tuple[tuple[Correcting, str, str], ...]] = (
    ("none", INK, "uncorrected"),
    ("bsw", GREEN, "one-way"),
    ("leu", ORANGE, "two-way"),
    ("auto", BLUE, "auto"),
)


def transit() -> Figure:
    """What the corrections do to tissue that does not leak, over its transit time."""
    figure, axes = panels(2, 4.2, sharey=True)
    edges = np.linspace(*WIDE, 9)
    for panel, (name, degrees, te) in zip(axes, ECHOES, strict=True):
        thing = leakage_object(LeakageDesign(
            flip_angle=np.deg2rad(degrees), te=te, n_white=400, n_tumour=1200, seed=4, t10=(1.1, 1.1, 1.1),
            ranges=Ranges(**EVEN, mtt=WIDE, ps=NO_LEAK),
        ))  # fmt: skip
        level = (np.abs(thing.mtt - np.mean(edges)) < 1.5) & thing.tumour
        for method, colour, word in METHODS:
            value, _ = _quantified(thing.signals, thing, 400, method, has_preload=True)
            share = value / thing.rcbv
            share = share[thing.tumour] / np.median(share[level])
            place = np.digitize(thing.mtt[thing.tumour], edges[1:-1])
            low, middle, high = np.transpose([np.percentile(share[place == one], (25, 50, 75)) for one in range(8)])
            centres = 0.5 * (edges[1:] + edges[:-1])
            panel.fill_between(centres, low, high, color=colour, alpha=0.15, lw=0)
            panel.plot(centres, middle, "o-", ms=4, color=colour, label=word)
        panel.axhline(1, color="#888888", lw=0.8)
        panel.set(xlabel="true mean transit time (s)", title=name, ylim=(0.5, 1.5))
    axes[0].set_ylabel("rCBV found / true, of the middle")
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
    figure, (panel,) = panels(1, 4.4)
    at = np.arange(len(TISSUES))
    for i, (name, scan, choice, colour) in enumerate(HEADS):
        head = head_object(HeadDesign((48, 48, 8), n_frames=100, seed=1, **scan))
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


def errors() -> Figure:
    """Stated standard errors against the scatter over new noise, and how often the truth lies within two of them."""
    covered, scatter = {}, np.array([])
    for name, degrees, has_preload in PROTOCOLS:
        shares = []
        for transit in ((4.5, 4.5), (3.0, 6.0)):
            thing = leakage_object(LeakageDesign(
                flip_angle=np.deg2rad(degrees), has_preload=has_preload, n_grey=60, n_tumour=60, snr=np.inf, seed=4,
                t10=(1.1, 1.1, 1.6), ranges=Ranges(mtt=transit, vp_grey=(0.01, 0.05), **EVEN),
            ))  # fmt: skip
            value, std, true = _repeated(thing, 30, has_preload)
            within = (np.abs(value - true[:, None]) < 2 * std).mean(axis=1)
            shares += [within[:60].mean(), within[60:].mean()]
            if has_preload:
                apart = (value - value.mean(axis=1, keepdims=True)) / std * np.sqrt(30 / 29)
                scatter = np.append(scatter, apart[60:])
        covered[name] = [100 * shares[i] for i in (0, 2, 3)]

    figure, (left, right) = panels(2, 4.4, width_ratios=(1, 1.3))
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


def _rcbv(thing: LeakageObject, method: Correcting, has_preload: bool) -> tuple[np.ndarray, np.ndarray]:
    """rCBV of the tumour and its standard error, through the whole pipeline."""
    n_white = int(thing.white.sum())
    value, std = _quantified((thing.signal,), thing, n_white, method, has_preload)
    return value[n_white:].astype(float), std[n_white:].astype(float)


def _quantified(
    signals: tuple[np.ndarray, ...], thing: LeakageObject, n_white: int, method: Correcting, has_preload: bool
) -> tuple[np.ndarray, np.ndarray]:
    """rCBV and its error of loose curves (one signal for each echo) of which the first `n_white` are the reference."""
    n = signals[0].shape[0]
    grid = Grid((n, 1, 1), np.eye(4))
    echoes = tuple(
        Series(
            np.asfortranarray(signal.astype(np.float32)).reshape(n, 1, 1, -1, order="F"), grid, thing.times,
            Acquisition(te=te, tr=thing.tr, flip_angle=thing.flip_angle, field=3.0, has_preload=has_preload),
        )
        for signal, te in zip(signals, thing.te, strict=True)
    )  # fmt: skip
    white = (np.arange(n) < n_white).reshape(-1, 1, 1)
    whose: Literal["auto", "reference"] = "auto" if method == "none" else "reference"
    run = dsc.quantify(
        echoes,
        dsc.Plan(motion=False, leakage=method, leakage_reference=whose, deconvolution="none"),
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
    both = _quantified((noisy,), thing, white.shape[0], "auto", has_preload)
    value, std = (one[white.shape[0] :].reshape(-1, n).astype(float) for one in both)
    return value, std, thing.rcbv[~thing.white]


def _concordance(a: np.ndarray, b: np.ndarray) -> float:
    """Lin's concordance correlation coefficient (Lin 1989, doi:10.2307/2532051)."""
    return float(2 * np.cov(a, b)[0, 1] / (a.var(ddof=1) + b.var(ddof=1) + (a.mean() - b.mean()) ** 2))
