"""What became of a voxel."""

from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Status(IntEnum):
    """Why a voxel has the value it has; zero is the only code that says all is well.

    Codes below `FAILED_FROM` accompany a number that may be used with the caution named; from there on the value is
    NaN.
    """

    OK = 0
    NOT_CORRECTED = 1
    AT_BOUND = 2
    AMBIGUOUS = 3
    SATURATED = 4
    AT_MOST = 5
    EXPECTED = 6
    OUTSIDE = 10
    NO_SIGNAL = 11
    NOT_FINITE = 12
    NO_BOLUS = 13
    NOT_CONVERGED = 14
    SINGULAR = 15
    NOT_DETERMINED = 16
    OUT_OF_RANGE = 17
    DISPLACED = 18
    NOT_FOLLOWED = 19

    @property
    def sentence(self) -> str:
        """What the code means, for the legend of a map and for people."""
        return SENTENCES[self]

    @property
    def is_failure(self) -> bool:
        """Whether the value that goes with it must be NaN."""
        return self >= FAILED_FROM


FAILED_FROM: Final = 10

SENTENCES: Final = MappingProxyType(
    {
        Status.OK: "measured",
        Status.NOT_CORRECTED: "no leakage could be told from none, so the value is the uncorrected one",
        Status.AT_BOUND: "the best fit lies on the edge of what is allowed",
        Status.AMBIGUOUS: "two separate solutions fit almost equally well",
        Status.SATURATED: "the signal fell to the noise floor: the true value is at least this large",
        Status.AT_MOST: "a model that could not be chosen was not followed to its end: the value is at most this large",
        Status.EXPECTED: "the data hardly determine the value: it is mostly what was expected before them",
        Status.OUTSIDE: "outside the mask",
        Status.NO_SIGNAL: "no signal at rest, or none left at some time",
        Status.NOT_FINITE: "the input has values that are not finite",
        Status.NO_BOLUS: "no passage of the bolus above the noise",
        Status.NOT_CONVERGED: "the fit did not converge",
        Status.SINGULAR: "the equations have no single solution",
        Status.NOT_DETERMINED: "the data do not determine this value",
        Status.OUT_OF_RANGE: "the signal is larger than the signal equation can give with these T1 and flip angle",
        Status.DISPLACED: "its lines were not excited, or not alike: the pulses' box lies elsewhere for each of them",
        Status.NOT_FOLLOWED: "the search ended where this model could no longer be chosen",
    }
)
"""The legend of every status map."""
