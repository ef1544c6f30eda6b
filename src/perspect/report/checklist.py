"""The table that the consensus asks to be reported with every spectrum: every item, also where nothing is recorded.

Lin et al. 2021, doi:10.1002/nbm.4484
"""

from collections.abc import Mapping
from typing import Any, Final

from perspect.report import words
from perspect.vocabulary import MeasuredSpectrum

NOT_RECORDED: Final = "not recorded"

EXCLUDED: Final = (
    "refused: largest line below 3 times the noise, lipid above 15 times the largest line, or a residual that reaches "
    "a quarter of it"
)
"""The rule by which a spectrum is left out, in words."""


def checklist(measured: MeasuredSpectrum, facts: Mapping[str, Any], version: str) -> list[tuple[str, list[words.Row]]]:
    """Sections with their rows. `facts` are the words of the header by the names that NIfTI-MRS has for them."""
    return [
        ("1. Hardware", _hardware(measured, facts)),
        ("2. Acquisition", _acquisition(measured, facts)),
        ("3. Analysis", _analysis(measured, version)),
        ("4. Quality", _quality(measured)),
    ]


def _row(label: str, value: Any, unit: str = "") -> words.Row:
    is_known = value not in (None, "", {}) and value == value
    return words.Row(label, words.said(value) if is_known else NOT_RECORDED, unit if is_known else "")


def _hardware(measured: MeasuredSpectrum, facts: Mapping[str, Any]) -> list[words.Row]:
    scanner = " ".join(str(facts[key]) for key in ("Manufacturer", "ManufacturersModelName") if facts.get(key))
    coil = str(facts.get("ReceiveCoilName") or "")
    return [
        _row("a. Field (from the frequency)", f"{measured.signal.frequency / 42.577e6:.2f}", " T"),
        _row("b. Manufacturer and model", scanner),
        _row("b. Software of the scanner", facts.get("SoftwareVersions")),
        _row("c. Nucleus and receive coil", f"{measured.signal.nucleus}, {coil or 'coil ' + NOT_RECORDED}"),
        _row("d. Additional hardware", None),
    ]


def _acquisition(measured: MeasuredSpectrum, facts: Mapping[str, Any]) -> list[words.Row]:
    signal = measured.signal
    sequence = [str(facts[key]) for key in ("SequenceName", "ProtocolName", "PulseSequenceType") if facts.get(key)]
    place = size = None
    if signal.placed:
        x, y, z = (float(one) for one in signal.grid.affine[:3, 3])
        names = (("L", "R")[x >= 0], ("P", "A")[y >= 0], ("I", "S")[z >= 0])
        place = ", ".join(f"{name} {abs(one):.1f}" for name, one in zip(names, (x, y, z), strict=True)) + " mm"
        size = " × ".join(f"{edge:.0f}" for edge in signal.grid.spacing) + " mm"
    suppressed = facts.get("WaterSuppression", facts.get("WaterSuppressed"))
    return [
        _row("a. Pulse sequence", " · ".join(dict.fromkeys(sequence))),
        _row("b. Voxel: centre", place),
        _row("c. Voxel: nominal size", size),
        _row("d. Repetition time", signal.tr, " s"),
        _row("d. Echo time", None if signal.te is None else signal.te * 1e3, " ms"),
        _row("d. Mixing time", facts.get("MixingTime"), " s"),
        _row("d. Inversion time", facts.get("InversionTime"), " s"),
        _row("d. Flip angle", facts.get("ExcitationFlipAngle"), " °"),
        _row("e. Averages", facts.get("NumberOfTransients") or _transients(measured)),
        _row("f. Spectral width", f"{1 / signal.dwell:.0f}", " Hz"),
        _row("f. Points", str(signal.n_points)),
        _row("f. Offset of the transmitter", facts.get("TxOffset"), " ppm"),
        _row("g. Water suppression", str(suppressed) if suppressed is not None else None),
        _row("h. Shim method", facts.get("ShimMethod")),
        _row("i. Triggering, motion correction", facts.get("Triggering")),
    ]


def _transients(measured: MeasuredSpectrum) -> Any:
    """How many transients the file held one by one."""
    steps = {step.name: step.constants for step in measured.recipe.steps}
    return steps.get("transients", {}).get("transients")


def _analysis(measured: MeasuredSpectrum, version: str) -> list[words.Row]:
    s = measured.summary
    steps = {step.name: step for step in measured.recipe.steps}
    before = [name for name in ("coils", "transients", "first point", "eddy currents", "water") if name in steps]
    scale = steps["scale"].sentence if "scale" in steps else None
    return [
        _row("a. Software", f"perspect {version}"),
        _row("b. Steps before the fit", ", ".join(before) or "none"),
        _row("c. Output", f"amounts in {s.get('unit')}, and ratios"),
        _row("d. Reference and assumptions", scale),
        _row(
            "e. Model and basis", f"linear combination in the frequency domain, profile {s.get('profile')}; see methods"
        ),
        _row("e. Why this profile", s.get("profile_reason")),
    ]


def _quality(measured: MeasuredSpectrum) -> list[words.Row]:
    s = measured.summary

    def row(label: str, key: str, factor: float = 1.0, unit: str = "") -> words.Row:
        value = s.get(key)
        return _row(label, value * factor if isinstance(value, int | float) else value, unit)

    return [
        row("a. SNR: largest fitted line over SD of the noise, real spectrum, no filter", "snr"),
        row("a. SNR over the residual instead", "snr_residual"),
        row("a. Linewidth: full width at half maximum of the fitted lineshape", "fwhm", unit=" Hz"),
        row("a. Linewidth", "fwhm_ppm", unit=" ppm"),
        _row("b. Exclusion", EXCLUDED),
        _row("c. Errors", "Cramér-Rao bounds with everything fitted, absolute, in the tables"),
        row("c. Variance of residual over that of noise", "misfit"),
        row("c. Correlation of neighbouring residuals", "memory"),
        row("c. Baseline in the area under the fit", "baseline", 100, " %"),
        row("c. Residual water over the largest line, before removal", "water_ratio"),
        row("c. Lipid over the largest line", "lipid"),
        _row("d. Spectrum", "above"),
    ]
