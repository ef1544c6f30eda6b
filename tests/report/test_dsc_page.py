import re
from dataclasses import replace
from html import escape

import numpy as np
import pytest

from perspect.report import dsc_page
from perspect.vocabulary import Flag, Map, Measured, Problem, Region, Severity, Status, lexicon
from report.example_patient import FLAGS, curves, example, grid

LIMIT = 2_000_000
"""Bytes of a page: it must travel by mail and open on a ward's computer."""


@pytest.fixture(scope="module")
def patient():
    return example()


@pytest.fixture(scope="module")
def page(patient):
    return dsc_page(patient[0], "sub-01_dsc.nii.gz", patient[1])


def words_of(page):
    """What a reader reads: the page without pictures, style and marks."""
    body = re.sub(r"<style>.*?</style>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", body)


def test_the_page_loads_nothing_from_anywhere(page):
    assert "default-src 'none'" in page
    assert "<script" not in page and "@import" not in page and "<link" not in page
    loads = re.findall(r'(?:src|href|xlink:href)="(?!data:image/png|#)([^"]*)"', page)
    assert all(address.startswith("https://doi.org/") for address in loads)
    assert all(f'<a href="{address}"' in page for address in loads), "only a reader's click may leave the page"
    assert not re.search(r"url\((?!#)", page)


def test_the_security_policy_stands_before_everything_it_governs(page):
    assert page.index("Content-Security-Policy") < min(page.index("<style"), page.index("<img"), page.index("<svg"))


def test_the_page_says_that_it_is_research_before_anything_else(page):
    assert words_of(page).split("RESEARCH")[0].strip() == "Skip to: can these numbers be trusted?"
    assert "not for diagnosis" in page


def test_every_flag_is_said_with_its_place_gravest_first(page):
    found = [page.index(escape(flag.sentence)) for flag in sorted(FLAGS, key=lambda flag: -flag.severity)]
    assert found == sorted(found)
    assert all(flag.severity.name in page and escape(flag.where) in page and flag.code in page for flag in FLAGS)


def test_what_a_flag_says_cannot_become_part_of_the_page(patient):
    flag = Flag("X", Severity.NOTE, "<script>alert(1)</script>", "<b>here</b>")
    with_flag = Measured(patient[0].maps, (flag,), patient[0].recipe)
    written = dsc_page(with_flag, "<i>series</i>", patient[1])
    assert "<script" not in written and "<b>here" not in written and "<i>series" not in written


@pytest.mark.parametrize("severity", Severity)
def test_the_gravest_flag_answers_whether_the_numbers_can_be_trusted(patient, severity):
    flags = (Flag("A", Severity.NOTE, "A note."), Flag("B", severity, "Something."))
    written = dsc_page(Measured(patient[0].maps, flags, patient[0].recipe), "s", patient[1])
    assert f'class="trust {severity.name.lower()}"' in written


def test_a_refused_result_is_answered_with_no_even_without_a_flag(patient):
    refused = Measured(patient[0].maps, (), patient[0].recipe, summary={"refused": "There was no bolus."})
    written = dsc_page(refused, "s", patient[1])
    assert 'class="answer">No.' in written and "There was no bolus." in written


def test_a_reason_that_is_a_flag_is_not_said_twice(patient):
    summary = {"reliability": "limited", "reliability_reason": tuple(flag.sentence for flag in FLAGS)}
    written = dsc_page(Measured(patient[0].maps, FLAGS, patient[0].recipe, summary=summary), "s", patient[1])
    assert written.count(escape(FLAGS[0].sentence)) == 1


def test_every_map_is_shown_with_its_symbol_and_unit(page, patient):
    for one in patient[0].maps.values():
        assert escape(one.quantity.symbol) in page
        unit = "no unit" if one.quantity.shown_unit == "1" else one.quantity.shown_unit
        assert f'<span class="unit">{escape(unit)}</span>' in page


def test_no_word_of_the_page_is_a_conclusion(page):
    text = " ".join(words_of(page).lower().split()).replace("research – not for diagnosis", "")
    banned = ("glioblastoma", "glioma", "grade", "diagnos", "malignan", "benign", "metasta", "lymphoma", "recurren")
    assert [word for word in banned if re.search(rf"\b{word}", text)] == []


def test_methods_and_sources_are_those_of_the_recipe(page, patient):
    assert all(escape(step.sentence) in page for step in patient[0].recipe.steps)
    assert '<a href="https://doi.org/10.1000/example.1" rel="noreferrer">doi:10.1000/example.1</a>' in page
    assert "<li>Leu et al. 2016</li>" in page


def test_numbers_of_the_run_are_shown_in_the_unit_that_people_use(page):
    for label, value in (
        ("Echo time", "45\u00a0ms"),
        ("Flip angle", "60°"),
        ("Agent given before (preload)", "not recorded"),
        ("Voxels with leakage corrected", "83\u00a0%"),
        ("Blood volume integrated from, to", "27, 118\u00a0s"),
    ):
        assert f'<th scope="row">{label}</th><td>{value}</td>' in page


def test_what_else_the_run_recorded_is_folded_away_and_not_lost(page):
    folded = page[page.index("Everything else that the run recorded") :]
    for label, value in (("plan: leakage", "auto"), ("plan: motion", "yes"), ("motion parameters", "480 values")):
        assert f'<th scope="row">{label}</th><td>{value}</td>' in folded


