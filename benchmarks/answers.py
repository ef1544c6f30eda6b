"""What `ask` answers to virtual patients whose truth is known: clean, with one trap, and with findings that disagree.

`python benchmarks/answers.py measure FILE [SEEDS]` measures patients around their lesion (slabs.py), one JSON line
each, seed after seed; what FILE already holds is not measured again. `python benchmarks/answers.py table FILE` weighs
them and prints the table of docs/learn/answers.md. Measuring takes minutes for a hundred patients, weighing seconds, so
that a change of a row is seen at once.

`python benchmarks/answers.py whole FILE [SEEDS]` simulates whole examinations instead and asks as `perspect ask` does
(two minutes each); `table FILE` is then the table of those. Gates nothing.
"""

import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import slabs
from perspect.app.demo import demonstrate
from perspect.evidence import Answer, Case, question, weigh
from perspect.evidence.side import Side
from perspect.phantom.study import Simulation
from perspect.vocabulary import Finding, Flag, Problem, Severity, marker

SEEDS = 200
WHOLE_SEEDS = 3

MEASURED = (
    "high-grade-glioma", "low-grade-glioma", "recurrence", "radiation-necrosis", "abscess", "metastasis", "lymphoma",
    "demyelination", "oligodendroglioma", "mixture",
)  # fmt: skip

RARE = ("oligodendroglioma", "mixture")
"""Shown beside the count, one in four seeds."""

WITH_DCE = ("high-grade-glioma", "low-grade-glioma", "oligodendroglioma")
WITH_2HG = ("high-grade-glioma", "low-grade-glioma")
WITH_CAVITY = ("high-grade-glioma", "abscess", "metastasis")

UNTREATED = {"adult": True, "treated": False, "steroids": False, "gadolinium_before_mrs": False}
TREATED = {**UNTREATED, "treated": True, "radiotherapy_days": 240.0, "antiangiogenic": False}


@dataclass(frozen=True)
class Asked:
    """A question, the scenarios on either side of it, and what is on record. `apart` are patients whose right side the
    question's own limits leave open; they are shown, and not counted."""

    key: str
    pro: tuple[str, ...]
    contra: tuple[str, ...]
    context: Mapping[str, Any] = field(default_factory=lambda: UNTREATED)
    apart: tuple[str, ...] = ()


ASKED = (
    Asked("grade", ("high-grade-glioma",), ("low-grade-glioma",), apart=("oligodendroglioma",)),
    Asked("recurrence", ("recurrence",), ("radiation-necrosis",), TREATED, ("mixture",)),
    Asked("recurrence-metastasis", ("metastasis",), ("radiation-necrosis",), TREATED),
    Asked("abscess", ("abscess",), ("high-grade-glioma", "metastasis")),
    Asked("lymphoma", ("lymphoma",), ("high-grade-glioma",)),
    Asked("metastasis-or-glioma", ("high-grade-glioma",), ("metastasis",)),
    Asked("demyelination", ("demyelination",), ("high-grade-glioma",), apart=("low-grade-glioma", "lymphoma")),
    Asked("idh", ("low-grade-glioma",), ("high-grade-glioma",)),
)

Patients = dict[tuple[str, int], dict[str, slabs.Measures]]


def measured(name: str, seed: int) -> dict[str, Any]:
    """Every modality of one patient, and DSC (odd seeds) or spectroscopy (even) once more with a trap."""
    simulation = Simulation(slabs.scenario_named(name), seed)
    patient = simulation.patient(slabs.template_of(simulation))
    chosen = np.random.default_rng([seed, zlib.crc32(name.encode())])
    how = {"with_2hg": name in WITH_2HG, "with_cavity": name in WITH_CAVITY}
    found = {
        "dsc": slabs.of_dsc(simulation, patient),
        "adc": slabs.of_adc(simulation, patient),
        "mrs": slabs.of_mrs(patient, seed, **how),
    }
    if seed % 2:
        trap = str(chosen.choice(slabs.IMAGE_TRAPS))
        spoilt, reference, motion = slabs.with_trap(simulation, trap)
        found[f"dsc:{trap}"] = slabs.of_dsc(spoilt, slabs.with_insert(patient, spoilt), reference, motion)
    else:
        trap = str(chosen.choice(slabs.SPECTRUM_TRAPS))
        found[f"mrs:{trap}"] = slabs.of_mrs(patient, seed, **how, trap=trap)
    if name in WITH_DCE:
        found |= {"dce": slabs.of_dce(simulation, patient), "asl": slabs.of_asl(simulation, patient)}
    enhances = "enhancing" in patient.regions
    return {
        "scenario": name, "seed": seed, "enhancing": enhances,
        "measures": {key: _plain(one) for key, one in found.items()},
    }  # fmt: skip


def examined(name: str, seed: int) -> dict[str, Any]:
    """A whole virtual examination, and all that `ask` finds in it."""
    with TemporaryDirectory() as folder:
        spectra = "2hg" if name in WITH_2HG else "usual"
        found = demonstrate(Path(folder), name, seed, mrs=spectra).examination.dossier
    facts = {key: fact for key, fact in found.case.facts.items() if key not in TREATED}
    return {
        "scenario": name, "seed": seed, "enhancing": bool(facts.pop("enhancing")),
        "measures": {"whole": _plain(slabs.Measures(found.findings, facts))},
    }  # fmt: skip


