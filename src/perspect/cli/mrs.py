"""`perspect mrs`: amounts from one spectrum."""

import sys
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, Common
from perspect.cli.progress import watched
from perspect.vocabulary import Amount, Flag, Measured, MeasuredSpectrum, Problem, Refusal, Severity

if TYPE_CHECKING:
    from perspect.app import ExaminedSpectrum, SpectrumInputs
    from perspect.app.basis import SequenceName, Timing
    from perspect.io import SaidByHand
    from perspect.mrs import Plan

INSPECTION: Final = "The files were written for inspection only: they hold no amounts."

MANY: Final = 4000
"""Samples that `--check-errors` draws."""

SHORT: Final = {"cr": "tcr", "naa": "tnaa"}
"""Other words for what amounts are relative to."""

OF_A_VOXEL: Final = {"gm": "grey", "wm": "white", "csf": "csf", "lesion": "lesion"}
"""Options that say what a voxel holds, and what it is called here."""

TOLD: Final = ("tNAA/tCr", "tCho/tCr", "tCho/tNAA", "Lac/tCr", "Lip13/tCho")
"""Ratios that are printed."""


def mrs(
    spectrum: Annotated[Path, Parameter(help="NIfTI-MRS, DICOM, .sdat, .rda, LCModel .raw, text, .dat, .7")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    water: Annotated[Path | None, Parameter(help="Water reference of the same voxel")] = None,
    basis: Annotated[str, Parameter(help="Basis set (.basis, .nii.gz); auto (the default): simulated")] = "auto",
    te: Annotated[float | None, Parameter(help="Echo time in s (fid: delay); else from the file")] = None,
    tr: Annotated[float | None, Parameter(help="Repetition time in s; else from the file")] = None,
    bandwidth: Annotated[float | None, Parameter(help="Spectral width in Hz; else from the file")] = None,
    frequency: Annotated[float | None, Parameter(help="Spectrometer frequency in MHz; else from the file")] = None,
    conjugate: Annotated[bool, Parameter(help="Turn round a signal that turns the wrong way", negative=())] = False,
    sequence: Annotated[
        Literal["press", "steam", "slaser", "fid"] | None, Parameter(help="press, steam, slaser or fid")
    ] = None,
    te1: Annotated[float | None, Parameter(help="First echo of press or slaser in s")] = None,
    te2: Annotated[float | None, Parameter(help="Second echo of press or slaser in s")] = None,
    tm: Annotated[float | None, Parameter(help="Mixing time of steam in s")] = None,
    pulses: Annotated[str, Parameter(help="ideal, or the file of the refocusing pulse (.pta)")] = "ideal",
    long: Annotated[Path | None, Parameter(help="Spectrum of the same voxel at a long echo time")] = None,
    long_te: Annotated[float | None, Parameter(help="Its echo time in s; else from the file")] = None,
    t1w: Annotated[
        Path | None,
        Parameter(help="T1-weighted image of the session: tissues are told on it, the voxel is drawn on it"),
    ] = None,
    tissue: Annotated[
        tuple[str, ...], Parameter(help="Grey, white and csf in this order: maps, or shares", consume_multiple=True)
    ] = (),
    gm: Annotated[str | None, Parameter(name=("--gm", "--grey"), help="Grey matter: its map, or its share")] = None,
    wm: Annotated[str | None, Parameter(name=("--wm", "--white"), help="White matter: its map, or its share")] = None,
    csf: Annotated[str | None, Parameter(help="Fluid: its map, or its share of the voxel")] = None,
    lesion: Annotated[str | None, Parameter(help="Lesion: its mask, or its share of the voxel")] = None,
    image: Annotated[Path | None, Parameter(help="Another image of the session to draw the voxel on")] = None,
    bandwidths: Annotated[
        tuple[float, float, float] | None,
        Parameter(help="Hz of the pulses along each edge of the voxel or box; negative: gradient points back; 0: none"),
    ] = None,
    carrier: Annotated[float | None, Parameter(help="ppm to which the planned voxel belongs; else water's")] = None,
    pulse_box: Annotated[
        tuple[float, float, float, float, float, float] | None,
        Parameter(help="Of an image: middle (mm, scanner) and edges (mm, along its axes) of what its pulses select"),
    ] = None,
    readout: Annotated[
        tuple[float, float, float] | None,
        Parameter(help="Of an image: Hz to a voxel along each axis that was read (EPSI); 0: phase-encoded"),
    ] = None,
    edited: Annotated[Path | None, Parameter(help="Edited partner (MEGA) of this unedited spectrum")] = None,
    edit: Annotated[
        tuple[float, float] | None, Parameter(help="ppm from-to that the editing pulses turn, as in 1.75 2.05")
    ] = None,
    region: Annotated[
        Path | None, Parameter(help="Mask: the mean spectrum of this part of an image, in place of maps")
    ] = None,
    contralateral: Annotated[Path | None, Parameter(help="Spectrum of the other side of the brain")] = None,
    contralateral_water: Annotated[Path | None, Parameter(help="Its water reference")] = None,
    compare: Annotated[Path | None, Parameter(help="LCModel's .COORD of this spectrum, to show beside")] = None,
    check_errors: Annotated[
        bool, Parameter(help="Check the standard errors by samples of the posterior (seconds)", negative=())
    ] = False,
    keep: Annotated[
        tuple[str, ...], Parameter(help="Molecules that are fitted in any profile", consume_multiple=True)
    ] = (),
    drop: Annotated[tuple[str, ...], Parameter(help="Molecules that are not fitted", consume_multiple=True)] = (),
    profile: Annotated[str | None, Parameter(help="auto, normal or tumour")] = None,
    reference: Annotated[str | None, Parameter(help="water, cr, naa or none")] = None,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import SpectrumInputs
    from perspect.app.settings import plan
    from perspect.app.shares import Surroundings
    from perspect.io import SaidByHand
    from perspect.mrs import Plan

    said = SaidByHand(
        None if bandwidth is None else 1 / bandwidth, None if frequency is None else frequency * 1e6, te, tr, conjugate
    )
    timing = None
    if sequence or te1 or te2 or tm or pulses != "ideal":
        timing = _timing(spectrum, said, sequence, (te1, te2, tm), None if pulses == "ideal" else Path(pulses))
    fractions, maps = _tissue(tissue, {"gm": gm, "wm": wm, "csf": csf}, lesion)
    mask = Path(lesion) if lesion is not None and _share(lesion) is None else None
    inputs = SpectrumInputs(
        spectrum, water, None if basis == "auto" else Path(basis), said, timing, long, long_te, fractions,
        Surroundings(image, t1w, maps, mask, bandwidths, carrier, pulse_box, readout), contralateral,
        contralateral_water, compare, edited, edit, region,
    )  # fmt: skip
    choices = {
        "profile": profile, "reference": None if reference is None else SHORT.get(reference, reference),
        "samples": MANY if check_errors else None, "seed": common.seed, "keep": keep or None, "drop": drop or None,
    }  # fmt: skip
    return _examined(inputs, out, plan(Plan, common.plan, choices, common.set), common)


def _examined(inputs: "SpectrumInputs", out: Path, choices: "Plan", common: Common) -> int:
    """Maps of an image; amounts of one spectrum or of a region; and how the command ends."""
    from perspect.app import examine_mrs
    from perspect.app.doctor import cores
    from perspect.app.mrs import is_grid
    from perspect.app.mrsi import examine_mrsi
    from perspect.app.region import examine_region

    threads = common.threads or cores()
    if inputs.region is None and is_grid(inputs):
        with watched(quiet=common.quiet) as progress:
            grid = examine_mrsi(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
        if not common.quiet:
            print("\n".join([_counted(grid.measured), *map(_line, grid.measured.flags)]))
            print(f"Page: {grid.written.page}")
        return 0
    with watched(quiet=common.quiet) as progress:
        measure = examine_mrs if inputs.region is None else examine_region
        examined = measure(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
    return _told(examined, common)


def _told(examined: "ExaminedSpectrum", common: Common) -> int:
    """Prints what a person must know of one spectrum, and how the command ends."""
    refusals = [flag for flag in examined.measured.flags if flag.severity == Severity.REFUSED]
    if not common.quiet:
        print(headline(examined.measured, verbose=common.verbose))
        print(f"Page: {examined.written.page}")
    elif refusals:
        print("\n".join(f"perspect: {_line(flag)}" for flag in refusals), file=sys.stderr)
    return Refusal.exit_code if refusals else 0


def _tissue(
    listed: tuple[str, ...], named: dict[str, str | None], lesion: str | None
) -> tuple[dict[str, float] | None, tuple[Path, ...]]:
    """What a voxel holds, as shares or as maps of grey, white and fluid."""
    given = {name: one for name, one in named.items() if one is not None}
    if listed and given:
        raise Problem(
            f"--tissue is given, and {', '.join(f'--{name}' for name in given)}.",
            "It is not known which of them holds.",
            "Give grey, white and fluid once: by --tissue, or by --gm, --wm and --csf.",
        )
    if len(listed) > len(named):
        raise Problem(
            f"--tissue is {' '.join(listed)}.",
            "It holds grey, white and fluid, and no more.",
            "Give three maps, or three shares; what is lesion with --lesion.",
        )
    words = dict(zip(named, listed, strict=False)) if listed else given
    shares = {name: _share(one) for name, one in words.items()}
    if any(one is None for one in shares.values()):
        return None, _maps(words, {**shares, "lesion": None if lesion is None else _share(lesion)}, listed)
    if lesion is not None:
        shares["lesion"] = _share(lesion)
    known = {OF_A_VOXEL[name]: one for name, one in shares.items() if one is not None}
    return known or None, ()


def _maps(words: dict[str, str], shares: dict[str, float | None], listed: tuple[str, ...]) -> tuple[Path, ...]:
    """Maps in their order; raises `Problem` for a mixture of maps and shares, and for fewer than three by name."""
    numbers = [f"{name} ({one:g})" for name, one in shares.items() if one is not None]
    missing = [f"--{name}" for name in OF_A_VOXEL if name != "lesion" and name not in words]
    if numbers:
        raise Problem(
            f"What the voxel holds is told by files and, of {', '.join(numbers)}, by a number.",
            "A number is of one voxel, a map of all.",
            "Give maps of grey, white and fluid with the mask of the lesion, or a share of each.",
        )
    if missing and not listed:
        raise Problem(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing beside the maps.",
            "What the voxel holds besides would not be known, and fluid dilutes every amount.",
            "Give all three maps, or --t1w to have the tissues told.",
        )
    return tuple(Path(one) for one in (listed or words.values()))


def _share(word: str) -> float | None:
    """A number; or `None` for what must be a file."""
    try:
        return float(word)
    except ValueError:
        return None


def _counted(measured: Measured) -> str:
    """How many voxels of a grid have numbers, and which maps there are."""
    usable, n = measured.summary["usable"], measured.summary["voxels"]
    return f"{usable} of {n} voxels have numbers. Maps: {' '.join(measured.maps)}"


def _timing(
    path: Path,
    said: "SaidByHand",
    sequence: "SequenceName | None",
    times: tuple[float | None, float | None, float | None],
    pulses: Path | None,
) -> "Timing":
    """The sequence that is simulated: what was said (`times`: TE1, TE2, TM), the rest as the file has it."""
    from perspect.app.basis import Timing
    from perspect.app.mrs import sequence_named
    from perspect.io import read_spectra

    found = read_spectra(path, said)[0]
    named = sequence or sequence_named(found.header)
    if found.te is None and named != "fid":
        raise Problem(f"{path.name} has no echo time.", "The sequence is simulated with it.", "Give --te in seconds.")
    return Timing(named, found.te or 0.0, *times, pulses)


def headline(measured: MeasuredSpectrum, *, verbose: bool = False) -> str:
    """What a person must know at once: quality, profile, ratios, flags; of a refused spectrum only why."""
    least = Severity.NOTE if verbose else Severity.CAUTION
    flags = [flag for flag in measured.flags if flag.severity >= least]
    refusals = [flag for flag in flags if flag.severity == Severity.REFUSED]
    lines = [*(_line(flag) for flag in refusals), INSPECTION] if refusals else _numbers(measured)
    lines += [_line(flag) for flag in flags if flag not in refusals]
    n_notes = len(measured.flags) - len(flags)
    if n_notes:
        lines.append(f"{n_notes} note{'s' if n_notes > 1 else ''} (--verbose shows them; the page has all)")
    if verbose:
        lines.append(f"Methods: {measured.recipe.methods}")
    return "\n".join(lines)


def _numbers(measured: MeasuredSpectrum) -> list[str]:
    s = measured.summary
    told = tuple(measured.ratios) if s.get("edited") else TOLD
    ratios = [said(measured.ratios[key]) for key in told if key in measured.ratios]
    return [
        f"SNR {s['snr']:.0f}, lines {s['fwhm_ppm']:.3f} ppm wide; fitted as {s['profile']} ({s['profile_reason']}).",
        "  ".join(ratios),
        *([s["amino_acids_sentence"]] if "amino_acids_sentence" in s else []),
    ]


def said(one: Amount) -> str:
    """A ratio in a few letters: a value with its error, or the limit that can be stated."""
    if one.status.is_failure:
        return f"{one.key} > {one.lower:.2g}" if one.lower > 0 else f"{one.key} not determined"
    digits = max(2, 1 - floor(log10(one.std))) if one.std > 0 else 2
    value = f"{one.key} {one.value:.{digits}f} ± {one.std:.{digits}f}"
    return value if one.is_detected else f"{one.key} < {one.upper:.2g}"


def _line(flag: Flag) -> str:
    where = f" [{flag.where}]" if flag.where else ""
    return f"{flag.severity.name}: {flag.sentence}{where}"
