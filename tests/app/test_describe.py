from dataclasses import fields

import pytest

from perspect.app.describe import described, plans, quantities
from perspect.app.doctor import examine_installation, missing
from perspect.app.settings import PLANS
from perspect.evidence import QUESTIONS
from perspect.models import ALL
from perspect.pitfalls import KINDS
from perspect.vocabulary import Problem, lexicon


def test_every_field_of_every_plan_has_a_sentence():
    pages = plans()
    for room, plan in PLANS.items():
        for field in fields(plan):
            heading, *text = pages[f"{room}.{field.name}"].splitlines()
            assert heading.startswith(f"{field.name}: ")
            assert " ".join(text).strip(), f"{room}.{field.name} is not documented"


def test_choices_and_defaults_are_those_of_the_plan():
    page = described("plan", "dsc.leakage")
    assert "leakage: auto | bsw | leu | none (default 'auto')" in page


def test_every_quantity_has_a_page_with_its_unit():
    pages = quantities()
    for one in lexicon.ALL:
        assert one.name in pages[one.key]
        assert one.shown_unit in pages[one.key]


def test_bounds_are_shown_in_the_unit_that_is_shown():
    assert "bounds   0 to 600 mL/100 mL/min" in described("quantity", "cbf")


def test_every_model_has_a_page():
    listed = described("model")
    assert len(listed.splitlines()) == len(ALL)
    assert "$$" in described("model", "extended-tofts")


def test_every_trap_has_a_page_with_what_it_is_told_by():
    for code, kind in KINDS.items():
        page = described("pitfall", code)
        assert kind.title in page
        for name, number in kind.thresholds.items():
            assert f"{name:<13} {number.value:g}" in page


def test_every_question_has_a_page_with_its_sides_needs_and_rows():
    for one in QUESTIONS:
        page = described("question", one.key)
        for words in (one.target, one.other, *(need.sentence for need in one.needs), *one.limits):
            assert words in page
        assert all(row in page for use in one.uses for row in use.rows)


@pytest.mark.parametrize("name", ["extended-tofts", "ExtendedTofts", "extendedtofts", "extended_tofts"])
def test_a_model_is_found_however_its_name_is_written(name):
    assert described("model", name).startswith("# ExtendedTofts")


@pytest.mark.parametrize(
    ("topic", "name", "words"),
    [
        ("quantity", "rcbx", "Did you mean 'rcbv'?"),
        ("model", "toft", "Did you mean 'tofts'?"),
        ("plan", "dsc.leakge", "Did you mean 'dsc.leakage'?"),
        ("quantitiy", None, "Did you mean 'quantity'?"),
    ],
)
def test_a_slip_of_the_keyboard_gets_the_nearest_name(topic, name, words):
    with pytest.raises(Problem, match=words.replace("?", r"\?")):
        described(topic, name)


def test_without_a_topic_the_topics_are_listed():
    assert [line.split()[0] for line in described().splitlines()] == [
        "model",
        "quantity",
        "pitfall",
        "question",
        "plan",
    ]


def test_the_doctor_names_versions_and_no_path_of_the_machine(tmp_path):
    sections = examine_installation(tmp_path)
    assert {"numpy", "scipy", "nibabel"} <= set(sections["needed"])
    assert missing(sections) == []
    assert str(tmp_path) not in str(sections)


def test_the_doctor_says_what_is_missing(monkeypatch):
    sections = {"needed": {"numpy": "not installed", "isal": "not installed", "scipy": "1.12"}}
    assert missing(sections) == ["numpy"]


def test_a_name_in_a_list_stands_apart_from_what_it_is():
    names = {line.split()[0] for line in described("model").splitlines()}
    assert "arterial-read-often-pcasl" in names and "constrained-reference-region" in names
