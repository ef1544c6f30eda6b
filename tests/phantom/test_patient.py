from itertools import combinations

import numpy as np
import pytest

from patients import coarser, dense, same
from perspect.phantom import SCENARIOS, Compartment, levels_of, roi_truth, virtual_patient
from perspect.phantom.biology import HEALTHY
from perspect.phantom.noise import smooth_noise, uniform
from perspect.phantom.patient import LEVELS, PROPERTIES
from perspect.phantom.regions import AROUND, CORE


@pytest.fixture(scope="module")
def ten(standard):
    """One of each kind at 4 mm, for what does not depend on the voxels."""
    coarse = coarser(standard, 4)
    return {one.name: virtual_patient(one, coarse, 5) for one in SCENARIOS}


def test_every_voxel_is_filled_and_none_holds_more_than_it_can(patient):
    np.testing.assert_allclose(dense(patient.parts, patient.grid), 1.0, atol=1e-5)
    assert all((part.fraction > 0.0).all() for part in patient.parts)


def test_the_same_seed_is_the_same_patient_and_another_seed_another(standard):
    coarse = coarser(standard, 6)
    first, again, other = (virtual_patient(SCENARIOS[0], coarse, seed) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def test_the_same_seed_is_the_same_head_whatever_grows_in_it(ten):
    """Bone lies outside the brain; the lesion has random numbers of its own. Traces of 1e-4 of a voxel are left out."""
    bones = [dense(one.parts, one.grid, Compartment.BONE) for one in list(ten.values())[:3]]
    for other in bones[1:]:
        np.testing.assert_allclose(other, bones[0], atol=5e-4)


def test_tissue_is_about_as_much_as_in_a_person(patient):
    """Grey 0.6 to 0.8 L, white 0.45 to 0.65 L, the whole head with bone and scalp 3 to 4.5 L, of adults."""
    millilitres = np.prod(patient.grid.spacing) / 1e3
    amounts = {part.compartment: part.fraction.sum() * millilitres for part in patient.parts}
    assert 550 < amounts[Compartment.GREY] < 850
    assert 400 < amounts[Compartment.WHITE] < 700
    assert 2500 < sum(amounts[one] for one in amounts if one is not Compartment.AIR) < 4500
    assert 1.0 < amounts[Compartment.CHOROID] < 4.0
    assert 3.0 < amounts[Compartment.ARTERY] < 10.0


def test_the_halves_are_alike_but_not_the_same(patient):
    grey = dense(patient.parts, patient.grid, Compartment.GREY)
    right, left = grey[: grey.shape[0] // 2].sum(), grey[-(grey.shape[0] // 2) :].sum()
    assert 0.8 < right / left < 1.25
    assert np.abs(grey - grey[::-1]).mean() > 0.02


@pytest.mark.parametrize("kind", SCENARIOS, ids=lambda one: one.name)
class TestEveryScenario:
    def test_the_lesion_lies_in_the_brain_on_one_side(self, kind, ten):
        patient = ten[kind.name]
        core = patient.regions["core"].mask
        brain = patient.regions["brain"].mask
        assert (core & ~brain).sum() <= 0.02 * core.sum()
        assert not (core & patient.regions["mirror"].mask).any()

    def test_its_volume_is_within_the_range_of_the_scenario(self, kind, ten):
        """All but a cavity, which is part of the core but no tissue; the least of three foci is 0.16 of the first."""
        patient = ten[kind.name]
        volume = dense(patient.parts, patient.grid, *CORE).sum() * np.prod(patient.grid.spacing) / 1e3
        cavity = max((shell.share[1] for shell in kind.core if shell.compartment is Compartment.CSF), default=0.0)
        foci = sum(0.4**i for i in range(kind.foci[1]))
        assert (1.0 - 2.0 * cavity) * kind.volume[0] < volume < 1.03 * foci * kind.volume[1]

    def test_it_is_made_of_what_the_scenario_says_and_nothing_else(self, kind, ten):
        there = {part.compartment for part in ten[kind.name].parts if part.inside.size} & {*CORE, *AROUND}
        said = {shell.compartment for shell in (*kind.core, *kind.around)}
        said |= {shell.patches for shell in kind.core} | {shell.instead for shell in kind.core if shell.open}
        assert there <= said
        assert {shell.compartment for shell in kind.core} & {*CORE} <= there

    def test_its_blood_volume_is_as_published(self, kind, ten):
        name = {Compartment.ENHANCING: "viable"}.get(kind.hallmark, kind.hallmark.name.lower())
        row = next(r for r in roi_truth(ten[kind.name]) if (r.region, r.quantity) == (name, "rcbv"))
        assert kind.rcbv[0] <= row.mean <= kind.rcbv[1]
        assert kind.sources

    def test_white_matter_called_normal_is_free_of_it(self, kind, ten):
        patient = ten[kind.name]
        abnormal = dense(patient.parts, patient.grid, *CORE, *AROUND)
        assert abnormal[patient.regions["white"].mask].max() == 0.0
        assert patient.regions["contralateral_white"].n_voxels * np.prod(patient.grid.spacing) > 5e4

    def test_its_numbers_are_possible(self, kind, ten):
        for biology in ten[kind.name].biology.values():
            for name in PROPERTIES:
                low, high = getattr(biology, name)
                assert 0.0 <= low <= high
            assert biology.vp[1] <= 1.0
            assert biology.ve[1] <= 1.0
            assert biology.t2[1] <= biology.t1[1]
            assert all(0.0 <= low <= high for low, high in biology.amounts.values())


def test_lesions_differ_as_the_clinic_tells_them_apart():
    """Diffusion of pus and lymphoma is low, of necrosis high; vessels of lymphoma are few; pus has amino acids."""
    of = {one.name: one.biology for one in SCENARIOS}
    pus, dead = of["abscess"][Compartment.PUS], of["high-grade-glioma"][Compartment.NECROSIS]
    assert pus.adc[1] < 0.9e-3 < dead.adc[0]
    assert {"Val", "Leu", "Ace", "Suc"} <= set(pus.amounts)
    assert "Val" not in dead.amounts
    glioma, lymphoma = (of[name][Compartment.ENHANCING] for name in ("high-grade-glioma", "lymphoma"))
    assert lymphoma.adc[1] < glioma.adc[0]
    assert lymphoma.vp[1] < glioma.vp[0]
    assert lymphoma.ke[1] < glioma.ke[0]
    solid = (of[name][Compartment.SOLID] for name in ("oligodendroglioma", "low-grade-glioma"))
    assert next(solid).vp[0] > next(solid).vp[1]


def test_the_ring_of_demyelination_is_open_and_that_of_an_abscess_closed(ten):
    """Seen from the centre, directions in which the ring is missing."""
    missing = {}
    for name, ring in (("demyelination", Compartment.ENHANCING), ("abscess", Compartment.CAPSULE)):
        one = ten[name]
        at = np.argwhere(dense(one.parts, one.grid, ring) > 0.2)
        centre = np.argwhere(one.regions["core"].mask).mean(axis=0)
        directions = np.random.default_rng(0).normal(size=(300, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        ways = (at - centre) / np.linalg.norm(at - centre, axis=1, keepdims=True)
        missing[name] = ((directions @ ways.T).max(axis=1) < np.cos(np.deg2rad(20.0))).mean()
    assert missing["demyelination"] > 0.1
    assert missing["abscess"] < 0.02


def test_levels_cover_their_range_and_none_foretells_another():
    has = levels_of(HEALTHY[Compartment.GREY])
    assert has.vp.size == LEVELS
    np.testing.assert_allclose(has.vp.mean(), np.mean(HEALTHY[Compartment.GREY].vp))
    for a, b in combinations((has.vp, has.mtt, has.delay), 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.35


def test_noise_has_variance_one_everywhere_and_is_spread_evenly():
    fields = np.stack([smooth_noise((20, 24, 28), 4.0, np.random.default_rng(seed)) for seed in range(300)])
    np.testing.assert_allclose(fields.std(axis=0).mean(), 1.0, atol=0.02)
    assert fields.std(axis=0).min() > 0.8
    shares = [np.histogram(uniform(field), 4, (0.0, 1.0))[0] / field.size for field in fields]
    assert uniform(np.zeros((1, 1, 1), np.float32)).item() == 0.5
    # a field holds about forty patches, so that one alone may lean; three hundred together do not
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.25, atol=0.02)
