"""Flow of pure tissue out of voxels that hold several, and of a lesion without lending it from voxel to voxel."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from labelled_head import GRID, SHAPE, ball, brain, labelled
from perspect import asl
from perspect.asl.kinetics import Kinetics
from perspect.asl.partial_volume import TRACE, pure_flow, shares_of
from perspect.vocabulary import FAILED_FROM, Around, Problem, Region, Status

TO_FLOW = 6000.0
FINE = 5
GREY, WHITE, RIM, DEAD = 62.0, 21.0, 95.0, 3.0
NOISE = 3.0


def fine_head():
    """Classes of a head five times as fine in the slice: folded grey and white matter, a lesion with a dead core."""
    x, y = (np.arange(SHAPE[0] * FINE) / FINE - 10.0 for _ in range(2))
    x, y = np.meshgrid(x, y, indexing="ij")
    is_grey = np.sin(1.7 * x) + np.cos(1.3 * y) > 0.2
    away = np.hypot(x - 3.3, y - 0.4)
    return is_grey & (away >= 3.0), ~is_grey & (away >= 3.0), (away < 3.0) & (away >= 1.6), away < 1.6


def coarse(one):
    """Its mean in every voxel, alike in all slices."""
    mean = one.astype(float).reshape(SHAPE[0], FINE, SHAPE[1], FINE).mean(axis=(1, 3))
    return np.repeat(mean[..., None], SHAPE[2], axis=2)


PARTS = [coarse(one) for one in fine_head()]
SHARE = PARTS[2] + PARTS[3]
TRUTH = sum(share * flow for share, flow in zip(PARTS, (GREY, WHITE, RIM, DEAD), strict=True))
CORE, ILL = PARTS[3] > 1.0 - 1e-9, SHARE >= 0.5
AROUND = Around(
    mask=brain(), lesion=Region(ILL & ball(), GRID, "lesion"), grey=PARTS[0], white=PARTS[1], lesion_share=SHARE
)


def measured(seed, noise=NOISE):
    inside, n = brain(), brain().n_voxels
    values = (inside.taken(TRUTH) + np.random.default_rng(seed).normal(0.0, noise, n)) / TO_FLOW
    status = np.zeros(n, np.int16) + np.int16(Status.OK)
    return Kinetics({"cbf": values}, {"cbf": np.full(n, noise / TO_FLOW)}, {"cbf": status}, None, None, None)


def on_grid(one, what="flow"):
    return brain().spread(TO_FLOW * np.where(one.is_told, getattr(one, what), np.nan), np.nan)


def found(seed, around=AROUND, noise=NOISE):
    return pure_flow(measured(seed, noise), around, brain(), in_lesion=True).tissues


def test_flow_of_pure_tissues_is_what_the_voxels_were_made_of():
    tissues = found(0, noise=0.01)
    for key, flow in (("cbfgm", GREY), ("cbfwm", WHITE)):
        values = on_grid(tissues[key])
        assert np.isfinite(values).sum() > 500
        # Flow of either is even, so the regression is exact.
        np.testing.assert_allclose(values[np.isfinite(values)], flow, atol=0.5)
    edge = (SHARE > 0.55) & (SHARE < 0.9) & (PARTS[3] == 0) & ball()
    lesion = on_grid(tissues["cbflesion"])[edge]
    assert np.isfinite(lesion).all() and edge.sum() >= 30
    np.testing.assert_allclose(lesion, RIM, atol=0.5)
    assert TRUTH[edge].mean() < 80.0, "what was measured there is a mixture"


def evenly(values):
    """The correction that takes flow of a lesion to be even as well: three classes in every neighbourhood."""
    x = np.stack([PARTS[0], PARTS[1], SHARE]) * ball()

    def summed(one):
        return ndimage.gaussian_filter(one, (1.0, 1.0, 0.0), mode="constant")

    a = np.array([[summed(one * other) for other in x] for one in x]) + 1e-6 * np.eye(3)[..., None, None, None]
    b = np.array([summed(one * values) for one in x])
    return np.linalg.solve(np.moveaxis(a, (0, 1), (-2, -1)), np.moveaxis(b, 0, -1)[..., None])[..., 2, 0]


def test_a_dead_core_keeps_its_flow_and_a_lesion_of_even_flow_would_make_one_up():
    seen = [np.nanmean(on_grid(found(seed)["cbflesion"])[CORE]) for seed in range(6)]
    # Voxels that are all core: six times their mean is known to a third of a mL/100 g/min.
    assert CORE.sum() >= 18
    assert np.mean(seen) == pytest.approx(DEAD, abs=1.0)
    assert evenly(TRUTH)[CORE].mean() > 15.0, "the wrong variant fills the core with the flow of its rim"


def test_voxels_that_are_all_lesion_keep_what_was_measured_in_them():
    one = measured(3)
    whole = brain().taken(SHARE > 1.0 - 1e-9)
    pure = pure_flow(one, AROUND, brain(), in_lesion=True).tissues["cbflesion"]
    np.testing.assert_allclose(pure.flow[whole], one.values["cbf"][whole], rtol=1e-6)
    np.testing.assert_allclose(pure.std[whole], one.std["cbf"][whole], rtol=1e-6)


def test_the_stated_error_of_pure_flow_is_its_scatter_over_repeats():
    runs = [found(seed) for seed in range(40)]
    for key in ("cbfgm", "cbfwm", "cbflesion"):
        told = np.all([one[key].is_told for one in runs], axis=0)
        scatter = np.std([one[key].flow[told] for one in runs], axis=0, ddof=1)
        stated = runs[0][key].std[told]
        # Forty repeats tell the scatter of a voxel to 11 %, that of hundreds together to one or two.
        assert np.sqrt((stated**2).mean() / (scatter**2).mean()) == pytest.approx(1.0, abs=0.06), key
        assert np.median(stated / scatter) == pytest.approx(1.0, abs=0.08), key


def test_grey_and_white_matter_get_no_value_in_a_lesion_and_nothing_of_its_flow_beside_it():
    tissues = found(0, noise=0.01)
    beside = ndimage.binary_dilation(ILL, iterations=2) & ~ILL & ball()
    for key, flow in (("cbfgm", GREY), ("cbfwm", WHITE)):
        assert np.isnan(on_grid(tissues[key])[ILL & ball()]).all()
        near = on_grid(tissues[key])[beside]
        np.testing.assert_allclose(near[np.isfinite(near)], flow, atol=0.5)
    # A mask alone leaves the rest of the edge to grey and white matter, which take its flow for theirs.
    rough = replace(AROUND, lesion_share=None)
    wrong = on_grid(found(0, rough, noise=0.01)["cbfwm"])[beside]
    assert np.nanmax(wrong) > WHITE + 10.0


def test_maps_of_tissue_that_know_of_no_lesion_leave_it_its_place():
    healthy = Around(brain(), AROUND.lesion, PARTS[0] + 0.4 * SHARE, PARTS[1] + 0.6 * SHARE, lesion_share=SHARE)
    shares = shares_of(healthy, brain())
    together = shares.grey + shares.white + shares.fluid + shares.lesion
    assert together.max() <= 1.0 + 1e-6
    np.testing.assert_allclose(shares.lesion, brain().taken(SHARE))
    known = shares_of(AROUND, brain())
    np.testing.assert_allclose(known.grey, brain().taken(PARTS[0]), atol=1e-6)
    assert (shares.grey[shares.lesion > 1.0 - TRACE] <= TRACE).all()


def test_a_lesion_is_corrected_only_where_it_is_asked_for_and_then_it_is_said():
    one = labelled(flow=TRUTH * ball() / TO_FLOW, noise=0.3)
    plain, out, inside = (
        asl.quantify(one, asl.Plan(motion=False, partial_volume=word), around=AROUND)
        for word in ("none", "regression", "lesion")
    )
    assert "cbflesion" not in plain.maps and "cbflesion" not in out.maps
    assert plain.summary["lesion"] == inside.summary["lesion"], "no number comes from it"
    (flag,) = [one for one in inside.flags if one.code == "lesion-partial-volume"]
    numbers = inside.summary["lesion_partial_volume"]
    assert flag.fraction == pytest.approx(numbers["n_mixed"] / numbers["n_voxels"])
    true = (PARTS[2] * RIM + PARTS[3] * DEAD)[ILL & ball()] / SHARE[ILL & ball()]
    assert TO_FLOW * numbers["pure"] == pytest.approx(true.mean(), abs=1.0)
    assert "no voxel lends it to another" in inside.recipe.methods
    assert "a lesion was left out" in out.recipe.methods


def test_where_more_is_taken_out_of_a_voxel_than_is_left_nothing_is_told():
    lesion = found(0)["cbflesion"]
    share = brain().taken(SHARE)
    assert not lesion.is_told[(share > 0) & (share < 0.38)].any()
    assert lesion.is_told[share > 0.6].all()
    assert (lesion.std[lesion.is_told] <= 2.5 * NOISE / TO_FLOW).all()


def test_a_lesion_that_is_not_known_is_not_corrected_in_silence():
    with pytest.raises(Problem, match="no lesion is known"):
        pure_flow(measured(0), replace(AROUND, lesion=None, lesion_share=None), brain(), in_lesion=True)


def test_no_flow_is_told_of_a_tissue_whose_neighbours_do_not_tell_it():
    alike = replace(AROUND, grey=np.full(SHAPE, 0.5) * (1 - SHARE), white=np.full(SHAPE, 0.5) * (1 - SHARE))
    tissues = found(0, alike)
    assert (tissues["cbfgm"].status >= FAILED_FROM).all()
    mixed = brain().taken((SHARE > 0.3) & (SHARE < 0.9))
    assert (tissues["cbflesion"].status[mixed] >= FAILED_FROM).all()
