"""What kinetic models say, and when ve is determined."""

import numpy as np
from matplotlib.figure import Figure

from drawn.style import BLUE, GREEN, INK, ORANGE, PURPLE, panels
from perspect.fit import cramer_rao
from perspect.models import ExtendedTofts, Patlak, TwoCompartmentExchange, Vascular
from perspect.models.arterial import Parker

T = np.arange(0.0, 360.0, 2.0)
CP = Parker().plasma(T - 30.0, 0.42)


def kinetics() -> Figure:
    """The same plasma under four models; the error of ve against how much of it is seen."""
    figure, (left, right) = panels(2, 3.8)
    for model, p, colour, label in (
        (Vascular(T, CP), (0.05,), BLUE, "vessels alone"),
        (Patlak(T, CP), (0.0015, 0.05), GREEN, "Patlak: nothing returns"),
        (ExtendedTofts(T, CP), (0.0015, 0.2, 0.05), ORANGE, "extended Tofts: it returns"),
        (TwoCompartmentExchange(T, CP), (0.006, 0.002, 0.2, 0.05), PURPLE, "exchange: flow is limited"),
    ):
        left.plot(T, model.predict(np.array(p)), color=colour, label=label)
    left.set(xlabel="time (s)", ylabel="C (mM)", title="One plasma curve, four models", ylim=(0, None))
    left.legend()
    kep = np.geomspace(2e-4, 2e-2, 60)
    for seconds, colour in ((120.0, PURPLE), (360.0, ORANGE), (720.0, BLUE)):
        t = np.arange(0.0, seconds + 30.0, 5.0)
        model = ExtendedTofts(t, Parker().plasma(t - 30.0, 0.42))
        p = np.stack([0.0015 * np.ones_like(kep), 0.0015 / kep, 0.03 * np.ones_like(kep)], axis=-1)
        ve_error = np.sqrt(cramer_rao(model, p, np.full(kep.size, 0.02))[:, 1, 1]) / p[:, 1]
        right.plot(kep * seconds, 100.0 * ve_error, color=colour, label=f"{seconds / 60:.0f} min after arrival")
    right.axhline(100.0, color=INK, linewidth=0.8, linestyle=":")
    right.set(
        xscale="log", yscale="log", xlabel="kep · time watched", ylabel="standard error of ve (%)", ylim=(1, 1e4),
        title="ve is seen only if something returns",
    )  # fmt: skip
    right.legend()
    return figure
