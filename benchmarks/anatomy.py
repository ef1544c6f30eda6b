"""Brain, tissue classes, mirror plane: how near the truth, and in how many seconds. Prints tables; gates nothing.

The heads are those of `tests/made_anatomy.py`: the standard head, warped, shaded, noisy, with a lesion. Where dipy is
installed, its tissue classifier (a Gaussian mixture with a Markov field, one channel) sees the same image beside ours.

Run:  python benchmarks/anatomy.py [tissue] [brain] [mirror]
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.anatomy.mirror import mirror
from perspect.anatomy.tissue import tissues
from perspect.vocabulary import Region

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from made_anatomy import ENHANCED, FLAIR, SKULL, T1W, T2W, TISSUES, dice, made_head, template

CASES = (
    ({"T1w": T1W}, 0.03, 0.4),
    ({"T1w": T1W}, 0.05, 0.3),
    ({"T1w": T1W}, 0.09, 0.4),
    ({"T2w": T2W}, 0.05, 0.3),
    ({"FLAIR": FLAIR}, 0.05, 0.3),
    ({"T1w": T1W, "T2w": T2W}, 0.05, 0.3),
    ({"T1w": T1W, "FLAIR": FLAIR}, 0.05, 0.3),
)


@contextmanager
def timed(into: dict) -> Iterator[None]:
    begin = time.process_time()
    yield
    into["cpu"] = time.process_time() - begin


def scores(made, shares):
    ok = made.brain & ~made.lesion
    overlap = [dice(shares[ok, k] >= 0.5, made.shares[name][ok] >= 0.5) for k, name in enumerate(TISSUES)]
    volume = [shares[ok, k].sum() / made.shares[name][ok].sum() - 1 for k, name in enumerate(TISSUES)]
    return " | ".join([*(f"{one:.3f}" for one in overlap), *(f"{one:+.1%}" for one in volume)])


def tissue_table():
    print("| voxels | images | noise | shading | by | csf | grey | white | csf mL | grey mL | white mL | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for spacing in (2.0, 1.0):
        made = made_head(spacing)
        lesion = Region(made.lesion, made.grid, "lesion")
        for contrasts, noise, bias in CASES:
            images = {name: made.image(one, bias, noise, seed) for seed, (name, one) in enumerate(contrasts.items())}
            spent = {}
            with timed(spent):
                out = tissues(images, Region(made.brain, made.grid, "brain"), template(), made.affine, lesion)
            head = f"| {spacing:g} mm | {', '.join(images)} | {noise:.0%} | {bias:.0%} "
            print(f"{head}| ours | {scores(made, out.shares)} | {spent['cpu']:.1f} |", flush=True)
            if len(images) == 1 and "T1w" in images:
                peer = dipy_shares(next(iter(images.values())), made, spent)
                if peer is not None:
                    print(f"{head}| dipy HMRF | {scores(made, peer)} | {spent['cpu']:.1f} |", flush=True)


def dipy_shares(image, made, spent):
    """dipy's classes from dark to bright, which are fluid, grey and white matter in a T1-weighted image."""
    try:
        from dipy.segment.tissue import TissueClassifierHMRF
    except ImportError:
        return None
    inside = np.where(made.brain & ~made.lesion, image, 0)
    with timed(spent):
        _, _, shares = TissueClassifierHMRF(verbose=False).classify(inside, 3, 0.1)
    return shares[..., -3:]


def brain_table():
    print("| head | Dice | tissue missed | dura and scalp in | lesion in | CPU s (place, mask) |")
    print("|---|---|---|---|---|---|")
    for seed, where in ((1, (28.0, 30.0, 25.0)), (2, (48.0, 10.0, 45.0))):
        made = made_head(2.0, room=(200, 240, 220), seed=seed, lesion=where)
        for name, signal, around in (("T1w", 0.55, SKULL), ("T1c", 1.6, ENHANCED), ("T1w, cavity", 0.25, SKULL)):
            image = made.image({**T1W, "lesion": signal}, noise=0.04, around=around)
            first, second = {}, {}
            with timed(first):
                found = to_standard(image, made.grid, template())
            with timed(second):
                mask = brain({name: image}, made.grid, template(), found.matrix).region.mask
            tissue = made.shares["grey"] + made.shares["white"]
            print(
                f"| {seed}: {name} | {dice(mask, made.brain):.3f} | {tissue[~mask].sum() / tissue.sum():.1%} "
                f"| {mask[made.depth < -2.5].sum() / made.brain.sum():.1%} | {mask[made.lesion].mean():.0%} "
                f"| {first['cpu']:.1f}, {second['cpu']:.1f} |",
                flush=True,
            )


def mirror_table():
    print("| warp mm | push mm | angle | offset mm | correlation | midline mm | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for warp, push in ((0.0, 0.0), (1.5, 0.0), (1.5, 10.0), (1.5, -15.0), (1.5, 20.0), (4.0, 0.0)):
        made = made_head(2.0, warp=warp, push=push, lesion=(42.0, 0.0, 30.0), radius=15.0)
        lesion, spent = Region(made.lesion, made.grid, "lesion"), {}
        image = made.image(bias=0.0, noise=0.04)
        with timed(spent):
            found = mirror(image, Region(made.brain, made.grid, "brain"), lesion)
        row = made.affine[0] / np.linalg.norm(made.affine[0, :3])
        middle = made.grid.affine[:3, :3] @ np.argwhere(made.brain).mean(axis=0) + made.grid.affine[:3, 3]
        angle = np.rad2deg(np.arccos(min(1, abs(row[:3] @ found.plane.normal))))
        off = (row[:3] @ middle + row[3]) - (found.plane.normal @ middle - found.plane.offset)
        print(
            f"| {warp:g} | {push:g} | {angle:.2f}° | {off:+.2f} | {found.likeness:.3f} | {found.shift:+.1f} "
            f"| {spent['cpu']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    tables = {"tissue": tissue_table, "brain": brain_table, "mirror": mirror_table}
    for name in sys.argv[1:] or tables:
        print(f"\n## {name}\n")
        tables[name]()
