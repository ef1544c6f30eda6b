"""What the compartments of a healthy head are like at 3 T: one table, with its sources.

Scenarios say what their lesions are like (`scenarios.py`); every number of a lesion that has no source there is
[our default]. Scaling to other fields is the acquisition's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from perspect.phantom.patient import Biology, Compartment, Range


@dataclass(frozen=True)
class Source:
    """Where a number of the tables comes from."""

    what: str
    who: str
    where: str


SOURCES: Final[tuple[Source, ...]] = (
    Source("flow and volume of grey and white matter (PET)", "Leenders et al. 1990",
           "doi:10.1093/brain/113.1.27"),
    Source("T1, T2 and T2* of grey and white matter at 3 T", "Wansapura et al. 1999",
           "doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L"),
    Source("T1 and T2 of tissue and blood at 3 T", "Stanisz et al. 2005", "doi:10.1002/mrm.20605"),
    Source("T1 of blood at 3 T", "Lu et al. 2004", "doi:10.1002/mrm.20178"),
    Source("transit time of labelled blood", "Alsop et al. 2015", "doi:10.1002/mrm.25197"),
    Source("relaxivities around vessels and cells", "Semmineh et al. 2017",
           "doi:10.18383/j.tom.2016.00286"),
    Source("susceptibility of air, bone, fat and blood", "Schenck 1996", "doi:10.1118/1.597854"),
    Source("amounts of metabolites in healthy brain", "Govindaraju et al. 2000",
           "doi:10.1002/1099-1492(200005)13:3<129::AID-NBM619>3.0.CO;2-V"),
)  # fmt: skip
"""Sources of the healthy table. What none of them gives (scalp, bone, delays, widths of ranges) is [our default]."""

NONE: Final[Range] = (0.0, 0.0)
_KP: Final[Range] = (76.0, 84.0)
_KE: Final[Range] = (20.0, 28.0)

GREY_AMOUNTS: Final[Mapping[str, Range]] = MappingProxyType({
    "NAA": (8.5, 10.5), "NAAG": (0.6, 1.2), "Cr": (3.6, 4.6), "PCr": (3.4, 4.4), "GPC": (0.7, 1.0), "PCh": (0.3, 0.5),
    "Ins": (4.8, 6.2), "Glu": (8.5, 10.5), "Gln": (2.2, 3.4), "GSH": (1.0, 1.6), "GABA": (1.0, 1.6), "Asp": (1.0, 1.8),
    "Tau": (1.0, 1.8), "sIns": (0.2, 0.5), "Lac": (0.3, 0.8), "Gly": (0.4, 0.9), "MM": (0.9, 1.1),
})  # fmt: skip
WHITE_AMOUNTS: Final[Mapping[str, Range]] = MappingProxyType({
    "NAA": (7.0, 8.6), "NAAG": (1.4, 2.4), "Cr": (2.8, 3.6), "PCr": (2.4, 3.2), "GPC": (1.1, 1.5), "PCh": (0.3, 0.5),
    "Ins": (3.4, 4.8), "Glu": (5.5, 7.0), "Gln": (1.2, 2.0), "GSH": (0.8, 1.3), "GABA": (0.5, 1.0), "Asp": (0.8, 1.4),
    "Tau": (0.6, 1.2), "sIns": (0.2, 0.5), "Lac": (0.3, 0.8), "Gly": (0.3, 0.7), "MM": (0.7, 0.9),
})  # fmt: skip
"""Metabolites in mM; MM is the amount of macromolecules relative to grey matter."""

HEALTHY: Final[Mapping[Compartment, Biology]] = MappingProxyType({
    Compartment.AIR: Biology(
        vp=NONE, mtt=(5.0, 5.0), delay=NONE, ps=NONE, ve=(0.2, 0.2), kp=NONE, ke=NONE, transit=(1.0, 1.0),
        t1=(1.0, 1.0), t2=(0.1, 0.1), r2star=(20.0, 20.0), spins=NONE, adc=NONE, susceptibility=9.4,
    ),
    Compartment.SCALP: Biology(
        vp=(0.02, 0.03), mtt=(8.0, 10.0), delay=(3.0, 4.0), ps=(0.002, 0.003), ve=(0.18, 0.22), kp=_KP, ke=_KE,
        transit=(1.6, 2.2), t1=(1.2, 1.5), t2=(0.035, 0.05), r2star=(30.0, 40.0), spins=(0.7, 0.8),
        adc=(1.2e-3, 1.6e-3),
    ),
    Compartment.FAT: Biology(
        vp=(0.004, 0.008), mtt=(8.0, 10.0), delay=(3.0, 4.0), ps=(0.0003, 0.0006), ve=(0.05, 0.1), kp=_KP, ke=_KE,
        transit=(1.6, 2.2), t1=(0.35, 0.4), t2=(0.06, 0.08), r2star=(25.0, 35.0), spins=(0.85, 0.95),
        adc=(2e-5, 6e-5), susceptibility=0.6, amounts={"Lip09": (800.0, 1200.0), "Lip13": (4000.0, 6000.0)},
    ),
    Compartment.BONE: Biology(
        vp=(0.005, 0.01), mtt=(6.0, 8.0), delay=(2.0, 3.0), ps=NONE, ve=(0.18, 0.22), kp=_KP, ke=_KE,
        transit=(1.6, 2.2), t1=(0.4, 0.6), t2=(0.008, 0.02), r2star=(300.0, 500.0), spins=(0.12, 0.18),
        adc=(2e-4, 4e-4), susceptibility=-2.0,
    ),
    Compartment.CSF: Biology(
        vp=(0.0005, 0.001), mtt=(5.0, 6.0), delay=(1.0, 2.0), ps=NONE, ve=(0.2, 0.2), kp=_KP, ke=_KE,
        transit=(1.2, 1.6),
        t1=(4.0, 4.4), t2=(1.6, 2.1), r2star=(1.0, 2.5), spins=(1.0, 1.0), adc=(2.9e-3, 3.1e-3),
        amounts={"Lac": (1.0, 1.8)},
    ),
    Compartment.GREY: Biology(
        vp=(0.035, 0.050), mtt=(3.5, 4.5), delay=(0.5, 1.5), ps=NONE, ve=(0.2, 0.2), kp=_KP, ke=_KE,
        transit=(0.8, 1.2), t1=(1.30, 1.46), t2=(0.095, 0.110), r2star=(19.0, 23.0), spins=(0.80, 0.84),
        adc=(0.78e-3, 0.88e-3), amounts=GREY_AMOUNTS,
    ),
    Compartment.WHITE: Biology(
        vp=(0.018, 0.024), mtt=(4.5, 5.5), delay=(1.0, 2.0), ps=NONE, ve=(0.2, 0.2), kp=_KP, ke=_KE,
        transit=(1.2, 1.7), t1=(0.86, 0.98), t2=(0.070, 0.080), r2star=(20.0, 22.5), spins=(0.68, 0.72),
        adc=(0.66e-3, 0.76e-3), amounts=WHITE_AMOUNTS,
    ),
    Compartment.CHOROID: Biology(
        vp=(0.10, 0.16), mtt=(3.5, 5.0), delay=(0.8, 1.6), ps=(0.01, 0.02), ve=(0.25, 0.35), kp=_KP, ke=_KE,
        transit=(0.9, 1.3), t1=(1.6, 2.0), t2=(0.12, 0.18), r2star=(15.0, 22.0), spins=(0.88, 0.92),
        adc=(1.4e-3, 1.8e-3), amounts={"Ins": (6.0, 9.0), "GPC": (1.5, 2.0), "PCh": (0.8, 1.2), "Lac": (1.0, 2.0)},
    ),
    Compartment.ARTERY: Biology(
        vp=(1.0, 1.0), mtt=(1.0, 1.0), delay=NONE, ps=NONE, ve=(1.0, 1.0), kp=NONE, ke=NONE, transit=(0.4, 0.7),
        t1=(1.62, 1.68), t2=(0.14, 0.17), r2star=(18.0, 22.0), spins=(0.82, 0.86), adc=(3e-3, 3e-3),
    ),
    Compartment.VEIN: Biology(
        vp=(1.0, 1.0), mtt=(4.0, 4.0), delay=(2.3, 2.7), ps=NONE, ve=(1.0, 1.0), kp=NONE, ke=NONE, transit=(4.0, 5.0),
        t1=(1.58, 1.64), t2=(0.05, 0.07), r2star=(35.0, 45.0), spins=(0.82, 0.86), adc=(3e-3, 3e-3),
        susceptibility=0.35,
    ),
    Compartment.BLOOD_CLOT: Biology(
        vp=(0.0003, 0.0006), mtt=(8.0, 10.0), delay=(3.0, 4.0), ps=NONE, ve=(0.2, 0.2), kp=_KP, ke=_KE,
        transit=(2.0, 2.5), t1=(0.7, 1.1), t2=(0.03, 0.05), r2star=(90.0, 160.0), spins=(0.75, 0.85),
        adc=(0.5e-3, 0.8e-3), susceptibility=1.0,
    ),
    Compartment.CALCIUM: Biology(
        vp=(0.0003, 0.0006), mtt=(8.0, 10.0), delay=(3.0, 4.0), ps=NONE, ve=(0.2, 0.2), kp=_KP, ke=_KE,
        transit=(2.0, 2.5), t1=(0.8, 1.2), t2=(0.015, 0.03), r2star=(120.0, 220.0), spins=(0.10, 0.25),
        adc=(0.3e-3, 0.6e-3), susceptibility=-2.0,
    ),
})  # fmt: skip
"""Vessels hold blood alone; what their `mtt` would mean is the acquisition's to know (veins lie behind the brain)."""
