"""A script of ours inside a page, which lets nothing run but what has its fingerprint."""

from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files


@dataclass(frozen=True)
class Script:
    """The text of a script, and the word of the page's policy that lets just this text run."""

    text: str
    policy: str


@lru_cache(maxsize=4)
def script(name: str) -> Script:
    """A script that lies beside the templates."""
    text = (files("perspect.report") / "templates" / name).read_text(encoding="utf-8")
    return Script(text, f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}")
