"""A small measurement as a modality room returns it, without running one: what the doors write and print."""

import numpy as np

from perspect.vocabulary import Curve, Flag, Grid, Map, Measured, Recipe, Region, Severity, Status, Step, lexicon

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2.0, 0, -12], [0, 0, 5.0, 3], [0, 0, 0, 1]])


def small_measured(shape=(5, 4, 3), n_times=12, affine=AFFINE, keys=("rcbv", "cbf"), severity=Severity.CAUTION):
    """Maps with one failed voxel each (cbf fails in one more), three regions, curves, a summary and a recipe."""
    grid = Grid(tuple(shape), affine)
    brain = np.zeros(shape, bool)
    brain[1:4, 1:3] = True
    maps = {}
    for key in keys:
        status = np.where(brain, Status.OK, Status.OUTSIDE).astype(np.int16)
        status[1, 1, 0] = Status.NO_SIGNAL
        if key == "cbf":
            status[2, 2, 2] = Status.NOT_DETERMINED
        values = np.random.default_rng(3).uniform(0.001, 0.02, shape).astype(np.float32)
        values[status >= Status.OUTSIDE] = np.nan
        quantity = next(one for one in lexicon.ALL if one.key == key)
        maps[key] = Map(quantity, values, values / 10, status, grid)
    times = np.arange(n_times) * 1.5
    bolus = 30 * np.exp(-(((times - 8) / 3) ** 2))
    artery = np.zeros(shape, bool)
    artery[2, 1, 1] = True
    return Measured(
        maps,
        (Flag("few-volumes", severity, "The tail of the bolus is short.", "volumes 8 to 11", 0.3, "quality"),),
        Recipe((Step("relaxation", "ΔR2* is -ln(S/S0)/TE.", {"te": [0.03]}, ("Rosen et al. 1990",)),)),
        {
            "brain": Region(brain, grid, "brain", "found"),
            "reference": Region(brain, grid, "normal-appearing white matter", "found"),
            "aif": Region(artery, grid, "arterial input", "found"),
        },
        {
            "aif": Curve(times, bolus, "1/s", "arterial input, found"),
            "tissue": Curve(times, bolus / 5, "1/s", "tissue"),
            "displacement": Curve(times, times * 0, "mm", "mean displacement of the brain"),
        },
        {
            "baseline_frames": [0, 3],
            "reference_origin": "found",
            "arterial_origin": "found",
            "arterial_width": float("nan"),
            "motion_parameters": np.zeros((n_times, 6)),
            "n_volumes": n_times,
        },
    )
