"""Curves for deconvolution: tissue whose flow, volume, delay and residue function are known exactly."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import product
from typing import Final

import numpy as np
import scipy.fft
from jaxtyping import Float, Int
from scipy.special import gammainc

from perspect.phantom.arterial import ArterialInput, single_pass
from perspect.phantom.physics import rician

_STEP: Final = 0.02
_GREY: Final = tuple((flow / 6000.0, 0.04) for flow in (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0))
_WHITE: Final = tuple((flow / 6000.0, 0.02) for flow in (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0))
GREY_AND_WHITE: Final = _GREY + _WHITE
"""Flow (1/s) and volume (mL/mL): grey matter 10-70 mL/100 mL/min at 4 %, white 5-35 at 2 % (Wu et al. 2003)."""


class Shape(IntEnum):
    """How the blood that arrives at once leaves: the form of the residue function."""

    EXPONENTIAL = 0
    BOX = 1
    GAMMA = 2
    LINEAR = 3


def _twice_integrated(shape: Shape, u: Float[np.ndarray, " steps"], mtt: float) -> Float[np.ndarray, " steps"]:
    """∫∫ R, in s². R is exp(-u/m), 1 until m, the upper tail of gamma(3, m/3), or 1 - u/(2m) until 2m."""
    u = np.maximum(u, 0.0)
    match shape:
        case Shape.EXPONENTIAL:
            twice = mtt * (u + mtt * np.expm1(-u / mtt))
        case Shape.BOX:
            within = np.minimum(u, mtt)
            twice = 0.5 * within**2 + mtt * (u - within)
        case Shape.LINEAR:
            within = np.minimum(u, 2.0 * mtt)
            twice = 0.5 * within**2 - within**3 / (12.0 * mtt) + mtt * (u - within)
        case Shape.GAMMA:
            scale = mtt / 3.0
            x = u / scale
            gone = {k: gammainc(k, x) for k in (1, 2, 3, 4)}
            twice = scale**2 * sum(x * gone[k] - k * gone[k + 1] for k in (1, 2, 3))
    return np.asarray(twice)


def residue_weights(shape: Shape, mtt: float, n: int, dispersion: float = 0.0) -> Float[np.ndarray, " steps"]:
    """∫ R(u) over hat functions every 0.02 s: they make the convolution exact for an input linear between the steps.

    `dispersion` in s is the mean of an exponential spread between the artery and the voxel; 0 is none.
    """
    edges = (np.arange(n + 2) - 1.0) * _STEP
    weights = np.diff(_twice_integrated(shape, edges, mtt), 2) / _STEP
    if dispersion == 0.0:
        return weights
    survived = np.diff(_twice_integrated(Shape.EXPONENTIAL, edges, dispersion), 2) / (_STEP * dispersion)
    size = scipy.fft.next_fast_len(weights.size + survived.size - 1, real=True)  # long enough that nothing wraps
    product = scipy.fft.rfft(weights, size) * scipy.fft.rfft(survived, size)
    spread: Float[np.ndarray, " steps"] = scipy.fft.irfft(product, size)[:n]
    return spread


def tissue_curves(
    arterial: ArterialInput,
    times: Float[np.ndarray, " time"],
    curves: list[tuple[float, float, Shape]],
    delay: float = 0.0,
    dispersion: float = 0.0,
) -> Float[np.ndarray, "curves time"]:
    """Concentration in tissue, in mM: flow times the arterial input convolved with the residue function.

    `curves` are flow (1/s), volume (mL/mL) and shape. The arterial function is evaluated afresh at every instant that
    each frame needs, so that uneven times and fractions of a frame cost no accuracy.
    """
    n = max(int(np.ceil((times[-1] - arterial.injections[0] - delay) / _STEP)), 1) + 2
    came = arterial(times[None, :] - delay - _STEP * np.arange(n)[:, None])
    weights = np.stack([cbf * residue_weights(shape, cbv / cbf, n, dispersion) for cbf, cbv, shape in curves])
    return np.ascontiguousarray(weights @ came)


@dataclass(frozen=True, eq=False)
class DeconvolutionObject:
    """Signals and their truth. CBV is the ratio of the areas of the ΔR2* curves: the haematocrit factor is 1.

    `arterial_delta_r2star` is what tissue made of arterial blood alone would show. The arterial signal shows only
    `arterial_scale` of it (blood in a large vessel relaxes less than in capillaries, and would else be saturated):
    divide the ΔR2* of `arterial_signal` by that to have both on one scale.
    """

    times: Float[np.ndarray, " time"]
    te: float
    signal: Float[np.ndarray, "voxels time"]
    arterial_signal: Float[np.ndarray, " time"]
    arterial_signal_clean: Float[np.ndarray, " time"]
    arterial_delta_r2star: Float[np.ndarray, " time"]
    arterial_scale: float
    onset: float
    delta_r2star: Float[np.ndarray, "voxels time"]
    cbf: Float[np.ndarray, " voxels"]
    cbv: Float[np.ndarray, " voxels"]
    mtt: Float[np.ndarray, " voxels"]
    delay: Float[np.ndarray, " voxels"]
    shape: Int[np.ndarray, " voxels"]
    snr: Float[np.ndarray, " voxels"]

    @property
    def rest(self) -> slice:
        """The frames that are over before any voxel, however early, has agent."""
        earliest = self.onset + min(0.0, float(self.delay.min()))
        return slice(0, max(int(np.searchsorted(self.times, earliest)), 1))

    @property
    def arterial_delta_r2star_measured(self) -> Float[np.ndarray, " time"]:
        """The noisy arterial curve on the scale of tissue, in 1/s."""
        measured: Float[np.ndarray, " time"] = (
            -np.log(self.arterial_signal / self.arterial_signal[self.rest].mean()) / self.te / self.arterial_scale
        )
        return measured


@dataclass(frozen=True, eq=False)
class DeconvolutionDesign:
    """What a deconvolution object is to be: every combination of tissue, shape, delay (s) and SNR, `repeats` times.

    `times` (s; uneven or jittered at will) go before `tr` and `n_frames`. SNR is signal at rest over the noise of
    one channel; infinity is no noise. The amount of agent is such that grey matter (60 mL/100 mL/min, 4 %, exponential)
    loses `drop` of its signal at the echo time `te` (s). `dispersion` in s is that between the artery and the voxel.
    """

    tr: float = 1.5
    n_frames: int = 60
    times: Float[np.ndarray, " time"] | None = None
    te: float = 0.03
    snr: tuple[float, ...] = (60.0,)
    arterial_snr: float = 100.0
    flow_and_volume: tuple[tuple[float, float], ...] = GREY_AND_WHITE
    shapes: tuple[Shape, ...] = tuple(Shape)
    delays: tuple[float, ...] = (0.0,)
    dispersion: float = 0.0
    repeats: int = 10
    arterial: ArterialInput = field(default_factory=single_pass)
    arterial_scale: float = 0.06
    drop: float = 0.4
    rest_signal: tuple[float, float] = (200.0, 900.0)
    seed: int = 0

    @property
    def instants(self) -> Float[np.ndarray, " time"]:
        """Of every frame, in s."""
        return np.arange(self.n_frames) * self.tr if self.times is None else self.times

    @property
    def relaxivity(self) -> float:
        """1/s/mM, such that grey matter loses `drop` of its signal."""
        around = self.arterial.onset + np.arange(0.0, 30.0, 0.05)
        grey = tissue_curves(self.arterial, around, [(60.0 / 6000.0, 0.04, Shape.EXPONENTIAL)])
        return float(-np.log1p(-self.drop) / self.te / grey.max())


def deconvolution_object(design: DeconvolutionDesign | None = None) -> DeconvolutionObject:
    """Curves of every combination with new Rician noise each time.

    The order of voxels is snr, shape, tissue, delay, repeat, the last fastest.

    Wu et al. 2003, doi:10.1002/mrm.10522; Chakwizira et al. 2022, doi:10.1007/s10334-021-00995-0.
    """
    made = DeconvolutionDesign() if design is None else design
    rng = np.random.default_rng(made.seed)
    relaxivity = made.relaxivity
    combinations = list(product(made.snr, made.shapes, made.flow_and_volume, made.delays))
    clean_of = dict(_clean(made, relaxivity))
    clean = np.stack([clean_of[shape, tissue, delay] for _, shape, tissue, delay in combinations])
    clean = np.repeat(clean, made.repeats, axis=0)
    rows = [(tissue[0], tissue[1], delay, shape, ratio) for ratio, shape, tissue, delay in combinations]
    truth = np.repeat(rows, made.repeats, axis=0)
    at_rest = rng.uniform(*made.rest_signal, clean.shape[0])
    signal = rician(at_rest * np.exp(-made.te * clean.T), at_rest / truth[:, 4], rng)
    artery = relaxivity * made.arterial(made.instants)
    artery_clean = 500.0 * np.exp(-made.te * made.arterial_scale * artery)
    return DeconvolutionObject(
        times=made.instants, te=made.te, signal=signal.T,
        arterial_signal=rician(artery_clean, 500.0 / made.arterial_snr, rng).astype(float),
        arterial_signal_clean=artery_clean, arterial_delta_r2star=artery, arterial_scale=made.arterial_scale,
        onset=made.arterial.onset,
        delta_r2star=np.asfortranarray(clean), cbf=truth[:, 0], cbv=truth[:, 1], mtt=truth[:, 1] / truth[:, 0],
        delay=truth[:, 2], shape=truth[:, 3].astype(np.int64), snr=truth[:, 4],
    )  # fmt: skip


def _clean(
    made: DeconvolutionDesign, relaxivity: float
) -> Iterator[tuple[tuple[Shape, tuple[float, float], float], Float[np.ndarray, " time"]]]:
    """ΔR2* without noise of every shape, tissue and delay."""
    kinds = list(product(made.shapes, made.flow_and_volume))
    wanted = [(cbf, cbv, shape) for shape, (cbf, cbv) in kinds]
    for delay in made.delays:
        curves = relaxivity * tissue_curves(made.arterial, made.instants, wanted, delay, made.dispersion)
        for (shape, tissue), curve in zip(kinds, curves, strict=True):
            yield (shape, tissue, delay), curve
