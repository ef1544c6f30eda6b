"""Everything that a voxel can hold, in one row: each compartment at each of its levels, at the field of a scan."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.phantom.patient import LEVELS, Compartment, Patient, levels_of

REFERENCE_FIELD: Final = 3.0
"""The field at which `Biology` holds, in T."""

VESSELS: Final = (Compartment.ARTERY, Compartment.VEIN)


@dataclass(frozen=True, eq=False)
class Kinds:
    """The properties of `Biology` over compartments (slow) and their levels (fast), in its units, at `field`.

    Compartments without spins give no signal and are left out.
    """

    compartments: tuple[Compartment, ...]
    field: float
    vp: Float[np.ndarray, " kinds"]
    mtt: Float[np.ndarray, " kinds"]
    delay: Float[np.ndarray, " kinds"]
    ps: Float[np.ndarray, " kinds"]
    ve: Float[np.ndarray, " kinds"]
    kp: Float[np.ndarray, " kinds"]
    ke: Float[np.ndarray, " kinds"]
    transit: Float[np.ndarray, " kinds"]
    t1: Float[np.ndarray, " kinds"]
    t2: Float[np.ndarray, " kinds"]
    r2star: Float[np.ndarray, " kinds"]
    spins: Float[np.ndarray, " kinds"]
    adc: Float[np.ndarray, " kinds"]

    @property
    def n(self) -> int:
        """How many there are."""
        return self.vp.size

    def of(self, compartment: Compartment) -> slice:
        """Where the levels of a compartment are."""
        first = LEVELS * self.compartments.index(compartment)
        return slice(first, first + LEVELS)

    def are(self, *compartments: Compartment) -> Bool[np.ndarray, " kinds"]:
        """Which belong to one of some compartments."""
        return np.repeat([one in compartments for one in self.compartments], LEVELS)

    @property
    def are_vessels(self) -> Bool[np.ndarray, " kinds"]:
        """Which are blood in large vessels."""
        return self.are(*VESSELS)


def kinds_of(patient: Patient, field: float = REFERENCE_FIELD) -> Kinds:
    """What the compartments of a patient are like at a field in T.

    T1 grows with the cube root of the field (Bottomley et al. 1984, doi:10.1118/1.595535). T2 is taken as constant;
    what susceptibility adds to it (R2* - 1/T2), and the relaxivities of agent in vessels and around cells, grow with
    the field.
    """
    stronger = field / REFERENCE_FIELD
    present = tuple(sorted(one for one, biology in patient.biology.items() if biology.spins[1] > 0.0))
    tables = [levels_of(patient.biology[one]) for one in present]

    def row(name: str) -> Float[np.ndarray, " kinds"]:
        return np.concatenate([np.asarray(getattr(one, name), float) for one in tables])

    t2 = row("t2")
    return Kinds(
        present, field, vp=row("vp"), mtt=row("mtt"), delay=row("delay"), ps=row("ps"), ve=row("ve"),
        kp=row("kp") * stronger, ke=row("ke") * stronger, transit=row("transit"),
        t1=row("t1") * stronger ** (1.0 / 3.0), t2=t2,
        r2star=1.0 / t2 + np.maximum(row("r2star") - 1.0 / t2, 0.0) * stronger,
        spins=row("spins"), adc=row("adc"),
    )  # fmt: skip
