"""Signal models, one a file. `ALL` is the whole list: what stands in it is simulated, fitted, documented and tested."""

from typing import Final

from perspect.models.base import Model, Separable
from perspect.models.describe import page
from perspect.models.gamma_variate import GammaVariate
from perspect.models.labelled import Tissue
from perspect.models.leakage import BidirectionalLeakage, Leakage, SaturatingLeakage
from perspect.models.pasl import ArterialPasl, Pasl
from perspect.models.patlak import Patlak
from perspect.models.pcasl import ArterialPcasl, Pcasl
from perspect.models.spgr import VariableFlipAngle
from perspect.models.tofts import ExtendedTofts, Tofts

ALL: Final[tuple[type[Model], ...]] = (
    Leakage, BidirectionalLeakage, SaturatingLeakage, GammaVariate, VariableFlipAngle, Patlak, Tofts, ExtendedTofts,
    Pcasl, Pasl, ArterialPcasl, ArterialPasl,
)  # fmt: skip

__all__ = [
    "ALL", "ArterialPasl", "ArterialPcasl", "BidirectionalLeakage", "ExtendedTofts", "GammaVariate", "Leakage", "Model",
    "Pasl", "Patlak", "Pcasl", "SaturatingLeakage", "Separable", "Tissue", "Tofts", "VariableFlipAngle", "page",
]  # fmt: skip
