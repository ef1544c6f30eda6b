"""Every trap: a scene that has it, a near miss that does not, and what it must never do to an answer."""

from dataclasses import replace

import numpy as np
import pytest

from cases import UNTREATED
from perspect.evidence import question, weigh
from perspect.lesion import measured
from perspect.pitfalls import LOOKS, Scene, cortex, dropout, flags_of, leakage, look, reference, trapped, vessel, void
from perspect.vocabulary import Grid, Region, Severity, marker

GRID = Grid((40, 40, 12), np.diag([2.0, 2.0, 4.0, 1.0]))


def ball(centre, radius):
    at = np.indices(GRID.shape) * np.array([2.0, 2.0, 4.0]).reshape(3, 1, 1, 1)
    return np.sqrt(((at - np.array(centre).reshape(3, 1, 1, 1)) ** 2).sum(axis=0)) <= radius


BRAIN = ball((40, 40, 24), 36)
SOLID = ball((40, 56, 24), 9)
RIM = ball((40, 56, 24), 14) & ~SOLID
WHITE = ball((40, 24, 24), 9)


def scene():
    """A brain with a lesion twice as vascular as white matter, and nothing wrong with it."""
    rng = np.random.default_rng(0)
    noise = 1 + 0.03 * rng.standard_normal(GRID.shape)
    rcbv = np.where(SOLID, 2.5, 1.0) * noise
    maps = {
        "rcbv": rcbv,
        "ph": 8 * rcbv,
        "ttp": 10 + 0.3 * rng.standard_normal(GRID.shape),
        "k2": np.zeros(GRID.shape),
        "k2_std": np.full(GRID.shape, 0.01),
    }
    parts = {name: Region(mask, GRID, name) for name, mask in (("solid part", SOLID), ("rim of 5 mm", RIM))}
    parts["enhancing"] = Region(SOLID, GRID, "enhancing")
    grey = np.where(SOLID, np.nan, 0.0)
    return Scene(GRID, 100 * noise * BRAIN, maps, BRAIN, WHITE, parts, grey, grey.copy())


def changed(key, mask, value):
    one = scene()
    values = one.maps[key].copy()
    values[mask] = value
    return replace(one, maps={**one.maps, key: values})


def rested(mask, value):
    one = scene()
    at_rest = one.at_rest.copy()
    at_rest[mask] = value
    return replace(one, at_rest=at_rest)


def with_vessel(height=60.0, time=7.0):
    tube = SOLID & ball((40, 56, 24), 3)
    one = changed("ph", tube, height)
    times, volumes = one.maps["ttp"].copy(), one.maps["rcbv"].copy()
    times[tube], volumes[tube] = time, 20.0
    return replace(one, maps={**one.maps, "ttp": times, "rcbv": volumes})


EDGE = BRAIN & ~ball((40, 40, 24), 32)


def at_the_edge(level):
    lesion = ball((40, 70, 24), 8) & BRAIN
    one = rested(lesion & EDGE, level)
    return replace(one, parts={"solid part": Region(lesion, GRID, "solid part")})


def shares(**changes):
    one = scene()
    grey = one.grey.copy()
    grey[RIM & ball((40, 68, 24), 6)] = changes.get("grey", 0.0)
    return replace(one, grey=grey)


HAS = {
    void: (rested(SOLID & ball((40, 56, 24), 4), 20.0), rested(SOLID & ball((40, 56, 24), 4), 60.0)),
    vessel: (with_vessel(), changed("ttp", SOLID & ball((40, 56, 24), 3), 7.0)),
    cortex: (shares(grey=0.8), shares(grey=0.1)),
    dropout: (at_the_edge(50.0), at_the_edge(90.0)),
    leakage: (changed("k2", SOLID, 0.2), changed("k2", SOLID & ball((40, 56, 24), 4), 0.2)),
    reference: (replace(scene(), references={"elsewhere": 1.3}), replace(scene(), references={"elsewhere": 1.1})),
}


def test_a_clean_scene_has_no_trap():
    assert look(scene()) == ()


def test_every_detector_is_tried_here():
    assert {one.look for one in HAS} == set(LOOKS)


@pytest.mark.parametrize("trap", HAS, ids=lambda one: one.__name__.rsplit(".", 1)[1])
def test_a_trap_is_found_where_it_is_and_only_there(trap):
    positive, near_miss = HAS[trap]
    found = trap.look(positive)
    assert found is not None
    assert found.sentence.endswith(".")
    assert found.spoils
    assert trap.look(near_miss) is None


@pytest.mark.parametrize("trap", HAS, ids=lambda one: one.__name__.rsplit(".", 1)[1])
def test_a_trap_never_makes_an_answer_stronger(trap):
    positive, _ = HAS[trap]

    def answer(one, traps):
        spoilt, told = trapped(traps, "dsc", GRID), flags_of(traps, "dsc")
        told = tuple(flag for flag in told if flag.severity >= Severity.LIMITED)
        std = np.full(GRID.shape, 0.1)
        findings = [
            measured(marker(name), one.maps["rcbv"], std, one.parts["solid part"], spoilt, flags=told)
            for name in ("rcbv_mean", "rcbv_hot")
        ]
        return weigh(question("grade"), findings, UNTREATED)

    assert answer(positive, look(positive)).word.strength <= answer(positive, ()).word.strength


def test_a_vessel_raises_the_hot_spot_until_it_is_left_out():
    one = with_vessel()
    std = np.full(GRID.shape, 0.1)
    part = one.parts["solid part"]
    held = measured(marker("rcbv_hot"), one.maps["rcbv"], std, part)
    free = measured(marker("rcbv_hot"), one.maps["rcbv"], std, part, trapped(look(one), "dsc", GRID))
    assert held.value > 15
    assert free.value < 3
    assert free.with_traps == pytest.approx(held.value)


def test_leakage_that_was_left_in_limits_what_enhances():
    found = leakage.look(replace(scene(), is_corrected=False))
    assert (found.code, found.severity) == ("leakage-left-in", Severity.LIMITED)
    bare = {name: one for name, one in scene().parts.items() if name != "enhancing"}
    assert leakage.look(replace(scene(), is_corrected=False, parts=bare)) is None


def test_a_lesion_that_is_mostly_void_is_limited():
    found = void.look(rested(SOLID, 10.0))
    assert found.severity == Severity.LIMITED
    assert found.fraction == 1.0
