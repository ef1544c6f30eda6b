import inspect
import re
import subprocess
import sys
from io import StringIO
from math import radians
from typing import get_args, get_type_hints

import numpy as np
import pytest

from perspect.cli import commands, main
from perspect.cli.common import whole, wholes
from perspect.cli.progress import watched
from perspect.cli.run import FUNCTIONS, application, brief, spread
from perspect.dsc import Plan
from perspect.vocabulary import Refusal, Severity
from perspect.vocabulary.progress import of_room
from small_measured import small_measured


@pytest.fixture(autouse=True)
def hook():
    """A call replaces the hook for unforeseen errors; the tests put it back."""
    before = sys.excepthook
    yield
    sys.excepthook = before


def test_every_command_of_the_table_exists_and_no_other():
    assert [one.name for one in commands.COMMANDS] == list(FUNCTIONS)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_command_has_an_example_in_its_help(name, capsys):
    assert main([name, "--help"]) == 0
    assert f"Example: perspect {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_option_that_is_a_whole_number_refuses_a_fraction(name):
    """The parser would round it: `--seed 1.5` made patient 2."""
    options = application()[name].assemble_argument_collection()
    for one in options:
        if one.hint in (int, int | None, tuple[int, ...]):
            assert one.parameter.converter is (wholes if one.hint == tuple[int, ...] else whole), one.name


@pytest.mark.parametrize("field", ["leakage", "deconvolution"])
def test_the_choices_in_the_help_are_those_of_the_plan(field, capsys):
    main(["dsc", "--help"])
    *first, last = get_args(get_type_hints(Plan)[field])
    assert f"{', '.join(first)} or {last}" in capsys.readouterr().out


