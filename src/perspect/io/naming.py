"""What an image shows, by words that people and scanners use for it; a name that could mean two things means none."""

import re
from typing import Final

from perspect.io.roles import NO_ROLE, NOT_READ

VETO: Final = frozenset({
    "mask", "seg", "segmentation", "label", "labels", "lesion", "tumor", "tumour", "roi", "brainmask", "map", "maps",
    "cbv", "rcbv", "cbf", "rcbf", "relcbv", "relcbf", "relmtt", "mtt", "ttp", "tmax", "gbp", "pbp", "ktrans", "kep",
    "iaugc", "subtraction", "mip", "minip", "localizer", "localiser", "scout", "survey", "calibration", "reference",
    "moco", "report", "spine",
})  # fmt: skip
"""Words of what was computed from an image, drawn on one, or taken to plan one."""

MADE: Final = "by its name it was computed from an image, drawn on one, or taken to plan one"

DIFFUSION: Final = frozenset({"dwi", "dti", "trace", "tracew", "diff", "b1000"})
T1: Final = frozenset({"t1", "t1w", "t1n", "mprage", "bravo"})
AFTER: Final = frozenset({"post", "postgd", "postcontrast"})
AGENT: Final = AFTER | {"gd", "gad", "gado", "gadolinium", "ce", "km", "contrast", "enhanced"}
"""What may mean after agent; of "t1 pre contrast" the first word decides."""

BEFORE: Final = frozenset({"pre", "pregd", "precontrast", "native", "nativ", "plain", "unenhanced", "without", "no"})

JOINED: Final = "|".join((*AGENT, *BEFORE, "flair"))
"""What is written together with a weighting: T1post, T2FLAIR."""

PLAIN: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("mrsi", frozenset({"mrsi", "csi"})),
    ("m0scan", frozenset({"m0", "m0scan"})),
    ("asl", frozenset({"asl", "pcasl", "casl", "pasl"})),
    ("dsc", frozenset({"dsc"})),
    ("vfa", frozenset({"vfa"})),
    ("dce", frozenset({"dce"})),
    ("t2star", frozenset({"t2star", "t2starw", "t2s", "swi", "swan", "hemo", "haemo"})),
)
"""Roles that one word tells, in the order in which they are asked for."""

B1: Final = frozenset({"b1", "b1map", "tb1map"})
SPECTRUM, WATER = frozenset({"svs", "mrs"}), frozenset({"ref", "water", "wref", "mrsref"})
FLAIR: Final = frozenset({"flair", "t2f", "fla", "tirm", "darkfluid"})
T2: Final = frozenset({"t2", "t2w"})
PHASE: Final = frozenset({"phase", "pha", "ph"})


def words_of(text: str) -> frozenset[str]:
    """The words of a name, in small letters.

    >>> sorted(words_of("AxT1Post+C"))
    ['ax', 'gd', 'post', 't1']
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", text)
    apart = re.sub(r"dark[\W_]*fluid", "darkfluid", apart.lower().replace("t2*", "t2star"))
    apart = re.sub(r"\+ ?c\b|(?<=t1)[\W_]?c(?![a-z0-9])", " gd ", apart)
    apart = re.sub(rf"(?<![a-z0-9])(t[12])w?({JOINED})(?![a-z0-9])", r"\1 \2", apart)
    return frozenset(re.findall(r"[a-z0-9]+", apart))


def role_of(text: str) -> str | None:
    """The role that a file's name or a series' description gives an image; None where it does not say.

    >>> [role_of(one) for one in ("t1_mprage_sag", "AX T1 POST", "ep2d_perf_p2", "t2_tirm_dark-fluid", "DSC_rCBV")]
    ['t1w', 't1c', 'dsc', 'flair', None]
    """
    words = words_of(text)
    if words & B1:
        return "tb1map"
    if words & {"adc", "adcmap"}:
        return None if words & (VETO - {"map", "maps"}) else "adc"
    if words & WATER and (words & SPECTRUM or "mrsref" in words):
        return "mrsref"
    if words & (VETO | DIFFUSION):
        return None
    if words & SPECTRUM:
        return "mrs"
    if words & {"perf", "perfusion"} and words & {"ep2d", "epi", "t2star"}:
        return "dsc"
    for role, some in PLAIN:
        if words & some:
            return role
    return _weighted(words)


def is_phase(text: str) -> bool:
    """Whether a name says that an image is the phase of a signal."""
    return bool(words_of(text) & PHASE)


def _weighted(words: frozenset[str]) -> str | None:
    """Of images that are weighted by T1 or T2."""
    if not words & T1:  # a T1 FLAIR is weighted by T1
        return "flair" if words & FLAIR else "t2w" if words & T2 else None
    is_before, is_after = bool(words & BEFORE), bool(words & AFTER)
    if words & T2 or (is_before and is_after):
        return None
    return "t1c" if is_after or (words & AGENT and not is_before) else "t1w"


def why_none(text: str) -> str:
    """Why a name without a role has none."""
    words = words_of(text)
    if words & DIFFUSION:
        return NOT_READ["dwi"]
    return MADE if words & VETO else NO_ROLE
