"""What every Plan promises: each field is read where numbers are made, and refuses what it does not know."""

import ast
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from perspect.app.settings import PLANS
from perspect.vocabulary import Problem

SPEAKS_OF_THE_PLAN = ("plan.py", "account.py")
"""Files in which a field is declared or reported; being read there changes no number."""

FIELDS = [
    pytest.param(plan, field.name, id=f"{room}.{field.name}") for room, plan in PLANS.items() for field in fields(plan)
]
CHOICES = [
    pytest.param(plan, name, id=f"{room}.{name}")
    for room, plan in PLANS.items()
    for name, hint in get_type_hints(plan).items()
    if any(isinstance(one, str) for one in get_args(hint))
]


def read_from_a_plan(source: str) -> set[str]:
    """The names x of every `plan.x` (or `something.plan.x`) that is read in a file."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and (
            (isinstance(node.value, ast.Name) and node.value.id == "plan")
            or (isinstance(node.value, ast.Attribute) and node.value.attr == "plan")
        )
    }


@pytest.mark.parametrize(("plan", "name"), FIELDS)
def test_every_field_is_read_where_numbers_are_made(plan, name):
    folder = Path(__import__(plan.__module__, fromlist=["x"]).__file__).parent
    files = [file for file in folder.glob("*.py") if file.name not in SPEAKS_OF_THE_PLAN]
    read = set().union(*(read_from_a_plan(file.read_text(encoding="utf-8")) for file in files))
    assert name in read, f"nobody reads {name}: a setting without effect must be deleted"


@pytest.mark.parametrize(("plan", "name"), CHOICES)
def test_an_unknown_choice_is_refused_with_the_allowed_ones_named(plan, name):
    made = plan()
    object.__setattr__(made, name, "no such choice")  # past the type check that only the tests switch on
    with pytest.raises(Problem) as caught:
        made.__post_init__()
    words = [one for one in get_args(get_type_hints(plan)[name]) if isinstance(one, str)]
    assert all(word in caught.value.remedy for word in words)
    assert name in caught.value.what


@pytest.mark.parametrize(("plan", "name"), CHOICES)
def test_every_allowed_choice_is_accepted(plan, name):
    for word in get_args(get_type_hints(plan)[name]):
        assert getattr(replace(plan(), **{name: word}), name) == word


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_a_plan_does_not_change_in_place(plan):
    first = fields(plan)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(plan(), first, None)
