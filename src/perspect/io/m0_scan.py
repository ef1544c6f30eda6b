"""Which M0 scan belongs to a labelled series: the one of its name, or the one that says so (IntendedFor)."""

from pathlib import Path

from perspect.io.bids import IMAGES, stem
from perspect.io.sidecar import Sidecar, read_sidecar
from perspect.vocabulary import Flag, Problem, Severity


def m0_beside(path: Path) -> Path | None:
    """The M0 scan that belongs to a series: `sub-01_m0scan.nii.gz` beside `sub-01_asl.nii.gz`, else one in its folder
    that is intended for it.

    Raises Problem where several are.
    """
    found = _named(path)[:1] or [one for one in _scans(path) if _is_intended(one, path)]
    if len(found) > 1:
        raise Problem(
            f"{', '.join(one.name for one in found)} are all intended for {path.name} (IntendedFor).",
            "Flow is divided by M0: which of them it is decides every value.",
            "Give one with --m0, or correct IntendedFor.",
        )
    return found[0] if found else None


def m0_for(path: Path, sidecar: Sidecar, given: Path | None) -> tuple[Path | None, list[Flag]]:
    """The M0 scan of a series, that was given or lies beside it, and what must be said of that."""
    if given is not None:
        other = next(iter(_named(path)), None)
        if other is None or other.resolve() == given.resolve():
            return given, []
        sentence = f"M0 was given by hand ({given.name}); {other.name} lies beside the series."
        return given, [Flag("overridden", Severity.NOTE, sentence, path.name, source="reading")]
    found = m0_beside(path)
    others = [] if found is not None else [one.name for one in _scans(path)]
    is_separate = str(sidecar.values.get("M0Type", "")).lower() == "separate"
    if found is not None or not (is_separate or others):
        return found, []
    sentence = "The sidecar says that M0 was scanned separately, but no such image" if is_separate else "No M0 scan"
    sentence += " of this series lies beside it."
    if others:
        names = ", ".join(others)
        sentence += f" {names} is there, and neither its name nor IntendedFor says that it belongs: if so, give --m0."
    return None, [Flag("m0-missing", Severity.CAUTION, sentence, path.name, source="reading")]


def _named(path: Path) -> list[Path]:
    name = stem(path)
    start = name.removesuffix("asl") if name == "asl" or name.endswith("_asl") else f"{name}_"
    return [one for one in (path.with_name(f"{start}m0scan{end}") for end in IMAGES) if one.is_file()]


def _scans(path: Path) -> list[Path]:
    return sorted(one for end in IMAGES for one in path.parent.glob(f"*_m0scan{end}"))


def _is_intended(m0: Path, series: Path) -> bool:
    """Whether a sidecar names a series, as a BIDS URI or by its path below the subject."""
    stated = read_sidecar(m0, m0.with_name(f"{stem(m0)}.json")).values.get("IntendedFor")
    listed = stated if isinstance(stated, list) else [stated]
    whole = series.resolve().as_posix()
    return any(isinstance(one, str) and whole.endswith("/" + one.split(":")[-1].lstrip("/")) for one in listed)
