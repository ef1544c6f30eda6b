"""A DSC result with the looks of a brain, made up number by number: nothing here comes from an analysis."""

import numpy as np
from scipy.ndimage import gaussian_filter

from perspect.vocabulary import Curve, Flag, Grid, Map, Measured, Recipe, Region, Severity, Status, Step, lexicon

FLAGS = (
    Flag(
        "DSC_PRELOAD_UNKNOWN", Severity.NOTE, "Whether agent was given before is not recorded.", "sidecar", source="io"
    ),
    Flag("DSC_TE_HIGH", Severity.CAUTION, "The echo time of 45 ms is long for 3 T, so vessels <saturate>.", "series"),
    Flag("DSC_MOTION", Severity.LIMITED, "The head moved by 3.1 mm during the first pass.", "volumes 31 to 33", 0.05),
)

METHODS = Recipe(
    (
        Step("motion", "Every volume was aligned to the volumes at rest by a rigid transform with a gain.", {}, ()),
        Step(
            "leakage",
            "Leakage was corrected in each voxel by the better of two models.",
            {},
            ("Boxerman et al. 2006, Relative cerebral blood volume maps, doi:10.1000/example.1", "Leu et al. 2016"),
        ),
    )
)

SUMMARY = {
    "te": [0.045], "tr": 1.5, "flip_angle": np.radians(60.0), "field": 3.0, "preload": None, "agent": None,
    "n_volumes": 80, "baseline_frames": [1, 16], "n_baseline": 15, "baseline_seconds": 21.0, "arrival": 27.1,
    "seconds_after_peak": 84.0, "window_seconds": [27.0, 118.5], "brain_contrast_to_noise": 41.6, "arterial_peak": 71.2,
    "arterial_width": 6.9, "arterial_origin": "found: 9 voxels with early, high and narrow curves",
    "reference_voxels": 3524, "reference_area": 31.2, "leakage_corrected_share": 0.83, "largest_displacement": 3.1,
    "reliability": "limited", "reliability_reason": "TE outside 20 to 35 ms at 3 T (Boxerman et al. 2020).",
    "plan": {"leakage": "auto", "motion": True}, "motion_parameters": np.zeros((80, 6)),
}  # fmt: skip


