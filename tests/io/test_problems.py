import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "perspect"


ROOMS = sorted(one.name for one in SOURCE.iterdir() if one.is_dir() and any(one.rglob("*.py")))
"""Every room and floor of the house."""


def problems(room):
    """Every Problem and Refusal that is made in a room: its place and its arguments."""
    for path in sorted((SOURCE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "Problem",
                "Refusal",
            ):
                yield f"{path.name}:{node.lineno}", node.args


def test_problems_are_found_where_files_and_choices_come_in():
    assert all(len(dict(problems(room))) > 5 for room in ("io", "app", "dsc", "dce", "asl", "mrs"))


@pytest.mark.parametrize("room", ROOMS)
def test_every_problem_says_what_why_and_what_to_do(room):
    found = dict(problems(room))
    assert [
        place
        for place, arguments in found.items()
        if (len(arguments) != 3 and not any(isinstance(one, ast.Starred) for one in arguments))
        or any(isinstance(one, ast.Constant) and not one.value for one in arguments)
    ] == []
