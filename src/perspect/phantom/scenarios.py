"""The ten lesions that a virtual patient can have: where, how large, of what, and what each part is like.

Ranges are over places within a lesion and between patients. `rcbv` is what the literature says of the mean of the
tissue named in `hallmark` over normal-appearing white matter; the numbers of the tables were chosen to lie within.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from perspect.phantom.biology import NONE, Source
from perspect.phantom.geometry import Point
from perspect.phantom.patient import Biology, Compartment, Range

C = Compartment


@dataclass(frozen=True)
class Shell:
    """A layer of a lesion from the inside out, by its share of the volume of the whole core.

    `patches` of another compartment fill `patched` of it in islands. A ring that is `open` lacks that share of its
    circumference, where the layer is filled by `instead`.
    """

    compartment: Compartment
    share: Range
    patches: Compartment | None = None
    patched: Range = NONE
    open: float = 0.0
    instead: Compartment = Compartment.SOLID


@dataclass(frozen=True)
class Scenario:
    """One kind of lesion.

    `core` from the inside out; `around` are layers that infiltrate or swell the brain outside the core, by their volume
    over that of the core: they follow white matter and spare cortex. `volume` of the core in mL, `foci` how
    many lesions, `sites` centres of the standard head on the right in mm, `elongation` of the longest over the shortest
    axis, `roughness` of the surface, `mass_effect` how far tissue is pushed (0 none, 0.5 much). `vascularity` is a
    factor on the blood volume of `hallmark`, drawn once for each patient.
    """

    name: str
    title: str
    core: tuple[Shell, ...]
    around: tuple[Shell, ...]
    volume: Range
    sites: tuple[Point, ...]
    biology: Mapping[Compartment, Biology]
    hallmark: Compartment
    rcbv: Range
    sources: tuple[Source, ...]
    foci: tuple[int, int] = (1, 1)
    elongation: Range = (1.1, 1.6)
    roughness: float = 0.12
    mass_effect: float = 0.25
    vascularity: Range = (0.85, 1.15)


_KP: Final[Range] = (72.0, 86.0)
_KE: Final[Range] = (20.0, 28.0)

_FRONTAL: Final[Point] = (30.0, 30.0, 22.0)
_PARIETAL: Final[Point] = (32.0, -42.0, 34.0)
_TEMPORAL: Final[Point] = (46.0, -22.0, -12.0)
_INSULAR: Final[Point] = (38.0, 4.0, 10.0)
_OCCIPITAL: Final[Point] = (26.0, -68.0, 14.0)
_DEEP_FRONTAL: Final[Point] = (22.0, 24.0, 16.0)
_PERIVENTRICULAR: Final[Point] = (26.0, -30.0, 24.0)
_CONVEXITY: Final[Point] = (40.0, 14.0, 40.0)

_DEAD: Final = {"Lac": (6.0, 14.0), "Lip09": (6.0, 18.0), "Lip13": (25.0, 70.0), "GPC": (0.1, 0.4), "Gly": (0.3, 1.0)}
_GLIOMA: Final = {
    "NAA": (0.8, 2.2), "Cr": (1.4, 2.4), "PCr": (0.8, 1.6), "GPC": (1.0, 1.8), "PCh": (1.6, 3.0), "Ins": (2.5, 4.5),
    "Glu": (2.0, 4.0), "Gln": (2.5, 4.5), "GSH": (0.8, 1.6), "Tau": (0.8, 1.8), "Lac": (3.0, 9.0), "Gly": (1.2, 2.8),
    "Ala": (0.3, 1.0), "Lip09": (0.5, 3.0), "Lip13": (2.0, 12.0), "MM": (0.7, 1.1),
}  # fmt: skip
_LOW_GRADE: Final = {
    "NAA": (3.0, 4.8), "NAAG": (0.5, 1.0), "Cr": (1.8, 2.6), "PCr": (1.4, 2.2), "GPC": (1.2, 1.8), "PCh": (0.9, 1.5),
    "Ins": (5.5, 8.5), "Glu": (3.5, 5.5), "Gln": (1.8, 3.2), "GSH": (0.6, 1.2), "Tau": (0.6, 1.2), "Lac": (0.4, 1.4),
    "Gly": (0.5, 1.2), "2HG": (2.0, 5.0), "MM": (0.6, 0.9),
}  # fmt: skip
_SWOLLEN: Final = {
    "NAA": (5.0, 6.8), "NAAG": (0.8, 1.6), "Cr": (2.1, 2.9), "PCr": (1.8, 2.5), "GPC": (0.9, 1.3), "PCh": (0.3, 0.5),
    "Ins": (2.8, 4.2), "Glu": (4.0, 5.6), "Gln": (1.2, 2.2), "Lac": (0.6, 1.8), "MM": (0.5, 0.8),
}  # fmt: skip
_INVADED: Final = {
    "NAA": (3.2, 5.2), "NAAG": (0.5, 1.1), "Cr": (2.2, 3.0), "PCr": (1.6, 2.4), "GPC": (1.2, 1.7), "PCh": (0.9, 1.6),
    "Ins": (3.2, 5.0), "Glu": (3.5, 5.5), "Gln": (1.8, 3.2), "Lac": (0.8, 2.4), "Gly": (0.6, 1.4), "MM": (0.6, 0.9),
}  # fmt: skip
_SECONDARY: Final = {
    "NAA": (0.0, 0.4), "Cr": (0.5, 1.2), "PCr": (0.3, 0.8), "GPC": (0.8, 1.6), "PCh": (1.6, 3.2), "Gln": (1.0, 2.5),
    "Lac": (3.0, 9.0), "Ala": (0.3, 1.0), "Lip09": (3.0, 9.0), "Lip13": (12.0, 40.0), "MM": (0.5, 0.9),
}  # fmt: skip
_LYMPHOMA: Final = {
    "NAA": (0.2, 1.0), "Cr": (0.8, 1.6), "PCr": (0.6, 1.2), "GPC": (1.0, 1.8), "PCh": (2.2, 4.0), "Glu": (1.5, 3.5),
    "Lac": (2.0, 7.0), "Lip09": (4.0, 10.0), "Lip13": (16.0, 40.0), "Tau": (0.8, 1.8), "MM": (0.7, 1.1),
}  # fmt: skip
_TREATED: Final = {
    "NAA": (1.2, 3.2), "Cr": (1.2, 2.0), "PCr": (0.8, 1.5), "GPC": (0.6, 1.0), "PCh": (0.4, 0.8), "Ins": (1.8, 3.2),
    "Glu": (2.0, 3.6), "Gln": (1.0, 2.0), "Lac": (2.0, 7.0), "Lip09": (2.0, 7.0), "Lip13": (8.0, 28.0),
    "MM": (0.6, 0.9),
}  # fmt: skip
_PUS: Final = {
    "Lac": (8.0, 20.0), "Ala": (1.5, 4.0), "Val": (1.5, 4.0), "Leu": (1.5, 4.0), "Ile": (0.8, 2.0), "Ace": (2.0, 8.0),
    "Suc": (1.0, 5.0), "Gly": (0.8, 2.0), "Lys": (0.5, 1.5), "Lip09": (1.0, 4.0), "Lip13": (4.0, 14.0),
}  # fmt: skip
_DEMYELINATED: Final = {
    "NAA": (3.0, 5.0), "NAAG": (0.4, 0.9), "Cr": (2.0, 2.8), "PCr": (1.6, 2.3), "GPC": (1.3, 2.0), "PCh": (0.9, 1.6),
    "Ins": (4.5, 6.5), "Glu": (7.0, 10.0), "Gln": (3.5, 5.5), "Lac": (2.0, 5.0), "Lip13": (2.0, 8.0), "MM": (1.0, 1.5),
}  # fmt: skip

OEDEMA: Final = Biology(
    vp=(0.010, 0.016), mtt=(5.0, 7.0), delay=(1.5, 2.5), ps=NONE, ve=(0.3, 0.3), kp=_KP, ke=_KE, transit=(1.4, 1.9),
    t1=(1.45, 1.75), t2=(0.14, 0.20), r2star=(12.0, 16.0), spins=(0.84, 0.88), adc=(1.3e-3, 1.7e-3), amounts=_SWOLLEN,
)  # fmt: skip
INFILTRATED: Final = Biology(
    vp=(0.022, 0.036), mtt=(4.5, 6.0), delay=(1.0, 2.0), ps=(0.0, 0.0002), ve=(0.2, 0.3), kp=_KP, ke=_KE,
    transit=(1.1, 1.6), t1=(1.30, 1.60), t2=(0.11, 0.15), r2star=(15.0, 19.0), spins=(0.80, 0.85),
    adc=(1.0e-3, 1.35e-3), amounts=_INVADED,
)  # fmt: skip
NECROSIS: Final = Biology(
    vp=(0.001, 0.004), mtt=(8.0, 10.0), delay=(3.0, 4.0), ps=(0.0001, 0.0003), ve=(0.4, 0.6), kp=_KP, ke=_KE,
    transit=(1.8, 2.4), t1=(2.2, 2.8), t2=(0.22, 0.36), r2star=(6.0, 12.0), spins=(0.94, 0.98),
    adc=(1.9e-3, 2.5e-3), amounts=_DEAD,
)  # fmt: skip
ENHANCING: Final = Biology(
    vp=(0.045, 0.125), mtt=(4.0, 7.0), delay=(0.8, 2.0), ps=(0.0008, 0.0030), ve=(0.2, 0.4), kp=_KP, ke=_KE,
    transit=(0.8, 1.3), t1=(1.45, 1.75), t2=(0.12, 0.17), r2star=(15.0, 22.0), spins=(0.84, 0.88),
    adc=(1.0e-3, 1.35e-3), amounts=_GLIOMA,
)  # fmt: skip
RECURRENT: Final = replace(ENHANCING, vp=(0.042, 0.104), adc=(0.95e-3, 1.25e-3))
TREATED: Final = replace(
    ENHANCING, vp=(0.010, 0.026), mtt=(5.0, 8.0), ps=(0.0006, 0.0020), ve=(0.25, 0.5), transit=(1.3, 1.9),
    t2=(0.12, 0.20), adc=(1.2e-3, 1.65e-3), amounts=_TREATED,
)  # fmt: skip

_BOXERMAN: Final = Source("rCBV 1.52, 2.84, 3.96 in grades II, III, IV", "Boxerman et al. 2006", "AJNR 27:859")
_TOH: Final = Source(
    "corrected rCBV of the rim: abscess 1.97, glioblastoma 4.39, metastasis 2.97", "Toh et al. 2014",
    "doi:10.1371/journal.pone.0109172",
)  # fmt: skip
_LEE: Final = Source(
    "signal recovery tells lymphoma from metastasis (area under the curve 0.81)",
    "Lee et al. 2019",
    "doi:10.3174/ajnr.A6153",
)
_CHUANG: Final = Source(
    "recurrence above treatment effect by 2.18 (0.85 to 3.50) in rCBV", "Chuang et al. 2016",
    "doi:10.1371/journal.pone.0141438",
)  # fmt: skip
_PATEL: Final = Source(
    "cut-offs of mean rCBV between recurrence and necrosis 0.9 to 2.15",
    "Patel et al. 2017",
    "doi:10.1093/neuonc/now148",
)
_CHA_TDL: Final = Source("rCBV 0.88 ± 0.46 (0.22 to 1.79)", "Cha et al. 2001", "AJNR 22:1109")
_CHA_OLIGO: Final = Source("oligodendroglioma above astrocytoma of low grade in rCBV", "Cha et al. 2005", "AJNR 26:266")
_REDDY: Final = Source(
    "ADC of the cavity of an abscess 0.87e-3 ± 0.05e-3 mm²/s (standard error); here it is drawn lower [our default]",
    "Reddy et al. 2006", "PMID 16935625",
)  # fmt: skip
_PAL: Final = Source("amino acids in 80 % of abscesses", "Pal et al. 2010", "AJNR 31:360")
_XU: Final = Source("lymphoma below glioblastoma in rCBV", "Xu et al. 2017", "doi:10.1371/journal.pone.0173430")
_DU: Final = Source("low ADC of lymphoma", "Du et al. 2022", "doi:10.3389/fneur.2022.882334")
_SUH: Final = Source("low rCBV and an open ring", "Suh et al. 2018", "doi:10.3174/ajnr.A5775")
_CIANFONI: Final = Source("glutamate and glutamine raised", "Cianfoni et al. 2007", "AJNR 28:272")

_GLIOMA_SITES: Final = (_FRONTAL, _PARIETAL, _TEMPORAL, _OCCIPITAL, _DEEP_FRONTAL)
_GLIOMA_PARTS: Final = {C.OEDEMA: OEDEMA, C.INFILTRATED: INFILTRATED, C.NECROSIS: NECROSIS}

HIGH_GRADE_GLIOMA: Final = Scenario(
    "high-grade-glioma", "High-grade glioma",
    core=(Shell(C.NECROSIS, (0.25, 0.45)), Shell(C.ENHANCING, (0.55, 0.75))),
    around=(Shell(C.INFILTRATED, (0.4, 0.8)), Shell(C.OEDEMA, (1.0, 2.2))),
    volume=(18.0, 50.0), sites=_GLIOMA_SITES, biology={**_GLIOMA_PARTS, C.ENHANCING: ENHANCING},
    hallmark=C.ENHANCING, rcbv=(2.5, 6.0), sources=(_BOXERMAN, _TOH), roughness=0.16, mass_effect=0.35,
)  # fmt: skip
LOW_GRADE_GLIOMA: Final = Scenario(
    "low-grade-glioma", "Low-grade astrocytoma",
    core=(Shell(C.SOLID, (1.0, 1.0)),), around=(Shell(C.INFILTRATED, (0.25, 0.5)),),
    volume=(15.0, 45.0), sites=(_FRONTAL, _INSULAR, _TEMPORAL, _PARIETAL),
    biology={
        C.INFILTRATED: replace(INFILTRATED, vp=(0.018, 0.026), ps=NONE),
        C.SOLID: Biology(
            vp=(0.020, 0.038), mtt=(4.5, 6.5), delay=(0.9, 1.9), ps=(0.0, 0.00005), ve=(0.25, 0.4), kp=_KP, ke=_KE,
            transit=(1.0, 1.5), t1=(1.6, 2.0), t2=(0.16, 0.24), r2star=(11.0, 15.0), spins=(0.87, 0.91),
            adc=(1.3e-3, 1.7e-3), amounts=_LOW_GRADE,
        ),
    },
    hallmark=C.SOLID, rcbv=(0.9, 2.1), sources=(_BOXERMAN,), roughness=0.18, mass_effect=0.2,
)  # fmt: skip
OLIGODENDROGLIOMA: Final = Scenario(
    "oligodendroglioma", "Oligodendroglioma: high blood volume although of low grade",
    core=(Shell(C.SOLID, (1.0, 1.0), patches=C.CALCIUM, patched=(0.0, 0.06)),),
    around=(Shell(C.INFILTRATED, (0.25, 0.5)),),
    volume=(12.0, 40.0), sites=(_CONVEXITY, (34.0, 44.0, 18.0), (50.0, -2.0, 32.0)),
    biology={
        C.INFILTRATED: INFILTRATED,
        C.SOLID: Biology(
            vp=(0.040, 0.115), mtt=(4.0, 6.0), delay=(0.8, 1.7), ps=(0.0, 0.0003), ve=(0.15, 0.3), kp=_KP, ke=_KE,
            transit=(0.8, 1.3), t1=(1.45, 1.8), t2=(0.13, 0.18), r2star=(14.0, 19.0), spins=(0.85, 0.89),
            adc=(1.1e-3, 1.4e-3), amounts=_LOW_GRADE,
        ),
    },
    hallmark=C.SOLID, rcbv=(2.0, 5.0), sources=(_CHA_OLIGO,), roughness=0.14, mass_effect=0.2,
)  # fmt: skip
RECURRENCE: Final = Scenario(
    "recurrence", "Recurrent high-grade glioma beside a cavity",
    core=(Shell(C.CSF, (0.15, 0.30)), Shell(C.NECROSIS, (0.05, 0.15)), Shell(C.ENHANCING, (0.55, 0.8))),
    around=(Shell(C.INFILTRATED, (0.3, 0.6)), Shell(C.OEDEMA, (1.0, 2.0))),
    volume=(12.0, 35.0), sites=_GLIOMA_SITES, biology={**_GLIOMA_PARTS, C.ENHANCING: RECURRENT},
    hallmark=C.ENHANCING, rcbv=(2.15, 5.0), sources=(_CHUANG, _PATEL), roughness=0.18, mass_effect=0.15,
)  # fmt: skip
RADIATION_NECROSIS: Final = Scenario(
    "radiation-necrosis", "Radiation necrosis beside a cavity",
    core=(Shell(C.CSF, (0.10, 0.25)), Shell(C.NECROSIS, (0.25, 0.4)), Shell(C.TREATED, (0.4, 0.6))),
    around=(Shell(C.OEDEMA, (1.5, 2.5)),),
    volume=(12.0, 35.0), sites=_GLIOMA_SITES, biology={C.OEDEMA: OEDEMA, C.NECROSIS: NECROSIS, C.TREATED: TREATED},
    hallmark=C.TREATED, rcbv=(0.5, 1.5), sources=(_CHUANG, _PATEL), roughness=0.25, mass_effect=0.15,
)  # fmt: skip
MIXTURE: Final = Scenario(
    "mixture", "Recurrent glioma and radiation necrosis side by side",
    core=(
        Shell(C.CSF, (0.10, 0.2)), Shell(C.NECROSIS, (0.15, 0.25)),
        Shell(C.TREATED, (0.55, 0.7), patches=C.ENHANCING, patched=(0.35, 0.6)),
    ),
    around=(Shell(C.INFILTRATED, (0.2, 0.4)), Shell(C.OEDEMA, (1.0, 2.0))),
    volume=(18.0, 40.0), sites=_GLIOMA_SITES,
    biology={**_GLIOMA_PARTS, C.ENHANCING: RECURRENT, C.TREATED: TREATED},
    hallmark=C.ENHANCING, rcbv=(2.15, 5.0), sources=(_CHUANG, _PATEL), roughness=0.2, mass_effect=0.2,
)  # fmt: skip
ABSCESS: Final = Scenario(
    "abscess", "Pyogenic abscess",
    core=(Shell(C.PUS, (0.55, 0.7)), Shell(C.CAPSULE, (0.3, 0.45))), around=(Shell(C.OEDEMA, (1.5, 3.0)),),
    volume=(8.0, 25.0), sites=(_FRONTAL, _PARIETAL, _TEMPORAL, _OCCIPITAL),
    biology={
        C.OEDEMA: OEDEMA,
        C.PUS: replace(
            NECROSIS, vp=(0.0005, 0.002), ps=NONE, t1=(1.6, 2.0), t2=(0.11, 0.18), r2star=(12.0, 18.0),
            spins=(0.90, 0.94), adc=(0.42e-3, 0.72e-3), amounts=_PUS,
        ),
        C.CAPSULE: replace(
            ENHANCING, vp=(0.022, 0.046), ps=(0.0008, 0.0025), r2star=(24.0, 34.0), t2=(0.08, 0.11),
            adc=(1.0e-3, 1.3e-3), amounts=_TREATED, transit=(1.0, 1.5),
        ),
    },
    hallmark=C.CAPSULE, rcbv=(0.9, 3.0), sources=(_TOH, _REDDY, _PAL), roughness=0.06, mass_effect=0.3,
    elongation=(1.05, 1.35),
)  # fmt: skip
METASTASIS: Final = Scenario(
    "metastasis", "Metastases",
    core=(Shell(C.NECROSIS, (0.15, 0.4)), Shell(C.ENHANCING, (0.6, 0.85))), around=(Shell(C.OEDEMA, (1.5, 4.0)),),
    volume=(4.0, 18.0), sites=((36.0, 40.0, 18.0), (40.0, -34.0, 42.0), (28.0, -76.0, 14.0), (44.0, 2.0, 34.0)),
    biology={
        C.OEDEMA: OEDEMA, C.NECROSIS: NECROSIS,
        C.ENHANCING: replace(
            ENHANCING, vp=(0.040, 0.115), ps=(0.0015, 0.0045), ve=(0.25, 0.45), ke=(30.0, 42.0),
            adc=(0.95e-3, 1.3e-3), amounts=_SECONDARY,
        ),
    },
    hallmark=C.ENHANCING, rcbv=(2.2, 5.6), sources=(_TOH, _LEE), foci=(1, 3), roughness=0.07, mass_effect=0.25,
    elongation=(1.02, 1.25),
)  # fmt: skip
LYMPHOMA: Final = Scenario(
    "lymphoma", "Primary lymphoma of the brain",
    core=(Shell(C.ENHANCING, (1.0, 1.0)),), around=(Shell(C.OEDEMA, (1.5, 3.0)),),
    volume=(8.0, 30.0), sites=(_PERIVENTRICULAR, (20.0, 30.0, 12.0), (24.0, -8.0, 28.0)),
    biology={
        C.OEDEMA: OEDEMA,
        C.ENHANCING: replace(
            ENHANCING, vp=(0.022, 0.040), mtt=(5.0, 7.0), ps=(0.0020, 0.0050), ve=(0.18, 0.32), ke=(4.0, 10.0),
            t1=(1.3, 1.5), t2=(0.09, 0.12), transit=(1.1, 1.6), adc=(0.58e-3, 0.80e-3), amounts=_LYMPHOMA,
        ),
    },
    hallmark=C.ENHANCING, rcbv=(1.0, 2.2), sources=(_XU, _LEE, _DU), roughness=0.12, mass_effect=0.15,
)  # fmt: skip
DEMYELINATION: Final = Scenario(
    "demyelination", "Tumefactive demyelination",
    core=(Shell(C.SOLID, (0.6, 0.75)), Shell(C.ENHANCING, (0.25, 0.4), open=0.4, instead=C.SOLID)),
    around=(Shell(C.OEDEMA, (0.4, 0.9)),),
    volume=(10.0, 30.0), sites=(_FRONTAL, _PARIETAL, _PERIVENTRICULAR, _DEEP_FRONTAL),
    biology={
        C.OEDEMA: OEDEMA,
        C.SOLID: Biology(
            vp=(0.011, 0.021), mtt=(5.0, 7.0), delay=(1.1, 2.1), ps=(0.0, 0.0002), ve=(0.25, 0.4), kp=_KP, ke=_KE,
            transit=(1.3, 1.8), t1=(1.6, 2.0), t2=(0.15, 0.22), r2star=(11.0, 15.0), spins=(0.86, 0.90),
            adc=(1.2e-3, 1.7e-3), amounts=_DEMYELINATED,
        ),
        C.ENHANCING: replace(
            ENHANCING, vp=(0.013, 0.026), mtt=(5.0, 7.0), ps=(0.0005, 0.0015), adc=(0.75e-3, 1.0e-3),
            t2=(0.09, 0.12), transit=(1.2, 1.7), amounts=_DEMYELINATED,
        ),
    },
    hallmark=C.ENHANCING, rcbv=(0.3, 1.6), sources=(_CHA_TDL, _SUH, _CIANFONI), roughness=0.1, mass_effect=0.1,
    elongation=(1.05, 1.4),
)  # fmt: skip

SCENARIOS: Final[tuple[Scenario, ...]] = (
    HIGH_GRADE_GLIOMA, LOW_GRADE_GLIOMA, OLIGODENDROGLIOMA, RECURRENCE, RADIATION_NECROSIS, MIXTURE, ABSCESS,
    METASTASIS, LYMPHOMA, DEMYELINATION,
)  # fmt: skip
"""Every scenario. `name` is what a person types; it is resolved where it is typed."""
