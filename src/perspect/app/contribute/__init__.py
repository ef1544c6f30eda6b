"""What each kind of series adds to an examination: findings, facts, flags, pictures. One file for each."""

from perspect.app.contribute.adc import of_adc
from perspect.app.contribute.asl import of_asl
from perspect.app.contribute.contribution import Contribution, Patient, unused
from perspect.app.contribute.dce import of_dce
from perspect.app.contribute.dsc import of_dsc
from perspect.app.contribute.mrs import of_mrs
from perspect.app.contribute.mrsi import of_mrsi
from perspect.app.contribute.scenes import of_patient
from perspect.app.contribute.t2star import of_t2star

__all__ = [
    "Contribution",
    "Patient",
    "of_adc",
    "of_asl",
    "of_dce",
    "of_dsc",
    "of_mrs",
    "of_mrsi",
    "of_patient",
    "of_t2star",
    "unused",
]
