"""Every remark of the room: a case in which it is made, and usual series of which none is."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.dce import Images, of_flip_angles
from perspect.dce.given_input import of_curve
from perspect.models import DelayedExtendedTofts, ExtendedTofts, Patlak
from perspect.vocabulary import Curve, Grid, Map, Measured, Region, Series, Severity, Status, lexicon

N = 60
ROOT = Path(__file__).resolve().parents[2]
PLAIN = dce.Plan(motion=False, delay=False, r1=made.R1, r2star=0.0, r2star_tissue=0.0, model="patlak")
CB = 0.58 * made.plasma()
TE = 0.002
BLOOD = Curve(made.TIMES, made.signal(CB[None], np.array([1.65]))[0], "", "signal")
DIMMED = replace(BLOOD, values=BLOOD.values * np.exp(-TE * 5.0 * CB))
T1 = np.full(N, 1.3)


def row(values):
    return np.asarray(values).reshape(-1, 1, 1)


def leaking(n=N, times=made.TIMES):
    """Concentrations of tissue from which nothing returns."""
    p = np.column_stack([np.linspace(3e-4, 2e-3, n), np.linspace(0.01, 0.06, n)])
    return Patlak(times, made.plasma(times=times)).predict(p)


def quantified(one: Series, plan: dce.Plan = PLAIN, *, b1=1.0, t1=T1, **more) -> Measured:
    """Voxels in a row, each with its T1 before agent."""
    values = row(t1).astype(np.float32)
    status = np.where(np.isfinite(values), Status.OK, Status.NOT_DETERMINED).astype(np.int16)
    before = Map(lexicon.T1, values, np.where(np.isfinite(values), 0.0, np.nan).astype(np.float32), status, one.grid)
    field = None if b1 is None else np.full(one.grid.shape, b1)
    given = {"aif": BLOOD, "mask": made.everything(one)} | more
    return dce.quantify(one, plan, t1=before, b1=field, **given)


def series(noise=0.005, signal=None, **more):
    return made.series(made.signal(leaking(), T1) if signal is None else signal, noise, **more)


def said(found: Measured) -> dict[str, Severity]:
    return {flag.code: flag.severity for flag in found.flags}


@cache
def usual() -> Measured:
    """Quick, long, quiet, with a map of B1 and blood whose echo time is known."""
    return quantified(series(), replace(PLAIN, r2star=5.0), aif=DIMMED)


def vessels(share=1.0, factor=1.0):
    """Tissue, arteries of which blood takes a `share` of each voxel, and a vein that comes 4 s later."""
    later = np.interp(made.TIMES - 4.0, made.TIMES, CB)
    blood, vein = (made.signal(np.tile(factor * one, (20, 1)), np.full(20, 1.65)) for one in (CB, later))
    tissue = made.signal(leaking(), T1)
    one = made.series(np.concatenate([tissue, share * blood + (1 - share) * tissue[:20], vein]), 0.003)
    places = row(np.arange(N + 40))
    arteries = Region((places >= N) & (places < N + 20), one.grid, "arteries")
    return one, arteries, Region(places >= N + 20, one.grid, "vein")


@cache
def in_vessels(share=1.0, factor=1.0) -> Measured:
    one, arteries, vein = vessels(share, factor)
    return quantified(one, t1=np.r_[T1, np.full(40, 1.65)], aif=arteries, vein=vein)


def without(one: Series, **of_acquisition) -> Series:
    return replace(one, acquisition=replace(one.acquisition, **of_acquisition))


def spoilt(change: Callable[[np.ndarray], None], noise=0.005, **more) -> Measured:
    signal = made.signal(leaking(), T1)
    change(signal)
    return quantified(series(noise, signal), **more)


def some(rows, columns, value):
    def change(signal):
        signal[rows, columns] = value

    return change


def scaled(columns, factor):
    def change(signal):
        signal[:, columns] *= factor

    return change


def with_a_hole() -> Series:
    one = series()
    one.values[3, 0, 0, 60] = np.nan
    return one


def sampled(step: float, end=360.0, start=0.0, model="patlak") -> Measured:
    times = np.arange(start, end, step)
    one = made.series(made.signal(leaking(times=times), T1), 0.002, times=times)
    fine = np.arange(0.0, 361.0)
    given = Curve(fine, made.plasma(times=fine), "mM", "cp")
    return quantified(one, replace(PLAIN, model=model), aif=given)


def returning(noise=0.002, ktrans=2e-3, ve=0.2, **choices) -> Measured:
    p = np.tile([ktrans, ve, 0.04], (N, 1))
    one = series(noise, made.signal(ExtendedTofts(made.TIMES, made.plasma()).predict(p), T1))
    return quantified(one, replace(PLAIN, **choices))


def in_turn(**choices) -> Measured:
    one = series()
    values = np.asfortranarray(one.values.reshape(N // 2, 1, 2, -1, order="F"))
    one = replace(one, values=values, grid=Grid((N // 2, 1, 2), one.grid.affine), slice_times=np.array([0.0, 1.5]))
    before = Map(lexicon.T1, *(np.full(one.grid.shape, x, np.float32) for x in (1.3, 0.0)),
                 np.zeros(one.grid.shape, np.int16), one.grid)  # fmt: skip
    plan = replace(PLAIN, **choices)
    return dce.quantify(one, plan, t1=before, b1=np.ones(one.grid.shape), mask=made.everything(one), aif=BLOOD)


def against_a_region() -> Measured:
    p = np.column_stack([np.linspace(5e-4, 4e-3, N), np.linspace(0.1, 0.5, N)])
    c = DelayedExtendedTofts(made.TIMES, made.plasma()).predict(np.column_stack([p, np.zeros((N, 2))]))
    one = series(0.001, made.signal(c, T1))
    region = Region(row(np.arange(N)) < 8, one.grid, "muscle")
    usual = dce.Plan(motion=False, model="reference-region", r1=made.R1, r2star_tissue=0.0)
    return quantified(one, usual, aif=None, reference=region)


ANGLES = np.deg2rad([2.0, 5.0, 10.0, 15.0])


def flipped(level=1e5, noise=1.0, is_integer=False, angles=ANGLES, b1: float | None = 1.0) -> Measured:
    """T1 of a little head from flip angles."""
    clean = np.stack([made.signal(np.zeros((100, 1)), np.full(100, 1.3), m0=level, angle=one)[:, 0] for one in angles])
    shape = (10, 10, 1)
    values = clean.T.reshape(*shape, -1) + np.random.default_rng(0).normal(0.0, noise, (*shape, angles.size))
    grid = Grid(shape, np.eye(4))
    images = Images(np.round(values) if is_integer else values, grid, is_integer)
    field = None if b1 is None else np.full(shape, b1)
    return of_flip_angles(images, angles, made.TR, b1=field, mask=Region(np.ones(shape, bool), grid, "all"))


CASES: dict[tuple[str, str], Callable[[], Measured]] = {
    ("odd-arterial-peak", "blood"): lambda: quantified(series(), aif=made.given(0.05 * made.plasma())),
    ("unbelievable-blood", "blood"): lambda: quantified(series(), aif=made.given(4.5 * made.plasma())),
    ("no-echo-time", "blood"): lambda: quantified(without(series(), te=None), replace(PLAIN, r2star=5.0)),
    ("residual-structure", "quality"): lambda: returning(model="patlak"),
    ("depends-on-model", "quality"): lambda: returning(0.08, 3e-4, 0.1, model="auto"),
    ("out-of-range", "quality"): lambda: spoilt(some(3, 60, 1e5)),
    ("no-signal", "quality"): lambda: spoilt(some(3, slice(0, 40), 0.0), 0.0),
    ("not-finite", "quality"): lambda: quantified(with_a_hole()),
    ("no-t1", "quality"): lambda: quantified(series(), t1=np.r_[np.nan, T1[1:]]),
    ("noise-floor", "quality"): lambda: spoilt(some(slice(0, 12), slice(None), 0.05)),
    ("first-volume-left-out", "quality"): lambda: spoilt(scaled(0, 1.2)),
    ("slow-sampling", "quality"): lambda: sampled(8.0),
    ("flow-not-resolved", "quality"): lambda: sampled(3.0, model="2cum"),
    ("short-series", "quality"): lambda: sampled(3.0, end=200.0),
    ("short-baseline", "quality"): lambda: sampled(3.0, start=27.0),
    ("flip-angle", "quality"): lambda: quantified(without(series(), flip_angle=np.deg2rad(5.0)), aif=made.given(CB)),
    ("no-b1-map", "quality"): lambda: quantified(series(), b1=None),
    ("lesion-not-measured", "quality"): lambda: quantified(
        series(), t1=np.r_[np.nan, T1[1:]], lesion=Region(row(np.arange(N)) == 0, series().grid, "lesion")
    ),
    ("odd-volumes", "frames"): lambda: spoilt(scaled(70, 0.5)),
    ("slices-in-turn", "frames"): in_turn,
    ("population-input", "given_input"): lambda: quantified(series(), replace(PLAIN, arterial="parker"), aif=None),
    ("venous-input", "veins"): lambda: in_vessels(0.5),
    ("transit-neglected", "transit"): lambda: returning(model="extended-tofts"),
    ("relative-to-region", "relative"): against_a_region,
    ("no-b1-map", "t1_map"): lambda: flipped(b1=None),
    ("noise-of-neighbours", "t1_map"): lambda: flipped(angles=ANGLES[[0, 3]]),
    ("coarse-rounding", "t1_map"): lambda: flipped(400.0, 0.3, True),
    ("noise-floor", "t1_map"): lambda: flipped(100.0, 1.0),
}  # fmt: skip


def test_every_remark_of_the_room_has_a_case():
    page = (ROOT / "docs" / "reference" / "flags.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|.*`dce/(\w+)\.py` \|$", page, flags=re.MULTILINE)) == set(CASES)


@pytest.mark.parametrize(("code", "file"), CASES, ids=[f"{code} ({file})" for code, file in CASES])
def test_what_must_be_remarked_is(code, file):
    assert code in said(CASES[code, file]())


def test_nothing_is_remarked_of_usual_series():
    assert said(usual()) == {} and said(in_vessels()) == {} and said(flipped()) == {}


@pytest.mark.parametrize(
    ("peak", "dose", "code"),
    [
        (10.0, 0.1, None), (14.0, 0.1, None), (16.0, 0.1, "odd-arterial-peak"), (19.0, 0.1, "odd-arterial-peak"),
        (21.0, 0.1, "unbelievable-blood"), (29.0, 0.2, None), (31.0, 0.2, "odd-arterial-peak"),
        (39.0, 0.2, "odd-arterial-peak"),
        (41.0, 0.2, "unbelievable-blood"), (29.0, None, None), (39.0, None, "odd-arterial-peak"),
        (41.0, None, "unbelievable-blood"), (59.0, 7.5, "unbelievable-blood"), (59.0, 0.3, "odd-arterial-peak"),
        (0.9, 0.1, "odd-arterial-peak"), (0.9, None, "odd-arterial-peak"),
    ],
)  # fmt: skip
def test_a_peak_that_no_heart_can_make_of_the_dose_forbids_the_numbers(peak, dose, code):
    """7.5 is a number of millilitres, and no dose in mmol/kg."""
    given = made.given(made.plasma() * peak / made.plasma().max())
    flags = of_curve(given, made.TIMES, PLAIN, dose).flags
    assert [flag.code for flag in flags] == ([] if code is None else [code])
    assert all((flag.severity == Severity.REFUSED) == (code == "unbelievable-blood") for flag in flags)


def test_blood_that_cannot_be_is_refused_where_it_is_measured_and_a_dose_on_record_is_read():
    one, arteries, _ = vessels(factor=2.1)
    t1 = np.r_[T1, np.full(40, 1.65)]
    plain, known = (quantified(without(one, dose=dose), t1=t1, aif=arteries) for dose in (None, 0.1))
    assert "unbelievable-blood" not in said(plain)
    assert said(known)["unbelievable-blood"] == Severity.REFUSED
    (flag,) = (flag for flag in known.flags if flag.code == "unbelievable-blood")
    assert "0.1 mmol/kg makes 20 mM at most" in flag.sentence and "--aif parker" in flag.sentence
    assert known.flags[0] is flag


@pytest.mark.parametrize(("n_lost", "severity"), [(1, Severity.NOTE), (6, Severity.CAUTION)])
def test_voxels_that_are_lost_are_a_caution_where_they_are_many(n_lost, severity):
    assert said(spoilt(some(slice(0, n_lost), 60, 1e5)))["out-of-range"] == severity


@pytest.mark.parametrize(("n_odd", "severity"), [(1, Severity.CAUTION), (14, Severity.LIMITED)])
def test_a_series_with_many_odd_volumes_is_in_doubt_itself(n_odd, severity):
    assert said(spoilt(scaled(slice(45, 45 + 5 * n_odd, 5), 0.5)))["odd-volumes"] == severity


def test_models_that_nothing_speaks_for_do_not_make_the_answer_depend_on_the_model():
    """Patlak says a fraction of the true Ktrans here, and no voxel believes it."""
    found = returning(0.002, model="auto")
    assert found.summary["model_dependence"] == 1.0 and "depends-on-model" not in said(found)


@pytest.mark.parametrize(("step", "severity"), [(8.0, Severity.CAUTION), (15.0, Severity.LIMITED)])
def test_volumes_that_are_too_far_apart_are_graver_the_farther(step, severity):
    assert said(sampled(step))["slow-sampling"] == severity


@pytest.mark.parametrize(("end", "severity"), [(200.0, Severity.CAUTION), (130.0, Severity.LIMITED)])
def test_a_short_series_is_graver_the_shorter(end, severity):
    assert said(sampled(3.0, end=end))["short-series"] == severity


@pytest.mark.parametrize(("share", "severity"), [(0.5, Severity.NOTE), (0.1, Severity.LIMITED)])
def test_arteries_that_hold_next_to_nothing_beside_veins_are_in_doubt(share, severity):
    """The rest of their voxels is tissue that takes up nothing."""
    one, arteries, vein = vessels()
    still = made.signal(np.zeros((20, made.TIMES.size)), np.full(20, 1.65))
    one.values[N : N + 20, 0, 0] = share * one.values[N : N + 20, 0, 0] + (1 - share) * still
    found = quantified(one, t1=np.r_[T1, np.full(40, 1.65)], aif=arteries, vein=vein)
    assert said(found)["venous-input"] == severity


def test_slices_in_turn_are_a_caution_only_where_no_delay_takes_them_up():
    assert said(in_turn())["slices-in-turn"] == Severity.CAUTION
    assert said(in_turn(delay=True))["slices-in-turn"] == Severity.NOTE
