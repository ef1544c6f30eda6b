"""Rows of a time-encoded series in another order than stated decode into blocks that are no label on its way."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from labelled_head import GRID, PARTITION, T1_BLOOD, ball, brain, flow_map
from perspect import asl
from perspect.asl.kinetics import Setting
from perspect.asl.row_order import DOUBTED, LEFT, others, row_order
from perspect.models import ArterialPcasl, Tissue
from perspect.numerics.encodings import named
from perspect.vocabulary import Acquisition, Around, Calibration, Labelled, Labelling, Series

SETTING = Setting("pcasl", 0.85, T1_BLOOD, PARTITION)
TO_FLOW = 6000.0


def blood(n_blocks, each, after=0.3):
    """ΔM/M0 of every voxel and block: tissue of many transit times, arteries in some voxels."""
    rng = np.random.default_rng(3)
    delays = after + each * np.arange(n_blocks - 1, -1, -1)
    model = ArterialPcasl(delays, np.full(n_blocks, each), 0.85, Tissue(T1_BLOOD, None, PARTITION))
    flow = brain().taken(flow_map())
    att = np.where(flow > 0.005, 0.8, 1.3) + rng.normal(0.0, 0.2, flow.size)
    volume = np.where(rng.random(flow.size) < 0.2, 0.02, 0.0)
    return model.predict(np.stack([flow, volume, att, att - 0.3], axis=1))


def series(played, stated, each, n_cycles=3, noise=0.6, seed=0):
    """A head whose cycles were `played` by one matrix, with another `stated`."""
    rng = np.random.default_rng(seed)
    rows = played[:, (played != played[:1]).any(axis=0)]
    seen = 1000.0 * (0.15 - blood(rows.shape[1], each) @ ((1.0 - rows) / 2.0).T)
    n = n_cycles * len(played)
    volumes = np.stack([brain().spread(one, 0.0) for one in np.tile(seen, n_cycles).T], axis=-1)
    values = (volumes + rng.normal(0.0, noise, volumes.shape)).astype(np.float32)
    how = Labelling(
        "pcasl", ("encoded",) * n, np.full(n, 0.3), np.full(n, each), 0.85, is_suppressed=False, matrix=stated,
        is_crushed=False,
    )  # fmt: skip
    one = Series(np.asfortranarray(values), GRID, 4.0 * np.arange(n), Acquisition(te=0.012, tr=5.0, field=3.0))
    return Labelled(one, how, Calibration(1000.0 * ball(), "separate", 20.0, 0.012))


def of(one):
    curves = one.series.curves(brain().mask)
    return row_order(one.labelling, curves, np.ones(curves.shape[1], bool), SETTING)


NATURAL = np.array(hadamard(8), float)
WALSH = named("walsh", 8)


@pytest.mark.parametrize(
    ("matrix", "each"),
    [
        (NATURAL, 0.4),
        (WALSH, 0.4),
        (named("hadamard", 8), 0.3),
        (named("hadamard", 12), 0.25),
        (named("walsh", 4), 0.9),
    ],
)
def test_the_order_that_was_played_leaves_nothing_over(matrix, each):
    for seed in range(3):
        found = of(series(matrix, matrix, each, seed=seed))
        assert found.left < 0.1 * DOUBTED and not found.flags


@pytest.mark.parametrize(
    ("played", "stated", "words"),
    [
        (WALSH, NATURAL, "walsh-8"),
        (NATURAL[::-1], NATURAL, "rows from last to first"),
        (NATURAL[:, [0, *range(7, 0, -1)]], NATURAL, "blocks from last to first"),
        (np.roll(NATURAL, -2, axis=0), NATURAL, "row 3 as the first"),
        (named("hadamard", 8), WALSH, "hadamard-8"),
    ],
)
def test_another_order_than_stated_is_told_and_the_one_that_fits_is_named(played, stated, words):
    found = of(series(played, stated, 0.4))
    assert words in found.other
    (flag,) = found.flags
    assert flag.code == "encoding-order" and words in flag.sentence
    assert found.left > 10.0 * found.other_left


def test_an_order_that_nobody_knows_is_told_without_a_name():
    shuffled = NATURAL[[3, 0, 2, 5, 1, 4, 7, 6]]
    found = of(series(shuffled, NATURAL, 0.4))
    assert not found.other and found.left > LEFT and found.n_negative
    assert "None of the usual orders" in found.flags[0].sentence


def test_label_and_control_exchanged_are_no_matter_of_the_order_of_rows():
    assert not of(series(NATURAL, -NATURAL, 0.4)).flags


@pytest.mark.parametrize("n_cycles", [1, 2])
@pytest.mark.parametrize("noise", [8.0, 20.0])
def test_much_noise_is_not_taken_for_another_order(noise, n_cycles):
    for seed in range(4):
        assert not of(series(NATURAL, NATURAL, 0.4, noise=noise, n_cycles=n_cycles, seed=seed)).flags


def test_one_cycle_tells_another_order_than_stated():
    assert "walsh-8" in of(series(WALSH, NATURAL, 0.4, noise=2.0, n_cycles=1)).other


def test_the_flag_is_on_the_page_of_the_series_and_its_flow_is_wrong():
    around = Around(mask=brain())
    wrong, right = (
        asl.quantify(series(WALSH, stated, 0.4), asl.Plan(motion=False), around=around) for stated in (NATURAL, WALSH)
    )
    assert "encoding-order" in {flag.code for flag in wrong.flags}
    assert "encoding-order" not in {flag.code for flag in right.flags}
    grey = (flow_map() > 0.005) & ball()
    flow = [TO_FLOW * np.median(one.maps[key].values[grey]) for one, key in ((right, "cbf"),)]
    assert flow[0] == pytest.approx(60.0, rel=0.05)


def test_every_order_that_is_tried_is_a_matrix_of_as_many_rows():
    tried = list(others(NATURAL))
    assert len(tried) > 10
    assert all(one.shape[0] == 8 for _, one in tried)


def test_hadamard_of_twelve_is_one():
    matrix = named("hadamard", 12)
    np.testing.assert_array_equal(matrix @ matrix.T, 12.0 * np.eye(12))
    assert (matrix[0] == 1).all() and (matrix[:, 0] == 1).all()
