"""One spectrum from files to files: the only place where its reading, science, page and writing meet."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import perspect
from perspect import io, mrs, report
from perspect.app.basis import Timing, basis_for, sequence_of
from perspect.app.edited import measured_pair, pair_in
from perspect.app.pairing import demand_same_place, water_remarks
from perspect.app.shares import Surroundings, TissueMaps
from perspect.app.voxel import NOTHING, place_of
from perspect.mrs.profile import SUMS
from perspect.mrs.scale import OF_WATER
from perspect.mrs.signals import spoken
from perspect.vocabulary import (
    Basis,
    Compared,
    Flag,
    MeasuredSpectrum,
    Problem,
    Recipe,
    Severity,
    Spectra,
    Step,
)
from perspect.vocabulary.progress import Progress, silent

WORDS_OF_STEAM: Final = ("steam", "svs_st", "_st_")
WORDS_OF_SLASER: Final = ("slaser", "semi-laser", "semilaser")

NOTHING_SAID: Final = io.SaidByHand()


@dataclass(frozen=True)
class SpectrumInputs:
    """The files of a spectrum and what was said by hand. `basis` is `None`: simulated for `timing`, where the header
    does not say it. `long` is a spectrum of the same voxel at another echo time, `long_te` in s. `fractions` are the
    shares of the voxel in grey, white, csf and lesion; `around` files from which they and its picture are made.
    `contralateral` is a spectrum of the other side, `contralateral_water` its reference; `compare` a COORD file of
    LCModel that is shown beside ours. `edited` is the edited partner of the spectrum, `edit` the ppm that its pulses
    turn; `region` the mask of a region of a spectroscopic image that is read as one spectrum.
    """

    spectrum: Path
    water: Path | None = None
    basis: Path | None = None
    said: io.SaidByHand = NOTHING_SAID
    timing: Timing | None = None
    long: Path | None = None
    long_te: float | None = None
    fractions: Mapping[str, float] | None = None
    around: Surroundings = NOTHING
    contralateral: Path | None = None
    contralateral_water: Path | None = None
    compare: Path | None = None
    edited: Path | None = None
    edit: tuple[float, float] | None = None
    region: Path | None = None


OTHER_SIDE: Final = "other side"
"""Where flags are of that speak of the spectrum of the other side, and not of the lesion's."""


@dataclass(frozen=True, eq=False)
class ExaminedSpectrum:
    """What was measured, the files that hold it, and what was measured on the other side of the head."""

    measured: MeasuredSpectrum
    written: io.Written
    other: MeasuredSpectrum | None = None


def examine_mrs(
    inputs: SpectrumInputs,
    out: Path,
    plan: mrs.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    tissues: TissueMaps | None = None,
    progress: Progress | None = None,
) -> ExaminedSpectrum:
    """Amounts, ratios, spectrum with fit and page of one voxel, written below `out`; `tissues` as in `examine_mrsi`.

    Raises `Problem` before anything is computed where an input is missing or wrong or `out` is taken; then nothing is
    written. A spectrum that must not be interpreted is written without numbers, for inspection only.
    """
    plan, tell = plan or mrs.Plan(), progress or silent
    destination = io.spectrum_destination(out, io.name_of(inputs.spectrum))
    io.demand_free(out, io.existing_spectrum(destination), overwrite, what="results of this spectrum")
    spectra, water, remarks = signals_of(inputs, tell)
    pair, of_edited = pair_in(inputs, spectra)
    spectra = spectra if pair is None else pair[0]
    side = None if inputs.contralateral is None else io.read_spectra(inputs.contralateral, inputs.said)[0]
    place = place_of(spectra, inputs.around, side, inputs.fractions, tissues)
    shares = inputs.fractions or place.fractions or None
    tell("basis", 0.0)
    measured, notes, used = _measured(inputs, spectra, pair, plan, water, shares, threads, tell)
    flags, other = (*remarks, *of_edited, *notes, *of_images(inputs), *place.flags, *measured.flags), None
    if side is not None:
        measured, other, further = _against(measured, inputs, side, plan, place.across or None, threads)
        flags = (*flags, *further)
    flags = (*flags, *idle_shares(inputs, str(measured.summary.get("unit"))))
    measured = _told(measured, flags, place.steps)
    tell("drawing", 0.0)
    beside = None if inputs.compare is None else compared(measured, inputs.compare)
    page = report.mrs_page(measured, facts(used[0]), voxel=place.picture, compared=beside)
    tell("writing", 0.0)
    read = (used[0], water, *used[1:])
    files = (inputs.edited, inputs.contralateral, inputs.contralateral_water, inputs.compare)
    examined = written(inputs, measured, page, plan, destination, read, files, overwrite=overwrite)
    return replace(examined, other=other)


