"""Arterial spin labelling: blood labelled in the neck comes, and tissue that was suppressed waits for it."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from perspect.phantom.coverage import regions_on
from perspect.phantom.kinds import REFERENCE_FIELD, Kinds
from perspect.phantom.lookup import positions
from perspect.phantom.magnetisation import recovered
from perspect.phantom.mixing import alike, blended, by_slice
from perspect.phantom.patient import Compartment, Patient
from perspect.phantom.scanner import Receives, drifting, motion_columns, scanner
from perspect.phantom.sequence import Acquired, Image, Moved, Sequence, Slab
from perspect.vocabulary import Grid

BLOOD_T1: Final = 1.65
"""Of arterial blood at 3 T, in s (Lu et al. 2004, doi:10.1002/mrm.20178)."""

BLOOD_SPINS: Final = 0.84
"""Protons of blood over those of water: with those of tissue they make the partition coefficient (0.98 mL/mL in grey
and 0.83 in white matter; Herscovitch and Raichle 1985, doi:10.1038/jcbfm.1985.9)."""

ARTERIAL_SHARE: Final = 0.25
"""How much of the blood volume of tissue is arterial. [our default]"""

ARTERIAL_LEAD: Final = 0.3
"""How much earlier label is in the arteries of a voxel than in its tissue, in s. [our default]"""

LEVEL: Final = 4000.0
"""What fully relaxed white matter shows."""

_SIDE_WIDTH, _BEHIND, _BEHIND_WIDTH, _BELOW = 3.0, -45.0, 6.0, -30.0
_TRUTH: Final = ("cbf", "transit", "t1")
Kind = Literal["pcasl", "pasl"]


@dataclass(frozen=True)
class Asl(Sequence):
    """Label and control images of one or several delays, and an image of equilibrium (M0).

    Times in s. `kind` is pseudo-continuous labelling of `duration`, or pulsed labelling whose bolus is cut after
    `duration` (QUIPSS II). `delays` are from the end of continuous, from the pulse of pulsed labelling; each is imaged
    in `n_pairs` pairs in the order `order`. `efficiency` is that of labelling alone. With suppression the slab is
    saturated as labelling begins, and inverted at `inversions` (s before the first slice is read), each of `inversion`
    efficiency. `slice_time` is the time from slice to slice of a 2-D readout (gradient echo); None is a 3-D readout
    (spin echo). `labels` are the shares of the labelling that work for the left and the right internal carotid artery.
    `snr` is that of fully relaxed white matter.
    """

    slab: Slab
    kind: Kind = "pcasl"
    duration: float = 1.8
    delays: tuple[float, ...] = (1.8,)
    n_pairs: int = 30
    order: tuple[str, str] = ("control", "label")
    efficiency: float = 0.85
    inversions: tuple[float, ...] = ()
    inversion: float = 0.95
    slice_time: float | None = None
    tr: float = 4.5
    te: float = 0.013
    m0_tr: float = 6.0
    field: float = 3.0
    labels: tuple[float, float] = (1.0, 1.0)
    snr: float = 250.0
    drift: float = 0.0
    motion: tuple[Moved, ...] = ()
    is_rounded: bool = True
    name: str = "asl"

    @property
    def volume_delays(self) -> Float[np.ndarray, " volumes"]:
        """The delay of each volume, in s."""
        return np.repeat(self.delays, 2 * self.n_pairs)

    @property
    def volume_types(self) -> tuple[str, ...]:
        """Label or control, for each volume."""
        return self.order * (self.n_pairs * len(self.delays))

    @property
    def slice_times(self) -> Float[np.ndarray, " slices"]:
        """When each slice is read after the first, in s; a single 0 for a 3-D readout."""
        return np.zeros(1) if self.slice_time is None else np.arange(self.slab.shape[2]) * self.slice_time

    def since_labelling(self, delay: float) -> float:
        """From the start of labelling to the first slice, in s."""
        return self.duration + delay if self.kind == "pcasl" else delay

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The series and the M0 image; the table says which volumes are labels, and how the head moved."""
        ready = scanner(patient, self.slab.grid(patient), self.field, self.motion)
        kinds, grid = ready.kinds, ready.grid
        n = len(self.volume_types)
        receives = Receives(
            LEVEL / ready.white(kinds.spins), LEVEL / self.snr, rng,
            None if self.slice_time is None else self.te, self.is_rounded,
        )  # fmt: skip
        slices = alike(grid) if self.slice_time is None else by_slice(grid)
        rows = asl_signals(self, kinds).reshape(n, -1) * drifting(n, self.drift)
        series = ready.movie(rows, blended(slices, labelled_share(self, grid)), receives, self.motion)
        relaxed = kinds.spins * -np.expm1(-self.m0_tr / kinds.t1) * transverse(self, kinds)
        m0 = ready.movie(relaxed[None], alike(grid), receives)[..., 0]
        times = np.arange(n) * self.tr
        images = (Image("asl", series, grid, times), Image("m0", m0, grid))
        shown = ready.truths(_TRUTH)
        shown["abv"] = ready.mean(arterial_volume(kinds))
        table = {"volume_type": np.array(self.volume_types), **motion_columns(self.motion, n)}
        return Acquired(self, images, grid, shown, regions_on(patient, grid), table)


