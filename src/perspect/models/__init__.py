"""Signal models, one a file. `ALL` is the whole list: what stands in it is simulated, fitted, documented and tested."""

from typing import Final

from perspect.models.aath import AdiabaticTissueHomogeneity, DelayedAdiabaticTissueHomogeneity
from perspect.models.base import Model, Separable
from perspect.models.describe import page
from perspect.models.exchange import DelayedTwoCompartmentExchange, TwoCompartmentExchange
from perspect.models.gamma_variate import GammaVariate
from perspect.models.hifi import Hifi
from perspect.models.kinetic import Delayed, Kinetic
from perspect.models.labelled import LabelInTissue, Tissue
from perspect.models.leakage import BidirectionalLeakage, Leakage, LeakageBesideTransit, SaturatingLeakage
from perspect.models.pasl import ArterialPasl, Pasl
from perspect.models.patlak import DelayedPatlak, Patlak
from perspect.models.pcasl import ArterialPcasl, Pcasl
from perspect.models.read_often import (
    ArterialReadOftenPasl,
    ArterialReadOftenPcasl,
    ReadOftenPasl,
    ReadOftenPcasl,
)  # fmt: skip
from perspect.models.recovery import InversionRecovery, LookLocker
from perspect.models.reference_region import (
    ConstrainedReferenceRegion,
    DelayedConstrainedReferenceRegion,
    DelayedReferenceRegion,
    ReferenceRegion,
)  # fmt: skip
from perspect.models.spgr import VariableFlipAngle
from perspect.models.tofts import DelayedExtendedTofts, DelayedTofts, ExtendedTofts, Tofts
from perspect.models.uptake import DelayedTwoCompartmentUptake, TwoCompartmentUptake
from perspect.models.vascular import DelayedVascular, Vascular
from perspect.models.water import DelayedExchangingWater, ExchangingWater

ALL: Final[tuple[type[Model], ...]] = (
    Leakage, BidirectionalLeakage, LeakageBesideTransit, SaturatingLeakage, GammaVariate, VariableFlipAngle,
    InversionRecovery, LookLocker, Hifi, Vascular, Patlak, Tofts, ExtendedTofts, Pcasl, Pasl, ArterialPcasl,
    ArterialPasl, ReadOftenPcasl,
    ReadOftenPasl, ArterialReadOftenPcasl, ArterialReadOftenPasl, TwoCompartmentUptake, TwoCompartmentExchange,
    AdiabaticTissueHomogeneity, DelayedVascular, DelayedPatlak, DelayedTofts, DelayedExtendedTofts,
    DelayedTwoCompartmentUptake, DelayedTwoCompartmentExchange, DelayedAdiabaticTissueHomogeneity, ReferenceRegion,
    ConstrainedReferenceRegion, DelayedReferenceRegion, DelayedConstrainedReferenceRegion, ExchangingWater,
    DelayedExchangingWater,
)  # fmt: skip

__all__ = [
    "ALL", "AdiabaticTissueHomogeneity", "ArterialPasl", "ArterialPcasl", "ArterialReadOftenPasl",
    "ArterialReadOftenPcasl", "BidirectionalLeakage", "ConstrainedReferenceRegion", "Delayed",
    "DelayedAdiabaticTissueHomogeneity", "DelayedConstrainedReferenceRegion", "DelayedExchangingWater",
    "DelayedExtendedTofts", "DelayedPatlak", "DelayedReferenceRegion",
    "DelayedTofts", "DelayedTwoCompartmentExchange", "DelayedTwoCompartmentUptake", "DelayedVascular",
    "ExchangingWater", "ExtendedTofts", "GammaVariate", "Hifi", "InversionRecovery", "Kinetic", "LabelInTissue",
    "Leakage", "LeakageBesideTransit", "LookLocker", "Model", "Pasl", "Patlak", "Pcasl", "ReadOftenPasl",
    "ReadOftenPcasl", "ReferenceRegion",
    "SaturatingLeakage", "Separable", "Tissue", "Tofts", "TwoCompartmentExchange", "TwoCompartmentUptake",
    "VariableFlipAngle", "Vascular", "page",
]  # fmt: skip
