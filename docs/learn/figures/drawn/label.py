"""Figures of labelled blood: what is seen of it, what delay does, what the choice of a model does."""

import numpy as np
from matplotlib.figure import Figure

from drawn.style import BLUE, FAINT, GREEN, INK, NOTE, ORANGE, PALE, PURPLE, panels
from perspect.fit import normal, posterior
from perspect.models import ArterialPcasl, Pcasl, Tissue

BLOOD, GREY, WHITE = Tissue(1.65), Tissue(1.65, 1.33), Tissue(1.65, 0.83)
TO_FLOW = 6000.0


def label() -> Figure:
    """What one voxel shows over time: label that comes, is there, is gone; and label in its arteries."""
    figure, (left, right) = panels(2, 4.0)
    since = np.arange(0.0, 5.0, 0.01)
    lasts = np.full(since.size, 1.8)
    left.axvspan(0, 1.8, color=PALE, lw=0)
    left.annotate("labelling", (0.06, 1.85), va="top", **NOTE)
    voxels = (
        (60, 0.8, BLUE, "grey matter"),
        (20, 1.2, GREEN, "white matter"),
        (60, 2.2, ORANGE, "grey matter, late"),
    )
    for flow, att, colour, name in voxels:
        model = Pcasl(since - 1.8, lasts, 0.85, GREY if colour != GREEN else WHITE)
        left.plot(since, 100 * model.predict(np.array([flow / TO_FLOW, att])), color=colour, label=name)
    both = ArterialPcasl(since - 1.8, lasts, 0.85, GREY).predict(np.array([0.0, 0.01, 0.8, 0.6]))
    left.plot(since, 100 * both, "--", color=PURPLE, lw=1.5, label="1 % of arterial blood")
    left.axvline(3.6, color=INK, lw=1, ls=":")
    left.annotate("one delay of 1.8 s", (3.65, 1.2), **NOTE)
    left.set(xlabel="time since labelling began (s)", ylabel="ΔM/M0 (%)", title="What a voxel shows", ylim=(0, 1.95))
    left.legend(loc="upper right", fontsize=9, ncols=2)

    rng = np.random.default_rng(3)
    delays = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    model = Pcasl(delays, np.full(6, 1.8), 0.85, GREY)
    curve = model.predict(np.array([0.01, 1.2])) + rng.normal(0.0, 8e-4, 6)
    nodes = np.arange(0.0, 4.0, 0.02)
    columns = model.atoms(nodes[:, None])[:, 0]
    explained = (columns @ curve) ** 2 / (columns**2).sum(axis=1) / (8e-4) ** 2
    log = 0.5 * (explained - explained.max()) - 0.5 * ((nodes - 1.3) / 1.0) ** 2
    weight = np.exp(log - log.max())
    right.plot(nodes, weight, color=BLUE, label="weight of each transit time")
    flows = TO_FLOW * (columns @ curve) / (columns**2).sum(axis=1)
    right.plot(nodes, flows / 100, color=ORANGE, label="flow that belongs to it / 100")
    own = posterior(model, curve[None], np.full(1, 8e-4), nodes[:, None], normal(nodes, 1.3, 1.0))
    att, spread = own.values["att"][0], own.std["att"][0]
    right.axvspan(att - spread, att + spread, color=FAINT, alpha=0.4, lw=0)
    right.axvline(1.2, color=INK, lw=1.2, ls=":")
    right.annotate("true", (1.21, 1.12), **NOTE)
    flow, error = TO_FLOW * own.values["cbf"][0], TO_FLOW * own.std["cbf"][0]
    right.annotate(f"CBF {flow:.0f} ± {error:.0f} (true 60)\nATT {att:.2f} ± {spread:.2f} s", (2.0, 0.5), **NOTE)
    right.set(xlabel="transit time (s)", title="Six delays, one noisy voxel", xlim=(0, 3.2), ylim=(0, 1.3))
    right.legend(loc="upper right", fontsize=9)
    return figure


def late_label() -> Figure:
    """What one delay makes of label that comes late, and what several make of it."""
    figure, (left, right) = panels(2, 3.8)
    atts = np.linspace(0.5, 3.2, 200)
    for delay, colour in ((1.5, ORANGE), (1.8, BLUE), (2.0, GREEN)):
        one = np.array([delay])
        true = Pcasl(one, np.array([1.8]), 0.85, BLOOD)
        seen = true.predict(np.stack([np.full(200, 0.01), atts], axis=1))[:, 0]
        left.plot(atts, 60 * seen / true.predict(np.array([0.01, 0.5]))[0], color=colour, label=f"delay {delay} s")
    left.axhline(60, color=INK, lw=1, ls=":")
    left.set(xlabel="true transit time (s)", ylabel="flow that is read (mL/100 g/min)", ylim=(0, 70),
             title="One delay: late looks low")  # fmt: skip
    left.legend(loc="lower left")

    rng = np.random.default_rng(5)
    delays = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    model = Pcasl(delays, np.full(6, 1.8), 0.85, BLOOD)
    some = np.linspace(0.5, 3.2, 28)
    nodes = np.arange(0.0, 4.6, 0.05)
    p = np.repeat(np.stack([np.full(28, 0.01), some], axis=1), 200, axis=0)
    curves = model.predict(p) + rng.normal(0.0, 9e-4, (len(p), 6))
    own = posterior(model, curves, np.full(len(p), 9e-4), nodes[:, None], normal(nodes, 1.3, 1.0))
    flow = TO_FLOW * own.values["cbf"].reshape(28, 200)
    right.fill_between(some, *np.percentile(flow, (5, 95), axis=1), color=BLUE, alpha=0.3, lw=0, label="5 to 95 %")
    right.plot(some, flow.mean(axis=1), color=BLUE, label="mean")
    right.axhline(60, color=INK, lw=1, ls=":")
    right.set(xlabel="true transit time (s)", ylim=(0, 130), title="Six delays: late is late")
    right.legend(loc="upper left")
    return figure


def label_models() -> Figure:
    """The same signal read with other models, over the delay."""
    figure, (left, right) = panels(2, 3.8)
    delays = np.linspace(1.0, 3.0, 100)
    for axes, flow, att, t1, title in ((left, 60, 0.8, GREY, "Grey matter, true flow 60"),
                                       (right, 20, 1.2, WHITE, "White matter, true flow 20")):  # fmt: skip
        true = Pcasl(delays, np.full(100, 1.8), 0.85, t1).predict(np.array([flow / TO_FLOW, att]))
        for tissue, colour, name in ((BLOOD, BLUE, "blood (consensus)"), (GREY, ORANGE, "one T1 of 1.33 s"),
                                     (t1, GREEN, "T1 of the tissue")):  # fmt: skip
            unit = Pcasl(delays, np.full(100, 1.8), 0.85, tissue).atoms(np.array([att]))[0]
            axes.plot(delays, TO_FLOW * true / unit, color=colour, label=name)
        axes.set(xlabel="post-label delay (s)", ylabel="flow that is read (mL/100 g/min)", title=title,
                 ylim=(0, 1.3 * flow))  # fmt: skip
    left.legend(loc="lower left")
    return figure