def _measured(
    inputs: SpectrumInputs,
    spectra: Spectra,
    pair: tuple[Spectra, Spectra] | None,
    plan: mrs.Plan,
    water: Spectra | None,
    shares: Mapping[str, float] | None,
    threads: int,
    tell: Progress,
) -> tuple[MeasuredSpectrum, tuple[Flag, ...], tuple[Spectra, ...]]:
    """What is in a spectrum or an edited pair, what had to be assumed, and what was read, its own signal first."""
    if pair is not None:
        return *measured_pair(inputs, pair, plan, water, shares, threads), (spectra,)
    spectra, basis, notes = basis_of(inputs, spectra, threads)
    others, more = _other(inputs, spectra, threads)
    measured = mrs.measure(spectra, basis, plan, water=water, fractions=shares, others=others, progress=tell)
    return measured, (*more, *notes), (spectra, *(other for other, _ in others))


def written(
    inputs: SpectrumInputs,
    measured: MeasuredSpectrum,
    page: str,
    plan: mrs.Plan,
    destination: io.Destination,
    read: Iterable[Spectra | None],
    files: Iterable[Path | None],
    *,
    overwrite: bool,
) -> ExaminedSpectrum:
    """One spectrum's results in files, with the sums of all that they rest on: what was `read` as spectra, the basis,
    the images around, and more `files`.
    """
    sources = sources_of(read, (inputs.basis, *files, *inputs.around.files))
    results = io.SpectrumResults(
        measured, page, {"mrs": asdict(plan)}, sources, perspect.__version__, io.root_of(inputs.spectrum)
    )
    return ExaminedSpectrum(measured, io.write_spectrum(destination, results, overwrite=overwrite))


def _told(measured: MeasuredSpectrum, flags: tuple[Flag, ...], before: Iterable[Step]) -> MeasuredSpectrum:
    """The same with all flags, the gravest first, and with the steps that came before it."""
    return replace(measured, flags=gravest_first(flags), recipe=Recipe((*before, *measured.recipe.steps)))


def sources_of(read: Iterable[Spectra | None], files: Iterable[Path | None]) -> dict[str, str]:
    """Names and sums of all files that were read as spectra, and of others."""
    sources = {name: digest for one in read if one is not None for name, digest in one.sources.items()}
    return sources | {io.label(one): io.sha256(one) for one in files if one is not None}


def _against(
    measured: MeasuredSpectrum,
    inputs: SpectrumInputs,
    side: Spectra,
    plan: mrs.Plan,
    fractions: Mapping[str, float] | None,
    threads: int,
) -> tuple[MeasuredSpectrum, MeasuredSpectrum, tuple[Flag, ...]]:
    """The result over that of the other side, that one, measured in the same way, and what is wrong with it."""
    assert inputs.contralateral is not None
    water = io.water_within(inputs.contralateral, inputs.said)
    if inputs.contralateral_water is not None:
        water = io.read_spectra(inputs.contralateral_water, inputs.said)[0]
    side, basis, _ = basis_of(inputs, side, threads)
    found = mrs.measure(side, basis, plan, water=water, fractions=fractions)
    flags = tuple(
        replace(flag, where=f"{OTHER_SIDE}, {side.name}") for flag in found.flags if flag.severity >= Severity.CAUTION
    )
    is_refused = any(flag.severity == Severity.REFUSED for flag in flags)
    # The other side's refusal limits the comparison, not the lesion's own result.
    flags = tuple(replace(flag, severity=min(flag.severity, Severity.LIMITED)) for flag in flags)
    return measured if is_refused else mrs.against(measured, found), found, flags


