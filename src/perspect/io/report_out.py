"""An answer out: the page that people open, the canonical findings and their table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perspect.io import reuse
from perspect.io.bids import Name
from perspect.io.staging import publish, staged


@dataclass(frozen=True)
class Report:
    """The three files of an answer as text, and what else belongs to it, by its path below the output folder; `gone`
    are files that a former run may have left there and that this one does not have, each with its sidecar.
    """

    page: str
    findings: str
    table: str
    beside: Mapping[Path, bytes] = field(default_factory=dict)
    gone: tuple[Path, ...] = ()


def write_report(out: Path, name: Name, report: Report, version: str, *, overwrite: bool = False) -> Path:
    """Writes all or none, and returns the path of the page.

    Raises `Problem` where there is one already.
    """
    files = dict(zip(report_files(name), (report.page, report.findings, report.table), strict=True))
    reuse.demand_free(out, [out / path for path in (*files, *report.beside) if (out / path).exists()], overwrite)
    with staged(out) as temporary:
        tree = temporary / "tree"
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text, encoding="utf-8")
        for path, content in report.beside.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        for shared, text in reuse.shared_files(out, version, None).items():
            (tree / shared).write_text(text, encoding="utf-8")
        sidecars = [one.with_name(f"{one.name.removesuffix('.nii.gz')}.json") for one in report.gone]
        publish(tree, out, temporary, (*report.gone, *sidecars))
    return out / next(iter(files))


def report_files(name: Name) -> tuple[Path, Path, Path]:
    """Where page, findings and table lie below the output folder."""
    stem = name.prefix.rstrip("_") if name.get("sub") is not None else "study"
    folder = Path(name.folder)
    return Path(f"{stem}.html"), folder / f"{stem}_findings.json", folder / f"{stem}_findings.tsv"
