"""LCModel's text files: RAW and H2O signals in, BASIS sets in and out.

Signals have the sense of `Spectra` as they stand. A BASIS file holds spectra of the zero-filled signals, the transform
divided by the square root of its length; names, field and dwell time stand in its namelists.

Provencher, LCModel & LCMgui user's manual (the format); compared with signals that were published in both forms.
"""

import lzma
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.io.series import sha256
from perspect.vocabulary import Basis, Grid, Problem, Spectra
from perspect.vocabulary.spectra import Kind

NOWHERE: Final = np.diag([10000.0, 10000.0, 10000.0, 1.0])
"""The affine of a signal whose place is not known: 10 m, as NIfTI-MRS has it."""

NUMBER: Final = r"[-+]?\d*\.?\d+(?:[eEdD][-+]?\d+)?"


@dataclass(frozen=True)
class SaidByHand:
    """What a file without a header needs to be told, and what overrides a header: s, Hz.

    `conjugate` turns round a signal that turns the other way than files of its kind do.
    """

    dwell: float | None = None
    frequency: float | None = None
    te: float | None = None
    tr: float | None = None
    conjugate: bool = False

    def over(self, found: Spectra) -> Spectra:
        """The signal as it was read, with what is said instead."""
        known = {key: getattr(self, key) for key in ("dwell", "frequency", "te", "tr")}
        changed = {key: value for key, value in known.items() if value is not None}
        return replace(found, values=found.values.conj() if self.conjugate else found.values, **changed)


def read_lcmodel(path: Path, said: SaidByHand) -> Spectra:
    """A RAW or H2O file. Its dwell time and frequency stand in another file, and must be told."""
    text = path.read_text(encoding="latin-1")
    namelists, body = _namelists(text)
    values = _complex(path, body, _value(namelists, "FMTDAT"))
    frequency = said.frequency or _scaled(_value(namelists, "HZPPPM"), 1e6)
    dwell = said.dwell or _scaled(_value(namelists, "DELTAT") or _value(namelists, "DWELLTIME"), 1.0)
    if dwell is None or frequency is None:
        raise Problem(
            f"{path.name} does not say {'its dwell time' if dwell is None else 'the spectrometer frequency'}.",
            "LCModel keeps both in its control file (deltat, hzpppm).",
            "Give --bandwidth in Hz and --frequency in MHz.",
        )
    te = said.te if said.te is not None else _scaled(_value(namelists, "ECHOT"), 1e-3)
    amplitude, volume = (_scaled(_value(namelists, key), 1.0) or 1.0 for key in ("TRAMP", "VOLUME"))
    return Spectra(
        values[None, None, None] * (amplitude / volume), dwell, frequency, Grid((1, 1, 1), NOWHERE), te=te, tr=said.tr,
        placed=False, name=path.name, sources={path.name: sha256(path)},
    )  # fmt: skip


