"""Basis sets on demand: simulated for a sequence, remembered on disk by what they depend on, written for others."""

import os
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import get_ident
from typing import Final, Literal
from zipfile import BadZipFile

import numpy as np

import perspect
from perspect import io
from perspect.models.spins import MOLECULES, MegaPress, Press, Pulse, PulseAcquire, SemiLaser, Sequence, Steam, field_of
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import simulated_basis
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Basis, Problem

SequenceName = Literal["press", "steam", "slaser", "fid", "mega-press"]
Part = Literal["difference", "on", "off"]

ALL: Final = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
"""What a basis holds unless it is said otherwise: whatever either profile fits."""

NO_BAND: Final = (0.0, 0.0)
"""Editing pulses that turn nothing."""

FIRST_ECHO: Final = (0.42, 0.017)
"""The first echo of PRESS where it is not known: this share of TE, and no longer than this many s [our default]."""

MIXING: Final = 0.010
"""The mixing time of STEAM where it is not known, in s."""

PULSE: Final = 0.0052
"""Duration of a pulse whose file does not say it, in s."""


LONGEST_DELAY: Final = 0.010
"""s between excitation and first point beyond which somebody means an echo time: lines are gone by then or have turned
several times [our default]."""

PARTS: Final = {
    "press": {"--te1", "--te2", "--pulses", "--pulse-duration"}, "steam": {"--tm", "--pulses", "--pulse-duration"},
    "slaser": {"--te1", "--te2", "--pulses", "--pulse-duration"}, "fid": set[str](),
    "mega-press": {"--te1", "--te2", "--pulses"},
}  # fmt: skip
"""What may be said of each sequence."""


@dataclass(frozen=True)
class Timing:
    """A sequence as people say it; times in s, the band of editing pulses (`None`: there are none) in ppm. What is else
    `None` is assumed, and said to be. `te` of "fid" is the time until the first point.
    """

    sequence: SequenceName = "press"
    te: float = 0.030
    te1: float | None = None
    te2: float | None = None
    tm: float | None = None
    pulses: Path | None = None
    pulse_duration: float | None = None
    band: tuple[float, float] | None = None


def sequence_of(timing: Timing) -> Sequence:
    """The sequence that is simulated. Raises `Problem` where its times contradict each other or it has no such part."""
    if not 0 <= timing.te <= 1.0:
        raise Problem(f"An echo time of {timing.te} s.", "It is given in s.", "For example --te 0.030.")
    _demand_heeded(timing)
    pulse = None if timing.pulses is None else pulse_of(timing.pulses, timing.pulse_duration or PULSE)
    if timing.sequence == "fid":
        return PulseAcquire(timing.te)
    if timing.sequence == "steam":
        return Steam(timing.te, timing.tm if timing.tm is not None else MIXING, _quarter(pulse))
    if timing.sequence == "slaser":
        first, second = timing.te1 or timing.te * 8 / 28, timing.te2 or timing.te * 11 / 28
        return SemiLaser(first, second, _rest(timing.te, first + second), pulse)
    first = timing.te1 if timing.te1 is not None else min(FIRST_ECHO[0] * timing.te, FIRST_ECHO[1])
    if timing.te1 is None and timing.te2 is not None:
        first = _rest(timing.te, timing.te2)
    if timing.sequence == "mega-press":
        if pulse is not None:
            raise Problem(
                f"The pulse of {pulse.name} was given for MEGA-PRESS.",
                "Its pulses are simulated as perfect ones: it would be read by nobody.",
                "Leave --pulses out, or give a basis that was made elsewhere.",
            )
        return MegaPress(first, _rest(timing.te, first), timing.band or NO_BAND)
    return Press(first, _rest(timing.te, first), pulse)


def _demand_heeded(timing: Timing) -> None:
    """Raises `Problem` for what a sequence has not, and nobody would read."""
    if timing.sequence == "fid" and timing.te > LONGEST_DELAY:
        raise Problem(
            f"An echo time of {timing.te * 1e3:g} ms, and pulse and acquire as the sequence.",
            "It has no echo; --te is the time from excitation to the first point there, a ms or two.",
            "Leave --te out, or say another --sequence.",
        )
    parts = {
        "--te1": timing.te1, "--te2": timing.te2, "--tm": timing.tm, "--pulses": timing.pulses,
        "--pulse-duration": timing.pulse_duration,
    }  # fmt: skip
    heeded = PARTS[timing.sequence] if timing.pulses is not None else PARTS[timing.sequence] - {"--pulse-duration"}
    idle = [name for name, value in parts.items() if value is not None and name not in heeded]
    if idle:
        ending = " without a pulse" if idle == ["--pulse-duration"] and timing.pulses is None else ""
        raise Problem(
            f"{' and '.join(idle)} given for {timing.sequence}{ending}.",
            "Such a sequence has none: it would be read by nobody.",
            "Say another --sequence, or leave it out.",
        )
    both = (timing.te1 or 0.0) + (timing.te2 or 0.0)
    is_whole = timing.te1 is None or timing.te2 is None or abs(both - timing.te) < 1e-6
    if timing.sequence in ("press", "mega-press") and not is_whole:
        raise Problem(
            f"Two echoes of {both * 1e3:g} ms together, and an echo time of {timing.te * 1e3:g} ms.",
            "This sequence has these two echoes and no more.",
            "Leave one of --te1, --te2 and --te to follow from the others.",
        )


def _rest(te: float, used: float) -> float:
    if used >= te:
        raise Problem(
            f"The first echoes last {used * 1e3:g} ms and the whole {te * 1e3:g} ms.",
            "Nothing is left for the last echo.",
            "Give --te as the total echo time, in s.",
        )
    return te - used


