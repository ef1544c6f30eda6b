"""What is drawn of curves: panels that share a picture, and what marks their times."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perspect.vocabulary import Curve, Moment


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves that share their axes; `down` and `across` name these.

    `spans` are shaded with their words (rest, integrated), `marks` are hatched: what spoils the curves there, also
    after their end. `colours` are by the names of the curves, those that have none take turns; curves that are `dashed`
    are lines of dashes. `note` is what else spoils the panel.
    """

    title: str
    curves: Mapping[str, Curve]
    down: str
    across: str = "time (s)"
    spans: tuple[Moment, ...] = ()
    marks: tuple[Moment, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    dashed: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class Chart:
    """The curves of one series in a lesion, as `panels`: of which `part`, of how many voxels, how many of it were left
    out as traps. `fitted` says what a fit is of, `markers` are the keys of what is read from these curves, `sentence`
    is what else they say.
    """

    series: str
    title: str
    part: str
    n_voxels: int
    n_left_out: int
    panels: tuple[Panel, ...]
    fitted: str = "its fit"
    markers: tuple[str, ...] = ()
    sentence: str = ""