def read_basis(path: Path) -> Basis:
    """A BASIS file, also compressed with xz. Signals are cut to the half that holds them."""
    raw = path.read_bytes()
    text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("latin-1")
    head = text[: text.upper().find("$NMUSED")] if "$NMUSED" in text.upper() else text[:4000]
    frequency, dwell = (_scaled(_value(head, key), factor) for key, factor in (("HZPPPM", 1e6), ("BADELT", 1.0)))
    length = _scaled(_value(head, "NDATAB"), 1.0)
    if frequency is None or dwell is None or length is None:
        raise Problem(
            f"{path.name} is no LCModel basis set: HZPPPM, BADELT or NDATAB is missing.",
            "Without them there is no axis in ppm.",
            "Simulate one with `perspect basis`.",
        )
    te = _scaled(_value(head, "ECHOT"), 1e-3)
    names, signals = [], []
    for block in re.split(r"\$BASIS\b(?!1)", text, flags=re.IGNORECASE)[1:]:
        namelist, body = re.split(r"\$END", block, maxsplit=1, flags=re.IGNORECASE)
        body = re.split(r"\$NMUSED", body, maxsplit=1, flags=re.IGNORECASE)[0]
        spectrum = _complex(path, body, _value(head, "FMTBAS"))[: int(length)]
        shift = int(_scaled(_value(namelist, "ISHIFT"), 1.0) or 0)
        signal = np.fft.ifft(np.roll(spectrum, -shift)) * np.sqrt(spectrum.size)
        names.append((_value(namelist, "METABO") or "?").strip())
        signals.append(signal[: spectrum.size // 2])
    if not names:
        raise Problem(
            f"{path.name} holds no molecule.", "Nothing can be fitted.", "Check that it is a whole BASIS file."
        )
    return Basis(
        tuple(names), np.array(signals), dwell, frequency, te if te and te > 0 else None, path.name, _kinds(names)
    )


def _kinds(names: list[str]) -> tuple[Kind, ...]:
    return tuple(
        "macromolecule" if one.upper().startswith(("MM", "MAC")) else "lipid" if one.startswith("Lip") else "metabolite"
        for one in names
    )


def basis_text(basis: Basis) -> str:
    """A BASIS file."""
    n = basis.values.shape[1]
    te = 0.0 if basis.te is None else basis.te * 1e3
    origin = _plain(basis.origin)
    lines = [
        " $SEQPAR", f" FWHMBA = 0.0,\n HZPPPM = {basis.frequency * 1e-6:.6f},\n ECHOT = {te:g},\n SEQ = '{origin}'",
        " $END", " $BASIS1", f" IDBASI = '{origin}',\n FMTBAS = '(6E13.5)',",
        f" BADELT = {basis.dwell:.10g},\n NDATAB = {2 * n}",
        " $END",
    ]  # fmt: skip
    for name, signal in zip(basis.names, basis.values, strict=True):
        spectrum = np.fft.fft(signal, 2 * n) / np.sqrt(2 * n)
        lines += [
            " $NMUSED", f" FILERAW = '{name}',\n AUTOPH = F,\n AUTOSC = F,\n PPMAPP = 0.5 -0.5", " $END", " $BASIS",
            f" ID = '{name}',\n METABO = '{name}',\n CONC = 1.,\n TRAMP = 1.,\n VOLUME = 1.,\n ISHIFT = 0", " $END",
        ]  # fmt: skip
        flat = np.stack([spectrum.real, spectrum.imag], axis=1).ravel()
        lines += ["".join(f"{value:13.5E}" for value in row) for row in np.split(flat, range(6, flat.size, 6))]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return text.replace("'", "").replace("\n", " ")[:60]


def _namelists(text: str) -> tuple[str, str]:
    """The namelists at the head, and the numbers after the last $END."""
    at = [match.end() for match in re.finditer(r"\$END", text, flags=re.IGNORECASE)]
    return (text[: at[-1]], text[at[-1] :]) if at else ("", text)


def _value(namelist: str, key: str) -> str | None:
    """What a namelist says for a key, without quotes."""
    found = re.search(rf"\b{key}\s*=\s*(?:'((?:[^']|'')*)'|({NUMBER}))", namelist, flags=re.IGNORECASE)
    if found is None:
        return None
    return found.group(1) if found.group(1) is not None else found.group(2)


def _scaled(value: str | None, factor: float) -> float | None:
    try:
        return None if value is None else float(value.lower().replace("d", "e")) * factor
    except ValueError:
        return None


def _complex(path: Path, body: str, layout: str | None) -> Complex[np.ndarray, " points"]:
    """Pairs of numbers, by columns where the layout is known (numbers may touch), else by spaces."""
    found = re.search(r"\d+[eEfFgG](\d+)\.\d+", layout or "")
    words: list[str] = []
    for line in body.splitlines():
        pieces = line.split()
        if found is not None and len(pieces) * int(found.group(1)) != len(line.rstrip()) and line.strip():
            width, kept = int(found.group(1)), line.rstrip()
            by_column = [kept[at : at + width] for at in range(0, len(kept), width)]
            pieces = by_column if all(_is_number(one) for one in by_column) else pieces
        words += pieces
    try:
        numbers = np.array([float(one.lower().replace("d", "e")) for one in words])
    except ValueError as error:
        raise Problem(
            f"{path.name} holds a word for a number ({error}).", "The signal has a hole.", "Export it again."
        ) from error
    if numbers.size < 2 or numbers.size % 2:
        raise Problem(
            f"{path.name} holds {numbers.size} numbers, no pairs.", "A signal is complex.", "Export it again."
        )
    return numbers[::2] + 1j * numbers[1::2]


def _is_number(text: str) -> bool:
    return re.fullmatch(rf"\s*{NUMBER}\s*", text) is not None