def pulse_of(path: Path, duration: float) -> Pulse:
    """A refocusing pulse from a file, as strong as refocuses best on resonance."""
    shape, name = io.read_pulse(path)
    return Pulse(shape, duration, name).scaled(np.pi)


def _quarter(pulse: Pulse | None) -> Pulse | None:
    return None if pulse is None else pulse.scaled(np.pi / 2)


def basis_for(
    timing: Timing, frequency: float, dwell: float, n_points: int, names: tuple[str, ...] = ALL, threads: int = 1
) -> Basis:
    """A simulated basis, from the cache where the same was made before."""
    path = cache() / f"{_digest(timing, frequency, dwell, n_points, names)}.npz"
    found = _remembered(path)
    if found is not None:
        return found
    with on_threads(threads):
        made = simulated_basis(names, sequence_of(timing), frequency, dwell, n_points)
    _remember(path, made)
    return made


def cache() -> Path:
    """Where basis sets are remembered; it may be deleted at any time."""
    home = os.environ.get("PERSPECT_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "perspect" / "basis"


def _digest(timing: Timing, frequency: float, dwell: float, n_points: int, names: tuple[str, ...]) -> str:
    """Everything that the signals depend on: sequence, pulse, axis, spin systems, and the version of the code."""
    pulse = "" if timing.pulses is None else sha256(timing.pulses.read_bytes()).hexdigest()
    systems = [repr(MOLECULES[one].systems) for one in MOLECULES]
    text = repr((perspect.__version__, timing, pulse, frequency, dwell, n_points, names, systems))
    return sha256(text.encode()).hexdigest()[:32]


def _remembered(path: Path) -> Basis | None:
    try:
        with np.load(path, allow_pickle=False) as held:
            return Basis(
                tuple(map(str, held["names"])), held["values"], float(held["dwell"]), float(held["frequency"]),
                float(held["te"]), str(held["origin"]), delay=float(held["delay"]),
            )  # fmt: skip
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _remember(path: Path, made: Basis) -> None:
    """Writes under a temporary name; a disk that refuses costs time and nothing else."""
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{get_ident()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            temporary, names=np.array(made.names), values=made.values, dwell=made.dwell, frequency=made.frequency,
            te=made.te or 0.0, origin=made.origin, delay=made.delay,
        )  # fmt: skip
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def write_basis(
    out: Path, timing: Timing, field: float, bandwidth: float, n_points: int, names: tuple[str, ...], *,
    part: Part = "difference", overwrite: bool = False, threads: int = 1,
) -> Basis:  # fmt: skip
    """A basis file, LCModel's or NIfTI-MRS by its ending; of an edited sequence the `part` that is asked for."""
    if out.exists() and not overwrite:
        raise Problem(f"{out} is there already.", "It is not overwritten unasked.", "Say --overwrite.")
    if not out.name.lower().endswith((".basis", ".nii.gz")):
        raise Problem(
            f"{out.name} ends neither in .basis nor in .nii.gz.",
            "The ending says what is written.",
            "Give one of the two.",
        )
    if not bandwidth > 0 or n_points < 64 or not field > 0:
        raise Problem(
            f"A basis of {n_points} points, {bandwidth:g} Hz wide, at {field:g} T.",
            "Field and bandwidth must be positive, and 64 points are the least that hold a line.",
            "Give --field, --bandwidth and --points as the spectra have them.",
        )
    made = _part(part, timing, (field_of(field), 1 / bandwidth, n_points), names or ALL, threads)
    if made.delay and out.name.lower().endswith(".basis"):
        raise Problem(
            f"The first point comes {made.delay * 1e3:g} ms after excitation, which LCModel's form cannot say.",
            "Broad signals that a fit adds would begin at another time than the molecules.",
            "Write NIfTI-MRS (.nii.gz).",
        )
    text = io.basis_text(made).encode() if out.name.lower().endswith(".basis") else io.basis_nifti(made)
    temporary = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text)
        temporary.replace(out)
    except OSError as error:
        raise Problem(
            f"{out} could not be written: {error.strerror or error}.", "The basis is lost.", "Give another --out."
        ) from error
    return made


def _part(part: Part, timing: Timing, axis: tuple[float, float, int], names: tuple[str, ...], threads: int) -> Basis:
    """The edited or the unedited signals of a pair, or their difference; of another sequence its only ones."""
    if timing.sequence != "mega-press":
        if timing.band is not None or part != "difference":
            what = "A part of an edited pair" if timing.band is None else "A band of editing pulses"
            raise Problem(
                f"{what} was given, and the sequence is {timing.sequence}.",
                "It would be ignored.",
                "Say --sequence mega-press.",
            )
        return basis_for(timing, *axis, names, threads)
    off, on = edited_bases(timing, axis, names, threads)
    if part != "difference":
        return on if part == "on" else off
    return replace(on, values=on.values - off.values, origin=f"{on.origin}, edited minus unedited")


def edited_bases(
    timing: Timing, axis: tuple[float, float, int], names: tuple[str, ...] = ALL, threads: int = 1
) -> tuple[Basis, Basis]:
    """The unedited and the edited signals at a spectrometer frequency (Hz), dwell time (s) and number of points."""
    if timing.band is None or not timing.band[0] < timing.band[1]:
        raise Problem(
            "It is not said what the editing pulses turn.",
            "What is edited follows from it: GABA is with 1.75 to 2.05 ppm, lactate with 3.95 to 4.25.",
            "Give --edit LOW HIGH in ppm.",
        )
    off, on = (
        basis_for(replace(timing, sequence="mega-press", band=band), *axis, names, threads)
        for band in (None, timing.band)
    )
    return off, on
