"""Motion correction of a DSC series: how fast, and how far from the truth. Prints a table; gates nothing.

The series is `tests/moving_head.py`: a head that is a formula, moved by steps, drift and jitter up to 5 mm through a
bolus, with noise and rounding. SimpleITK, where it is installed, aligns a few of the same volumes beside it.

Run:  python benchmarks/motion.py [--volumes 120]
"""

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

from perspect.anatomy import motion
from perspect.numerics.parallel import THREADS
from perspect.vocabulary import Series

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import moving_head

LARGE = np.repeat([0.052, 2.8], 3)
REST = slice(0, 8)
GRIDS = {
    "128 x 128 x 24": ((128, 128, 24), (1.8, 1.8, 5.0)),
    "96 x 96 x 20": ((96, 96, 20), (2.3, 2.3, 5.0)),
    "128 x 128 x 8": ((128, 128, 8), (1.8, 1.8, 5.0)),
}


def case(name: str, n: int, is_still: bool) -> tuple[Series, np.ndarray]:
    """A series on one of the grids and the true parameters of its volumes."""
    rng = np.random.default_rng(7)
    motions = np.zeros((n, 6))
    if not is_still:
        motions = (
            np.linspace(0, 0.25, n)[:, None] * LARGE * rng.choice([-1, 1], 6) + rng.normal(0, 0.02, (n, 6)) * LARGE
        )
        for start in range(12, n, 9):
            motions[start : start + 4] += rng.uniform(-1, 1, 6) * LARGE
        motions[REST] *= 0.2
    shape, spacing = GRIDS[name]
    return moving_head.series(moving_head.grid(shape, spacing), motions, moving_head.passage(n, 14), snr=70), motions


def seconds(series: Series, mask: np.ndarray, n_threads: int, repeats: int) -> float:
    """The shortest of a few runs."""
    token, best = THREADS.set(n_threads), np.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        motion.correct(series, REST, mask)
        best = min(best, time.perf_counter() - begin)
    THREADS.reset(token)
    return best


def row(name: str, n: int, is_still: bool, repeats: int) -> tuple[Series, np.ndarray, np.ndarray]:
    series, motions = case(name, n, is_still)
    mask = moving_head.head(series, REST)
    tracemalloc.start()
    found = motion.correct(series, REST, mask)
    grown = tracemalloc.get_traced_memory()[1] / found.series.values.nbytes
    tracemalloc.stop()
    error = moving_head.misplaced(found, motions, mask, REST)
    one, two = (seconds(series, mask, threads, repeats) for threads in (1, 2))
    what = "still" if is_still else "moving"
    print(
        f"{name:15s} {what:7s} {n / one:7.1f} {n / two:7.1f} {two:8.2f} {error.mean():7.3f} {error.max():7.3f}"
        f" {np.nanmax(found.displacement):9.2f} {int((~found.is_aligned).sum()):6d} {grown:7.2f}"
    )
    return series, motions, mask


def simpleitk(series: Series, motions: np.ndarray, mask: np.ndarray) -> None:
    """Mattes mutual information on a tenth of the voxels in two levels, to the mean at rest; resampled by B-splines."""
    try:
        import SimpleITK as sitk
    except ImportError:
        print("SimpleITK is not installed: no peer was run.")
        return
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    spacing, origin = series.grid.spacing, series.grid.affine[:3, 3]

    def image(values: np.ndarray) -> "sitk.Image":
        out = sitk.GetImageFromArray(np.ascontiguousarray(values.T, np.float32))
        out.SetSpacing(spacing)
        out.SetOrigin(tuple(map(float, origin)))
        return out

    fixed = image(series.values[..., REST].mean(axis=-1))
    at = (series.grid.affine[:3, :3] @ np.array(np.nonzero(mask)) + origin[:, None])[:, ::37]
    errors, begin, frames = [], time.perf_counter(), [*range(REST.stop), 14, 18, 22, 30]
    for frame in frames:
        moving = image(series.values[..., frame])
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(50)
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(0.1, 1)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([1, 0])
        method.SetInitialTransform(sitk.Euler3DTransform(), inPlace=False)
        method.SetInterpolator(sitk.sitkLinear)
        transform = method.Execute(fixed, moving)
        sitk.Resample(moving, fixed, transform, sitk.sitkBSpline, 0.0)
        truth = moving_head.rigid.rigid(motions[frame])
        where = np.array([transform.TransformPoint(point) for point in at.T.tolist()]).T
        errors.append(where - truth[:3, :3] @ at - truth[:3, 3:])
    per_volume = (time.perf_counter() - begin) / len(frames)
    off = np.linalg.norm(np.array(errors) - np.mean(errors[: REST.stop], axis=0), axis=1).mean(axis=1)
    print(f"SimpleITK {sitk.Version().VersionString()}, one thread, volumes {frames[REST.stop :]} of the first case:")
    print(f"{'':23s} {1 / per_volume:7.1f} {'':16s} {off[REST.stop :].mean():7.3f} {off.max():7.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=120)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    print(f"{given.volumes} volumes; error and displacement in mm; memory beyond the input in units of the output")
    print(f"{'grid':15s} {'head':7s} {'vol/s':>7s} {'2 thr.':>7s} {'2 thr. s':>8s} {'mean':>7s} {'max':>7s}", end=" ")
    print(f"{'displ.':>9s} {'failed':>6s} {'memory':>7s}")
    first = row("128 x 128 x 24", given.volumes, False, given.repeats)
    row("128 x 128 x 24", given.volumes, True, given.repeats)
    row("96 x 96 x 20", given.volumes, False, given.repeats)
    row("128 x 128 x 8", given.volumes, False, given.repeats)
    simpleitk(*first)


if __name__ == "__main__":
    main()
