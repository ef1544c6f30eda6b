from pathlib import Path
from types import SimpleNamespace

import pytest

from perspect.app import Examination, demo, simulate
from perspect.cli import main
from small_dossier import small_dossier


@pytest.fixture
def asked(monkeypatch):
    """What reaches the simulation, which does nothing."""
    seen = {}

    def instead(out, simulation, **options):
        seen.update(out=out, simulation=simulation, **options)
        options["progress"]("making the patient", 0.0)
        return SimpleNamespace(subject="sub-001", truth=Path("truth"))

    monkeypatch.setattr(simulate, "simulate", instead)
    return seen


def test_every_option_reaches_the_simulation(asked, capsys):
    words = (
        "simulate out --scenario abscess --trap drift weak-bolus --trap calcium --seed 7 --dsc low-flip --asl multi "
        "--mrs 2hg "
        "--as bids --threads 1 --overwrite"
    )
    assert main(words.split()) == 0
    made = asked["simulation"]
    assert (made.scenario.name, made.seed) == ("abscess", 7)
    assert [one.name for one in made.traps] == ["drift", "weak-bolus", "calcium"]
    scans = {one.name: one for one in made.sequences}
    assert scans["dsc"] is simulate.DSC_PROTOCOLS["low-flip"]
    assert scans["asl"] is simulate.ASL_PROTOCOLS["multi"]
    assert scans["svs-2hg"].te == 0.097
    assert (asked["threads"], asked["overwrite"]) == (1, True)
    said = capsys.readouterr()
    assert "Pyogenic abscess, seed 7" in said.out
    assert "Trap: drift." in said.out
    assert "Truth: truth" in said.out
    assert said.err.splitlines() == ["making the patient"]


def test_quiet_prints_nothing(asked, capsys):
    assert main(["simulate", "out", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_what_cannot_take_a_patient_is_said_before_anything_is_made(tmp_path, capsys):
    """Another seed helps where a patient is there, and nowhere else."""
    (tmp_path / "file").touch()
    (tmp_path / "held" / "sub-001").mkdir(parents=True)
    said = {}
    for name in ("file", "held"):
        assert main(["simulate", str(tmp_path / name)]) == 2
        said[name] = capsys.readouterr().err
        assert len(said[name].splitlines()) == 1
    assert "file is a file. The results are a folder. Give another folder." in said["file"]
    assert "already holds this patient (sub-001)" in said["held"]
    assert "Give another --seed or another folder, or say --overwrite." in said["held"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("simulate out --scenario absces", "Did you mean 'abscess'?"),
        ("simulate out --as dicom", "Use --as bids, which every command reads"),
        ("simulate out --seed -1", "Must be >= 0"),
        ("simulate out --seed 1.5", "--seed: '1.5' is no whole number"),
        ("simulate out --trap drfit", "Did you mean 'drift'?"),
        ("simulate out --trap late-bolus truncated-tail", "exclude each other"),
        ("simulate", "OUT"),
        ("demo --scenario gliom", "There is no scenario 'gliom'"),
    ],
)
def test_a_wrong_call_is_answered_in_one_sentence(asked, words, said, capsys):
    assert main(words.split()) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_the_demonstration_prints_the_truth_and_the_page(monkeypatch, capsys):
    compared = (demo.Compared("enhancing", 900, 3.1, 0.2, 3.4),)
    found = Examination(small_dossier(), Path("demo/results/sub-001.html"))
    shown = demo.Demonstration(Path("demo/patient"), found, compared, "high-grade glioma")
    monkeypatch.setattr(demo, "demonstrate", lambda *words, **options: shown)
    assert main(["demo"]) == 0
    said = capsys.readouterr().out
    assert "3.10" in said
    assert "3.40" in said
    assert "Page: demo/results/sub-001.html" in said
    assert "Truth: high-grade glioma" in said
    assert "LEANS: features of high grade" in said