def compared(measured: MeasuredSpectrum, path: Path) -> Compared:
    """Ratios to total creatine of ours and of LCModel, where both have them."""
    theirs, ours = io.read_coord(path), measured.amounts
    below = ours.get(_our_name(theirs.denominator))
    rows = []
    for name, ratio in theirs.ratios.items():
        one = ours.get(_our_name(name))
        if one is not None and below is not None and below.value > 0:
            relative = theirs.deviations[name] / theirs.amounts[name] if theirs.amounts[name] > 0 else 0.0
            there = f"{ratio:.3g} ± {relative * ratio:.2g}" if relative else "not found"
            rows.append((one.key, f"{one.value / below.value:.3g} ± {one.std / below.value:.2g}", there))
    return Compared(path.name, theirs.denominator, tuple(rows))


def _our_name(theirs: str) -> str:
    """What LCModel calls by its parts is a sum of ours where it is no more than that."""
    parts = set(theirs.split("+"))
    return next((key for key, ours in SUMS if len(parts) > 1 and parts <= set(ours)), theirs)


def signals_of(inputs: SpectrumInputs, tell: Progress) -> tuple[Spectra, Spectra | None, tuple[Flag, ...]]:
    """The signal, the water reference where there is one, and what was remarked on while reading."""
    tell("reading", 0.0)
    spectra, remarks = read_image(inputs.spectrum, inputs.said)
    if inputs.water is None:
        return spectra, io.water_within(inputs.spectrum, inputs.said), remarks
    water, more = read_image(inputs.water, inputs.said)
    demand_same_place(spectra, water, "water reference")
    return spectra, water, (*remarks, *more, *water_remarks(spectra, water))


def read_image(path: Path, said: io.SaidByHand) -> tuple[Spectra, tuple[Flag, ...]]:
    """The signals in a file, as an image where the file holds samples of k-space."""
    found, flags = io.read_spectra(path, said)
    stated = found.header.get("kSpace")
    axes = tuple(at for at, one in enumerate(stated) if one is True) if isinstance(stated, list) else ()
    if not axes:
        return found, flags
    along = ", ".join("xyz"[at] for at in axes)
    sentence = (
        f"{found.name} holds samples of k-space, which were made an image along {along}. Samples do not say which end "
        "of an axis is which: compare the maps with an image."
    )
    return mrs.reconstructed(found, axes), (*flags, Flag("from-kspace", Severity.CAUTION, sentence, source="reading"))


def is_grid(inputs: SpectrumInputs) -> bool:
    """Whether the file holds several voxels."""
    return not io.read_spectra(inputs.spectrum, inputs.said)[0].is_single


def of_images(inputs: SpectrumInputs) -> tuple[Flag, ...]:
    """What was said by hand and means nothing for a single voxel."""
    names = [
        name for name, value in (("--pulse-box", inputs.around.box), ("--readout", inputs.around.readout)) if value
    ]
    if not names:
        return ()
    return (Flag("of-images", Severity.CAUTION, f"Of one voxel nothing was made of: {', '.join(names)}."),)


def idle_shares(inputs: SpectrumInputs, unit: str) -> tuple[Flag, ...]:
    """What is said where tissue was told and no water is scaled by it."""
    around = inputs.around
    if unit in OF_WATER or not (inputs.fractions or around.tissue or around.t1w):
        return ()
    sentence = (
        f"What the voxel holds scales no amount here: amounts are in {unit}. Shares of tissue count with a water "
        "reference (--water, --reference water)."
    )
    severity = Severity.CAUTION if inputs.fractions or around.tissue else Severity.NOTE
    return (Flag("idle-shares", severity, sentence, source="place"),)


