"""One DSC examination from files to files: the only place where its reading, science, page and writing meet."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from perspect import dsc, io, report
from perspect.app.dsc_inputs import Inputs, baseline
from perspect.numerics.parallel import beside, on_threads
from perspect.vocabulary import Acquisition, Measured
from perspect.vocabulary.progress import Progress, silent

if TYPE_CHECKING:
    from perspect.app.anatomy import Seen
    from perspect.app.head import Head


@dataclass(frozen=True, eq=False)
class Examined:
    """What was measured, the files that hold it, the signal at rest, and what the conventional images said."""

    measured: Measured
    written: io.Written
    at_rest: Float[np.ndarray, "x y z"]
    acquisition: Acquisition
    seen: "Seen | None" = None


def examine_dsc(
    inputs: Inputs,
    out: Path,
    plan: dsc.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    is_part: bool = False,
    head: "Head | None" = None,
    progress: Progress | None = None,
) -> Examined:
    """Maps, masks, curves, summary and page of a DSC series, written below `out`.

    `is_part` puts the page beside the maps, for an examination that has a page of its own. `head` is what the
    conventional images say, where that is known already.

    Raises `Problem` before anything is computed where an input is missing or wrong or `out` is taken, and `Refusal`
    where nothing can be measured that means what it is called; in either case nothing is written. A measurement with a
    flag that says REFUSED is written all the same, for inspection only: whoever shows it must show the flag first.
    """
    plan, tell = plan or dsc.Plan(), progress or silent
    found = [io.find_dsc(one) for one in inputs.series]
    paths = [path for one in found for path in one.dsc]
    anatomy = inputs.anatomy if inputs.anatomy is not None else {k: v for one in found for k, v in one.anatomy.items()}
    destination = io.Destination(out, io.name_of(paths[0]), is_part=is_part)
    io.demand_free(out, io.existing(destination), overwrite)
    tell("reading", 0.0)
    read = io.read_dsc  # loaded before two threads load anything at once
    reading = beside(_get_ready, lambda: read(paths, inputs.given, inputs.te, inputs.times), threads)
    from perspect.app.dsc_given import given_by_hand, quantified, with_anatomy
    from perspect.app.dsc_written import results

    by_hand = given_by_hand(inputs, reading)
    by_hand = with_anatomy(by_hand, reading, anatomy, inputs, paths, tell, head)
    measured = quantified(reading, by_hand, plan, threads, tell)
    tell("drawing", 0.0)
    first = reading.series[0]
    at_rest = baseline(first, measured.summary)
    with on_threads(threads):
        page = report.dsc_page(measured, first.name, at_rest)
    tell("writing", 0.0)
    whole = results(inputs, anatomy, reading, by_hand, measured, page, plan)
    written = io.write_results(destination, whole, overwrite=overwrite, threads=threads)
    return Examined(measured, written, at_rest, first.acquisition, by_hand.seen)


def _get_ready() -> None:
    """Loads what measures, draws and writes, while the file is being read."""
    import_module("perspect.app.dsc_written")
    report.get_ready()
