"""Signal models, one a file. `ALL` is the whole list: what stands in it is simulated, fitted, documented and tested."""

from typing import Final

from perspect.models.base import Model, Separable
from perspect.models.describe import page
from perspect.models.gamma_variate import GammaVariate
from perspect.models.leakage import BidirectionalLeakage, Leakage, SaturatingLeakage
from perspect.models.patlak import Patlak
from perspect.models.spgr import VariableFlipAngle
from perspect.models.tofts import ExtendedTofts, Tofts

ALL: Final[tuple[type[Model], ...]] = (
    Leakage, BidirectionalLeakage, SaturatingLeakage, GammaVariate, VariableFlipAngle, Patlak, Tofts, ExtendedTofts,
)  # fmt: skip

__all__ = [
    "ALL", "BidirectionalLeakage", "ExtendedTofts", "GammaVariate", "Leakage", "Model", "Patlak", "SaturatingLeakage",
    "Separable", "Tofts", "VariableFlipAngle", "page",
]  # fmt: skip
