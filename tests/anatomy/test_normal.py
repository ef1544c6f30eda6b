"""Normal-appearing white matter in heads whose shares and whose blood volume are known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from made_anatomy import made_head, template
from perspect.anatomy.mirror import mirror
from perspect.anatomy.normal import BESIDE, CENTRAL, CENTRUM, OPPOSITE, WHOLE, candidates, choose
from perspect.anatomy.tissue import tissues
from perspect.vocabulary import Grid, Region

SPACING = 3.0


@cache
def patient(warp=1.5, lesion=(28.0, 30.0, 25.0), radius=15.0):
    made = made_head(SPACING, warp=warp, lesion=lesion, radius=radius)
    brain, ill = Region(made.brain, made.grid, "brain"), Region(made.lesion, made.grid, "lesion")
    image = made.image(noise=0.03)
    found = tissues({"T1w": image}, brain, template(), made.affine, ill)
    return made, found, mirror(image / found.gain[..., 0], brain, ill, made.affine)


def blood_volume(made, white=2.0, grey=5.0, noise=0.1):
    rng = np.random.default_rng(1)
    whole = white * made.shares["white"] + grey * made.shares["grey"]
    return np.where(made.lesion, 9.0, whole) + noise * rng.normal(size=whole.shape)


def test_every_candidate_is_white_matter_away_from_the_lesion():
    made, found, sides = patient()
    distance = ndimage.distance_transform_edt(~made.lesion, made.grid.spacing)
    for name, region in candidates(found, None, sides, made.affine).items():
        assert made.shares["white"][region.mask].mean() > 0.93, name
        assert distance[region.mask].min() > 8.0, name
        assert region.n_voxels >= 20, name


def test_opposite_the_lesion_is_on_the_other_side():
    made, found, sides = patient()
    held = candidates(found, None, sides, made.affine)
    right = sides.plane.side(made.grid)
    assert right[made.lesion].mean() > 0
    assert (right[held[OPPOSITE].mask] < 0).all()
    assert (right[held[CENTRAL].mask] < 0).all()
    assert (right[held[WHOLE].mask] > 0).any()


def test_the_reference_has_the_blood_volume_of_white_matter():
    made, found, sides = patient()
    out = choose(candidates(found, None, sides, made.affine), {"rCBV": blood_volume(made)})
    assert out.region.origin == out.name == WHOLE
    # White matter of a made head holds 2 to 5 % of grey matter well inside, at 2.5 times the blood volume.
    for name in (WHOLE, OPPOSITE, CENTRAL):
        assert out.candidates[name].medians["rCBV"] == pytest.approx(2.0, rel=0.05), name
    assert out.differences["rCBV"] < 0.05
    assert out.flags == ()


def test_without_taking_off_the_edge_there_is_cortex_in_the_reference(monkeypatch):
    made, found, sides = patient()
    right = choose(candidates(found, None, sides, made.affine), {"rCBV": blood_volume(made)}).candidates[WHOLE]
    monkeypatch.setattr("perspect.anatomy.normal.EDGE", -1.0)
    monkeypatch.setattr("perspect.anatomy.normal.WHITE", 0.5)
    wrong = choose(candidates(found, None, sides, made.affine), {"rCBV": blood_volume(made)}).candidates[WHOLE]
    assert wrong.medians["rCBV"] > 1.08 * right.medians["rCBV"]
    assert wrong.spreads["rCBV"] > 2 * right.spreads["rCBV"]


def test_white_matter_that_is_called_three_quarters_white_is_in_the_reference():
    """Shares come in quarters: white matter with a longer T1 is told so, and has as much right to be compared with."""
    made, found, sides = patient()
    slow = np.zeros(made.grid.shape, bool)
    slow[:, ::2] = True  # every other slice, so that not even an edge of 1 mm is between
    shares = found.shares.copy()
    shares[slow & (found.white > 0.75)] = (0.0, 0.25, 0.75)
    called = candidates(replace(found, shares=shares), None, sides, made.affine)
    held = candidates(found, None, sides, made.affine)
    for name, region in held.items():
        assert (called[name].mask & slow).sum() >= 0.95 * (region.mask & slow).sum(), name


def test_references_that_differ_are_said_with_their_values():
    made, found, sides = patient()
    values, held = blood_volume(made), candidates(found, None, sides, made.affine)
    values[held[OPPOSITE].mask & ~held[WHOLE].mask] *= 1.6
    out = choose(held, {"rCBV": values})
    flag = next(flag for flag in out.flags if flag.code == "references-differ")
    assert out.differences["rCBV"] == pytest.approx(flag.fraction)
    assert OPPOSITE in flag.sentence


@pytest.mark.parametrize(("factor", "is_said"), [(1.18, False), (1.28, True)])
def test_references_are_said_to_differ_from_a_fifth_of_their_mean_on(factor, is_said):
    """White matter opposite that has 1.18 and 1.28 times the blood volume: 17 and 25 % of the mean of both."""
    made, found, sides = patient()
    held = candidates(found, None, sides, made.affine)
    alone = {WHOLE: held[WHOLE], OPPOSITE: Region(held[OPPOSITE].mask & ~held[WHOLE].mask, made.grid, OPPOSITE)}
    values = np.where(alone[OPPOSITE].mask, 2.0 * factor, 2.0)
    out = choose(alone, {"rCBV": values})
    assert out.differences["rCBV"] == pytest.approx(2.0 * (factor - 1.0) / (factor + 1.0))
    assert ("references-differ" in {flag.code for flag in out.flags}) == is_said


def test_an_uneven_reference_gives_way_to_an_even_one():
    made, found, sides = patient()
    held = candidates(found, None, sides, made.affine)
    values = blood_volume(made)
    uneven = held[WHOLE].mask & ~held[CENTRAL].mask
    values[uneven] *= np.random.default_rng(2).lognormal(0, 0.8, int(uneven.sum()))
    assert choose(held, {"rCBV": values}).name != WHOLE


def test_a_reference_that_was_used_is_judged_and_not_exchanged():
    made, found, sides = patient()
    held = candidates(found, None, sides, made.affine)
    values = blood_volume(made)
    values[held[WHOLE].mask] *= np.random.default_rng(2).lognormal(0, 0.8, held[WHOLE].n_voxels)
    out = choose(held, {"rCBV": values}, used=WHOLE)
    assert out.name == WHOLE
    assert "uneven-normal-white-matter" in {flag.code for flag in out.flags}


def test_the_whole_brain_leaves_out_what_lies_opposite_the_lesion():
    made, found, sides = patient()
    place = sides.mirrored(Region(made.lesion, made.grid, "lesion")).mask
    assert not (candidates(found, None, sides, made.affine)[WHOLE].mask & place).any()
    assert (candidates(found, None, None, made.affine)[WHOLE].mask & place).any()


def test_what_no_tissue_class_explains_is_left_out_with_what_is_near():
    made, found, sides = patient()
    inside = np.argwhere(candidates(found, None, sides, made.affine)[WHOLE].mask)
    odd = np.zeros(made.grid.shape, bool)
    odd[tuple(inside[len(inside) // 2])] = True
    strange = replace(found, unexplained=odd)
    away = ndimage.distance_transform_edt(~odd, made.grid.spacing)
    assert away[candidates(strange, None, sides, made.affine)[WHOLE].mask].min() > BESIDE


def test_a_lesion_on_both_sides_leaves_nothing_opposite():
    made, found, sides = patient()
    both = Region(made.lesion | sides.mirrored(Region(made.lesion, made.grid, "l")).mask, made.grid, "butterfly")
    held = candidates(found, both, sides, made.affine)
    place = sides.mirrored(both)
    assert not (held[OPPOSITE].mask & place.mask).any()
    assert not (held[CENTRAL].mask & both.mask).any()


def test_without_a_lesion_both_centra_are_taken():
    made, found, _ = patient(radius=0.1)
    held = candidates(found, None, None, made.affine)
    assert OPPOSITE not in held
    x = (
        made.affine
        @ made.grid.affine
        @ np.vstack([np.array(np.nonzero(held[CENTRAL].mask)), np.ones(held[CENTRAL].n_voxels)])
    )[0]
    assert 0.3 < (x > 0).mean() < 0.7


def test_regions_come_on_the_grid_of_what_is_measured():
    made, found, sides = patient()
    coarse = Grid((34, 42, 34), made.grid.affine @ np.diag([5 / 3, 5 / 3, 5 / 3, 1.0]))
    held = candidates(found, None, sides, made.affine, grid=coarse)
    fine = candidates(found, None, sides, made.affine)
    for name in held:
        assert held[name].grid is coarse
        assert held[name].n_voxels * 125 == pytest.approx(fine[name].n_voxels * 27, rel=0.4), name


def test_where_nothing_is_normal_nothing_is_chosen():
    made, found, sides = patient()
    everything = Region(made.brain, made.grid, "ill")
    out = choose(candidates(found, everything, sides, made.affine), {"rCBV": blood_volume(made)})
    assert out.region.n_voxels == 0
    assert [flag.code for flag in out.flags] == ["no-normal-white-matter"]


def test_the_centrum_semiovale_of_the_standard_head_is_white():
    head = template()
    at = np.moveaxis(np.indices(head.grid.shape), 0, -1) + head.grid.affine[:3, 3]
    middle, axes = (np.array(one) for one in CENTRUM)
    inside = (((at - middle) / axes) ** 2).sum(axis=-1) <= 1
    assert head.white[inside].mean() > 0.97
    assert head.csf[inside].max() < 0.02
