"""A virtual patient from words to files: the only place where a phantom meets names, sidecars and disks."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

import numpy as np

import perspect
from perspect import io
from perspect.app import truth_files
from perspect.app.settings import meant
from perspect.app.sidecars import AXES, NAMES, name, sidecar, spectrum_name, spectrum_sidecar
from perspect.io import canonical, nifti_out
from perspect.io.nifti_mrs import nifti_mrs
from perspect.phantom import SCENARIOS, Patient, roi_truth
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.conventional import Diffusion
from perspect.phantom.protocols import ASL_PROTOCOLS, DSC_PROTOCOLS, MRS_PROTOCOLS, examination
from perspect.phantom.sequence import Acquired
from perspect.phantom.sequence import Sequence as Scan
from perspect.phantom.study import Simulation
from perspect.vocabulary import Problem
from perspect.vocabulary.progress import Progress, silent

SCHEMA: Final = "perspect-simulation-1"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Simulated:
    """What was written: the label of the subject, its patient, the folder of the truth, every file."""

    subject: str
    patient: Patient
    truth: Path
    files: tuple[Path, ...]


def simulate(
    out: Path,
    simulation: Simulation,
    *,
    overwrite: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Simulated:
    """A virtual patient, examined, written below `out` as a BIDS data set with its truth; everything or nothing.

    Raises `Problem` before anything is computed where `out` cannot take it. The number of threads changes no byte.
    """
    tell = progress or silent
    label = f"{simulation.seed:03d}"
    subject = io.Subject(label, {"species": "homo sapiens", "seed": str(simulation.seed)}, perspect.__version__)
    io.demand_room(out, subject, overwrite=overwrite)
    tell("reading the standard head", 0.0)
    template = io.icbm_2009a()
    tell("making the patient", 0.0)
    patient = simulation.patient(template)
    parts = _files(simulation, patient, f"sub-{label}", threads, tell)
    files = io.write_subject(out, subject, parts, _summary(simulation, patient), overwrite=overwrite)
    return Simulated(f"sub-{label}", patient, out / io.TRUTH / f"sub-{label}", files)


def named(words: Sequence[str], known: Sequence[T], what: str) -> tuple[T, ...]:
    """The values that people call so; a slip of the keyboard gets the nearest name back."""
    names = {str(getattr(one, "name")): one for one in known}  # noqa: B009
    for word in words:
        if word not in names:
            raise Problem(f"There is no {what} '{word}'.", meant(word, names), f"Known: {', '.join(names)}.")
    return tuple(names[word] for word in dict.fromkeys(words))


def demand_format(word: str) -> None:
    """Raises `Problem` where a data set is wanted in a form that is not there yet."""
    for one in word.split(","):
        if one == "dicom":
            raise Problem(
                "Virtual patients are not yet written as DICOM.",
                "What bolus, labels and spectra need to be read stands in fields that each vendor has of its own; "
                "writing them comes with DICOM in and out of a hospital, part 7 of the plan.",
                "Use --as bids, which every command reads; single images can be converted by a tool of yours, and lose "
                "what their sidecars say.",
            )
        if one != "bids":
            raise Problem(f"There is no form --as {one}.", meant(one, ("bids", "dicom")), "Use --as bids.")


def simulation_of(
    scenario: str,
    traps: Sequence[str] = (),
    seed: int = 1,
    dsc: str = "preload",
    asl: str = "single",
    mrs: str = "usual",
) -> Simulation:
    """What a person typed, as a value."""
    (one,) = named((scenario,), SCENARIOS, "scenario")
    sequences = examination(
        _protocol(dsc, DSC_PROTOCOLS, "--dsc"), _protocol(asl, ASL_PROTOCOLS, "--asl"),
        _protocol(mrs, MRS_PROTOCOLS, "--mrs"),
    )  # fmt: skip
    return Simulation(one, seed, named(traps, TRAPS, "trap"), sequences)


def _protocol(word: str, known: Mapping[str, T], option: str) -> T:
    if word not in known:
        raise Problem(f"There is no protocol {option} {word}.", meant(word, known), f"Known: {', '.join(known)}.")
    return known[word]


def _files(
    simulation: Simulation, patient: Patient, subject: str, threads: int, tell: Progress
) -> Iterator[io.Contents]:
    """The files of one sequence after the other, in whatever order they are done; the longest are begun first."""
    longest_first = sorted(simulation.sequences, key=lambda scan: scan.name not in ("dsc", "dce", "t2star"))

    def scanned(scan: Scan) -> io.Contents:
        acquired = simulation.scanned(patient, scan)
        return {**raw_files(acquired, subject), **truth_files.of_sequence(acquired, subject)}

    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting = [pool.submit(scanned, scan) for scan in longest_first]
        waiting.append(pool.submit(lambda: truth_files.of_patient(patient, roi_truth(patient), subject)))
        try:
            for done, future in enumerate(waiting):
                tell("scanning the patient", done / len(waiting))
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def raw_files(acquired: Acquired, subject: str) -> dict[PurePosixPath, bytes]:
    """The images of a sequence with their sidecars and tables."""
    made: dict[PurePosixPath, bytes] = {}
    scan = acquired.sequence
    for image in acquired.images:
        stem = PurePosixPath(subject) / NAMES[image.kind].folder / f"{subject}_{name(image)}"
        step = None if image.times is None or image.times.size < 2 else float(image.times[1] - image.times[0])
        about = f"{name(image)}, simulated; perspect {perspect.__version__}"
        made[stem.with_name(f"{stem.name}.nii.gz")] = nifti_out.image(
            image.values, image.grid, step=step, description=about
        )
        made[stem.with_name(f"{stem.name}.json")] = canonical.canonical(sidecar(scan, image, subject)).encode()
        if image.kind == "asl":
            rows = "\n".join(("volume_type", *acquired.table["volume_type"].tolist()))
            made[stem.with_name(f"{subject}_aslcontext.tsv")] = f"{rows}\n".encode()
        if image.kind == "dwi" and isinstance(scan, Diffusion):
            made |= _gradients(scan, stem)
    for signal in acquired.signals:
        stem = PurePosixPath(subject) / "mrs" / f"{subject}_{spectrum_name(scan, signal)}"
        side = spectrum_sidecar(scan, signal, subject)
        axes = tuple(AXES[axis] for axis in signal.spectra.axes)
        made[stem.with_name(f"{stem.name}.nii.gz")] = nifti_mrs(signal.spectra.values, signal.spectra, side, axes)
        made[stem.with_name(f"{stem.name}.json")] = canonical.canonical(side).encode()
    return made


def _gradients(scan: Diffusion, stem: PurePosixPath) -> dict[PurePosixPath, bytes]:
    directions = np.vstack([np.zeros((1, 3)), np.eye(3)[np.arange(scan.n_directions) % 3]])
    rows = "\n".join(" ".join(f"{one:g}" for one in axis) for axis in directions.T)
    return {
        stem.with_name(f"{stem.name}.bval"): (" ".join(f"{b:g}" for b in scan.b_values) + "\n").encode(),
        stem.with_name(f"{stem.name}.bvec"): f"{rows}\n".encode(),
    }


def _summary(simulation: Simulation, patient: Patient) -> dict[str, Any]:
    """What was simulated, for whoever may know the answer."""
    return {
        "schema": SCHEMA,
        "software": {"name": "perspect", "version": perspect.__version__},
        "scenario": simulation.scenario.name,
        "title": simulation.scenario.title,
        "seed": simulation.seed,
        "traps": {trap.name: trap.sentence for trap in simulation.traps},
        "sequences": [scan.name for scan in simulation.sequences],
        "regions": {name: region.n_voxels for name, region in patient.regions.items()},
        "sources": [f"{one.who}, {one.where}: {one.what}" for one in simulation.scenario.sources],
    }
