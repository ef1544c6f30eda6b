"""Curves for leakage: tumour whose vessels let agent out, beside tissue whose vessels do not."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.phantom.arterial import ArterialInput
from perspect.phantom.physics import rician, steady_state, transverse_rate, two_compartments

_PER_MINUTE = 1.0 / 60.0


@dataclass(frozen=True)
class Ranges:
    """From where voxels are drawn, evenly: fractions, s, 1/s; `kp` of vessels and `ke` of cells are in 1/s/mM.

    Semmineh et al. 2017 (doi:10.18383/j.tom.2016.00286) compute kp and ke from the form of tissue at 3 T; scalar ranges
    keep what matters here: that they differ between voxels.
    """

    vp_white: tuple[float, float] = (0.01, 0.03)
    vp_grey: tuple[float, float] = (0.03, 0.05)
    vp_tumour: tuple[float, float] = (0.01, 0.08)
    mtt: tuple[float, float] = (3.0, 6.0)
    ps: tuple[float, float] = (0.005 * _PER_MINUTE, 0.25 * _PER_MINUTE)
    ve: tuple[float, float] = (0.1, 0.4)
    kp: tuple[float, float] = (75.0, 85.0)
    ke: tuple[float, float] = (20.0, 28.0)


@dataclass(frozen=True, eq=False)
class LeakageObject:
    """Signals of one or more echoes and their truth. Voxels without leakage have PS = 0.

    `rcbv` is vp over the mean vp of white matter. `delta_r2star` is the true change of R2* since rest, which with a
    preload is not since before all agent.
    """

    times: Float[np.ndarray, " time"]
    te: tuple[float, ...]
    tr: float
    flip_angle: float
    signals: tuple[Float[np.ndarray, "voxels time"], ...]
    delta_r2star: Float[np.ndarray, "voxels time"]
    arterial: Float[np.ndarray, " time"]
    rest: slice
    white: Bool[np.ndarray, " voxels"]
    grey: Bool[np.ndarray, " voxels"]
    tumour: Bool[np.ndarray, " voxels"]
    vp: Float[np.ndarray, " voxels"]
    rcbv: Float[np.ndarray, " voxels"]
    mtt: Float[np.ndarray, " voxels"]
    ps: Float[np.ndarray, " voxels"]
    ve: Float[np.ndarray, " voxels"]
    kp: Float[np.ndarray, " voxels"]
    ke: Float[np.ndarray, " voxels"]
    sigma: float

    @property
    def signal(self) -> Float[np.ndarray, "voxels time"]:
        """The signal of the first echo."""
        return self.signals[0]

    @property
    def normal(self) -> Bool[np.ndarray, " voxels"]:
        """White and grey matter: everything that does not leak."""
        return ~self.tumour


@dataclass(frozen=True)
class LeakageDesign:
    """What a leakage object is to be: how many voxels of what, and how they are imaged.

    Times in s, `flip_angle` in rad, `t10` in s for white, grey and tumour, `r1` in 1/s/mM, `r2star` at rest in 1/s. SNR
    is that of white matter at rest in the first echo (infinity is no noise), and the noise is the same in all echoes.
    The preload is the same bolus, `preload_before` s earlier. `arterial` is None for the usual bolus after 30 frames.
    """

    tr: float = 1.5
    n_frames: int = 80
    te: float | tuple[float, ...] = 0.03
    flip_angle: float = np.pi / 3
    has_preload: bool = True
    preload_before: float = 300.0
    n_white: int = 200
    n_grey: int = 0
    n_tumour: int = 300
    snr: float = 100.0
    ranges: Ranges = field(default_factory=Ranges)
    arterial: ArterialInput | None = None
    t10: tuple[float, float, float] = (1.1, 1.4, 1.6)
    r1: float = 4.2
    r2star: float = 20.0
    rest_signal: float = 1000.0
    seed: int = 0

    @property
    def echoes(self) -> tuple[float, ...]:
        """Every echo time in s."""
        return (self.te,) if isinstance(self.te, float) else self.te

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """Of every frame, in s."""
        return np.arange(self.n_frames) * self.tr

    @property
    def comes(self) -> ArterialInput:
        """What arteries bring, with the preload or without."""
        bolus = ArterialInput(onset=30.0 * self.tr) if self.arterial is None else self.arterial
        return replace(bolus, preload=self.preload_before if self.has_preload else None)

    @property
    def kind(self) -> Int[np.ndarray, " voxels"]:
        """Of every voxel: 0 white matter, 1 grey matter, 2 tumour."""
        return np.repeat([0, 1, 2], [self.n_white, self.n_grey, self.n_tumour])


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What the voxels are: the names of `LeakageObject`."""

    vp: Float[np.ndarray, " voxels"]
    mtt: Float[np.ndarray, " voxels"]
    ps: Float[np.ndarray, " voxels"]
    ve: Float[np.ndarray, " voxels"]
    kp: Float[np.ndarray, " voxels"]
    ke: Float[np.ndarray, " voxels"]


def leakage_object(design: LeakageDesign | None = None) -> LeakageObject:
    """Voxels of white matter, grey matter and tumour during a bolus, with T1 and T2* effects of the agent.

    R1 = 1/T10 + r1 (vp Cp + ve Ce); R2* as in `physics.transverse_rate`; the spoiled gradient echo in its steady state.

    Quarles et al. 2009, doi:10.1088/0031-9155/54/19/006; Semmineh et al. 2018, PMC6239921 (protocols).
    """
    made = LeakageDesign() if design is None else design
    rng = np.random.default_rng(made.seed)
    comes, times, kind = made.comes, made.times, made.kind
    has = _drawn(made.ranges, kind, rng)
    rest = slice(0, max(int(np.searchsorted(times, comes.onset)), 1))
    cp, ce = two_compartments(comes, times, has.vp, has.mtt, has.ve, has.ps)
    rate1 = 1.0 / np.array(made.t10)[kind] + made.r1 * (has.vp * cp + has.ve * ce)
    added = transverse_rate(cp, ce, has.vp, has.ve, has.kp, has.ke)
    exact = [
        made.rest_signal * steady_state(rate1, made.r2star + added, made.tr, te, made.flip_angle) for te in made.echoes
    ]
    white = kind == 0
    sigma = float(exact[0][rest][:, white].mean() / made.snr)
    return LeakageObject(
        times=times, te=made.echoes, tr=made.tr, flip_angle=made.flip_angle,
        signals=tuple(rician(one, sigma, rng).T for one in exact),
        delta_r2star=(added - added[rest].mean(axis=0)).T, arterial=comes(times), rest=rest,
        white=white, grey=kind == 1, tumour=kind == 2, rcbv=has.vp / has.vp[white].mean(), sigma=sigma, **vars(has),
    )  # fmt: skip


def _drawn(r: Ranges, kind: Int[np.ndarray, " voxels"], rng: np.random.Generator) -> _Drawn:
    lows, highs = np.transpose([r.vp_white, r.vp_grey, r.vp_tumour])[:, kind]
    vp = rng.uniform(lows, highs)
    mtt = rng.uniform(*r.mtt, kind.size)
    ps = np.where(kind == 2, rng.uniform(*r.ps, kind.size), 0.0)
    ve = np.where(kind == 2, rng.uniform(*r.ve, kind.size), 0.2)
    return _Drawn(vp, mtt, ps, ve, kp=rng.uniform(*r.kp, kind.size), ke=rng.uniform(*r.ke, kind.size))
