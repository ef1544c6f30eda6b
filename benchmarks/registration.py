"""Registration of two images of one head: how fast, and how far from the truth. Prints a table; gates nothing.

The template is the T1 map of ICBM 2009a that the nilearn wheel carries, at 2 mm, against itself after a known motion,
with its contrast inverted, a lesion and noise. The glioma is the shared real case: FLAIR moved by a known motion, found
on T1c. SimpleITK and dipy do the same beside it where they are installed.

Run:  python benchmarks/registration.py [--peers]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from perspect.anatomy import align
from perspect.numerics import rigid
from perspect.vocabulary import Grid

TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
GLIOMA = Path(__file__).resolve().parents[2] / "shared" / "data" / "tumour_tcga_du_7294"
Matrix = np.ndarray


@dataclass(frozen=True, eq=False)
class Case:
    """Two images, where one lies in the other, and the places (mm) over which the error is counted."""

    name: str
    fixed: np.ndarray
    fixed_grid: Grid
    moving: np.ndarray
    moving_grid: Grid
    truth: Matrix
    places: np.ndarray

    def error(self, found: Matrix) -> np.ndarray:
        """How far from the truth each place is put, in mm."""
        wrong = found - self.truth
        return np.linalg.norm(wrong[:3, :3] @ self.places + wrong[:3, 3:], axis=0)


def motion(degrees: tuple[float, ...], mm: tuple[float, ...], about: np.ndarray) -> Matrix:
    out = rigid.rigid(np.array([*np.deg2rad(degrees), *mm]))
    out[:3, 3] += about - out[:3, :3] @ about
    return out


def image(path: Path) -> tuple[np.ndarray, Grid]:
    found = nib.load(path)
    return np.asarray(found.dataobj, np.float32), Grid(found.shape[:3], found.affine.astype(float))


def sampled(values: np.ndarray, grid: Grid, to: Grid, moved: Matrix) -> np.ndarray:
    """The image after it was moved, on another grid, by cubic splines."""
    at = np.linalg.inv(grid.affine) @ np.linalg.inv(moved) @ to.affine
    return ndimage.affine_transform(values, at[:3, :3], at[:3, 3], to.shape, order=3).astype(np.float32)


def places(values: np.ndarray, grid: Grid) -> np.ndarray:
    index = np.array(np.nonzero(values > 0.2 * np.quantile(values, 0.99)))[:, ::97]
    return grid.affine[:3, :3] @ index + grid.affine[:3, 3:]


def inverted(values: np.ndarray, grid: Grid, centre: tuple[float, ...], seed: int) -> np.ndarray:
    """Bright for dark, with a bright ball of 2 cm and noise of 4 % of the contrast."""
    top = float(np.quantile(values, 0.999))
    out = np.where(values > 0.04 * top, top - values, 0).astype(np.float32)
    index = np.indices(values.shape).reshape(3, -1)
    away = grid.affine[:3, :3] @ index + grid.affine[:3, 3:] - np.array(centre)[:, None]
    out[(np.linalg.norm(away, axis=0) < 20).reshape(values.shape)] = 1.5 * top
    return out + np.random.default_rng(seed).normal(0, 0.04 * top, values.shape).astype(np.float32)


def template_cases(path: Path) -> list[Case]:
    whole, native = image(path)
    soft = ndimage.gaussian_filter(whole, 0.7)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = native.affine[:3, 3]
    grid = Grid(tuple(int(n) for n in np.array(whole.shape) // 2 + 1), affine)
    fixed = sampled(soft, native, grid, np.eye(4))
    at, middle = places(fixed, grid), np.array([0.0, -18.0, 20.0])
    out = []
    for name, moved in (
        ("template 2 mm, 5 mm", motion((3, -4, 2), (3, -3, 2.5), middle)),
        ("template 2 mm, 20 deg 37 mm", motion((20, -20, 15), (25, -20, 18), middle)),
    ):
        moving = inverted(sampled(soft, native, grid, moved), grid, (30.0, 10.0, 40.0), 1)
        out.append(Case(name, fixed, grid, moving, grid, moved, at))
    thick = np.diag([2.3, 2.3, 5.0, 1.0])
    thick[:3, 3] = [-90, -128, -58]
    thin = Grid((80, 94, 130), thick @ np.diag([1, 1, 0.2, 1]) @ motion((0, 0, 0), (0, 0, -2), np.zeros(3)))
    moved = motion((8, -6, 5), (5, -8, 4), middle)
    slices = sampled(soft, native, thin, moved).reshape(80, 94, 26, 5).mean(axis=-1)
    epi = Grid((80, 94, 26), thick)
    moving = inverted(slices, epi, (30.0, 10.0, 40.0), 2)
    out.append(Case("template 1 mm, slices of 5 mm", whole, native, moving, epi, moved, at))
    return out


def glioma_cases(folder: Path) -> list[Case]:
    """The truth is the motion on top of where each FLAIR lies by its header, and then on top of where we find it."""
    fixed, fixed_grid = image(folder / "TCGA-DU-7294_t1c_bet.nii.gz")
    flair, grid = image(folder / "TCGA-DU-7294_fla_bet.nii.gz")
    at = places(fixed, fixed_grid)
    moved = motion((7, -5, 9), (6, -8, 5), at.mean(axis=1))
    moving = sampled(flair, grid, grid, moved)
    still = align.rigid(fixed, fixed_grid, flair, grid).matrix
    return [
        Case("glioma FLAIR on T1c, by header", fixed, fixed_grid, moving, grid, moved, at),
        Case("glioma FLAIR on T1c, by still", fixed, fixed_grid, moving, grid, moved @ still, at),
    ]


def ours(case: Case) -> Matrix:
    return align.rigid(case.fixed, case.fixed_grid, case.moving, case.moving_grid).matrix


FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def by_simpleitk(case: Case) -> Matrix:
    """Mattes mutual information, a tenth of the voxels, three levels, from the middles of both images."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def volume(values: np.ndarray, grid: Grid) -> "sitk.Image":
        out = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
        lps, spacing = FLIP @ grid.affine, np.array(grid.spacing)
        out.SetOrigin(lps[:3, 3].tolist())
        out.SetSpacing(spacing.tolist())
        out.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        return out

    fixed, moving = volume(case.fixed, case.fixed_grid), volume(case.moving, case.moving_grid)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(start, inPlace=False)
    method.SetInterpolator(sitk.sitkLinear)
    found = method.Execute(fixed, moving)
    ends = np.array([found.TransformPoint(point) for point in np.vstack([np.zeros(3), np.eye(3)]).tolist()])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = (ends[1:] - ends[0]).T, ends[0]
    return FLIP @ matrix @ FLIP


