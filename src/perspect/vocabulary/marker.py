"""Markers: numbers of a lesion that published studies judge by, and the family of biology that each belongs to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """What biology a marker shows. Markers of one family say the same thing twice and never count twice."""

    VASCULARITY = "vascularity"
    PERMEABILITY = "permeability"
    CELLULARITY = "cellularity"
    METABOLISM = "metabolism"
    NECROSIS = "necrosis"
    INFECTION = "infection"
    GENOTYPE = "genotype"
    CONVENTIONAL = "conventional"


@dataclass(frozen=True)
class Marker:
    """One number of one part of a lesion.

    `part` is where it is read, `statistic` how the voxels of that part become one number, `unit` that of the number as
    it is shown. `repeatability` is the relative standard deviation of the same lesion measured again, NaN where no
    source for it was read. `measured_by` is the modality.
    """

    key: str
    name: str
    family: Family
    measured_by: str
    part: str
    statistic: str
    unit: str = "ratio"
    repeatability: float = float("nan")

    def __str__(self) -> str:
        return f"{self.name} ({self.part}, {self.statistic})"


CORRECTED_RCBV: Final = 0.31
"""Within-subject coefficient of variation of leakage-corrected rCBV in tumour, measured twice (repeatability of
standardised and normalised rCBV in glioblastoma, AJNR 2015, table 2)."""

RCBV_AROUND: Final = 0.18
"""The same of rCBV around a lesion: that of leakage-corrected rCBV of tumour on a standardised scale (the same table).
What swells or is infiltrated hardly leaks, and the reference is not drawn by hand, so that the 0.31 of tumour over a
region that a reader drew is too much; no source for the surroundings themselves was read. [our default]"""

ADC_AGAIN: Final = 0.05
"""The same of ADC in brain [our default; no source for tumours was read]."""

_V, _P, _C, _M = Family.VASCULARITY, Family.PERMEABILITY, Family.CELLULARITY, Family.METABOLISM

MARKERS: Final[tuple[Marker, ...]] = (
    Marker("rcbv_mean", "rCBV", _V, "dsc", "solid part", "mean", repeatability=CORRECTED_RCBV),
    Marker("rcbv_hot", "rCBV hot spot", _V, "dsc", "solid part", "top cluster", repeatability=CORRECTED_RCBV),
    Marker("ftb_high", "share of voxels with rCBV above 1.75", _V, "dsc", "solid part", "fraction", "fraction"),
    Marker("rcbv_rim", "rCBV around the lesion", _V, "dsc", "rim of 5 mm", "95th percentile of areas",
           repeatability=RCBV_AROUND),
    Marker("rcbf_asl", "relative blood flow (ASL)", _V, "asl", "solid part", "mean"),
    Marker("ktrans_median", "Ktrans", _P, "dce", "solid part", "median", "1/min"),
    Marker("ve_mean", "ve", _P, "dce", "solid part", "mean", "fraction"),
    Marker("psr_mean", "percentage of signal recovery", _P, "dsc", "solid part", "mean", "%"),
    Marker("adc_solid", "ADC", _C, "dwi", "solid part", "mean", "10⁻³ mm²/s", ADC_AGAIN),
    Marker("adc_cavity", "ADC of the cavity", _C, "dwi", "cavity", "mean", "10⁻³ mm²/s", ADC_AGAIN),
    Marker("cho_naa", "Cho/NAA", _M, "mrs", "spectroscopy voxel", "ratio of amounts"),
    Marker("cho_cr", "Cho/Cr", _M, "mrs", "spectroscopy voxel", "ratio of amounts"),
    Marker("cho_naa_rim", "Cho/NAA around the lesion", _M, "mrs", "rim of 5 mm", "ratio of amounts"),
    Marker("glx_cr", "Glx/Cr", _M, "mrs", "spectroscopy voxel", "ratio of amounts"),
    Marker("lipid_lactate", "lipid and lactate", Family.NECROSIS, "mrs", "spectroscopy voxel", "amounts"),
    Marker("amino_acids", "amino acids at 0.9 ppm", Family.INFECTION, "mrs", "spectroscopy voxel",
           "probability that they are there", "probability"),
    Marker("two_hg", "2-hydroxyglutarate over creatine", Family.GENOTYPE, "mrs", "spectroscopy voxel",
           "ratio of amounts"),
    Marker("ncbf_mean", "relative blood flow (DSC)", _V, "dsc", "solid part", "mean"),
    Marker("cbf_gradient", "fall of blood flow around the lesion", _V, "asl", "rim of 5 mm", "difference",
           "mL/100 g/min"),
    Marker("kep_mean", "kep", _P, "dce", "solid part", "mean", "1/min"),
    Marker("kurtosis_mean", "kurtosis", _C, "dwi", "solid part", "mean"),
    Marker("adc_ratio_cavity", "ADC of the cavity over white matter", _C, "dwi", "cavity", "mean"),
    Marker("cho_cr_rim", "Cho/Cr around the lesion", _M, "mrs", "rim of 5 mm", "ratio of amounts"),
    Marker("two_hg_p75", "2-hydroxyglutarate over creatine, of a grid", Family.GENOTYPE, "mrs", "solid part",
           "75th percentile"),
    Marker("conventional", "conventional images", Family.CONVENTIONAL, "reader", "whole", "read", "present"),
    Marker("bt_rads", "BT-RADS category", Family.CONVENTIONAL, "reader", "whole", "read", "category"),
    Marker("t2_flair_mismatch", "T2-FLAIR mismatch", Family.CONVENTIONAL, "reader", "whole", "seen or not", "present"),
    Marker("swi_dual_rim", "dual rim on SWI", Family.CONVENTIONAL, "reader", "margin", "seen or not", "present"),
)  # fmt: skip


def marker(key: str) -> Marker:
    """The marker of this key.

    >>> marker("cho_naa").family
    <Family.METABOLISM: 'metabolism'>
    """
    return next(one for one in MARKERS if one.key == key)
