"""From differences to one mean for every delay: pairs that moved or are unlike the others weigh less, or nothing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.asl.contrast import Contrast
from perspect.asl.coverage import Coverage, coverage
from perspect.asl.kinetics import Samples
from perspect.asl.motion import Aligned, pair_flags, trust
from perspect.asl.plan import Plan
from perspect.asl.samples import Differences
from perspect.asl.score import scored, scrubbed
from perspect.asl.static import Static
from perspect.asl.weights import Weighed, weighed
from perspect.vocabulary import Around, Flag


@dataclass(frozen=True, eq=False)
class Averages:
    """Means of every delay over M0 (`samples`), the differences that they are of, how far the head moved within each
    (mm; None where that was not looked at), how they were weighed, and what is left of every delay.
    """

    samples: Samples
    differences: Differences
    within: Float[np.ndarray, " differences"] | None
    weighed: Weighed
    coverage: Coverage
    flags: tuple[Flag, ...]


def averages(seen: Contrast, moved: Aligned, still: Static, around: Around, plan: Plan) -> Averages:
    """Means of the differences as `plan.outliers` has them. `flags` are those of moves within pairs."""
    brain, found = still.brain, seen.differences
    within = moved.within(found)
    flags = pair_flags(within, found)
    belief = trust(within, len(found.parts))
    if plan.outliers in ("score", "scrub"):
        kept = scored(found, around, brain, belief)
        found, belief, within = found.kept(kept), belief[kept], None if within is None else within[kept]
    means = weighed(found, brain, plan.outliers == "robust", belief)
    if plan.outliers == "scrub":
        means = scrubbed(found, means, around, brain)
    left = coverage(still.labelling, found, means, brain)
    return Averages(over_m0(means, found, seen, still), found, within, means, left, flags)


def over_m0(means: Weighed, found: Differences, seen: Contrast, still: Static) -> Samples:
    """Means and their noise as shares of M0; NaN where there is no tissue."""
    safe = np.where(still.tissue, still.equilibrium.values, np.nan)[:, None]
    values, noise = (means.means / safe).astype(np.float32), means.noise_of_means / np.abs(safe)
    return Samples(values, noise, found.delays, found.durations, seen.later, seen.t1, len(found.parts))
