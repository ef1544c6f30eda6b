"""The server of the page: this machine only, a word nobody can guess in every address, nothing asked of any other host.

Addresses hold numbers of studies and maps and never a path, so that no address reaches a file outside the results.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from perspect.app.view import answers
from perspect.app.view.linked import linked
from perspect.app.view.studies import Kept, Shown, kept
from perspect.app.view.unseen import Unseen
from perspect.io.ratings import Rating, ratings, ratings_table, save
from perspect.report.review import POLICY, review_page
from perspect.report.slice import bar_png
from perspect.vocabulary import Problem

Held = TypeVar("Held")

HOST: Final = "127.0.0.1"
LARGEST: Final = 100_000
"""Bytes of a rating that is sent."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""With every answer: no other page may frame, read or embed it."""


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    code: int
    kind: str
    content: bytes


class Viewer(ThreadingHTTPServer):
    """Serves the studies below folders of results; `folder` is where their series lie, if anywhere."""

    daemon_threads = True

    def __init__(self, outs: tuple[Path, ...], studies: tuple[Kept, ...], folder: Path | None, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.outs, self.studies, self.folder = outs, studies, folder
        self.token = secrets.token_urlsafe(24)
        # Images are read by one request at a time: two would read the same series twice.
        self.reading = Lock()

    @property
    def address(self) -> str:
        """Where the page is, with the word that opens it."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def answer(self, words: list[str]) -> Answer:
        """What an address means. Raises `Unseen` for one that means nothing."""
        match words:
            case [""]:
                return Answer(200, "text/html; charset=utf-8", review_page().encode())
            case ["studies"]:
                return _json(answers.listed(self.studies))
            case ["ratings.tsv"]:
                return Answer(200, "text/tab-separated-values; charset=utf-8", ratings_table(self.outs).encode())
            case [study, "ratings"]:
                return _json([asdict(one) for one in ratings(self.study(study).out, self.study(study).key)])
            case [study, "spectrum"]:
                return _json(answers.spectrum(self.study(study)))
            case [study, shown, "hung"]:
                return self._read(lambda: _json(answers.hung(self.shown(study, shown))))
            case [study, shown, "bar.png"]:
                return Answer(200, "image/png", bar_png(self.shown(study, shown).colours))
            case [study, shown, number, "outlines"]:
                of, one, at = self.study(study), self.shown(study, shown), _whole(number)
                return self._read(lambda: _json(answers.outlines(of, one, at)))
            case [study, shown, number]:
                at = _whole(number.removesuffix(".png"))
                return self._read(lambda: Answer(200, "image/png", answers.picture(self.shown(study, shown), at)))
            case [study, shown, number, "as", other, like]:
                at, scale = _whole(number), self.shown(other, like.removesuffix(".png"))
                one = self.shown(study, shown)
                return self._read(lambda: Answer(200, "image/png", answers.picture(one, at, scale)))
            case [study, shown, number, row, column, "in", other, theirs]:
                place = (_whole(number), _whole(row), _whole(column))
                here = self.study(study), self.shown(study, shown)
                there = self.study(other), self.shown(other, theirs)
                return self._read(lambda: _json(linked(*here, place, *there)))
            case [study, shown, number, row, column]:
                place = (_whole(number), _whole(row), _whole(column))
                found, one = self.study(study), self.shown(study, shown)
                return self._read(lambda: _json(answers.voxel(found, one, place, self.folder)))
        raise Unseen("There is nothing at this address.")

    def study(self, word: str) -> Kept:
        """A study by its number."""
        return _at(self.studies, word)

    def shown(self, study: str, word: str) -> Shown:
        """A map by its number."""
        return _at(self.study(study).maps, word)

    def rated(self, word: str, said: Any) -> Answer:
        """Saves what a reader sent: an object of rater, rating and comment."""
        if not isinstance(said, dict):
            raise Unseen("A rating is an object with rater, rating and comment.")
        rater, rating, comment = said.get("rater", ""), said.get("rating"), said.get("comment", "")
        if not isinstance(rater, str) or not isinstance(comment, str):
            raise Unseen("The name of the reader or the comment is no text.")
        if rating is not None and (not isinstance(rating, int) or isinstance(rating, bool)):
            raise Unseen("The rating is no whole number.")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        of = self.study(word)
        save(of.out, Rating(of.key, rater.strip(), when, rating, comment.strip()))
        return self.answer([word, "ratings"])

    def _read(self, work: Callable[[], Answer]) -> Answer:
        with self.reading:
            return work()


def viewer(*outs: Path, folder: Path | None = None, port: int = 0) -> Viewer:
    """A server that is ready to serve. Raises `Problem` where there are no results, no folder or no such port."""
    if folder is not None and not folder.is_dir():
        raise Problem(f"There is no folder {folder}.", "Curves are read from the series in it.", "Check --study.")
    studies = kept(*outs)
    try:
        return Viewer(outs, studies, folder, port)
    except (OSError, OverflowError) as error:
        raise Problem(
            f"Port {port} cannot be used ({error}).", "Another program may hold it.", "Leave --port out for a free one."
        ) from error


def _at(held: Sequence[Held], word: str) -> Held:
    place = _whole(word)
    if place >= len(held):
        raise Unseen("There is nothing at this address.")
    return held[place]


def _whole(word: str) -> int:
    """A number from 0; nothing else is let through."""
    if not (word.isascii() and word.isdigit() and len(word) < 8):
        raise Unseen("There is nothing at this address.")
    return int(word)


def _json(value: Any) -> Answer:
    return Answer(200, "application/json", json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


class _Handler(BaseHTTPRequestHandler):
    """From a request to an answer; says nothing on the terminal."""

    server: Viewer
    server_version, sys_version = "perspect", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Pages, pictures and numbers."""
        self._send(self._guarded(self.server.answer))

    def do_POST(self) -> None:
        """A rating."""
        answer = self._guarded(self._rated)
        # What was not read of a refused body would be taken for the next request.
        self.close_connection = self.close_connection or answer.code != 200
        self._send(answer)

    def _guarded(self, work: Callable[[list[str]], Answer]) -> Answer:
        """The answer, to whoever has the word and asks for this machine by its number (a foreign name is a trick)."""
        first, *words = self.path.removeprefix("/").split("/")
        hosts = {f"{name}:{self.server.server_address[1]}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in hosts or not compare_digest(first.encode(), self.server.token.encode()):
            return Answer(403, "text/plain", b"Open the address that `perspect view` printed.")
        try:
            return work(words)
        except (Problem, Unseen) as problem:
            return Answer(400, "application/json", json.dumps({"problem": str(problem)}).encode())
        except OSError as error:
            said = f"A file of the results cannot be read ({error.strerror})."
            return Answer(500, "application/json", json.dumps({"problem": said}).encode())

    def _rated(self, words: list[str]) -> Answer:
        length = _whole(self.headers.get("Content-Length", ""))
        if self.headers.get("Content-Type") != "application/json" or length > LARGEST or words[1:] != ["ratings"]:
            raise Unseen("This is no rating.")
        try:
            said = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise Unseen("This is no JSON.") from error
        return self.server.rated(words[0], said)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Addresses hold the word; they are not written anywhere."""
