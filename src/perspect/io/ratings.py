"""Ratings and comments of readers, in one SQLite file beside the results that they are about."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Final

from perspect.vocabulary import Problem

FILE: Final = "perspect-ratings.sqlite"
BEST: Final = 5
"""Ratings go from 1 (not usable) to here (excellent) [our default]."""

LONGEST: Final = 10_000
"""Letters of a comment."""

LONGEST_NAME: Final = 80
"""Letters of the name or initials of a reader [our default]."""

PATIENCE: Final = 10.0
"""Seconds to wait while another reader saves."""


@dataclass(frozen=True)
class Rating:
    """What one reader said of one study; `study` is the path of its summary below the results, `when` ISO 8601 in UTC.

    `rating` is 1 to 5, `None` for a comment alone.
    """

    study: str
    rater: str
    when: str
    rating: int | None
    comment: str

    def __post_init__(self) -> None:
        if not self.rater.strip():
            raise Problem("Who rates is not said.", "Readers are told apart by it.", "Give a name or initials.")
        if len(self.rater) > LONGEST_NAME:
            raise Problem(
                "The name of the reader is too long.",
                "It is a name or initials.",
                f"Keep it to {LONGEST_NAME} letters or fewer.",
            )
        if self.rating is None and not self.comment.strip():
            raise Problem(
                "Neither a rating nor a comment was given.",
                "An empty line says nothing.",
                "Give at least one of the two.",
            )
        if self.rating is not None and not 1 <= self.rating <= BEST:
            raise Problem(
                f"The rating is {self.rating}.",
                "Ratings are counted from not usable to excellent.",
                f"It must be a whole number from 1 to {BEST}.",
            )
        if len(self.comment) > LONGEST:
            raise Problem(
                "The comment is too long.", "It is a remark on one study.", f"Keep it to {LONGEST} letters or fewer."
            )


COLUMNS: Final = tuple(one.name for one in fields(Rating))


def save(out: Path, one: Rating) -> None:
    """Adds a rating; what was said before stays."""
    with _opened(out / FILE) as store:
        store.execute("INSERT INTO ratings VALUES (?, ?, ?, ?, ?)", astuple(one))


def ratings(out: Path, study: str | None = None) -> tuple[Rating, ...]:
    """All ratings in the order in which they were given, or those of one study; none where there is no file."""
    if not (out / FILE).is_file():
        return ()
    with _opened(out / FILE) as store:
        rows = store.execute(
            'SELECT study, rater, "when", rating, comment FROM ratings WHERE ?1 IS NULL OR study = ?1 ORDER BY rowid',
            (study,),
        )
        return tuple(Rating(*row) for row in rows)


def ratings_table(outs: Sequence[Path]) -> str:
    r"""All ratings as TSV; tabs and line ends inside a comment are written \t and \n, a backslash \\.

    Of several folders of results the name of each stands before its studies.
    """
    rows = ["\t".join(COLUMNS)]
    for out in outs:
        start = f"{out.resolve().name}/" if len(outs) > 1 else ""
        said = (replace(row, study=f"{start}{row.study}") for row in ratings(out))
        rows += ["\t".join("n/a" if one is None else _plain(str(one)) for one in astuple(row)) for row in said]
    return "\n".join(rows) + "\n"


def export_ratings(outs: Sequence[Path], path: Path) -> int:
    """Writes all ratings as TSV, and says how many. Raises `Problem` where there is none, or the file is there."""
    found = [one for out in outs for one in ratings(out)]
    if not found:
        raise Problem(
            f"{', '.join(str(out) for out in outs)} holds no ratings.",
            f"They are kept in {FILE}.",
            "Give some in the page of `perspect view`.",
        )
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(ratings_table(outs))
    except FileExistsError as error:
        raise Problem(
            f"{path} is already there.", "Nothing is written over.", "Give another name to --export."
        ) from error
    except OSError as error:
        raise Problem(
            f"{path} cannot be written.", f"The system says: {error.strerror}.", "Give another name to --export."
        ) from error
    return len(found)


def _plain(text: str) -> str:
    for letter, written in (("\\", "\\\\"), ("\t", "\\t"), ("\r\n", "\\n"), ("\n", "\\n"), ("\r", "\\n")):
        text = text.replace(letter, written)
    return text


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The table, made where it is not there; a change is kept only when all went well."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as store, store:
            store.execute(
                "CREATE TABLE IF NOT EXISTS ratings (study TEXT NOT NULL, rater TEXT NOT NULL, "
                '"when" TEXT NOT NULL, rating INTEGER, comment TEXT NOT NULL)'
            )
            yield store
    except sqlite3.Error as error:
        raise Problem(
            f"{path.name} cannot be used ({error}).",
            "Ratings are kept in this SQLite file beside the results.",
            "See that the folder can be written and that the file is one of perspect's.",
        ) from error
