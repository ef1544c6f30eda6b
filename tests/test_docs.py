import importlib.util
import re
import sys
from dataclasses import fields
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from perspect import asl, dsc, io
from perspect.app.sidecars import NAMES
from perspect.cli.run import FUNCTIONS, application
from perspect.phantom import HeadDesign, head_object
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.protocols import ASL_PROTOCOLS, DSC_PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [page for folder in ("learn", "how-to", "reference") for page in sorted((DOCS / folder).glob("*.md"))]
LARGEST = 250_000


def script(path):
    """A script as Python runs it: with its own folder first on the path."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def text_of(page):
    return page.read_text(encoding="utf-8")


def links(page):
    """Where a page points within the project: path and anchor."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text_of(page)):
        path, _, anchor = target.partition("#")
        yield (page.parent / path).resolve() if path else page, anchor


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def codes(page):
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL))


reference = script(DOCS / "reference" / "make.py")
drawings = script(DOCS / "learn" / "figures" / "make.py")


@pytest.mark.parametrize("name", list(reference.pages()))
def test_what_is_committed_as_reference_is_what_the_code_says(name):
    """If it is not: `python docs/reference/make.py`."""
    assert text_of(ROOT / name) == reference.pages()[name]


def test_every_link_leads_somewhere():
    for page in PAGES:
        for path, anchor in links(page):
            assert path.exists(), f"{page.name} points to {path}"
            assert not anchor or anchor in anchors(path), f"{page.name} points to #{anchor} of {path.name}"


def test_every_picture_is_shown_and_small_and_every_shown_picture_is_drawn():
    shown = {path.name for page in PAGES for path, _ in links(page) if path.suffix == ".png"}
    there = {path.name: path.stat().st_size for path in (DOCS / "learn" / "figures").glob("*.png")}
    assert shown == set(there) == {*(f"{name}.png" for name in drawings.FIGURES), "dsc-page.png", "answer-page.png"}
    assert max(there.values()) < LARGEST


@pytest.mark.parametrize("name", ["protocols", "saturation", "leakage"])
def test_a_figure_can_be_drawn_again(name, tmp_path):
    drawings.main(tmp_path, [name])
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert mpl.rcParams["font.size"] == 10.0


def test_every_source_file_that_is_named_exists():
    named = {
        code for page in PAGES for code in codes(page) if re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*/[a-z0-9_]+\.py", code)
    }
    assert len(named) > 15
    for code in named:
        assert (ROOT / "src" / "perspect" / code).is_file() or (ROOT / code).is_file(), code


def test_every_function_that_is_named_beside_its_file_is_in_it():
    pairs = [pair for page in PAGES for pair in re.findall(r"`([a-z0-9_/]+\.py)`, `([a-z0-9_]+)`", text_of(page))]
    assert len(pairs) > 5
    for path, name in pairs:
        assert re.search(rf"def {name}\(", text_of(ROOT / "src" / "perspect" / path)), f"{name} is not in {path}"


@pytest.mark.parametrize("plan", [dsc.Plan, asl.Plan])
def test_every_choice_that_is_named_can_be_chosen(plan):
    known, room = {field.name for field in fields(plan)}, plan.__module__.split(".")[1]
    pattern = rf"(?:`|--set ){room}\.([a-z0-9_]+)(?=[=` ])"
    named = {name for page in PAGES for name in re.findall(pattern, text_of(page))}
    assert len(named) > 8
    assert named - {"html"} <= known  # dsc.html is the page


def test_every_option_that_is_named_is_an_option():
    commands = (application()[one] for one in FUNCTIONS)
    options = {name for one in commands for argument in one.assemble_argument_collection() for name in argument.names}
    ours = [re.sub(r"(?m)^chromium .*$", "", text_of(page)) for page in PAGES]  # the browser has options of its own
    named = {name for text in ours for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)}
    assert named - {"--help"} <= options


def test_every_flag_that_is_named_can_be_raised():
    raised = {row.split("`")[1] for row in reference.flag_page().splitlines() if row.startswith("| `")}
    table = text_of(DOCS / "learn" / "dsc.md").split("## The traps")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", table))
    assert len(named) > 10
    assert named <= raised


def test_the_table_of_maps_lists_every_map_of_a_run():
    head = head_object(HeadDesign((32, 32, 6), n_frames=60, onset=30.0, seed=2))
    brain, white = head.regions["brain"], head.regions["white"]
    made = dsc.quantify(head.series, dsc.Plan(motion=False), mask=brain, reference=white).maps
    listed = {row.split("`")[1] for row in reference.map_table().splitlines() if row.startswith("| `")}
    assert {f"desc-dsc_{key}.nii.gz" for key in made} == listed


def test_every_trap_and_protocol_is_in_the_tables_and_no_other():
    rows = [row.split("`")[1] for row in text_of(DOCS / "how-to" / "simulate.md").splitlines() if row.startswith("| `")]
    names = [*(one.name for one in TRAPS), *DSC_PROTOCOLS, *ASL_PROTOCOLS]
    assert [row for row in rows if "/" not in row and "." not in row and not row.startswith("--")] == names


def test_every_image_that_is_written_is_named():
    page = text_of(DOCS / "how-to" / "simulate.md")
    assert all(one.suffix in page and one.folder in page for one in NAMES.values())


def test_the_defaults_that_are_named_are_the_defaults():
    page = text_of(DOCS / "learn" / "dsc.md")
    assert np.isclose((1 - dsc.Plan().hct_large) / (1 - dsc.Plan().hct_small), 0.733, atol=5e-4)
    assert "0.733 by default" in page


def test_the_role_map_that_is_shown_is_one(tmp_path):
    """Every file that it names stands for one; what it says of them is read as it is meant."""
    (text,) = re.findall(r"```toml\n(# roles\.toml.*?)```", text_of(DOCS / "how-to" / "ask.md"), flags=re.DOTALL)
    for name in re.findall(r'"([^"]+/[^"]+)"', text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "roles.toml").write_text(text, encoding="utf-8")
    found = io.assigned(tmp_path)
    assert found.labels.subject == "07" and not found.unused and not found.unclear
    assert {role: len(some) for role, some in found.sources.items()} == {
        "t1w": 1, "t1c": 1, "flair": 1, "dsc": 2, "dce": 1, "vfa": 2, "asl": 1, "m0scan": 1, "aslcontext": 1, "adc": 1,
        "mrs": 2, "mrsref": 1, "t2star": 2,
    }  # fmt: skip