def grid(shape=(96, 96, 20), spacing=(2.2, 2.2, 5.0), flip_x=True):
    """Voxels that run to the patient's right (left with `flip_x`, as scanners store them), the head tilted by 4°."""
    angle = np.radians(4.0)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([-spacing[0] if flip_x else spacing[0], spacing[1], spacing[2]])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def head(at, seed=0):
    """Baseline image, brain, true relative CBV; a ring with a dead core and a leaky rim on the patient's left."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in at.shape], indexing="ij"), -1)
    x, y, z = np.moveaxis(index @ at.affine[:3, :3].T + at.affine[:3, 3], -1, 0)
    depth = 1 - np.sqrt((x / 72) ** 2 + (y / 88) ** 2 + ((z + 8) / 68) ** 2)
    folds = gaussian_filter(rng.normal(size=at.shape), (2.0, 2.0, 1.2))
    folds /= folds.std()
    brain = depth + 0.01 * folds > 0.02
    csf = (np.abs(np.abs(x) - 9 - 0.1 * np.abs(y)) < 5) & (np.abs(y) < 32) & (np.abs(z) < 16)
    grey = 1 / (1 + np.exp((depth - 0.16 - 0.08 * folds) / 0.035))
    rcbv = np.where(csf, 0.25, 0.95 + 1.7 * grey)
    baseline = np.where(brain, np.where(csf, 1500, 800 + 260 * grey), 40) * (1 + 0.08 * gaussian_filter(folds, 3))
    radius = np.sqrt((x + 34) ** 2 + (y + 20) ** 2 + 1.3 * (z - 14) ** 2)
    ring, core = (radius < 19) & brain, (radius < 10) & brain
    rcbv = np.where(core, 0.3, np.where(ring, 4.6 + 0.7 * folds, rcbv))
    vessel = ((x / 3) ** 2 + ((y + 80) / 4) ** 2 < 1) & brain
    rcbv = np.where(vessel, 7.5, np.clip(rcbv, 0.1, None))
    artery = (np.abs(np.abs(x) - 24) < 4) & (np.abs(y - 12) < 6) & (np.abs(z + 16) < 4)
    sinus = (np.abs(x) < 18) & (y > 62) & (z < -18) & brain
    white = brain & (grey < 0.08) & ~csf & (radius > 40) & (x > 15) & (np.abs(z - 12) < 14)
    noise = gaussian_filter(rng.normal(size=at.shape), 0.6)
    return {
        "baseline": baseline * np.where(sinus, 0.25, 1) + 12 * noise, "brain": brain, "rcbv": rcbv * (1 + 0.12 * noise),
        "leak": np.where(ring, 0.03 * (1 - (radius / 24) ** 2), 0.002 * folds), "grey": grey, "sinus": sinus,
        "aif": artery & brain & (rng.random(at.shape) < 0.3), "reference": white, "vessel": vessel, "core": core,
        "folds": folds,
    }  # fmt: skip


def status_of(made):
    """Outside, no signal near the sinus, no bolus here and there in the core, saturated vessels, some uncorrected."""
    status = np.where(made["brain"], Status.OK, Status.OUTSIDE).astype(np.int16)
    status[made["brain"] & (np.abs(made["leak"]) < 0.0004)] = Status.NOT_CORRECTED
    status[made["vessel"]] = Status.SATURATED
    status[made["core"] & (made["folds"] > 0.9)] = Status.NO_BOLUS
    status[made["sinus"]] = Status.NO_SIGNAL
    return status


def a_map(quantity, values, relative_error, status, at):
    """A map that obeys: no number where the status is a failure."""
    failed = status >= Status.OUTSIDE
    shown = np.where(failed, np.nan, values).astype(np.float32)
    return Map(
        quantity, shown, np.where(failed, np.nan, np.abs(values) * relative_error).astype(np.float32), status, at
    )


def curves():
    """An arterial, a whole-brain and a reference curve, and how the head moved."""
    times = np.arange(80) * 1.5
    rng = np.random.default_rng(1)

    def bolus(peak, at, width, tail):
        s = np.clip((times - 27) / (at - 27), 1e-9, None)
        first = np.where(times > 27, peak * (s * np.exp(1 - s)) ** width, 0.0)
        return first + tail * peak / (1 + np.exp(-(times - at - 6) / 4))

    aif, tissue = bolus(70, 35, 3, 0.0), bolus(11, 38, 3, 0.12)
    moved = np.abs(rng.normal(0.1, 0.05, 80)) + np.where((times > 46) & (times < 50), 3.0, 0.0)
    return {
        "aif": Curve(times, aif + 6 * (times > 45) + rng.normal(0, 1.2, 80), "1/s", "9 arterial voxels", None, aif),
        "tissue": Curve(times, tissue + rng.normal(0, 0.1, 80), "1/s", "whole brain", np.full(80, 0.35)),
        "reference": Curve(times, 0.6 * tissue + rng.normal(0, 0.15, 80), "1/s", "reference"),
        "displacement": Curve(times, moved, "mm", "displacement"),
    }


def example(at=None, **changes):
    """The whole result and its baseline image; `changes` replace fields of the result."""
    at = grid() if at is None else at
    made = head(at)
    status = status_of(made)
    rcbv, cbf = made["rcbv"], 0.0045 * made["rcbv"] ** 0.8
    arrival = 1.5 * made["folds"]
    values = {
        lexicon.RCBV: (rcbv, 0.09), lexicon.CBV: (0.021 * rcbv, 0.12), lexicon.SRCBV: (1.3 * rcbv, 0.1),
        lexicon.CBF: (cbf, 0.2), lexicon.MTT: (0.021 * rcbv / cbf, 0.25), lexicon.TMAX: (2.5 + arrival, 0.3),
        lexicon.TTP: (9 + arrival, 0.1), lexicon.DELAY: (1 + 0.5 * arrival, 0.3),
        lexicon.PSR: (0.86 + made["leak"] * 9, 0.1), lexicon.LOG_PSR: (made["leak"] * 10, 0.1),
        lexicon.PH: (6 * rcbv, 0.05), lexicon.K1: (rcbv / 1.6, 0.1),
        lexicon.K2: (made["leak"], 0.3), lexicon.KEP_LEAKAGE: (0.2 * np.abs(made["leak"]), 0.5),
    }  # fmt: skip
    whole = {
        "maps": {quantity.key: a_map(quantity, *one, status, at) for quantity, one in values.items()},
        "flags": FLAGS,
        "recipe": METHODS,
        "regions": {
            "brain": Region(made["brain"], at, "brain"),
            "reference": Region(made["reference"], at, "normal-appearing white matter", "found from the data"),
            "aif": Region(made["aif"], at, "arterial input", "found from the data"),
        },
        "curves": curves(),
        "summary": SUMMARY,
    }
    return Measured(**(whole | changes)), made["baseline"].astype(np.float32)
