"""Series made of loose curves, so that objects without a place in space go through the whole pipeline."""

import numpy as np

from perspect import dsc
from perspect.vocabulary import Acquisition, Curve, Grid, Region, Series


def grid(n):
    return Grid((n, 1, 1), np.eye(4))


def series(signal, times, te, tr=None, flip_angle=None, preload=None, field=3.0):
    signal = np.asarray(signal, np.float32)
    values = np.asfortranarray(signal).reshape(signal.shape[0], 1, 1, -1, order="F")
    setting = Acquisition(te=float(te), tr=tr, flip_angle=flip_angle, field=field, has_preload=preload)
    return Series(values, grid(signal.shape[0]), np.asarray(times, float), setting)


def region(inside, name="region"):
    inside = np.asarray(inside, bool)
    return Region(inside.reshape(-1, 1, 1), grid(inside.size), name)


def everything(n):
    return region(np.ones(n, bool), "everything")


def blood(times, values):
    return Curve(np.asarray(times, float), np.asarray(values, float), "mM", "cb")


def leakage_run(thing, leakage="auto", reference="reference", preload=None, **more):
    """The whole pipeline on a leakage object (ours or shared); the true normal tissue is the reference region."""
    signals = getattr(thing, "signals", None) or (thing.signal,)
    echoes = tuple(
        series(signal, thing.times, te, thing.tr, thing.flip_angle, preload)
        for signal, te in zip(signals, thing.te, strict=True)
    )
    normal = getattr(thing, "white", None)
    normal = thing.normal if normal is None else normal
    reference = "auto" if leakage == "none" else reference
    plan = dsc.Plan(motion=False, leakage=leakage, leakage_reference=reference, deconvolution="none", **more)
    return dsc.quantify(echoes, plan, mask=everything(normal.size), reference=region(normal, "normal"))


def flow_run(thing, **choices):
    """The whole pipeline on a deconvolution object, with its noisy arterial curve; no haematocrit factor, no
    leakage."""
    plan = dsc.Plan(motion=False, leakage="none", hct_small=0.45, **choices)
    n = thing.signal.shape[0]
    arterial = Curve(thing.times, thing.arterial_delta_r2star_measured, "1/s", "made")
    return dsc.quantify(series(thing.signal, thing.times, thing.te), plan, mask=everything(n), aif=arterial)


def flat(a_map):
    return a_map.values.reshape(-1, order="F").astype(float), a_map.std.reshape(-1, order="F").astype(float)


def concordance(a, b):
    """Lin's concordance correlation coefficient (Lin 1989, doi:10.2307/2532051)."""
    return 2 * np.cov(a, b)[0, 1] / (a.var(ddof=1) + b.var(ddof=1) + (a.mean() - b.mean()) ** 2)