def test_a_map_without_a_single_number_says_why_and_does_not_stop_the_page(patient):
    measured, background = patient
    nothing = np.full(background.shape, np.nan, np.float32)
    status = np.where(measured.regions["brain"].mask, Status.NO_BOLUS, Status.OUTSIDE)
    at = measured.maps["rcbv"].grid
    for key in ("rcbv", "cbf"):
        maps = {**measured.maps, key: Map(measured.maps[key].quantity, nothing, nothing, status, at)}
        written = dsc_page(Measured(maps, (), measured.recipe, measured.regions), "s", background)
        assert f"No voxel has a number: {Status.NO_BOLUS.sentence}." in written


def test_two_remarks_on_a_map_are_two_sentences(patient):
    measured, background = patient
    kep = measured.maps["rcbv"]
    few = np.where(np.arange(kep.values.size).reshape(kep.values.shape) % 20 == 0, np.float32(0.9), np.float32(np.nan))
    status = np.where(np.isfinite(few), Status.OK, Status.NOT_DETERMINED)
    maps = {**measured.maps, "cbv": Map(lexicon.CBV, few, few, status, kep.grid)}
    written = dsc_page(Measured(maps, (), measured.recipe, measured.regions), "s", background)
    assert "of the brain has a number. LIMITED: " in written


def test_voxels_whose_leakage_was_corrected_are_not_the_only_ones_that_were_measured(patient):
    measured, background = patient
    assert "measured and corrected for leakage" in dsc_page(measured, "s", background)
    plain = measured.maps["srcbv"]
    status = np.where(plain.status == Status.NOT_CORRECTED, Status.OK, plain.status)
    alone = {"srcbv": Map(plain.quantity, plain.values, plain.std, status, plain.grid)}
    assert "corrected for leakage" not in dsc_page(
        Measured(alone, (), example.__globals__["METHODS"], measured.regions), "s", background
    )


def test_a_result_without_maps_is_still_a_page():
    empty = Measured({}, FLAGS, example.__globals__["METHODS"])
    assert "No map was made." in dsc_page(empty, "s", np.zeros((2, 2, 2), np.float32))


def test_without_a_reference_the_standardised_map_takes_the_mosaic(patient):
    measured, background = patient
    maps = {key: one for key, one in measured.maps.items() if key != "rcbv"}
    assert f'<h2 id="main-title">{lexicon.SRCBV.name}' in dsc_page(Measured(maps, (), measured.recipe), "s", background)


def test_the_same_result_gives_the_same_bytes(page, patient):
    assert dsc_page(patient[0], "sub-01_dsc.nii.gz", patient[1]) == page


def test_a_large_matrix_stays_below_the_limit():
    at = grid((256, 256, 30), (0.9, 0.9, 4.0))
    noise = np.random.default_rng(0).uniform(0.5, 6, at.shape).astype(np.float32)
    status = np.zeros(at.shape, np.int16)
    quantities = [quantity for quantity in lexicon.ALL if quantity.key in example()[0].maps]
    maps = {q.key: Map(q, noise / np.float32(q.shown_factor), noise, status, at) for q in quantities}
    assert len(dsc_page(Measured(maps, (), example()[0].recipe, curves=curves()), "s", noise)) < LIMIT


def test_a_baseline_image_of_another_shape_is_refused(patient):
    with pytest.raises(Problem, match="would show the wrong place"):
        dsc_page(patient[0], "s", patient[1][:, :, 1:])


def test_pictures_and_curves_are_described_in_words(page):
    figures = re.findall(r'<svg class="(?:mosaic|tile|curves)"[^>]*role="img"[^>]*>\s*<title>([^<]+)</title>', page)
    assert len(figures) == page.count('role="img"') == page.count("data:image/png") - page.count("<img") + 1
    assert any("9 arterial voxels: largest value" in one for one in figures)


def test_the_slice_shown_closely_is_the_one_that_leaks_most(page):
    assert "The slice shown is the one with the most voxels that leak." in page


def test_where_nothing_leaks_the_slice_shown_closely_is_that_of_most_of_the_lesion(patient):
    measured, background = patient
    at, last = measured.maps["rcbv"].grid, background.shape[2] - 2
    ill = np.zeros(background.shape, bool)
    ill[:, :, last] = measured.regions["brain"].mask[:, :, last]
    assert ill.any()
    maps = {key: one for key, one in measured.maps.items() if key != lexicon.K2.key}
    regions = {"brain": measured.regions["brain"]}
    plain = dsc_page(replace(measured, maps=maps, regions=regions), "s", background)
    assert "The slice shown is the one with the most measured voxels." in plain
    regions["lesion"] = Region(ill, at, "lesion")
    shown = dsc_page(replace(measured, maps=maps, regions=regions), "s", background)
    assert "The slice shown is the one with the most of the lesion." in shown
    assert f'All maps on one slice <span class="symbol">{last + 1} ·' in shown


def test_where_the_file_holds_no_positions_no_side_is_named_and_no_size_is_drawn(patient):
    measured, background = patient
    unknown = Flag("no-positions", Severity.CAUTION, "The file holds no positions.", "series.mat")
    without = dsc_page(replace(measured, flags=(*measured.flags, unknown)), "series", background)
    named = re.compile(r"<text[^>]*>\s*[RLAPSI]\s*</text>")
    assert named.search(dsc_page(measured, "series", background))
    assert not named.search(without)
    assert 'class="scale"' not in without
    assert "does not say which side is which" in without