def _plain(one: slabs.Measures) -> dict[str, Any]:
    rows = [
        {
            "marker": f.marker.key, "region": f.region, "value": f.value, "std": f.std, "n": f.n,
            "with_traps": f.with_traps, "without_traps": f.without_traps, "above": f.above,
            "flags": [[flag.code, int(flag.severity), flag.sentence] for flag in f.flags],
        }
        for f in one.findings
    ]  # fmt: skip
    return {"facts": dict(one.facts), "findings": rows}


def _read(one: Mapping[str, Any]) -> slabs.Measures:
    findings = tuple(
        Finding(
            marker(row["marker"]), row["region"], row["value"], row["std"], row["n"], row["with_traps"],
            row["without_traps"], row["above"],
            tuple(Flag(code, Severity(grave), said, "lesion") for code, grave, said in row["flags"]),
        )
        for row in one["findings"]
    )  # fmt: skip
    return slabs.Measures(findings, one["facts"])


def measure(path: Path, seeds: int, of_patient: Callable[[str, int], dict[str, Any]] = measured) -> None:
    """Patients that `path` lacks, appended one by one."""
    there = {(one["scenario"], one["seed"]) for one in _lines(path)}
    with path.open("a", encoding="utf-8") as file:
        for seed in range(1, seeds + 1):
            for name in MEASURED:
                if (name, seed) in there or (name in RARE and seed % 4):
                    continue
                try:
                    line = of_patient(name, seed)
                except (Problem, KeyError) as problem:  # a slab that lacks a region
                    print(f"{name} {seed}: {problem}", flush=True)
                    continue
                file.write(json.dumps(line) + "\n")
                file.flush()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def loaded(path: Path) -> tuple[Patients, dict[tuple[str, int], bool]]:
    """What was measured, and whether the lesion enhances, by scenario and seed."""
    lines = _lines(path)
    patients = {
        (one["scenario"], one["seed"]): {key: _read(each) for key, each in one["measures"].items()} for one in lines
    }
    return patients, {(one["scenario"], one["seed"]): one["enhancing"] for one in lines}


def answered(asked: Asked, parts: Sequence[slabs.Measures], enhancing: bool) -> Answer:
    """The answer from what some series add."""
    facts = {key: fact for one in parts for key, fact in one.facts.items()}
    findings = tuple(one for part in parts for one in part.findings)
    return weigh(question(asked.key), findings, Case({**facts, **asked.context, "enhancing": enhancing}))


def arms(own: Mapping[str, slabs.Measures], other: Mapping[str, slabs.Measures]) -> Iterator[tuple[str, list[Any]]]:
    """The series of a patient as they are, with one replaced by itself with a trap, and by that of another patient."""
    clean = {key: one for key, one in own.items() if ":" not in key}
    yield "clean", list(clean.values())
    for key, one in own.items():
        if ":" in key:
            modality = key.split(":")[0]
            yield f"trap in {modality.upper()}", [*(v for k, v in clean.items() if k != modality), one]
    if "dsc" not in own:
        return
    yield "discordant", [*(v for k, v in clean.items() if k != "dsc"), other["dsc"]]


def table(path: Path) -> Iterator[str]:
    """A row for each question and scenario with everything clean; then one for each question and arm, both sides
    together.
    """
    patients, enhances = loaded(path)
    counted: dict[tuple[str, str, str], Counter[str]] = {}
    for asked in ASKED:
        for name in (*asked.pro, *asked.contra, *asked.apart):
            right = Side.FOR if name in asked.pro else Side.AGAINST
            against = asked.contra[0] if name in asked.pro else asked.pro[0]
            for (scenario, seed), own in patients.items():
                if scenario != name or (against, seed) not in patients:
                    continue
                for arm, parts in arms(own, patients[against, seed]):
                    kind = _kind(answered(asked, parts, enhances[scenario, seed]), right)
                    counted.setdefault((asked.key, name, arm), Counter())[kind] += 1
    yield "| question | patients | n | concordant | leans | right, % | no side | wrong: leans | concordant |"
    yield "|---|---|---|---|---|---|---|---|---|"
    apart = {(asked.key, name) for asked in ASKED for name in asked.apart}
    for (key, name, arm), some in counted.items():
        if arm == "clean":
            yield _row(f"{key} | {name}{' (not counted)' * ((key, name) in apart)}", some)
    yield "\n| question | arm | n | concordant | leans | right, % | no side | wrong: leans | concordant |"
    yield "|---|---|---|---|---|---|---|---|---|"
    together: dict[tuple[str, str], Counter[str]] = {}
    for (key, name, arm), some in counted.items():
        if (key, name) not in apart:
            together.setdefault((key, arm), Counter()).update(some)
    for (key, arm), some in together.items():
        yield _row(f"{key} | {arm}", some)


def _kind(answer: Answer, right: Side) -> str:
    if answer.word.strength < 2:
        return answer.word.value
    return f"{'right' if answer.side is right else 'wrong'} {answer.word.value}"


def _row(title: str, some: Counter[str]) -> str:
    n = some.total()
    good = some["right concordant"] + some["right leans"]
    silent = ", ".join(f"{some[key]} {key}" for key in ("discordant", "insufficient", "refused") if some[key])
    return (
        f"| {title} | {n} | {some['right concordant']} | {some['right leans']} | {100 * good / n:.1f} | "
        f"{silent or '0'} | {some['wrong leans']} | {some['wrong concordant']} |"
    )


def main(words: list[str]) -> None:
    path = Path(words[1])
    if words[0] in ("measure", "whole"):
        of_patient, usual = (measured, SEEDS) if words[0] == "measure" else (examined, WHOLE_SEEDS)
        measure(path, int(words[2]) if len(words) > 2 else usual, of_patient)
        return
    for row in table(path):
        print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
