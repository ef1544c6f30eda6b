import numpy as np
import pytest

from perspect.lesion import enhancing, parts, parts_of_labels
from perspect.lesion.parts import volume
from perspect.vocabulary import Grid, Problem

GRID = Grid((40, 40, 20), np.diag([2.0, 2.0, 2.0, 1.0]))
BRAIN = np.ones(GRID.shape, bool)


def ball(radius):
    x, y, z = np.indices(GRID.shape)
    return np.sqrt((x - 20) ** 2 + (y - 20) ** 2 + (z - 10) ** 2) * 2 <= radius


def shown(lesion):
    """T1w and T1c: a ring that enhances, twice as bright on another scale; blood that is bright on both."""
    rng = np.random.default_rng(0)
    before = 100 + 2 * rng.standard_normal(GRID.shape)
    blood = np.zeros(GRID.shape, bool)
    blood[18:23, 8:12, 8:12] = True
    before[blood] = 180
    after = 3 * before + 6 * rng.standard_normal(GRID.shape)
    ring = lesion & ~ball(8)
    after[ring] *= 1.5
    return before, after, ring, blood


def test_what_enhances_is_told_by_the_difference_and_not_by_brightness():
    lesion = ball(14)
    before, after, ring, blood = shown(lesion)
    lit = enhancing(before, after, ~lesion & ~blood, lesion | blood)
    assert lit[ring].mean() > 0.99
    assert lit[~ring].mean() < 0.01
    assert not lit[blood].any()


def test_a_plain_mask_is_parted_by_what_enhances():
    lesion = ball(14)
    before, after, ring, blood = shown(lesion)
    found = parts({"lesion": lesion}, GRID, BRAIN, enhancing(before, after, ~lesion & ~blood, lesion | blood))
    assert (found["enhancing"].mask & ring).sum() > 0.95 * ring.sum()
    assert (found["cavity"].mask & ball(8)).sum() > 0.95 * ball(8).sum()
    assert np.array_equal(found["solid part"].mask, found["enhancing"].mask)
    assert not (found["rim of 5 mm"].mask & lesion).any()
    assert found["rim of 5 mm"].mask[20 + 8, 20, 10]
    assert not found["rim of 5 mm"].mask[20 + 11, 20, 10]
    assert not found.flags


def test_a_plain_mask_without_images_is_one_piece_and_says_so():
    found = parts({"lesion": ball(14)}, GRID, BRAIN)
    assert np.array_equal(found["solid part"].mask, ball(14))
    assert "cavity" not in found
    assert [flag.code for flag in found.flags] == ["parts-unknown"]


def test_what_does_not_enhance_is_solid_but_for_oedema_and_cavity():
    found = parts({"lesion": ball(14)}, GRID, BRAIN, np.zeros(GRID.shape, bool))
    assert not found.is_enhancing
    assert [flag.code for flag in found.flags] == ["nothing-enhances"]
    assert np.array_equal(found["solid part"].mask, ball(14))


def test_a_small_solid_part_is_limited():
    found = parts({"lesion": ball(4)}, GRID, BRAIN, np.zeros(GRID.shape, bool))
    assert volume(found["solid part"]) < 1
    assert [flag.code for flag in found.flags] == ["nothing-enhances", "lesion-small"]


@pytest.mark.parametrize(("numbers", "enhances"), [((1, 2, 4), 4), ((1, 2, 3), 3)])
def test_both_conventions_of_brats_are_told_apart(numbers, enhances):
    labels = np.zeros(GRID.shape, int)
    labels[ball(18)], labels[ball(14)], labels[ball(8)] = numbers[1], enhances, numbers[0]
    found = parts_of_labels(labels)
    assert set(found) == {"necrosis", "oedema", "enhancing"}
    assert np.array_equal(found["enhancing"], ball(14) & ~ball(8))
    assert np.array_equal(found["necrosis"], ball(8))


def test_a_segmentation_of_which_nothing_enhances_has_a_solid_core():
    labels = np.zeros(GRID.shape, int)
    labels[ball(18)], labels[ball(12)] = 2, 1
    found = parts(parts_of_labels(labels), GRID, BRAIN)
    assert not found.is_enhancing
    assert np.array_equal(found["solid part"].mask, ball(12))
    assert np.array_equal(found["oedema"].mask, ball(18) & ~ball(12))
    assert "cavity" not in found
    assert [flag.code for flag in found.flags] == ["nothing-enhances"]


def test_numbers_of_no_convention_are_refused():
    labels = np.zeros(GRID.shape, int)
    labels[ball(8)] = 7
    with pytest.raises(Problem, match="numbers 7"):
        parts_of_labels(labels)
    with pytest.raises(Problem, match="empty"):
        parts_of_labels(np.zeros(GRID.shape, int))


def test_a_mask_of_255_is_a_plain_one():
    masks = parts_of_labels(255 * ball(8).astype(int))
    np.testing.assert_array_equal(masks["lesion"], ball(8))


def test_an_image_is_no_segmentation_and_its_numbers_are_not_all_listed():
    with pytest.raises(Problem, match="1, 2, 3, 4, 5, 6, 7, 8 and 91 more"):
        parts_of_labels(np.arange(100).reshape(10, 10, 1))
