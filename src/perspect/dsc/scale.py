"""What turns areas and deconvolved flow into absolute CBV and CBF: the arterial area, or normal white matter.

Agent acts on R2* of blood in a large vessel otherwise than around capillaries, and tissue shares the voxels of all but
the largest arteries, so that the area of an arterial curve read off the images sets no scale. A venous output function
(Knutsson et al. 2010, doi:10.1016/j.mri.2009.06.006) is blood in a large vessel as well: it mends the second alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dsc.arterial import Arterial
from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.plan import Plan
from perspect.dsc.quality import SOURCE
from perspect.dsc.tissue import WhiteMatter
from perspect.vocabulary import Flag, Severity

WHITE_VOLUME: Final = 0.027
"""Blood volume of normal white matter, in mL/mL, by positron emission tomography (Leenders et al. 1990,
doi:10.1093/brain/113.1.27)."""

WHITE_SPREAD: Final = 0.3
"""Relative error of that in one person: people differ by a fifth and more, and published means by a third
[our default]."""

PLAUSIBLE: Final = (0.01, 0.05)
"""Blood volume of white matter, in mL/mL, that an arterial curve may give [our default]."""

FAR_OFF: Final = 2.0
"""Factor beyond the plausible range from which blood volume and flow mean nothing as absolute numbers [our default]."""


@dataclass(frozen=True, eq=False)
class Scale:
    """What the area of a voxel (s · 1/s) over that of the artery `inflow`, and flow deconvolved by the arterial curve,
    are multiplied by; NaN where nothing sets it.

    `relative_error` is that of a repeated scan, which all voxels share. `arterial_white` is the blood volume of white
    matter that the arterial area would give, in mL/mL (NaN without white matter).
    """

    inflow: float
    gain: float
    relative_error: float
    is_by_white: bool
    arterial_white: float

    @property
    def word(self) -> str:
        """The choice, as `Plan.scale` has it."""
        return "white-matter" if self.is_by_white else "arterial"

    @property
    def common_error(self) -> float:
        """Relative error that no repeated scan would show: how people differ from the white matter assumed; NaN by
        the arterial area, of which nothing says it.
        """
        return WHITE_SPREAD if self.is_by_white else float("nan")


def haematocrit_factor(plan: Plan) -> float:
    """How much plasma the agent finds in arteries against capillaries: (1 - Hct_large)/(1 - Hct_small)."""
    return (1 - plan.hct_large) / (1 - plan.hct_small)


def scale_of(
    arterial: Arterial,
    white: WhiteMatter,
    times: Float[np.ndarray, " time"],
    window: slice,
    plan: Plan,
    *,
    is_found: bool,
) -> Scale | None:
    """The scale that the plan wants; `auto` takes the arterial area of an input that was given (curve or mask), and
    white matter where the input `is_found` among the voxels. None where there is no arterial input.
    """
    if arterial.curve is None:
        return None
    inflow = float(arterial.curve @ trapezoid_weights(times, window))
    has_white, factor = white.level.mean > 0, haematocrit_factor(plan)
    share = white.level.mean / inflow if has_white else float("nan")
    if plan.scale == "arterial" or (plan.scale == "auto" and not is_found):
        return Scale(inflow, factor, arterial.relative_error, False, factor * share)
    shared = white.level.std / white.level.mean if has_white else float("nan")
    return Scale(inflow, WHITE_VOLUME / share, shared, True, factor * share)


def scale_flags(scale: Scale | None, plan: Plan | None = None) -> tuple[Flag, ...]:
    """What a reader must know of absolute numbers, and what of the `plan` has no effect on them."""
    if scale is None:
        return ()
    if scale.is_by_white:
        given = plan is not None and (plan.hct_large, plan.hct_small) != (Plan.hct_large, Plan.hct_small)
        return (_by_white(scale, is_given_haematocrit=given),)
    low, high = PLAUSIBLE
    level = scale.arterial_white
    if not np.isfinite(level) or low <= level <= high:
        return ()
    is_far = level > FAR_OFF * high or level < low / FAR_OFF
    cause = (
        "is of large vessels, mixed with tissue or saturated"
        if level > high
        else "comes from larger vessels than the tissue's"
    )
    worth = "have no meaning as absolute numbers" if is_far else "are off by that factor"
    sentence = (
        f"White matter has a CBV of {100 * level:.1f} mL/100 mL where {100 * low:.0f} to {100 * high:.0f} are "
        f"plausible: the arterial curve {cause}. CBV and CBF {worth}; MTT is off by less: an input that tissue has "
        "made broad shortens it. rCBV is not affected."
    )
    severity = Severity.LIMITED if is_far else Severity.CAUTION
    return (Flag("implausible-volume", severity, sentence, "cbv, cbf, mtt", source=SOURCE),)


def _by_white(scale: Scale, *, is_given_haematocrit: bool) -> Flag:
    if not np.isfinite(scale.gain):
        sentence = (
            "Without normal white matter nothing sets the scale of CBV and CBF, and there are none. Give a mask with "
            "--reference, an arterial curve with --aif, or use dsc.scale=arterial."
        )
        return Flag("no-scale", Severity.LIMITED, sentence, "cbv, cbf", source=SOURCE)
    sentence = (
        f"CBV and CBF are scaled so that normal white matter has {100 * WHITE_VOLUME:.1f} mL/100 mL "
        f"(± {WHITE_SPREAD:.0%} between people): as absolute numbers they say no more than rCBV and MTT do. By the "
        f"arterial area it would have {100 * scale.arterial_white:.1f}: agent acts on R2* of large vessels otherwise "
        "than around capillaries, and tissue shares their voxels."
    )
    if is_given_haematocrit:
        sentence += " The haematocrit that was given cancels in them."
    return Flag("scaled-by-white-matter", Severity.CAUTION, sentence, "cbv, cbf", source=SOURCE)