def asl_signals(scan: Asl, kinds: Kinds) -> Float[np.ndarray, "volumes slices labelled kinds"]:
    """The signal of pure kinds in every volume and slice, where labelling failed (0) and where it worked (1)."""
    read = scan.slice_times[:, None]
    of_delay = {delay: (waiting(scan, kinds, delay, read), arrived(scan, kinds, delay, read)) for delay in scan.delays}
    decay = transverse(scan, kinds)
    volumes = []
    for delay, what in zip(scan.volume_delays, scan.volume_types, strict=True):
        still, blood = of_delay[float(delay)]
        labelled = still - blood if what == "label" else still
        volumes.append(np.stack([still * decay, labelled * decay], axis=1))
    return np.asarray(np.stack(volumes), np.float32)


def waiting(
    scan: Asl, kinds: Kinds, delay: float, read: Float[np.ndarray, "slices one"]
) -> Float[np.ndarray, "slices kinds"]:
    """The magnetisation of what was in the slab all along when each slice is read: followed through suppression.

    Without suppression it has recovered since the last slice was read, a TR ago.
    """
    if not scan.inversions:
        return np.asarray(kinds.spins * -np.expm1(-scan.tr / kinds.t1) + 0.0 * read)
    until = scan.since_labelling(delay)
    along, at = np.zeros(kinds.n), 0.0
    for one in sorted(until - before for before in scan.inversions):
        along = -scan.inversion * recovered(along, one - at, kinds.t1)
        at = one
    return np.asarray(kinds.spins * (1.0 + (along - 1.0) * np.exp(-(until + read - at) / kinds.t1)))


def arrived(
    scan: Asl, kinds: Kinds, delay: float, read: Float[np.ndarray, "slices one"]
) -> Float[np.ndarray, "slices kinds"]:
    """By how much label lowers the magnetisation of each kind, from tissue and from its arteries.

    Every inversion of the suppression turns the difference about too.
    """
    since = scan.since_labelling(delay) + read
    blood_t1 = BLOOD_T1 * (kinds.field / REFERENCE_FIELD) ** (1.0 / 3.0)
    flow = np.where(kinds.are_vessels, 0.0, kinds.vp / kinds.mtt)
    delivered = tissue_label(
        since, flow, kinds.transit, kinds.t1, blood_t1, scan.duration,
        partition=kinds.spins / BLOOD_SPINS, is_pulsed=scan.kind == "pasl",
    )  # fmt: skip
    passing = arterial_label(
        since, np.where(kinds.are_vessels, kinds.transit, np.maximum(kinds.transit - ARTERIAL_LEAD, 0.1)), blood_t1,
        scan.duration, is_pulsed=scan.kind == "pasl",
    )  # fmt: skip
    turned = (-scan.inversion) ** len(scan.inversions)
    return np.asarray(2.0 * scan.efficiency * turned * BLOOD_SPINS * (delivered + arterial_volume(kinds) * passing))


