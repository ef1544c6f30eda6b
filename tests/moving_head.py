"""A head that is a formula: its signal is known at any place, so a head that has moved is exact, not resampled."""

import numpy as np

from perspect.numerics import rigid
from perspect.vocabulary import Grid, Series

AT_REST = {"csf": 420.0, "grey": 300.0, "white": 240.0, "scalp": 100.0, "lesion": 350.0, "artery": 320.0}
LOST = {"csf": 0.0, "grey": 0.35, "white": 0.15, "scalp": 0.02, "lesion": 0.55, "artery": 0.60}


def _within(distance):
    """1 where a signed distance (mm) is positive, 0 where negative, smooth over about 2 mm in between."""
    return np.float32(0.5) + np.float32(0.5) * np.tanh(distance / np.float32(1.8))


def tissues(x, y, z):
    """How much of each tissue is at a place (mm from the centre of the head; x, y, z to the right, front and top)."""
    radius = 75 * np.sqrt((x / 70) ** 2 + (y / 84) ** 2 + ((z + 5) / 66) ** 2 * np.where(z < -5, 1.6, 1.0))
    folds = np.sin(x / 3.7 + 1.3 * np.sin(z / 7)) * np.sin(y / 4.1 + np.cos(x / 11)) + 0.7 * np.sin(
        z / 4.3 + y / 9 - x / 13
    )
    brain = _within(69 + folds - radius)
    inside = _within(61 + 5.5 * folds - radius)
    nuclei = _within(11 - np.hypot(np.hypot(np.abs(x) - 23, (y - 4) / 1.7), (z - 2) / 1.2))
    ventricles = _within(6 - np.hypot(np.hypot(np.abs(x) - 9 - 0.1 * np.abs(y), y / 4.5), (z - 10) / 1.6))
    lesion = _within(14 - np.sqrt((x - 34) ** 2 + (y - 22) ** 2 + (z - 16) ** 2)) * brain
    middle = np.hypot(y - 14 - 6 * np.sin(np.abs(x) / 8), z + 14 - 5 * np.cos(x / 9))
    anterior = np.hypot(x - 3 * np.sin(z / 7), y - 40 - 0.012 * z**2)
    posterior = np.hypot(np.abs(x) - 18 - 4 * np.sin(y / 6), z + 10 - 4 * np.sin(y / 7)) + 3 * (y > -10)
    artery = _within(2.2 - np.minimum(np.minimum(middle, anterior), posterior)) * brain
    rest = (1 - artery) * (1 - lesion)
    white = brain * inside * (1 - nuclei) * (1 - ventricles) * rest
    csf = (_within(73 - radius) - brain + brain * ventricles * (1 - nuclei)) * rest
    return {
        "csf": np.maximum(csf, 0),
        "grey": brain * rest - white - brain * ventricles * (1 - nuclei) * rest,
        "white": white,
        "scalp": _within(87 - radius) - _within(80 - radius),
        "lesion": lesion * (1 - artery),
        "artery": artery,
    }


def grid(shape, spacing):
    """Centred on the scanner's origin, the axes along the scanner's."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    return Grid(tuple(shape), affine)


def passage(n, start):
    """How far into the bolus each volume is, 0 to 1, with a recirculating tail."""
    t = np.clip(np.arange(n) - start, 0, None) / 4.0
    return np.clip(t**3 * np.exp(3 * (1 - t)) + 0.12 * (np.arange(n) > start + 6), 0, 1)


def volume(on, moved, depth, leak=0.0, n_parts=3):
    """The head after the rigid motion `moved` (about the scanner's origin), each slice the mean over its thickness.

    Everything at that moment has lost its share of LOST (as a power of `depth`, arteries ahead of the rest); `leak` is
    by how much the lesion is brighter again.
    """
    back = np.linalg.inv(rigid.rigid(np.asarray(moved, float))) @ on.affine
    i, j, k = np.ogrid[tuple(slice(n) for n in on.shape)]
    total = np.zeros(on.shape, np.float32)
    for part in (np.arange(n_parts) - (n_parts - 1) / 2) / n_parts:
        places = (row[0] * i + row[1] * j + row[2] * (k + part) + row[3] for row in back[:3])
        for name, share in tissues(*(place.astype(np.float32) for place in places)).items():
            left = (1 - LOST[name]) ** depth * (1 + leak * (name == "lesion"))
            total += np.float32(AT_REST[name] * left / n_parts) * share
    return total


def series(on, motions, depths, snr=np.inf, seed=0):
    """A DSC series of the moving head in integers, with noise relative to grey matter; time is slowest in memory."""
    rng = np.random.default_rng(seed)
    values = np.empty((len(depths), *on.shape[::-1]), np.int16).T
    passed = np.cumsum(depths) / max(np.sum(depths), 1e-9)
    for frame, (moved, depth) in enumerate(zip(motions, depths, strict=True)):
        image = volume(on, moved, depth, 0.3 * passed[frame])
        noisy = image + AT_REST["grey"] / snr * (rng.normal(size=on.shape) + 1j * rng.normal(size=on.shape))
        values[..., frame] = np.round(np.abs(noisy))
    return Series(values, on, 1.5 * np.arange(len(depths)))


def head(given, rest):
    """Where there is tissue at rest."""
    at_rest = given.values[..., rest].astype(np.float32).mean(axis=-1)
    return at_rest > 0.3 * np.percentile(at_rest, 98)


def misplaced(found, motions, mask, rest):
    """Mean distance (mm) between where points of the mask are said to have gone and where they went, per volume."""
    affine = found.series.grid.affine
    at = affine[:3, :3] @ np.array(np.nonzero(mask))[:, ::7] + affine[:3, 3:]
    wrong = found.matrices - np.array([rigid.rigid(np.asarray(one, float)) for one in motions])
    off = wrong[:, :3, :3] @ at + wrong[:, :3, 3:]
    return np.linalg.norm(off - off[rest].mean(axis=0), axis=1).mean(axis=1)
