"""The page on which results are reviewed: a frame that its script fills from the server of the same machine."""

from functools import lru_cache
from importlib.resources import files
from typing import Final

from perspect.report.script import script

POLICY: Final = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
    f"form-action 'none'; frame-ancestors 'none'; script-src '{script('review.js').policy}'"
)
"""Nothing but our script runs, and it reaches nothing but the server that the page came from."""


@lru_cache(maxsize=1)
def review_page() -> str:
    """The page. It holds no result and no word of a user: those come as values and are set as text."""
    folder = files("perspect.report") / "templates"
    html = (folder / "review.html").read_text(encoding="utf-8")
    style = "".join((folder / name).read_text(encoding="utf-8") for name in ("page.css", "review.css"))
    return html.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script("review.js").text)
