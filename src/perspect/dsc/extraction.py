"""Blood that a bolus does not show because agent leaves it on its way through: told by T1 from two echoes, or by DCE.

Where a share of the agent leaves during its passage, less of it is inside the vessels than without, and their area is
that much smaller: with F the flow, a volume v shows v / (1 + PS/F) of itself where blood is well mixed, and about
v / (1 + PS/2F) where it flows as a plug. In both the missing part is a share of Ktrans times the transit time, to which
the first form is exact. R2* hardly tells Ktrans, since agent outside vessels adds as much to it as it takes from the
gradients around them. R1 does, and two echoes show it: the signal at an echo time of zero.

Sourbron & Buckley 2013, doi:10.1002/nbm.2940
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.dsc.reference import Reference, design
from perspect.dsc.saturation import SURE
from perspect.dsc.signal import CHUNK, Relaxation
from perspect.dsc.t1_effect import R1, R2STAR, T1_WHITE, longer_t1
from perspect.fit import fit
from perspect.models import BidirectionalLeakage, Leakage
from perspect.models.leakage import EXPECTED_T1
from perspect.models.spgr import log_enhancement, log_enhancement_slope
from perspect.numerics import robust
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Acquisition, Flag, Severity, lexicon

TRANSIT: Final = (4.0, 1.5)
"""Mean and standard deviation of the seconds by which Ktrans counts: tumours have transit times of about 5.5 s, of
which all counts where blood is well mixed and half where it flows as a plug [our default]."""

T1_DOUBT: Final = EXPECTED_T1[1] / EXPECTED_T1[0]
"""Of what leaves, by how far T1 may be another: the signal tells R1 relative to that at rest."""

LEAST_SLOPE: Final = 0.2
"""Of the slope at rest, below which more R1 hardly adds signal: R1 is not read beyond [our default]."""

HIGHEST: Final = 100.0
"""Added R1 in 1/s up to which the signal is tabulated."""

NODES: Final = 4096
"""Of that table."""

FEW: Final = 50
"""Voxels up to which it is a note that blood was added: chance takes some of every brain [our default]."""

WORTH: Final = 0.05
"""Of the blood of a voxel, and of that of white matter, from which on it is worth a word that so much was added: less
than half of what rCBV scatters by between two scans of one patient (0.13 of itself at best, Prah et al. 2015).
A map of Ktrans has something in every voxel [our default]."""


@dataclass(frozen=True)
class SteadyState:
    """A spoiled gradient echo of tissue whose T1 at rest is `t1`: times in s, angle in rad."""

    tr: float
    flip_angle: float
    t1: float

    @property
    def slope(self) -> float:
        """Of the logarithm of the signal along R1, at rest, in s."""
        return float(log_enhancement_slope(1 / self.t1, self.tr, self.flip_angle))

    def added_r1(
        self, gain: Float[np.ndarray, "*any"], noise: Float[np.ndarray, "*any"]
    ) -> tuple[Float[np.ndarray, "*any"], Float[np.ndarray, "*any"]]:
        """R1 (1/s) behind a logarithm of the signal over that at rest, and its noise; as far as it is read."""
        table = np.concatenate([np.linspace(-1 / self.t1, 0.0, NODES)[1:-1], np.geomspace(1.0, 1 + HIGHEST, NODES) - 1])
        slope = log_enhancement_slope(1 / self.t1 + table, self.tr, self.flip_angle)
        read = slope > LEAST_SLOPE * self.slope
        table = table[read]
        seen = log_enhancement(table, 1 / self.t1, self.tr, self.flip_angle)
        return np.interp(gain, seen, table), noise / np.interp(gain, seen, slope[read])


@dataclass(frozen=True, eq=False)
class Extraction:
    """Where agent leaves (positions among the voxels of the mask), and how fast: Ktrans over the volume of plasma in
    the reference, in 1/s, with its standard error by noise; `doubt` is what else may be wrong with it, relative to
    itself and alike in all of a lesion. `origin` says in words what tells it.
    """

    voxels: Int[np.ndarray, " some"]
    rate: Float[np.ndarray, " some"]
    std: Float[np.ndarray, " some"]
    origin: str
    doubt: float

    def missing(self, area: float) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
        """What is added to the areas of these voxels, where that of the reference is `area`, and its standard error
        by noise.
        """
        return TRANSIT[0] * area * self.rate, TRANSIT[0] * area * self.std


def shows_extraction(acquisition: Acquisition, relaxation: Relaxation) -> bool:
    """Whether R1 can be read: from two echoes with a known TR and flip angle."""
    return len(relaxation.echo_times) > 1 and acquisition.tr is not None and acquisition.flip_angle is not None


def extraction(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], normal: Reference, acquisition: Acquisition
) -> Extraction:
    """How fast agent leaves, where R1 surely rises with the integral of the curve of `normal` tissue.

    T1 at rest is that expected of lesions, or after a preload on record what that leaves of it. Agent inside vessels
    raises R1 in proportion to the curve itself, by whatever share water exchange makes of it, which is fitted too.
    """
    assert acquisition.tr is not None
    assert acquisition.flip_angle is not None
    t1 = T1_WHITE if acquisition.has_preload else EXPECTED_T1[0]
    at_rest = SteadyState(acquisition.tr, acquisition.flip_angle, t1 * longer_t1(acquisition.field))
    frames = slice(relaxation.rest.stop, times.size)
    inverse = np.linalg.pinv(design(times, normal.curve, frames))
    # The level at rest is a mean that all samples share.
    shared = inverse[1].sum() ** 2 / relaxation.rest.n_frames / (inverse[1] @ inverse[1])
    leaky = _leaky(relaxation, inverse, shared, normal)
    gain, noise = at_no_echo_time(relaxation, leaky)
    added, noise = at_rest.added_r1(gain[:, frames], noise[:, frames])
    one = fit(Leakage(t=times[frames], reference=normal.curve[frames]), added, noise=noise)
    two = fit(BidirectionalLeakage(t=times[frames], reference=normal.curve[frames]), added, noise=noise)
    key = lexicon.K2.key
    returns = np.isfinite(two.values[lexicon.KEP_LEAKAGE.key]) & np.isfinite(two.std[key])
    leaks = -np.where(returns, two.values[key], one.values[key]) * R2STAR / R1
    # Where the rate of return is free, it takes up what a wrong level at rest does.
    std = np.where(returns, two.std[key], one.std[key] * np.sqrt(1 + shared)) * R2STAR / R1
    good = leaks > 0
    origin = (
        f"R1, which two echoes show beside R2*, where it surely rises as agent leaves, with a T1 at rest of "
        f"{at_rest.t1:.2f} s"
    )
    return Extraction(leaky[good], leaks[good], std[good], origin, T1_DOUBT)


def extraction_by_map(
    ktrans: Float[np.ndarray, " voxels"], relaxation: Relaxation, plasma: float, doubt: float
) -> Extraction:
    """The same by a map of Ktrans (1/s) of the voxels, where white matter, the reference, has a volume of `plasma`
    (mL/mL) that is known to `doubt` of itself. The map comes without errors of its own; what it does not know, and what
    is more than any tissue has, is left as it is.
    """
    leaky = np.flatnonzero(relaxation.is_usable & (ktrans > 0) & (ktrans <= lexicon.KTRANS.high))
    rate = ktrans[leaky] / plasma
    origin = f"the map of Ktrans that was given, with {100 * plasma:.1f} mL of plasma in 100 mL of white matter"
    return Extraction(leaky, rate, np.zeros(leaky.size), origin, doubt)


def _leaky(
    relaxation: Relaxation, inverse: Float[np.ndarray, "2 time"], shared: float, normal: Reference
) -> Int[np.ndarray, " some"]:
    """Voxels whose signal at an echo time of zero rises with the integral of the reference by `SURE` standard errors
    more than their blood makes it rise in normal tissue.

    Agent inside vessels does not quite raise R1 as the curve goes, the less so the less water exchanges. What that
    looks like, relative to blood volume, and how it varies, is read off the voxels of the reference.
    """
    usable = np.flatnonzero(relaxation.is_usable)
    rises, blood, error = np.zeros((3, relaxation.is_usable.size))
    width = np.sqrt(inverse[1] @ inverse[1] * (1 + shared))

    def work(span: slice) -> None:
        voxels = usable[span]
        gain, noise = at_no_echo_time(relaxation, voxels)
        rises[voxels] = gain @ -inverse[1]
        blood[voxels] = np.abs(relaxation.curves[voxels] @ inverse[0])
        error[voxels] = width * noise[:, relaxation.rest.frames].mean(axis=1)

    each(work, spans(usable.size, CHUNK))
    at_rest = rises[normal.voxels]
    usual = float(np.median(at_rest))
    varies = float(robust.spread(at_rest - usual))
    sure = rises - usual * blood > SURE * np.hypot(error, varies * blood)
    leaky: Int[np.ndarray, " some"] = usable[sure[usable]]
    return leaky


def at_no_echo_time(
    relaxation: Relaxation, voxels: Int[np.ndarray, " some"]
) -> tuple[Float[np.ndarray, "some time"], Float[np.ndarray, "some time"]]:
    """Logarithm of the signal over that at rest, at an echo time of zero, and its noise."""
    first, second = relaxation.echo_times
    beyond = first / (second - first)
    logs, noises = [], []
    for signal, level, sigma in zip(relaxation.signals, relaxation.baselines, relaxation.sigmas, strict=True):
        some = signal[voxels].astype(np.float64)
        logs.append(np.log(some / level[voxels, None]))
        noises.append(sigma[voxels, None] / some)
    return (1 + beyond) * logs[0] - beyond * logs[1], np.hypot((1 + beyond) * noises[0], beyond * noises[1])


def extraction_flags(
    leaves: Extraction | None, area: Float[np.ndarray, " voxels"], reference: float
) -> tuple[Flag, ...]:
    """What a reader must know where blood worth a word was added to these areas; `reference` is that of the reference
    curve.
    """
    if leaves is None:
        return ()
    missing, own = leaves.missing(reference)[0], np.abs(area[leaves.voxels])
    is_worth = missing > WORTH * np.maximum(own, reference)
    n = int(is_worth.sum())
    if n == 0:
        return ()
    share = float(np.median(missing[is_worth] / own[is_worth]))
    severity = Severity.CAUTION if n >= FEW else Severity.NOTE
    sentence = (
        f"In {n} voxel{'s' if n > 1 else ''} agent leaves so fast that the bolus shows only part of their blood; "
        f"{WORTH:.0%} and more, a median of {share:.0%}, of their blood volume is what was added for it. That is "
        f"known to about {np.hypot(TRANSIT[1] / TRANSIT[0], leaves.doubt):.0%} of itself, alike in all of a lesion and "
        "not in its standard error. Compare with dsc.extraction=ignored, with which published cut-offs were measured."
    )
    return (Flag("extraction-added", severity, sentence, "cbv, rcbv, srcbv, mtt", share, "dsc"),)
