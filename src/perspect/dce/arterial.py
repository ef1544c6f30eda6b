"""The arterial input of a DCE series as plasma concentration: found, given as a region or a curve, or a population's.

Blood and plasma are never mixed up: every way in says which of the two it is, and the haematocrit turns one into the
other once, here and in `given_input`.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int

from perspect.anatomy.arterial import find
from perspect.dce.blood import Blood, in_blood, mean_above_floor, peak_flags, refuse_noise_floor
from perspect.dce.bolus import first_pass
from perspect.dce.given_input import at_times, of_curve, of_population
from perspect.dce.one_way import MEASURED, demand_one_way, is_plasma
from perspect.dce.plan import Plan
from perspect.dce.plasma import Arterial, behind_transport
from perspect.dce.tissue import Tissue
from perspect.dce.veins import unmixed, venous_voxels
from perspect.vocabulary import Curve, Problem, Region


def arterial_input(tissue: Tissue, given: Region | Curve | None, vein: Region | None, plan: Plan) -> Arterial:
    """The arterial input as it comes to the tissue; among concentrations worked out with the T1 of tissue arteries are
    looked for.

    `vein` is a region in a large vein, whose shape replaces that of an artery that is mixed with tissue; where none is
    given, veins are found. Raises Problem where nothing can be had, Refusal where blood at rest is lost in the noise.
    """
    demand_one_way(given, vein, plan)
    if plan.arterial != MEASURED:
        found = of_population(tissue.times, tissue.rest.arrival, given, plan)
    elif not isinstance(given, Curve):
        found = _of_voxels(tissue, given, vein, plan)
    elif given.label == "signal":
        found = _of_signal(tissue, given, plan)
    else:
        found = of_curve(given, tissue.times, plan, tissue.acquisition.dose)
    found = replace(found, was_plasma=is_plasma(given, plan))
    return behind_transport(found, tissue.times, plan.dispersion)


def _of_signal(tissue: Tissue, given: Curve, plan: Plan) -> Arterial:
    """A signal of blood that was given."""
    blood = in_blood(at_times(given, tissue.times), tissue, None, plan)
    return _of_blood(blood, None, "given as signal", tissue, plan)


def _of_voxels(tissue: Tissue, given: Region | None, vein: Region | None, plan: Plan) -> Arterial:
    """Blood of arterial voxels, given or found, with the shape of veins where these are mixed with tissue."""
    voxels, origin, said = _voxels(tissue, given)
    # The mean of the signals, not of the concentrations: noise in single voxels would not cancel in the latter.
    refuse_noise_floor(tissue.signal[voxels], tissue.rest)
    blood = in_blood(mean_above_floor(tissue.signal[voxels], tissue.rest), tissue, voxels, plan)
    pure = venous_voxels(tissue, vein, given is not None, plan)
    if pure.size:
        blood, said = unmixed(blood, pure, tissue, said, plan)
    return _of_blood(blood, _part(tissue.inside, voxels, origin), said, tissue, plan)


def _of_blood(blood: Blood, region: Region | None, said: str, tissue: Tissue, plan: Plan) -> Arterial:
    cp = blood.curve / (1.0 - plan.hct)
    flags = (*blood.flags, *peak_flags(cp, tissue.acquisition.dose))
    return Arterial(cp, blood.relative_error, region, said, flags, was_signal=True)


def _voxels(tissue: Tissue, given: Region | None) -> tuple[Int[np.ndarray, " some"], str, str]:
    """The arterial voxels, how they were come by, and what is said of them."""
    if given is not None:
        voxels = np.flatnonzero(tissue.inside.taken(given.mask))
        if voxels.size == 0:
            raise Problem(
                f"None of the {given.n_voxels} voxels of the arterial region '{given.name}' can be used.",
                "They lie outside the mask of what is measured.",
                "Choose other voxels, widen --mask, or use --aif auto.",
            )
        return voxels, f"given as {given.name}", f"mean of {voxels.size} voxels of {given.name}"
    curves, rest = tissue.agent.curves, tissue.rest
    noise = curves[:, rest.frames].std(axis=1)
    found = find(curves, noise, np.isfinite(curves).all(axis=1), tissue.times, first_pass(rest, tissue.times))
    if found is None:
        raise Problem(
            "No voxel looks like an artery: early, high and narrow.",
            "Exchange is measured against the arterial input.",
            "Give a region or a curve with --aif, or a population (--aif parker).",
        )
    said = f"found in {found.voxels.size} voxels of {found.n_candidates} candidates"
    return found.voxels, "found by clustering of curve shapes", said


def _part(inside: Region, voxels: Int[np.ndarray, " some"], origin: str) -> Region:
    chosen: Bool[np.ndarray, " voxels"] = np.zeros(inside.n_voxels, bool)
    chosen[voxels] = True
    return inside.part(chosen, "aif", origin)
