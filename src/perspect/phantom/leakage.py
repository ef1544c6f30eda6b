"""Curves for leakage: tumour whose vessels let agent out, beside tissue whose vessels do not."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

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


def leakage_object(
    *,
    tr: float = 1.5,
    n_frames: int = 80,
    te: float | tuple[float, ...] = 0.03,
    flip_angle: float = np.pi / 3,
    has_preload: bool = True,
    preload_before: float = 300.0,
    n_white: int = 200,
    n_grey: int = 0,
    n_tumour: int = 300,
    snr: float = 100.0,
    ranges: Ranges | None = None,
    arterial: ArterialInput | None = None,
    t10: tuple[float, float, float] = (1.1, 1.4, 1.6),
    r1: float = 4.2,
    r2star: float = 20.0,
    rest_signal: float = 1000.0,
    seed: int = 0,
) -> LeakageObject:
    """Voxels of white matter, grey matter and tumour during a bolus, with T1 and T2* effects of the agent.

    R1 = 1/T10 + r1 (vp Cp + ve Ce); R2* as in `physics.transverse_rate`; the spoiled gradient echo in its steady state.
    `flip_angle` in rad, `t10` in s for white, grey and tumour, `r1` in 1/s/mM; SNR is that of white matter at rest in
    the first echo, and the noise is the same in all echoes. The preload is the same bolus, `preload_before` s earlier.

    Quarles et al. 2009, doi:10.1088/0031-9155/54/19/006; Semmineh et al. 2018, PMC6239921 (protocols).
    """
    r = Ranges() if ranges is None else ranges
    echoes = (te,) if isinstance(te, float) else te
    comes = ArterialInput(onset=30.0 * tr) if arterial is None else arterial
    comes = replace(comes, preload=preload_before) if has_preload else replace(comes, preload=None)
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1, 2], [n_white, n_grey, n_tumour])
    white, grey, tumour = kind == 0, kind == 1, kind == 2
    lows, highs = np.transpose([r.vp_white, r.vp_grey, r.vp_tumour])[:, kind]
    vp = rng.uniform(lows, highs)
    mtt = rng.uniform(*r.mtt, kind.size)
    ps = np.where(tumour, rng.uniform(*r.ps, kind.size), 0.0)
    ve = np.where(tumour, rng.uniform(*r.ve, kind.size), 0.2)
    kp, ke = rng.uniform(*r.kp, kind.size), rng.uniform(*r.ke, kind.size)

    times = np.arange(n_frames) * tr
    rest = slice(0, max(int(np.searchsorted(times, comes.onset)), 1))
    cp, ce = two_compartments(comes, times, vp, mtt, ve, ps)
    rate1 = 1.0 / np.array(t10)[kind] + r1 * (vp * cp + ve * ce)
    added = transverse_rate(cp, ce, vp, ve, kp, ke)
    exact = [rest_signal * steady_state(rate1, r2star + added, tr, one, flip_angle) for one in echoes]
    sigma = float(exact[0][rest][:, white].mean() / snr)
    return LeakageObject(
        times=times, te=echoes, tr=tr, flip_angle=flip_angle,
        signals=tuple(rician(one, sigma, rng).T for one in exact),
        delta_r2star=(added - added[rest].mean(axis=0)).T, arterial=comes(times), rest=rest,
        white=white, grey=grey, tumour=tumour, vp=vp, rcbv=vp / vp[white].mean(), mtt=mtt, ps=ps, ve=ve, kp=kp, ke=ke,
        sigma=sigma,
    )  # fmt: skip