def by_dipy(case: Case) -> Matrix:
    """Mutual information of all voxels, three levels, from the centres of mass, shifts before turns."""
    from dipy.align.imaffine import AffineRegistration, MutualInformationMetric, transform_centers_of_mass
    from dipy.align.transforms import RigidTransform3D, TranslationTransform3D

    where = {"static_grid2world": case.fixed_grid.affine, "moving_grid2world": case.moving_grid.affine}
    method = AffineRegistration(
        metric=MutualInformationMetric(nbins=32), level_iters=[1000, 100, 10], sigmas=[3.0, 1.0, 0.0],
        factors=[4, 2, 1], verbosity=0,
    )  # fmt: skip
    fixed, moving = case.fixed.astype(float), case.moving.astype(float)
    found = transform_centers_of_mass(fixed, case.fixed_grid.affine, moving, case.moving_grid.affine).affine
    for transform in (TranslationTransform3D(), RigidTransform3D()):
        found = method.optimize(fixed, moving, transform, None, starting_affine=found, **where).affine
    return found


PEERS: dict[str, Callable[[Case], Matrix]] = {"SimpleITK": by_simpleitk, "dipy": by_dipy}


def row(case: Case, name: str, found_by: Callable[[Case], Matrix]) -> None:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    error = case.error(found_by(case))
    wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    print(f"{case.name:32s} {name:10s} {wall:7.2f} {cpu:7.2f} {error.mean():8.3f} {error.max():8.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--glioma", type=Path, default=GLIOMA, help="folder of the shared case")
    parser.add_argument("--peers", action="store_true", help="run SimpleITK and dipy too, where they are installed")
    given = parser.parse_args()
    nilearn = find_spec("nilearn")
    cases: list[Case] = []
    if nilearn is None or not nilearn.submodule_search_locations:
        print("nilearn is not installed: no template.")
    else:
        cases += template_cases(Path(nilearn.submodule_search_locations[0]) / TEMPLATE)
    if given.glioma.is_dir():
        cases += glioma_cases(given.glioma)
    print(f"{'one thread':32s} {'':10s} {'wall s':>7s} {'CPU s':>7s} {'mean mm':>8s} {'max mm':>8s}")
    for case in cases:
        row(case, "perspect", ours)
        for name, peer in PEERS.items():
            if given.peers and find_spec(name) is not None:
                row(case, name, peer)


if __name__ == "__main__":
    main()
