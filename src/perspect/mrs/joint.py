"""Several echo times of one voxel together: one set of amounts, and whether amino acids or lipid stand at 0.9 ppm.

Each spectrum keeps its own phases, shift, lineshape and baseline, found by its own fit. What is shared are the amounts:
at every echo time a signal has its own shape (lactate and the methyls of amino acids stand on their heads at 135 to
144 ms) and decays by the T2 of its kind. The evidence for a group of signals is what the best fit loses without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from perspect.mrs.amounts import ONE_SIDED, in_scale
from perspect.mrs.combine import shadow_of
from perspect.mrs.decompose import Decomposition
from perspect.mrs.profile import members
from perspect.mrs.scale import Scale
from perspect.numerics.nonnegative import nonnegative
from perspect.vocabulary import Amount, Problem, Status

T2_MOLECULE: Final = (0.08, 0.10, 0.12, 0.14, 0.17, 0.20, 0.24, 0.30, 0.40)
T2_LIPID: Final = (0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.14)
"""Transverse relaxation times in s that are tried; the likeliest are taken."""

T2_MACROMOLECULE: Final = 0.03
"""Of macromolecules in s (Behar et al. 1994, doi:10.1002/mrm.1910320304, give 20 to 40 ms)."""

SURELY: Final = 2.3263
"""Standard deviations of a one-sided limit of 99 %. From one spectrum amino acids are told from lipid by the width that
lipid is taken to have, and pus that is called lipid is the worse error [our default]."""

AMINO: Final = ("AA",)
FAT: Final = ("Lip09", "Lip13a", "Lip13b")

EVIDENT: Final = 9.0
"""Twice the logarithm of a likelihood ratio from which on a group is there (three standard deviations)."""

METHYLS: Final = 18.0
"""Methyl protons of one AA: six of valine, leucine and isoleucine each."""

SHORT: Final = 0.1
"""Below this echo time in s nothing at 0.9 ppm is inverted: alone it can show that there are none, never that there
are, because what it would show is a difference between the shape of lipid and the shape that lipid is taken to have."""

VISIBLE: Final = 0.35
"""Share of the signal at 0.9 ppm that amino acids must be able to hide in for the question to be open [our default]."""

Word = Literal["amino acids", "lipid", "both", "neither", "not assessable"]


@dataclass(frozen=True)
class AminoAcids:
    """What stands at 0.9 ppm. `for_amino`, `for_lipid` are twice the log likelihood ratios; `hidden` is how much of the
    signal at 0.9 ppm could be amino acids without being seen (95 %; 99 % by one spectrum).
    """

    word: Word
    for_amino: float
    for_lipid: float
    hidden: float
    sentence: str


@dataclass(frozen=True, eq=False)
class Joint:
    """Amounts that explain all echo times, in the units of the first spectrum's fit, with their covariance."""

    names: tuple[str, ...]
    amounts: Float[np.ndarray, " signals"]
    covariance: Float[np.ndarray, "signals signals"]
    t2_molecule: float
    t2_lipid: float
    amino_acids: AminoAcids

    def amount(self, key: str, parts: Sequence[str], scale: Scale) -> Amount:
        """A sum with its error, as seen at the first echo time, to which the scale belongs."""
        w = np.array([[float(name in ones) for name in self.names] for ones in (parts, members(scale.below))])
        return in_scale(key, tuple(parts), w @ self.amounts, w @ self.covariance @ w.T, scale, Status.OK)


@dataclass(frozen=True, eq=False)
class _Stack:
    """All echo times as one linear problem, whitened and without their baselines."""

    names: tuple[str, ...]
    gram: Float[np.ndarray, "signals signals"]
    projection: Float[np.ndarray, " signals"]
    information: Float[np.ndarray, "signals signals"]
    size: float
    freedom: float

    def left(self, without: Sequence[str] = ()) -> tuple[float, Float[np.ndarray, " signals"]]:
        """The weighted sum of squares that the best non-negative amounts leave, and these."""
        keep = np.array([name not in without for name in self.names])
        a = np.zeros(len(self.names))
        some = np.ix_(keep, keep)
        a[keep] = nonnegative(self.gram[some], self.projection[keep], np.zeros(int(keep.sum()), bool))
        return float(self.size - 2 * a @ self.projection + a @ self.gram @ a), a


def joint(found: Sequence[Decomposition], echo_times: Sequence[float]) -> Joint:
    """One set of amounts for spectra of one voxel at several echo times (or at one: then the answer says so).

    Relaxation times are averaged over by how likely they are, so that not knowing them is in the errors.
    """
    if not found or len(found) != len(echo_times):
        raise Problem(
            f"{len(found)} spectra and {len(echo_times)} echo times.", "Each needs its own.", "Give one for each."
        )
    names = tuple(dict.fromkeys(name for one in found for name in one.names))
    pieces = [_piece(one, names, te - echo_times[0]) for one, te in zip(found, echo_times, strict=True)]
    pairs = list(product(T2_MOLECULE, T2_LIPID)) if len(found) > 1 else [(T2_MOLECULE[2], T2_LIPID[1])]
    stacks = [_stacked(names, pieces, *pair) for pair in pairs]
    left, amounts = (np.array(part) for part in zip(*(stack.left() for stack in stacks), strict=True))
    best = int(np.argmin(left))
    # Where the model does not describe the data, evidence shrinks with the misfit.
    inflation = max(float(left[best]) / stacks[best].freedom, 1.0)
    weights = np.exp(-(left - left[best]) / (2 * inflation))
    weights /= weights.sum()
    mean = weights @ amounts
    apart = amounts - mean
    within = np.linalg.pinv(stacks[best].information, hermitian=True) * inflation
    covariance = within + (weights[:, None] * apart).T @ apart
    is_weak = len(found) == 1 and echo_times[0] < SHORT
    answer = _answer(stacks, stacks[best], mean, covariance, inflation, len(found), is_weak)
    return Joint(names, mean, covariance, *pairs[best], answer)


