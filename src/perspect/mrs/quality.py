"""What can be wrong with a spectrum, as numbers and flags; and when it must not be interpreted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.mrs.decompose import Decomposition
from perspect.mrs.eddy import BENT
from perspect.mrs.profile import LIPIDS, TURNED
from perspect.vocabulary import Flag, Refusal, Severity

GOOD_WIDTH: Final = 0.05
"""Width of a line in ppm up to which a spectrum is good."""

WIDEST: Final = 0.10
"""Width in ppm beyond which neighbours cannot be told apart (Öz et al. 2014, doi:10.1148/radiol.13130531)."""

LEAST_SNR: Final = 10.0
"""Peak over noise below which a single voxel is weak [our default]."""

HOPELESS_SNR: Final = 3.0
"""Below which there is no spectrum."""

MISFIT: Final = 1.5
"""Residual variance over that of the noise from which on the model does not describe the data."""

BAD_MISFIT: Final = 3.0
"""From which on errors are too small, although they are scaled up."""

CORRELATED: Final = 0.35
"""Correlation of neighbouring residuals from which on something systematic is left [our default]."""

SWAMPED: Final = 15.0
"""Lipid over the largest narrow line beyond which nothing else can be measured [our default]."""

UNEXPLAINED: Final = 0.25
"""Residual over the largest narrow line, both at their largest, from which on lines and misfit look alike [our
default]."""

LEFT_OVER: Final = 2.0
"""Residual water over the largest line from which on it is remarked."""

NARROW: Final = ("NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Cho", "Ins", "Gly", "Glu", "Gln", "Lac", "Ala")
LIPID: Final = LIPIDS
ACROSS: Final = tuple(name + TURNED for name in LIPIDS)


@dataclass(frozen=True)
class Quality:
    """Numbers that say how good a spectrum is.

    `snr` is the largest fitted line of a molecule over the standard deviation of the noise, both of the real spectrum
    without filter; `snr_residual` the same over that of the residual. `fwhm` (Hz) and `fwhm_ppm` are of the lineshape
    of the fit; NaN where no line was found. `misfit` is the variance of the residual over that of the noise, `memory`
    the correlation of neighbouring residuals, `lipid` the largest lipid over the largest line, `baseline` the share of
    the baseline in the area under the fit, `unexplained` the largest smoothed residual over the largest line.
    """

    snr: float
    snr_residual: float
    fwhm: float
    fwhm_ppm: float
    misfit: float
    memory: float
    lipid: float
    baseline: float
    unexplained: float


def quality(found: Decomposition) -> Quality:
    """The numbers of a fit."""
    task, solution = found.task, found.solution
    lines = _sum(found, NARROW)
    largest = float(lines.max(initial=0.0)) if lines.size else 0.0
    rest = solution.residual
    spread = float(rest.std())
    snr = largest / task.sigma
    is_seen = snr > HOPELESS_SNR
    fwhm = found.width if is_seen else float("nan")
    fit = np.abs(solution.place.amplitudes @ solution.place.columns)
    return Quality(
        snr=snr,
        snr_residual=largest / max(spread, task.sigma),
        fwhm=fwhm,
        fwhm_ppm=fwhm / (task.band.frequency * 1e-6),
        misfit=(spread / task.sigma) ** 2,
        memory=_correlation(rest[:-2], rest[2:]),
        lipid=float(np.hypot(_sum(found, LIPID), _sum(found, ACROSS)).max(initial=0.0)) / max(largest, 1e-300)
        if is_seen
        else float("nan"),
        baseline=float(np.abs(solution.baseline).sum() / max(float((np.abs(solution.baseline) + fit).sum()), 1e-300)),
        unexplained=float(np.abs(_smooth(rest)).max()) / max(largest, 1e-300),
    )


def _sum(found: Decomposition, names: tuple[str, ...]) -> Float[np.ndarray, " bins"]:
    at = [k for k, name in enumerate(found.names) if name in names]
    out: Float[np.ndarray, " bins"] = found.amplitudes[at] @ found.solution.place.columns[at]
    return out


def _correlation(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-300))


def _smooth(values: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """A running mean over five bins: what noise cannot do."""
    return np.convolve(values, np.full(5, 0.2), mode="same")


def refuse(q: Quality, has_converged: bool) -> None:
    """Raises `Refusal` for what must not be interpreted."""
    del has_converged
    if not q.snr > HOPELESS_SNR:
        raise Refusal(
            f"No line of a molecule stands out of the noise (largest over noise {q.snr:.1f}).",
            "Amounts would be those of the noise.",
            "Check that the file holds the water-suppressed signal, and the position of the voxel.",
        )
    if q.lipid > SWAMPED:
        raise Refusal(
            f"Lipid is {q.lipid:.0f} times as high as the largest line of a molecule.",
            "Its feet, phases and side lobes reach under every other line, and no model of them is good to a percent.",
            "Look whether the voxel touches scalp or bone marrow; repeat it with saturation bands, or at a longer TE.",
        )
    if q.misfit > BAD_MISFIT and q.unexplained > UNEXPLAINED:
        raise Refusal(
            f"What the fit leaves over reaches {q.unexplained:.0%} of the largest line, {q.misfit:.0f} times the "
            "variance of the noise.",
            "Something is in the spectrum that no known signal explains: a spurious echo, water, lipid from elsewhere.",
            "Look at the page; repeat the measurement.",
        )


def unheeded(name: str, kind: str) -> Flag:
    """A choice of which nothing was made."""
    return Flag("unheeded-choice", Severity.CAUTION, f"mrs.{name} is a choice for {kind}: it had no effect here.")


def flags(q: Quality, found: Decomposition, water: float, is_cleaned: bool, bent: float) -> list[Flag]:
    """What a reader must know."""
    out = [*_of_lines(q), *_of_residual(q)]
    if q.lipid > 1.0:
        sentence = f"Mobile lipid is {q.lipid:.1f} times as high as the largest line of a molecule."
        out.append(Flag("lipid", Severity.CAUTION, sentence, source="quality"))
    if water > LEFT_OVER:
        done = "it was subtracted" if is_cleaned else "it was left"
        sentence = f"Residual water was {water:.0f} times the largest line; {done}."
        out.append(Flag("residual-water", Severity.CAUTION, sentence, source="quality"))
    if bent > BENT:
        sentence = f"The phase of water bends by {np.degrees(bent):.0f}°: eddy currents."
        out.append(Flag("eddy-currents", Severity.NOTE, sentence, source="quality"))
    return [*out, *_of_fit(found)]


def _of_lines(q: Quality) -> list[Flag]:
    """How wide lines are, and how far they stand above the noise."""
    out = []
    if q.fwhm_ppm > WIDEST:
        sentence = f"Lines are {q.fwhm_ppm:.3f} ppm wide: neighbours cannot be told apart."
        out.append(Flag("broad-lines", Severity.LIMITED, sentence, source="quality"))
    elif q.fwhm_ppm > GOOD_WIDTH:
        sentence = f"Lines are {q.fwhm_ppm:.3f} ppm wide; up to {GOOD_WIDTH:g} is good."
        out.append(Flag("wide-lines", Severity.CAUTION, sentence, source="quality"))
    if q.snr < LEAST_SNR:
        sentence = f"The largest line is only {q.snr:.1f} times the noise."
        out.append(Flag("low-snr", Severity.CAUTION, sentence, source="quality"))
    return out


def _of_residual(q: Quality) -> list[Flag]:
    """What the fit leaves over."""
    out = []
    if q.misfit > BAD_MISFIT:
        sentence = (
            f"The residual has {q.misfit:.1f} times the variance of the noise: errors were scaled up, yet what is "
            "systematic may hide in any amount."
        )
        out.append(Flag("misfit", Severity.LIMITED, sentence, source="quality"))
    elif q.misfit > MISFIT:
        sentence = f"The residual has {q.misfit:.1f} times the variance of the noise."
        out.append(Flag("slight-misfit", Severity.CAUTION, sentence, source="quality"))
    if q.memory > CORRELATED and q.misfit > MISFIT:
        sentence = "What the fit leaves over is no noise: look at the residual."
        out.append(Flag("structured-residual", Severity.CAUTION, sentence, source="quality"))
    return out


def _of_fit(found: Decomposition) -> list[Flag]:
    """What the fit took the voxel for, and whether it ended well."""
    out, band, solution = [], found.task.band, found.solution
    if found.profile.name == "tumour" and found.reason != "as chosen":
        sentence = f"Fitted as a lesion, because {found.reason}."
        out.append(Flag("not-normal-brain", Severity.NOTE, sentence, source="quality"))
    most = max(found.profile.dimensions) * (band.window[1] - band.window[0])
    if solution.dimensions >= most > 2.01:
        sentence = (
            f"The baseline is as flexible as it may be ({most:.0f} effective dimensions): what is broad in the "
            "spectrum may be in it."
        )
        out.append(Flag("flexible-baseline", Severity.NOTE, sentence, source="quality"))
    if not solution.has_converged:
        sentence = "The fit did not come to rest."
        out.append(Flag("not-converged", Severity.LIMITED, sentence, source="quality"))
    return out