def tissue_label(
    since: Float[np.ndarray, "*times one"], flow: Float[np.ndarray, " kinds"], transit: Float[np.ndarray, " kinds"],
    t1: Float[np.ndarray, " kinds"], blood_t1: float, duration: float, *,
    partition: float | Float[np.ndarray, " kinds"], is_pulsed: bool = False,
) -> Float[np.ndarray, "*times kinds"]:  # fmt: skip
    """Label in tissue `since` s after labelling began, for blood of unit magnetisation fully inverted (times 1/2).

    Plug flow (1/s) that arrives after `transit` and leaves by a single well-mixed compartment:
    1/T1' = 1/T1 + flow/partition. Buxton et al. 1998, doi:10.1002/mrm.1910400308, equations 3 and 5.
    """
    rate = 1.0 / t1 + flow / partition
    if is_pulsed:
        slower = rate - 1.0 / blood_t1
        slower = np.where(np.abs(slower) < 1e-9, 1e-9, slower)
        until = np.clip(since, transit, transit + duration)
        brought = np.exp(slower * transit) * np.expm1(slower * (until - transit)) / slower
        return np.asarray(flow * np.exp(-rate * since) * brought)
    came = np.exp(-rate * np.maximum(since - duration - transit, 0.0)) - np.exp(
        -rate * np.maximum(since - transit, 0.0)
    )
    return np.asarray(flow / rate * np.exp(-transit / blood_t1) * came)


def arterial_label(
    since: Float[np.ndarray, "*times one"], transit: Float[np.ndarray, " kinds"], blood_t1: float, duration: float,
    *, is_pulsed: bool = False,
) -> Float[np.ndarray, "*times kinds"]:  # fmt: skip
    """The same in arterial blood, which shows label only while it passes.

    Chappell et al. 2010, doi:10.1002/mrm.22320.
    """
    is_here = (since >= transit) & (since < transit + duration)
    return np.asarray(np.where(is_here, np.exp(-(since if is_pulsed else transit) / blood_t1), 0.0))


def arterial_volume(kinds: Kinds) -> Float[np.ndarray, " kinds"]:
    """Arterial blood in mL/mL: all of an artery, none of a vein, a share of the blood of tissue."""
    share = np.where(kinds.are(Compartment.VEIN), 0.0, ARTERIAL_SHARE)
    return np.where(kinds.are(Compartment.ARTERY), 1.0, share * kinds.vp)


def transverse(scan: Asl, kinds: Kinds) -> Float[np.ndarray, " kinds"]:
    """What the echo time leaves: T2* of a 2-D gradient echo, T2 of a 3-D spin echo."""
    return np.asarray(np.exp(-scan.te / kinds.t2) if scan.slice_time is None else np.exp(-scan.te * kinds.r2star))


def labelled_share(scan: Asl, grid: Grid) -> Float[np.ndarray, " voxels"]:
    """How much of the labelling reaches each voxel: its own carotid artery in front, both vertebral arteries behind."""
    x, y, z = positions(grid).transpose(0, 3, 2, 1).reshape(3, -1)
    left, right = scan.labels
    side = left + (right - left) / (1.0 + np.exp(-x / _SIDE_WIDTH))
    front = 1.0 / (1.0 + np.exp(-np.minimum(y - _BEHIND, 2.0 * (z - _BELOW)) / _BEHIND_WIDTH))
    return np.asarray(1.0 - front * (1.0 - side), np.float32)
