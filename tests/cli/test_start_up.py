"""What is loaded before a command is known; a matter of modules, not of a clock."""

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

HEAVY = (
    "numpy",
    "scipy",
    "nibabel",
    "pydicom",
    "matplotlib",
    "pydantic",
    "jinja2",
    "cyclopts",
    "rich",
    "threadpoolctl",
)


def loaded(*words):
    """The modules that a call has loaded when it ends, and what it printed."""
    code = f"import sys; from perspect.cli import main; main({list(words)!r}); print('#', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    text, _, modules = done.stdout.rpartition("#")
    return {name.split(".")[0] for name in modules.split()}, text


@pytest.mark.parametrize("words", [("--help",), ("-h",), (), ("--version",)])
def test_help_and_version_load_nothing_that_computes(words):
    modules, text = loaded(*words)
    assert modules.isdisjoint(HEAVY)
    assert "perspect" in text


def test_the_help_fits_one_screen():
    _, text = loaded("--help")
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_the_help_of_a_command_does_not_load_what_it_runs():
    modules, text = loaded("dsc", "--help")
    assert modules.isdisjoint({"scipy", "nibabel", "matplotlib"})
    assert "Example: perspect dsc" in text


def test_the_doctor_answers_without_the_rooms():
    modules, text = loaded("doctor")
    assert "scipy" in text
    assert modules.isdisjoint({"scipy", "nibabel", "matplotlib"})


@pytest.mark.parametrize("room", ["io", "app", "report"])
def test_no_name_that_is_loaded_when_asked_for_is_hidden_by_a_module(room):
    """A module that was loaded is an attribute of its package, and a name alike would mean two things."""
    package = import_module(f"perspect.{room}")
    modules = {one.name for one in iter_modules(package.__path__)}
    assert modules.isdisjoint(package.WHERE)
    assert set(package.WHERE.values()) <= modules