def basis_of(inputs: SpectrumInputs, spectra: Spectra, threads: int) -> tuple[Spectra, Basis, tuple[Flag, ...]]:
    """The basis that was given, or one simulated for what is known of the sequence; and what had to be assumed."""
    if inputs.basis is not None:
        if inputs.timing is not None:
            raise Problem(
                f"The basis {inputs.basis.name} is given, and a sequence to simulate one for.",
                "A basis that was given is of the sequence that it was made for.",
                "Leave out --basis, or --sequence, --te1, --te2, --tm and --pulses.",
            )
        given = io.read_any_basis(inputs.basis)
        return (spectra if spectra.te is not None else replace(spectra, te=given.te)), given, ()
    te = inputs.timing.te if inputs.timing is not None else spectra.te
    if te is None:
        raise Problem(
            f"{spectra.name} has no echo time.",
            "Coupled lines turn with it, so that no basis can be simulated.",
            "Give --te in seconds, or --basis FILE.",
        )
    timing = inputs.timing or Timing(sequence_named(spectra.header), te)
    sequence = sequence_of(timing)
    basis = basis_for(timing, spectra.frequency, spectra.dwell, spectra.n_points, threads=threads)
    pulses = "ideal pulses" if timing.pulses is None else f"the pulse of {timing.pulses.name}"
    when = f"{'first point after' if timing.sequence == 'fid' else 'TE'} {te * 1e3:g} ms"
    sentence = (
        f"The basis was simulated for {spoken(sequence)} with {pulses}, {when}; what the file does not say "
        "of the sequence was assumed. --sequence, --te1, --tm and --pulses say it."
    )
    note = Flag("assumed-sequence", Severity.NOTE, sentence, source="basis")
    return replace(spectra, te=te), basis, ((note,) if inputs.timing is None or is_open(timing) else ())


def is_open(timing: Timing) -> bool:
    """Whether something that decides the signals of a sequence is left to be assumed."""
    if timing.sequence == "fid":
        return False
    if timing.sequence == "steam":
        return timing.tm is None
    if timing.sequence == "slaser":
        return timing.te1 is None or timing.te2 is None
    return timing.te1 is None and timing.te2 is None


def _other(
    inputs: SpectrumInputs, spectra: Spectra, threads: int
) -> tuple[list[tuple[Spectra, Basis]], tuple[Flag, ...]]:
    """The spectrum at another echo time, with a basis of its own."""
    if inputs.long is None:
        return [], ()
    said = replace(inputs.said, te=inputs.long_te)
    other, remarks = io.read_spectra(inputs.long, said)
    demand_same_place(spectra, other, "spectrum at another echo time")
    timing, te = None, inputs.long_te or other.te
    if inputs.timing is not None and te is not None:
        timing = replace(inputs.timing, te=te, te1=None, te2=None)
    other, basis, notes = basis_of(replace(inputs, basis=None, timing=timing), other, threads)
    return [(other, basis)], (*remarks, *notes)


def sequence_named(header: Mapping[str, Any]) -> Any:
    """The kind of sequence that a header speaks of; PRESS where it does not say."""
    said = " ".join(str(header.get(key, "")) for key in ("SequenceName", "ProtocolName", "PulseSequenceType")).lower()
    if any(word in said for word in WORDS_OF_STEAM):
        return "steam"
    return "slaser" if any(word in said for word in WORDS_OF_SLASER) else "press"


def facts(spectra: Spectra) -> dict[str, Any]:
    """What the header says, values that come with a unit without it."""
    return {key: io.undescribed(one) for key, one in spectra.header.items()}


def gravest_first(flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
    """Flags, the gravest first."""
    return tuple(sorted(flags, key=lambda flag: -flag.severity))
