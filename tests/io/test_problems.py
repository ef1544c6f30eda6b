import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "perspect"


def problems(room):
    """Every Problem that is made in a room: its place and its arguments."""
    for path in sorted((SOURCE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Problem":
                yield f"{path.name}:{node.lineno}", node.args


@pytest.mark.parametrize("room", ["io", "app"])
def test_every_problem_says_what_why_and_what_to_do(room):
    found = dict(problems(room))
    assert found
    assert [
        place
        for place, arguments in found.items()
        if len(arguments) != 3 or any(isinstance(one, ast.Constant) and not one.value for one in arguments)
    ] == []