@dataclass(frozen=True, eq=False)
class _Piece:
    """One echo time: what it says of the amounts that are seen there, and its delay in s for each kind of signal."""

    gram: Float[np.ndarray, "signals signals"]
    projection: Float[np.ndarray, " signals"]
    information: Float[np.ndarray, "signals signals"]
    size: float
    freedom: float
    later: float
    kinds: tuple[str, ...]

    def decay(self, molecule: float, lipid: float) -> Float[np.ndarray, " signals"]:
        """What relaxation has left of each signal."""
        t2 = {"metabolite": molecule, "lipid": lipid, "macromolecule": T2_MACROMOLECULE, "": 1.0}
        return np.exp([-self.later / t2[kind] for kind in self.kinds])


def _piece(one: Decomposition, names: tuple[str, ...], later: float) -> _Piece:
    shadow = shadow_of(one.task, one.solution.dimensions)
    place, noise = one.solution.place, one.solution.noise
    columns, data = place.columns / noise, place.data / noise
    shaded, shaded_data = columns @ shadow.T, shadow @ data
    where = np.array([names.index(name) for name in one.names])
    gram, information, projection = np.zeros((len(names),) * 2), np.zeros((len(names),) * 2), np.zeros(len(names))
    gram[np.ix_(where, where)] = columns @ columns.T - shaded @ shaded.T
    # The information on amounts alone, everything else of this spectrum being fitted too.
    information[np.ix_(where, where)] = np.linalg.pinv(one.covariance, hermitian=True)
    projection[where] = columns @ data - shaded @ shaded_data
    known = dict(zip(one.names, one.kinds, strict=True))
    return _Piece(
        gram, projection, information, float(data @ data - shaded_data @ shaded_data),
        data.size - one.solution.dimensions, later, tuple(known.get(name, "") for name in names),
    )  # fmt: skip


def _stacked(names: tuple[str, ...], pieces: Sequence[_Piece], molecule: float, lipid: float) -> _Stack:
    """All echo times at these relaxation times."""
    n = len(names)
    gram, information, projection = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    for piece in pieces:
        decay = piece.decay(molecule, lipid)
        gram += piece.gram * decay * decay[:, None]
        information += piece.information * decay * decay[:, None]
        projection += piece.projection * decay
    size, freedom = (sum(getattr(piece, what) for piece in pieces) for what in ("size", "freedom"))
    return _Stack(names, gram, projection, information, float(size), max(float(freedom) - n, 1.0))


def _answer(
    stacks: Sequence[_Stack],
    best: _Stack,
    amounts: Float[np.ndarray, " signals"],
    covariance: Float[np.ndarray, "signals signals"],
    inflation: float,
    n: int,
    is_weak: bool,
) -> AminoAcids:
    """The word, from what the best fit over all relaxation times loses without amino acids or without lipid."""

    def least(without: Sequence[str] = ()) -> float:
        return min(stack.left(without)[0] for stack in stacks)

    whole = least()
    for_amino, for_lipid = ((least(group) - whole) / inflation for group in (AMINO, FAT))
    at = {name: k for k, name in enumerate(best.names)}
    if "AA" not in at:
        return AminoAcids("not assessable", 0.0, for_lipid, 1.0, "Amino acids were not among the signals of the fit.")
    std = float(np.sqrt(covariance[at["AA"], at["AA"]]))
    broad = sum(3.0 * amounts[at[name]] for name in ("Lip09", "MM09") if name in at)
    total = float(broad + METHYLS * amounts[at["AA"]])
    seen = float(amounts[at["AA"]]) if for_amino < EVIDENT or is_weak else 0.0
    unseen = (SURELY if n == 1 else ONE_SIDED) * std
    hidden = float(METHYLS * (unseen + seen) / max(total, 1e-300))
    spectra = "one echo time" if n == 1 else f"{n} echo times"
    # A residual that no shape explains can prefer amino acids too; then their amount does not stand above its error.
    is_clear = float(amounts[at["AA"]]) >= np.sqrt(EVIDENT) * std
    if for_amino >= EVIDENT and is_clear and not is_weak:
        word: Word = "both" if for_lipid >= EVIDENT else "amino acids"
        return AminoAcids(word, for_amino, for_lipid, hidden, f"Amino acids are seen at 0.9 ppm, by {spectra}.")
    if hidden > VISIBLE or for_amino >= EVIDENT:
        sentence = (
            f"Whether amino acids stand at 0.9 ppm cannot be told from {spectra}: they could be {min(hidden, 1.0):.0%} "
            "of what is there. A spectrum at 135 to 144 ms tells."
        )
        return AminoAcids("not assessable", for_amino, for_lipid, hidden, sentence)
    word = "lipid" if for_lipid >= EVIDENT else "neither"
    sentence = f"No amino acids are seen at 0.9 ppm by {spectra}; that excludes nothing."
    return AminoAcids(word, for_amino, for_lipid, hidden, sentence)
