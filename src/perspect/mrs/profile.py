"""What is expected of a spectrum: which signals, which soft ratios, how flexible a baseline; for brain or tumour."""

from dataclasses import dataclass
from typing import Final, Literal

USUAL: Final = (
    "NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "sIns", "Glu", "Gln", "GABA", "GSH", "Asp", "Asc", "Tau", "Glc",
    "Lac", "Ala", "Gly", "PE",
)  # fmt: skip
"""What normal brain is fitted with."""

OF_TUMOURS: Final = (
    "NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "sIns", "Glu", "Gln", "GSH", "Tau", "Glc", "Lac", "Ala", "Gly",
    "PE", "Ace", "Suc", "AA", "2HG",
)  # fmt: skip
"""What a lesion is fitted with: AA is valine, leucine and isoleucine in equal amounts."""

AT_LONG_TE: Final = (
    "NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "Glu", "Gln", "Tau", "Lac", "Ala", "Gly", "Ace", "Suc", "AA",
    "2HG",
)  # fmt: skip
"""What is left at long echo times."""

LONG_TE: Final = 0.1
"""Echo time in s from which on macromolecules and strongly coupled molecules are left out [our default]."""

LIPIDS: Final = ("Lip09", "Lip13a", "Lip13b", "Lip20")
TURNED: Final = " at 90°"
"""What is added to the name of a lipid that leaked in from elsewhere, for its part at a right angle to the others."""

MACROMOLECULES: Final = ("MM09", "MM12", "MM14", "MM17", "MM20")

TOTAL: Final = (("NAA", 1.0), ("NAAG", 1.0), ("Cr", 1.0), ("PCr", 1.0), ("GPC", 3.0), ("PCho", 3.0), ("Cho", 3.0))
"""What soft ratios of normal brain refer to: total NAA, total creatine and three times total choline."""

OF_NORMAL_BRAIN: Final = (
    ("NAAG", 0.05, 0.04), ("Ala", 0.02, 0.02), ("Asc", 0.04, 0.03), ("Asp", 0.05, 0.05), ("GABA", 0.05, 0.04),
    ("Glc", 0.04, 0.04), ("Gln", 0.12, 0.06), ("GSH", 0.05, 0.04), ("Gly", 0.03, 0.03), ("Lac", 0.02, 0.015),
    ("PE", 0.05, 0.05), ("sIns", 0.01, 0.01), ("Tau", 0.05, 0.05), ("Ace", 0.0, 0.01),
)  # fmt: skip
"""Minor molecules of normal brain relative to `TOTAL`, and a standard deviation that spans the published range.

Concentrations in mM: alanine 0.1 to 1.6, ascorbate 0.4 to 1.7, aspartate 1.0 to 2.7, GABA 0.7 to 2.0, glucose 1.0 to 2,
glutamine 3 to 6, glutathione 0.9 to 3.0, glycine 0.2 to 1.0, lactate 0.2 to 1.0, NAAG 0.6 to 2.7,
phosphoethanolamine 1.0 to 2.0, scyllo-inositol 0.2 to 0.6, taurine 0.9 to 2.4, and a total of 27 (de Graaf 2019, In
Vivo NMR Spectroscopy, table of the human brain; Govindaraju et al. 2000).
"""

OF_BROAD: Final = (
    ("MM20", "MM09", 1.5, 0.375), ("MM12", "MM09", 0.3, 0.1), ("MM14", "MM09", 0.75, 0.45),
    ("MM17", "MM09", 0.375, 0.3), ("Lip09", "Lip13", 0.267, 0.1), ("Lip20", "Lip13", 0.15, 0.07),
)  # fmt: skip
"""Broad signals relative to each other (Provencher's soft constraints), in any tissue: without them lipid, lactate and
macromolecules at 1.3 ppm cannot be told apart at a short echo time.
"""

SUMS: Final = (
    ("tNAA", ("NAA", "NAAG")), ("tCr", ("Cr", "PCr")), ("tCho", ("GPC", "PCho", "PCh", "Cho")), ("Glx", ("Glu", "Gln")),
    ("Ins+Gly", ("Ins", "Gly")), ("Lip13", ("Lip13a", "Lip13b")), ("Lip09+MM09", ("Lip09", "MM09")),
    ("Lip13+MM12", ("Lip13a", "Lip13b", "MM12")), ("Lip20+MM20", ("Lip20", "MM20")),
)  # fmt: skip
"""Sums that are determined where their parts are not."""


def members(key: str) -> tuple[str, ...]:
    """The signals that a quantity is the sum of."""
    return dict(SUMS).get(key, (key,))


@dataclass(frozen=True)
class Profile:
    """A named set of expectations: `dimensions` are the choices for the baseline, in effective dimensions per ppm."""

    name: Literal["normal", "tumour"]
    has_ratios: bool
    dimensions: tuple[float, ...]


NORMAL: Final = Profile("normal", True, (0.6, 0.8, 1.1, 1.5, 2.0, 2.7, 3.6, 5.0, 7.0))
TUMOUR: Final = Profile("tumour", False, (0.6, 0.8, 1.1, 1.5, 2.0, 3.0))
"""A lesion's baseline is kept stiff: what is free to follow a broad line would swallow lipid."""
