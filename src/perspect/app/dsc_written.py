"""What a DSC examination writes beside its maps: where they are from, and what their sidecars say."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import perspect
from perspect import dsc, io
from perspect.app.anatomy import transform
from perspect.app.dsc_given import ByHand
from perspect.app.dsc_inputs import Inputs
from perspect.vocabulary import Measured

INVERTED: Final = ("cbf", "mtt", "tmax", "delay")
ARTERIAL: Final = (*INVERTED, "cbv")
LEAKAGE: Final = ("cbv", "rcbv", "srcbv", "k1", "k2", "kep")
SCALED: Final = ("cbv", "cbf")
RELATIVE: Final = ("rcbv", "lpsr")
VOLUMES: Final = ("cbv", "rcbv", "srcbv")
"""Which maps a choice bears on, for their sidecars."""

MODELS: Final = {
    "auto": "leakage one-way (CAPLEX M.LC1.001) or two-way (M.LC1.002), the better by AICc in each voxel",
    "bsw": "leakage one-way (Boxerman-Schmainda-Weisskoff, CAPLEX M.LC1.001)",
    "leu": "leakage two-way (Leu, CAPLEX M.LC1.002)",
    "none": "nothing was corrected or inverted",
    "osvd": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), oscillation limited",
    "csvd": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), truncated",
    "ssvd": "indicator dilution, Toeplitz matrix, truncated",
    "tikhonov": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), Tikhonov by cross-validation",
}
"""What a choice of leakage or deconvolution means, as `Model` says it."""

OWN_TRANSIT: Final = "; where far likelier one-way beside a transit time of the voxel's own"

SATURATING: Final = "; where agent leaks by the signal equation, in which T1 effects saturate"

EXTRACTED: Final = "; what the bolus does not show of blood that agent leaves is added"

READ_OFF: Final = "none: read off the curve"
"""What `Model` says of maps that no equation was fitted for."""


def results(
    inputs: Inputs,
    anatomy: Mapping[str, Path],
    reading: io.Reading,
    by_hand: ByHand,
    measured: Measured,
    page: str,
    plan: dsc.Plan,
) -> io.Results:
    """All that is to be written, with the files that it is from."""
    images = () if by_hand.seen is None else anatomy.values()
    used = [*(one for path in images for one in io.files_of_anatomy(path)), inputs.lesion if by_hand.regions else None]
    given = (inputs.mask, inputs.reference, inputs.aif, *inputs.maps, *inputs.tissue.files)
    extra = [path for path in (*given, *used) if path is not None]
    sources = {io.label(path): io.sha256(path) for path in extra}
    for series in reading.series:
        sources |= series.sources
    return io.Results(
        measured,
        page,
        {"dsc": asdict(plan)},
        sources,
        perspect.__version__,
        facts(measured, plan),
        reading.code,
        reading.root,
        () if by_hand.seen is None else (transform(by_hand.seen, "dsc"),),
    )


def facts(measured: Measured, plan: dsc.Plan) -> dict[str, dict[str, Any]]:
    """What the sidecar of each map says of how it was made."""
    found: dict[str, dict[str, Any]] = {key: {} for key in measured.maps}
    is_saturating = measured.summary.get("saturating_share", 0) > 0
    has_own_transit = measured.summary.get("own_transit_share", 0) > 0
    more = f"{OWN_TRANSIT if has_own_transit else ''}{SATURATING if is_saturating else ''}"
    leakage = f"{plan.leakage}: {MODELS[plan.leakage]}{more}"
    inverted = f"{plan.deconvolution}: {MODELS[plan.deconvolution]}"
    for keys, fact, value in (
        (tuple(measured.maps), "Model", READ_OFF),
        (LEAKAGE, "Model", leakage),
        (VOLUMES, "Model", f"{leakage}{EXTRACTED if measured.summary.get('extraction_voxels') else ''}"),
        (INVERTED, "Model", inverted),
        (INVERTED, "Inversion", plan.deconvolution),
        (INVERTED, "InversionCut", measured.summary.get("deconvolution_cut")),
        (ARTERIAL, "AIF", measured.summary.get("arterial_origin")),
        (SCALED, "Scale", measured.summary.get("scale")),
        (RELATIVE, "Reference", measured.summary.get("reference_origin")),
    ):
        for key in set(keys) & set(found):
            found[key] |= {fact: value}
    if plan.leakage == "none":
        for key in set(VOLUMES) & set(found):
            found[key] |= {"Description": uncorrected(measured.maps[key].quantity.meaning)}
    return found


def uncorrected(meaning: str) -> str:
    """What a blood volume is where leakage was left in it.

    >>> uncorrected("Leakage-corrected blood volume divided by that of white matter.")
    'Blood volume divided by that of white matter. Leakage was not corrected.'
    """
    return f"{meaning.replace('Leakage-corrected blood', 'Blood')} Leakage was not corrected."
