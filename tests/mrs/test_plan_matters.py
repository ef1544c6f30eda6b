"""Each choice is heeded: a case in which it must change what is measured, or be refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, TUMOUR, N, basis, spectrum, water
from perspect import mrs
from perspect.vocabulary import Grid, Measured, MeasuredSpectrum, Problem, Region, Spectra

PLACE = Grid((3, 2, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
WHOLE = Region(np.ones((3, 2, 1), bool), PLACE, "all")
T = np.arange(N) * DWELL
Found = MeasuredSpectrum | Measured
Run = Callable[[mrs.Plan], Found]


@cache
def healthy(plan: mrs.Plan) -> Found:
    return mrs.measure(spectrum(HEALTHY), basis(), plan, water=water())


def ill(plan: mrs.Plan) -> Found:
    return mrs.measure(spectrum(TUMOUR), basis(), plan, water=water())


def with_left_water(size: float) -> Run:
    """Water that suppression has left, so many protons times mM, on resonance."""

    def run(plan: mrs.Plan) -> Found:
        one = spectrum(HEALTHY)
        left = size * np.exp(2j * np.pi * 2.0 * T - 15 * T + 0.7j)
        return mrs.measure(replace(one, values=one.values + left), basis(), plan)

    return run


def bent(angle: float) -> Run:
    """Eddy currents that turn signal and water by so many degrees at first."""
    return lambda plan: mrs.measure(
        spectrum(HEALTHY, bend=np.deg2rad(angle)), basis(), plan, water=water(bend=np.deg2rad(angle))
    )


def of_image(kind: Any = HEALTHY, left: float = 0.0, angle: float = 0.0, *, has_water: bool = True) -> Run:
    """An image of six voxels of a kind, with water left in it and eddy currents in both."""

    @cache
    def made() -> tuple[Spectra, Spectra]:
        turn = {"phase": 0.0, "shift": 0.0, "bend": np.deg2rad(angle)}
        voxels = np.array([spectrum(kind, seed, **turn).values[0, 0, 0] for seed in range(6)])
        voxels = voxels + left * np.exp(-15 * T + 0.7j)
        one = Spectra(voxels.reshape(3, 2, 1, N), DWELL, FREQUENCY, PLACE, te=0.030, tr=2.0, name="grid")
        size = np.linspace(0.6, 1.4, 6).reshape(3, 2, 1, 1)
        return one, replace(one, values=size * water(bend=np.deg2rad(angle)).values[0, 0, 0])

    def run(plan: mrs.Plan) -> Found:
        one, reference = made()
        return mrs.quantify_grid(one, basis(), plan, water=reference if has_water else None, mask=WHOLE)

    return run


@dataclass(frozen=True)
class Case:
    """What is measured, and the choice that must matter there (beside others that it needs)."""

    run: Run
    value: Any
    beside: tuple[tuple[str, Any], ...] = ()

    def found(self, **choice: Any) -> Found | None:
        """None: refused."""
        try:
            return self.run(mrs.Plan(**(dict(self.beside) | choice)))
        except Problem:
            return None


PLAIN = (("reference", "none"),)
VOXEL: dict[str, Case] = {
    "profile": Case(healthy, "tumour"),
    "ratios": Case(healthy, "no"),
    "baseline": Case(healthy, "stiff"),
    "water": Case(with_left_water(2000.0), "never"),
    "eddy": Case(bent(20.0), "never"),
    "reference": Case(healthy, "tcr"),
    "unit": Case(healthy, "mmol/L"),
    "keep": Case(healthy, ("2HG",)),
    "drop": Case(healthy, ("Gly", "MM17")),
    "low": Case(healthy, 0.6),
    "high": Case(healthy, 4.0),
    "samples": Case(healthy, 200),
    "seed": Case(healthy, 1, (("samples", 200),)),
}
IMAGE: dict[str, Case] = {
    "profile": Case(of_image(), "tumour"),
    "ratios": Case(of_image(), "no"),
    "baseline": Case(of_image(), "stiff"),
    "water": Case(of_image(left=2000.0), "never"),
    "eddy": Case(of_image(angle=20.0), "never"),
    "reference": Case(of_image(), "tcr"),
    "unit": Case(of_image(), "mmol/L"),
    "window": Case(of_image(), "hamming", PLAIN),
    "keep": Case(of_image(), ("Lip13a", "2HG")),
    "drop": Case(of_image(), ("Gly", "MM17")),
    "low": Case(of_image(), 0.6),
    "high": Case(of_image(), 4.0),
}
CASES = [
    pytest.param(name, case, id=f"{kind}:{name}")
    for kind, cases in (("voxel", VOXEL), ("image", IMAGE))
    for name, case in cases.items()
]
CHOICES = [
    pytest.param("profile", Case(ill, "normal"), id="voxel:profile=normal"),
    pytest.param("ratios", Case(ill, "yes"), id="voxel:ratios=yes"),
    pytest.param("baseline", Case(healthy, "none"), id="voxel:baseline=none"),
    pytest.param("water", Case(with_left_water(3.0), "always"), id="voxel:water=always"),
    pytest.param("eddy", Case(bent(0.5), "always"), id="voxel:eddy=always"),
    pytest.param("reference", Case(healthy, "tnaa"), id="voxel:reference=tnaa"),
    pytest.param("reference", Case(healthy, "none"), id="voxel:reference=none"),
    pytest.param("profile", Case(of_image(TUMOUR), "normal"), id="image:profile=normal"),
    pytest.param("ratios", Case(of_image(TUMOUR), "yes"), id="image:ratios=yes"),
    pytest.param("baseline", Case(of_image(), "none"), id="image:baseline=none"),
    pytest.param("water", Case(of_image(left=3.0), "always"), id="image:water=always"),
    pytest.param("eddy", Case(of_image(angle=0.5), "always"), id="image:eddy=always"),
    pytest.param("reference", Case(of_image(), "tnaa"), id="image:reference=tnaa"),
    pytest.param("reference", Case(of_image(), "none"), id="image:reference=none"),
]
ELSEWHERE = {"samples": (of_image(), 200), "window": (healthy, "hamming")}
"""Choices that are for the other kind of measurement only."""


def numbers(one: Found) -> Iterator[tuple[str, np.ndarray]]:
    """Every number of a run with its error, by name."""
    if isinstance(one, Measured):
        for key, found in one.maps.items():
            yield f"{key} in {found.quantity.unit}", np.stack([found.values, found.std])
        return
    for kind in ("amounts", "ratios", "posterior"):
        for key, found in getattr(one, kind).items():
            yield f"{kind} {key} in {found.unit}", np.array([found.value, found.std, found.lower, found.upper])


def differ(one: Found | None, other: Found | None) -> bool:
    """Whether two runs have other numbers; refused is another answer than any."""
    if one is None or other is None:
        return (one is None) != (other is None)
    first, second = dict(numbers(one)), dict(numbers(other))
    return set(first) != set(second) or any(
        not np.array_equal(first[key], second[key], equal_nan=True) for key in first
    )


def test_every_choice_has_a_case_in_which_it_must_matter():
    every = {field.name for field in fields(mrs.Plan)}
    assert set(VOXEL) | set(IMAGE) == every
    # What only one of the two heeds is said by the other.
    assert every - set(VOXEL) == {"window"} and every - set(IMAGE) == {"samples", "seed"}


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_choice_changes_what_is_measured_or_is_refused(name, case):
    assert differ(case.found(), case.found(**{name: case.value}))


@pytest.mark.parametrize(("name", "case"), CHOICES)
def test_every_word_of_a_choice_is_another_than_the_default(name, case):
    assert differ(case.found(), case.found(**{name: case.value}))


@pytest.mark.parametrize("plan", [{"drop": ("Glyc",)}, {"keep": ("NAA",), "drop": ("NAA",)}], ids=["unknown", "both"])
@pytest.mark.parametrize("run", [healthy, of_image()], ids=["voxel", "image"])
def test_molecules_that_are_unknown_or_wanted_both_ways_are_refused(run, plan):
    with pytest.raises(Problem, match=r"mrs\.keep and mrs\.drop"):
        run(mrs.Plan(**plan))


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_choice_that_is_for_something_else_is_said_to_have_no_effect(name):
    run, value = ELSEWHERE[name]
    flags = {flag.code: flag.sentence for flag in run(mrs.Plan(**{name: value})).flags}
    assert f"mrs.{name}" in flags["unheeded-choice"]
    assert "unheeded-choice" not in {flag.code for flag in run(mrs.Plan()).flags}


def test_the_same_plan_twice_does_not_differ():
    case = IMAGE["eddy"]
    assert not differ(case.found(), case.found())