def test_a_run_prints_reference_flags_and_page(series, asked, tmp_path, capsys):
    assert main(["dsc", str(series), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "rCBV relative to normal-appearing white matter, 18 voxels (found)." in said.out
    assert "CAUTION: The tail of the bolus is short. [volumes 8 to 11]" in said.out
    assert f"Page: {tmp_path / 'out' / 'sub-01.html'}" in said.out
    assert said.err.splitlines() == ["reading", "flow", "drawing", "writing"]


def test_quiet_prints_nothing_at_all(series, asked, tmp_path, capsys):
    assert main(["dsc", str(series), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_notes_are_counted_and_shown_only_when_asked_for(series, asked, tmp_path, capsys):
    asked["measured"] = small_measured(severity=Severity.NOTE)
    main(["dsc", str(series), "--out", str(tmp_path / "a")])
    assert "1 note (--verbose shows them" in capsys.readouterr().out
    main(["dsc", str(series), "--out", str(tmp_path / "b"), "--verbose"])
    said = capsys.readouterr().out
    assert "NOTE: The tail of the bolus is short." in said
    assert "Methods: ΔR2* is -ln(S/S0)/TE." in said


def test_every_option_reaches_the_examination(series, asked, save_mask, tmp_path):
    mask = str(save_mask(np.ones((5, 4, 3), np.uint8)))
    times = tmp_path / "times.txt"
    times.write_text("\n".join(str(n * 1.25) for n in range(12)))
    words = (
        f"dsc {series} --out {tmp_path / 'out'} --te 0.025 --tr 1.25 --flip-angle 60 --field 3 --preload yes "
        f"--times {times} --mask {mask} --reference {mask} --aif {mask} --leakage bsw --deconvolution csvd --no-motion "
        "--seed 4 --set dsc.guard=2 --threads 1 --quiet"
    )
    assert main(words.split()) == 0
    (one,) = asked["series"]
    taken = one.acquisition
    assert (taken.te, taken.tr, taken.field, taken.has_preload) == (0.025, 1.25, 3, True)
    assert taken.flip_angle == pytest.approx(radians(60))
    np.testing.assert_allclose(one.times, np.arange(12) * 1.25)
    assert all(asked[key].n_voxels == 60 for key in ("mask", "reference", "aif"))
    assert asked["plan"] == Plan(leakage="bsw", deconvolution="csvd", motion=False, seed=4, guard=2.0)


def test_a_plan_file_is_read_and_options_win(series, asked, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('[dsc]\nleakage = "leu"\nmotion = false\n')
    main(["dsc", str(series), "--out", str(tmp_path / "out"), "--plan", str(file), "--leakage", "bsw", "--quiet"])
    assert (asked["plan"].leakage, asked["plan"].motion) == ("bsw", False)


def test_two_echoes_may_be_given_as_two_files_with_two_echo_times(series, asked, tmp_path):
    second = series.with_name("sub-02_dsc.nii.gz")
    second.write_bytes(series.read_bytes())
    words = ["dsc", "--te", "0.01", "0.03", str(series), str(second), "--tr", "1.5", "--out", str(tmp_path / "out")]
    assert main([*words, "--quiet"]) == 0
    assert [one.acquisition.te for one in asked["series"]] == [0.01, 0.03]


@pytest.mark.parametrize(
    ("words", "spread_out"),
    [
        ("--te 0.01 0.03 a.nii", "--te 0.01 --te 0.03 a.nii"),
        ("a --te 0.03 --tr 1.5 2", "a --te 0.03 --tr 1.5 2"),
        ("--te 0.01 a.nii 0.03", "--te 0.01 a.nii 0.03"),
        ("--te", "--te"),
        ("--te=0.01 b", "--te=0.01 b"),
    ],
)
def test_several_echo_times_never_swallow_the_file_after_them(words, spread_out):
    assert spread(words.split()) == spread_out.split()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dsc none.nii --out {tmp}/out", "There is no file or folder"),
        ("dsc {series}", "--out"),
        ("dsc {series} --out {tmp}/out --te soon", "soon"),
        ("dsc {series} --out {tmp}/out --te 30", "looks like milliseconds"),
        ("dsc {series} --out {tmp}/out --flip-angle -60", "--flip-angle is -60.0. It must be a positive number."),
        ("dsc {series} --out {tmp}/out --leakage bws", "Did you mean 'bsw'?"),
        ("dsc {series} --out {tmp}/out --set dsc.leakge=bsw", "Did you mean 'leakage'?"),
        ("ask measure {tmp} --out {tmp}/out --set dsc.leakge=bsw", "Did you mean 'leakage'?"),
        ("ask measure {tmp} --out {tmp}/out --plan none.toml", "There is no settings file none.toml"),
        ("t1 {series} --out {tmp}/out --set dsc.leakage=bsw", "T1 is measured without a plan"),
        ("dsc {series} --out {tmp}/out --preload perhaps", "perhaps"),
        ("dsc {series} --out {tmp}/out --threads 0", "threads"),
        ("dsc {series} --out {tmp}/out --leakag bsw", "Did you mean --leakage?"),
        ("dsc {series} --out {tmp}/out --mask none.nii", "There is no file none.nii"),
        ("dsc {series} --out {tmp}/out --t1 {series}", "three axes"),
        ("dsc {series} --out {tmp}/out --delta-t1 none.nii", "--t1"),
        ("dsc {series} --out {series}", "is a file"),
        ("dcs {series}", 'Did you mean "dsc"?'),
        ("describe quantity rcbx", "Did you mean 'rcbv'?"),
    ],
)
def test_a_wrong_call_ends_with_2_and_one_line_that_says_what(series, asked, tmp_path, capsys, words, said):
    assert main(words.format(series=series, tmp=tmp_path).split()) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert "Traceback" not in err
    assert out == ""
    lines = [line for line in err.splitlines() if line != "reading"]
    assert len(lines) == 1
    assert not (tmp_path / "out").exists()


def test_a_file_that_may_not_be_read_is_named(series, asked, tmp_path, capsys, monkeypatch):
    def forbid(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("perspect.io.series.sha256", forbid)
    assert main(["dsc", str(series), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "sub-01_dsc.nii.gz may not be read" in capsys.readouterr().err


def test_a_refusal_ends_with_3_and_its_reason(series, asked, tmp_path, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise Refusal("There is no bolus.", "Nothing passed.", "Check the injection.")

    monkeypatch.setattr("perspect.dsc.quantify", refuse)
    assert main(["dsc", str(series), "--out", str(tmp_path / "out"), "--quiet"]) == 3
    assert capsys.readouterr().err == "perspect: There is no bolus. Nothing passed. Check the injection.\n"


def test_numbers_that_must_not_be_interpreted_end_with_3_though_their_page_is_written(series, asked, tmp_path, capsys):
    asked["measured"] = small_measured(severity=Severity.REFUSED)
    assert main(["dsc", str(series), "--out", str(tmp_path / "out"), "--quiet"]) == 3
    assert (tmp_path / "out" / "sub-01.html").is_file()
    assert capsys.readouterr() == ("", "perspect: REFUSED: The tail of the bolus is short. [volumes 8 to 11]\n")


def test_where_a_flag_refuses_it_is_said_first_and_no_map_is_named(series, asked, tmp_path, capsys):
    asked["measured"] = small_measured(severity=Severity.REFUSED)
    assert main(["dsc", str(series), "--out", str(tmp_path / "out"), "--verbose"]) == 3
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == "REFUSED: The tail of the bolus is short. [volumes 8 to 11]"
    assert "for inspection only" in second
    assert "rcbv" not in "\n".join(rest).lower()
    assert rest[-1] == f"Page: {tmp_path / 'out' / 'sub-01.html'}"


def test_the_traceback_of_a_problem_is_shown_on_request(series, asked, tmp_path, capsys):
    assert main(["dsc", "none.nii", "--out", str(tmp_path / "out"), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unforeseen_error_ends_with_1_and_one_line(tmp_path):
    code = (
        "import sys; from perspect.cli import main, commands; from perspect.cli import run; "
        "run.FUNCTIONS['doctor'].__globals__['Path'] = None; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "--debug shows more" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_interruption_says_that_nothing_was_written(capsys):
    brief(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert "interrupted; nothing was written" in capsys.readouterr().err


def test_the_example_of_every_command_names_options_that_exist():
    for one in commands.COMMANDS:
        names = inspect.signature(FUNCTIONS[one.name]).parameters
        options = [word[2:].replace("-", "_") for word in one.example.split() if word.startswith("--")]
        assert set(options) <= set(names)


class Terminal(StringIO):
    """A terminal that keeps what it is told."""

    def isatty(self):
        return True


def test_a_terminal_sees_no_bar_in_the_first_two_seconds(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with watched(quiet=False) as tell:
        tell("motion", 0.5)
        early = terminal.getvalue()
        monkeypatch.setattr("perspect.cli.progress.PATIENCE", -1.0)
        tell("flow", 0.5)
    assert "motion" not in early
    assert "flow" in terminal.getvalue()


@pytest.mark.parametrize("words", ["dce --out out --t1 1.4", "t1 --out out"])
def test_a_seed_that_nothing_would_read_is_refused(words, series, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*words.split(), "--seed", "3", str(series)]) == 2
    assert "--seed" in capsys.readouterr().err


def test_stages_of_two_rooms_at_once_have_bars_of_their_own(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("perspect.cli.progress.PATIENCE", -1.0)
    with watched(quiet=False) as tell:
        tell("anatomy", 0.0)
        dsc, dce = of_room(tell, "dsc"), of_room(tell, "dce")
        dsc("reading", 0.3)
        dce("reading", 0.0)
        dce("T1", 0.5)
        last = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()).rpartition("anatomy")[2]
    # The next stage of a room ends its former one, and none of the other's.
    assert [line.split("%")[0].split()[-1] for line in last.splitlines()[1:4]] == ["30", "100", "50"]
    assert "dsc: reading" in last and "dce: T1" in last


def test_lines_say_the_room_of_a_stage(capsys):
    with watched(quiet=False) as tell:
        for room in ("dsc", "dce", "dsc"):
            of_room(tell, room)("reading", 0.0)
    assert capsys.readouterr().err.splitlines() == ["dsc: reading", "dce: reading"]
