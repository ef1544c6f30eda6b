"""What the pulses that read M0 show of it, where label is modelled as its own pulses show it (Look-Locker)."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.asl.readouts import ALIKE
from perspect.asl.samples import SAME
from perspect.vocabulary import Calibration, Flag, Labelling, Severity

SOURCE: Final = "m0"


def shown(recovered: Float[np.ndarray, " voxels"], angle: float) -> Float[np.ndarray, " voxels"]:
    """Share of the magnetisation that pulses of `angle` (rad) show once each finds what the one before it found.

    `recovered` is 1 - E, what comes back from nothing between two of them: sin θ (1 - E) / (1 - E cos θ), which is
    1 - E at 90 degrees and sin θ after a long time. What is left across the slice is taken to be spoiled.

    Ernst and Anderson 1966, doi:10.1063/1.1719961
    """
    return np.asarray(np.sin(angle) * recovered / (1.0 - np.cos(angle) * (1.0 - recovered)))


def angle_of(m0: Calibration, labelling: Labelling, t1: float) -> tuple[float, list[Flag]]:
    """The flip angle of M0 in rad, and what to say of it; `t1` in s is that of what M0 is read from."""
    assert labelling.flip_angles is not None
    places = labelling.of("control", "label", "deltam")
    of_label = float(labelling.flip_angles[places][0])
    if m0.flip_angle is None:
        sentence = (
            f"The flip angle of M0 is not recorded; it is taken as that of the labelled images "
            f"({np.rad2deg(of_label):.0f} degrees). If it was 90 and M0 fully relaxed, flow is "
            f"{1 / np.sin(of_label):.2f} times what is shown."
        )
        unknown = Flag(
            "m0-flip-angle-unknown", Severity.LIMITED, sentence, "cbf", float(1 / np.sin(of_label)), SOURCE
        )  # fmt: skip
        return of_label, [unknown]
    gaps = np.diff(np.unique(labelling.delays[places]))
    gaps = gaps[gaps > SAME]
    if m0.kind != "included" or abs(m0.flip_angle - of_label) > ALIKE or not gaps.size:
        return m0.flip_angle, []
    return m0.flip_angle, [_in_train(m0, float(np.median(gaps)), t1)]


def _in_train(m0: Calibration, gap: float, t1: float) -> Flag:
    """What is not modelled of an M0 among volumes of the series; `gap` and `t1` in s."""
    assert m0.flip_angle is not None
    between = np.array([np.inf if m0.tr is None else m0.tr, gap])
    apart, close = shown(-np.expm1(-between / t1), m0.flip_angle)
    off = float(apart / close)
    sentence = (
        "M0 came from volumes of the Look-Locker series, with the flip angle of its readouts. They are taken as pulses "
        f"of their own; what other pulses of a train, {gap:.2f} s apart, used up before them is not modelled. If they "
        f"stand at its end, flow is shown {off:.2f} times too high. Give an M0 scan of its own."
    )
    return Flag("m0-in-train", Severity.CAUTION, sentence, "cbf", off - 1.0, SOURCE)
