"""Where reading, science and writing meet: one function for everything that a person can ask for."""

from typing import TYPE_CHECKING, Any, Final

from perspect import loaded

if TYPE_CHECKING:
    from perspect.app.asked import Request as Request
    from perspect.app.asl import AslExamined as AslExamined
    from perspect.app.asl import examine_asl as examine_asl
    from perspect.app.asl_inputs import AslInputs as AslInputs
    from perspect.app.dce import DceExamined as DceExamined
    from perspect.app.dce import DceInputs as DceInputs
    from perspect.app.dce import examine_dce as examine_dce
    from perspect.app.dsc import Examined as Examined
    from perspect.app.dsc import examine_dsc as examine_dsc
    from perspect.app.dsc_inputs import Inputs as Inputs
    from perspect.app.exam import Exam as Exam
    from perspect.app.examination import Examination as Examination
    from perspect.app.examination import examine as examine
    from perspect.app.mrs import ExaminedSpectrum as ExaminedSpectrum
    from perspect.app.mrs import SpectrumInputs as SpectrumInputs
    from perspect.app.mrs import examine_mrs as examine_mrs
    from perspect.app.t1 import T1Inputs as T1Inputs
    from perspect.app.t1 import T1Measured as T1Measured
    from perspect.app.t1 import measure_t1 as measure_t1

WHERE: Final = {
    "AslExamined": "asl",
    "AslInputs": "asl_inputs",
    "examine_asl": "asl",
    "Examined": "dsc",
    "Inputs": "dsc_inputs",
    "examine_dsc": "dsc",
    "Exam": "exam",
    "Examination": "examination",
    "Request": "asked",
    "examine": "examination",
    "ExaminedSpectrum": "mrs",
    "SpectrumInputs": "mrs",
    "examine_mrs": "mrs",
    "DceExamined": "dce",
    "DceInputs": "dce",
    "examine_dce": "dce",
    "T1Inputs": "t1",
    "T1Measured": "t1",
    "measure_t1": "t1",
}
"""The module of each name, loaded only when it is asked for (PEP 562): `describe` and `doctor` do without NumPy's
company.
"""

__all__ = sorted(WHERE)


def __getattr__(name: str) -> Any:
    """What examines something."""
    return loaded("app", WHERE, name)
