"""Each choice is heeded: a case in which it must change what is measured, or be refused."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import two_runs
from labelled_head import GRID, SHAPE, ball, brain, changed, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.vocabulary import Around, Labelled, Measured, Problem, Region

DELAYS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
GREY = (flow_map() > 0.005) & ball()
LESION = np.zeros(SHAPE, bool)
LESION[12:16, 7:13, 1:5] = True
MASK = Around(mask=brain())
TISSUE = replace(MASK, grey=GREY.astype(float), white=(ball() & ~GREY).astype(float))
ILL = replace(TISSUE, lesion=Region(LESION & ball(), GRID, "lesion"))
Series = Callable[[], Labelled]


@cache
def one_delay() -> Labelled:
    return labelled(noise=0.5)


@cache
def many_pairs() -> Labelled:
    """One pair of ten is unlike the others."""
    one = labelled(noise=0.5, n_pairs=10)
    values = one.series.values.copy(order="F")
    values[..., 7] += 1.5 * np.random.default_rng(3).normal(size=SHAPE) * ball()
    return replace(one, series=replace(one.series, values=values))


@cache
def several() -> Labelled:
    return labelled(delays=DELAYS, n_pairs=2, att=np.where(GREY, 0.9, 1.4), noise=1.0)


@cache
def with_arteries() -> Labelled:
    """Label in arteries of every voxel at the first two delays."""
    one = several()
    values = one.series.values.copy(order="F")
    early = np.flatnonzero((one.labelling.delays < 1.2) & (np.array(one.labelling.volumes) == "label"))
    values[..., early] -= 12.0 * ball()[..., None].astype(np.float32)
    return changed(replace(one, series=replace(one.series, values=values)), is_crushed=False)


@cache
def moved() -> Labelled:
    """The head is a voxel away in the second half."""
    one = labelled(noise=0.5, n_pairs=4)
    x = np.arange(SHAPE[0])[:, None, None, None]
    values = one.series.values * (1.0 + 0.3 * np.sin(x)).astype(np.float32)
    values[..., 4:] = np.roll(values[..., 4:], 1, axis=0)
    return replace(one, series=replace(one.series, values=np.asfortranarray(values)))


@cache
def two_echoes() -> Labelled:
    one = labelled(noise=0.5, n_pairs=10)
    rng = np.random.default_rng(4)
    values = one.series.values * 0.6 + rng.normal(0.0, 0.5, one.series.values.shape)
    acquired = replace(one.series.acquisition, te=0.04)
    later = replace(one.series, values=np.asfortranarray(values.astype(np.float32)), acquisition=acquired)
    return replace(one, echoes=(later,))


def wrong_way_round() -> Labelled:
    return changed(one_delay(), volumes=("label", "control") * 6)


def in_another_scale() -> Labelled:
    return changed(labelled(scale=32.0, noise=0.5), vendor="GE")


def suppressed(efficiency: float = 0.7) -> Labelled:
    """So low an efficiency is read as that of labelling and suppression together."""
    return changed(one_delay(), efficiency=efficiency, is_suppressed=True, n_inversions=2)


def slices() -> Labelled:
    return labelled(noise=0.5, slice_time=0.05, m0_tr=2.0)


def uncut() -> Labelled:
    return changed(labelled(kind="pasl", duration=0.8, efficiency=0.98), durations=np.full(12, np.nan))


@dataclass(frozen=True)
class Case:
    """A series, what is known of the head, and the choice that must matter there (beside others that it needs)."""

    series: Series
    value: Any
    around: Around = MASK
    beside: tuple[tuple[str, Any], ...] = ()

    def run(self, **choice: Any) -> Measured | None:
        """None: refused."""
        try:
            return quantify(self.series(), Plan(**({"motion": False} | dict(self.beside) | choice)), around=self.around)
        except Problem:
            return None


IN_TISSUE = (("kinetics", "tissue"),)
CASES: dict[str, Case] = {
    "motion": Case(moved, True),
    "echoes": Case(two_echoes, "first"),
    "order": Case(wrong_way_round, "stated"),
    "subtraction": Case(one_delay, "surround"),
    "outliers": Case(many_pairs, "none"),
    "scale": Case(in_another_scale, "stored"),
    "efficiency": Case(one_delay, 0.7),
    "efficiency_includes": Case(suppressed, "labelling"),
    "inversion": Case(suppressed, 0.8, beside=(("efficiency_includes", "labelling"),)),
    "m0": Case(one_delay, "none"),
    "m0_recovery": Case(slices, "volume"),
    "m0_smoothing": Case(one_delay, 8.0),
    "kinetics": Case(one_delay, "t1app"),
    "blood_t1": Case(one_delay, 1.8),
    "hct": Case(one_delay, 0.3),
    "sex": Case(one_delay, "female"),
    "age": Case(one_delay, 8.0),
    "tissue_t1": Case(one_delay, 1.1, beside=(("kinetics", "t1app"),)),
    "white_t1": Case(one_delay, 1.1, TISSUE, IN_TISSUE),
    "lesion_t1": Case(one_delay, 1.9, ILL, IN_TISSUE),
    "partition": Case(one_delay, 0.98),
    "att": Case(several, 0.8),
    "att_spread": Case(several, 0.3),
    "neighbours": Case(several, False),
    "arterial": Case(with_arteries, "none"),
    "bolus": Case(uncut, 0.8),
    "spatial": Case(several, "tissue", TISSUE),
    "partial_volume": Case(one_delay, "regression", TISSUE),
    "seed": Case(one_delay, 5, ILL),
}
CHOICES = [pytest.param("outliers", many_pairs, word, TISSUE, id=f"outliers={word}") for word in ("score", "scrub")] + [
    pytest.param("kinetics", one_delay, "tissue", TISSUE, id="kinetics=tissue"),
    pytest.param("m0", lambda: labelled(noise=0.5, m0_tr=2.0), "control", MASK, id="m0=control"),
    pytest.param("m0", one_delay, "fluid", replace(MASK, fluid=ball().astype(float)), id="m0=fluid"),
    pytest.param(
        "efficiency_includes", lambda: suppressed(0.85), "suppression", MASK, id="efficiency_includes=suppression"
    ),
    pytest.param("spatial", several, "everywhere", ILL, id="spatial=everywhere"),
    pytest.param("sex", one_delay, "male", MASK, id="sex=male"),
    pytest.param("partial_volume", one_delay, "lesion", ILL, id="partial_volume=lesion"),
    pytest.param("m0", one_delay, "white", TISSUE, id="m0=white"),
]


def differ(one: Measured | None, other: Measured | None) -> bool:
    """Whether two runs have other maps, or other numbers of a lesion; refused is another answer than any."""
    is_other_lesion = one is not None and other is not None and one.summary.get("lesion") != other.summary.get("lesion")
    return is_other_lesion or two_runs.differ(one, other)


def test_every_choice_has_a_case_in_which_it_must_matter():
    assert set(CASES) == {field.name for field in fields(Plan)}


@pytest.mark.parametrize("name", CASES)
def test_a_choice_changes_what_is_measured_or_is_refused(name):
    case = CASES[name]
    assert differ(case.run(), case.run(**{name: case.value}))


@pytest.mark.parametrize(("name", "series", "word", "around"), CHOICES)
def test_every_word_of_a_choice_is_another_than_the_default(name, series, word, around):
    case = Case(series, word, around)
    assert differ(case.run(), case.run(**{name: word}))


def test_the_same_plan_twice_does_not_differ():
    case = CASES["seed"]
    assert not differ(case.run(), case.run())
