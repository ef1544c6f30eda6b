"""The signals that a spectrum is a sum of: simulated or given molecules, and broad signals."""

from collections.abc import Sequence as Many
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from perspect.models.spins import MOLECULES, PulseAcquire, Sequence, simulated
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.mrs.plan import Plan
from perspect.mrs.profile import LIPIDS, LONG_TE, MACROMOLECULES, TURNED
from perspect.numerics.parallel import each
from perspect.vocabulary import Basis, Problem
from perspect.vocabulary.spectra import ALIASES

AMINO_ACIDS: Final = ("Val", "Leu", "Ile")
"""What AA is made of, in equal amounts: branched amino acids, of pus, with methyls at 0.9 to 1.0 ppm."""

MEASURED: Final = ("Mac", "MM", "MMBL", "mm", "MM_CMR", "MMexp")
"""Names that a measured spectrum of macromolecules goes by."""


SPOKEN: Final = {
    "Press": "PRESS", "Steam": "STEAM", "SemiLaser": "semi-LASER", "PulseAcquire": "pulse and acquire",
    "MegaPress": "MEGA-PRESS",
}  # fmt: skip
"""Sequences as people write them."""


def spoken(sequence: Sequence) -> str:
    """The name of a sequence as people write it."""
    kind = type(sequence).__name__
    return SPOKEN.get(kind, kind)


def simulated_basis(names: Many[str], sequence: Sequence, frequency: float, dwell: float, n_points: int) -> Basis:
    """Molecules as a sequence shows them, without decay. "AA" is the sum of the branched amino acids."""
    unknown = [one for one in names if one not in MOLECULES and one != "AA"]
    if unknown:
        raise Problem(
            f"There is no spin system for {', '.join(unknown)}.",
            "It cannot be simulated.",
            f"Known are {', '.join((*MOLECULES, 'AA'))}.",
        )
    made = each(lambda name: _one(name, sequence, frequency, dwell, n_points), list(names))
    is_free = isinstance(sequence, PulseAcquire)
    when = f"{'first point after' if is_free else 'TE'} {sequence.te * 1e3:g} ms"
    origin = f"simulated, {spoken(sequence)}, {when}, {frequency * 1e-6:.4f} MHz"
    delay = sequence.te if is_free else 0.0
    return Basis(tuple(names), np.array(made), dwell, frequency, sequence.te, origin, delay=delay)


def _one(name: str, sequence: Sequence, frequency: float, dwell: float, n_points: int) -> np.ndarray:
    parts = AMINO_ACIDS if name == "AA" else (name,)
    made = [simulated(MOLECULES[one], sequence, frequency, dwell, n_points) for one in parts]
    out: np.ndarray = np.sum(made, axis=0)
    return out


@lru_cache(maxsize=16)
def cached_basis(names: tuple[str, ...], sequence: Sequence, frequency: float, dwell: float, n_points: int) -> Basis:
    """The same, remembered: ideal sequences are values that can be compared."""
    return simulated_basis(names, sequence, frequency, dwell, n_points)


def known_by(basis: Basis) -> Basis:
    """A basis with the names that are used here, and what is macromolecule or lipid marked as such."""
    names = tuple(ALIASES.get(one, one) for one in basis.names)
    if len(set(names)) < len(names):
        names = basis.names
    kinds = tuple(
        "macromolecule" if one in MEASURED or one.startswith("MM") else "lipid" if one.startswith("Lip") else kind
        for one, kind in zip(names, basis.kinds, strict=True)
    )
    return replace(basis, names=names, kinds=kinds)


def with_broad(basis: Basis, *, lipids: bool, macromolecules: bool) -> Basis:
    """A basis with parametric lipids and macromolecules, as wide as they are in the mean, added where it has none of
    that kind.
    """
    wanted = [one for one in LIPIDS if lipids and "lipid" not in basis.kinds]
    wanted += [one for one in MACROMOLECULES if macromolecules and "macromolecule" not in basis.kinds]
    if not wanted:
        return basis
    axis = (basis.frequency, basis.dwell, basis.values.shape[1], basis.delay)
    added = np.array([broad_signal(BROAD[one], *axis, wider=BROAD[one].wider) for one in wanted])
    return replace(
        basis,
        names=(*basis.names, *wanted),
        values=np.concatenate([basis.values, added]),
        kinds=(*basis.kinds, *(BROAD[one].kind for one in wanted)),
    )


def fitted_with(basis: Basis, te: float | None, plan: Plan) -> Basis:
    """All signals that a spectrum at this echo time (s; `None`: short) may be a sum of, less those that are dropped."""
    full = with_broad(known_by(basis), lipids=True, macromolecules=(te or 0.0) < LONG_TE)
    unknown = [one for one in (*plan.keep, *plan.drop) if one not in full.names]
    if unknown or set(plan.keep) & set(plan.drop):
        what = ", ".join(unknown or set(plan.keep) & set(plan.drop))
        raise Problem(
            f"mrs.keep and mrs.drop name {what}, " + ("which is not in the basis." if unknown else "both."),
            "What is meant is not known.",
            f"The signals are {', '.join(full.names)}.",
        )
    return full.only(tuple(one for one in full.names if one not in plan.drop)) if plan.drop else full


def with_turned(basis: Basis) -> Basis:
    """A basis with each lipid a second time, turned by a right angle: from both comes lipid of any phase.

    >>> from perspect.mrs.signals import with_broad
    >>> basis = Basis(("NAA",), np.ones((1, 64), complex), 5e-4, 123.2e6, 0.03, "made")
    >>> len(with_turned(with_broad(basis, lipids=True, macromolecules=False)).names)
    9
    """
    at = [k for k, kind in enumerate(basis.kinds) if kind == "lipid"]
    return replace(
        basis,
        names=(*basis.names, *(basis.names[k] + TURNED for k in at)),
        values=np.concatenate([basis.values, 1j * basis.values[at]]),
        kinds=(*basis.kinds, *(basis.kinds[k] for k in at)),
    )
