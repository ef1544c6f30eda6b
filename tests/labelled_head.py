"""A small labelled series of a ball of tissue, by the equations of the consensus written out anew; times in s."""

from dataclasses import replace

import numpy as np

from perspect.vocabulary import Acquisition, Calibration, Grid, Labelled, Labelling, Region, Series

SHAPE = (20, 20, 6)
GRID = Grid(SHAPE, np.diag([4.0, 4.0, 6.0, 1.0]))
T1_BLOOD, PARTITION = 1.65, 0.9


def ball():
    x, y = np.meshgrid(np.arange(20) - 9.5, np.arange(20) - 9.5, indexing="ij")
    return np.broadcast_to((np.hypot(x, y) < 8)[..., None], SHAPE)


def brain():
    return Region(ball(), GRID, "brain")


def flow_map():
    """Grey matter on the rim (60 mL/100 g/min), white inside (20), in 1/s."""
    x, y = np.meshgrid(np.arange(20) - 9.5, np.arange(20) - 9.5, indexing="ij")
    flow = np.where(np.hypot(x, y) > 5, 60.0, 20.0) / 6000.0
    return np.where(ball(), flow[..., None], 0.0)


def white_paper(flow, delay, duration=1.8, efficiency=0.85, kind="pcasl"):
    """ΔM/M0 of Alsop et al. 2015, equations 1 and 2, the other way round."""
    if kind == "pasl":
        return 2 * efficiency * duration * flow * np.exp(-delay / T1_BLOOD) / PARTITION
    decay = np.exp(-delay / T1_BLOOD) * (1 - np.exp(-duration / T1_BLOOD))
    return 2 * efficiency * T1_BLOOD * flow * decay / PARTITION


def labelled(
    *, delays=(1.8,), n_pairs=6, kind="pcasl", duration=1.8, efficiency=0.85, noise=0.2, order="control-label",
    slice_time=None, seed=1, has_m0=True, flow=None, att=None, scale=1.0, suppressed=None, m0_tr=20.0, volumes=None,
):  # fmt: skip
    """A series with M0 of 1000; of several delays by the model of blood with transit times `att` (s)."""
    rng = np.random.default_rng(seed)
    flow = flow_map() if flow is None else flow
    later = np.zeros(SHAPE[2]) if slice_time is None else slice_time * np.arange(SHAPE[2])
    still, frames, types, when = 1000.0 * ball(), [], [], []
    for delay in np.repeat(delays, n_pairs):
        if att is None:
            blood = white_paper(flow, delay + later, duration, efficiency, kind)
        else:
            came = np.exp(-np.maximum(delay + later - att, 0) / T1_BLOOD)
            came = came - np.exp(-np.maximum(delay + later + duration - att, 0) / T1_BLOOD)
            blood = 2 * efficiency * T1_BLOOD * flow / PARTITION * np.exp(-att / T1_BLOOD) * came
        for what in order.split("-"):
            frames.append(still - (scale * still * blood if what == "label" else 0.0))
            types.append(what)
            when.append(delay)
    values = np.stack(frames, axis=-1)
    values = (values + rng.normal(0.0, noise, values.shape)).astype(np.float32)
    n = values.shape[3]
    series = Series(np.asfortranarray(values), GRID, 4.0 * np.arange(n), Acquisition(te=0.012, tr=4.0, field=3.0))
    labelling = Labelling(
        kind, tuple(volumes or types), np.array(when), np.full(n, duration), efficiency,
        is_suppressed=suppressed is not None, n_inversions=suppressed,
        slice_times=None if slice_time is None else later, is_crushed=True,
    )  # fmt: skip
    m0 = Calibration(still + rng.normal(0.0, noise, SHAPE), "separate", m0_tr, 0.012) if has_m0 else None
    return Labelled(series, labelling, m0)


def changed(one, **labelling):
    return replace(one, labelling=replace(one.labelling, **labelling))
