"""A real browser, spoken to over a pipe (Chrome DevTools protocol): what a page logs, asks for, and looks like."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--mute-audio", "--remote-debugging-pipe",
    "--window-size=1160,1400",
)  # fmt: skip
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""WebGL without a graphics card."""


class Browser:
    """One page; `events` are all that the browser has told so far."""

    def __init__(self, read, write):
        self.read, self.write, self.events, self.rest, self.number = read, write, [], b"", 0
        self.session = None

    def call(self, method, **words):
        """What a method of the protocol returns."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": words}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self.number:
                return told["result"]
            self.events.append(told)

    def _next(self):
        while b"\0" not in self.rest:
            got = os.read(self.read, 1 << 20)
            if not got:
                raise RuntimeError("The browser went away.")
            self.rest += got
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        """What an expression of JavaScript is in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    def open(self, address, until, seconds=60.0):
        """Opens a page and waits until an expression is true in it."""
        self.call("Page.navigate", url=address)
        end = time.monotonic() + seconds
        while not self.value(until):
            if time.monotonic() > end:
                raise TimeoutError(f"{until} did not come true; the page said {self.complaints}")
            time.sleep(0.2)

    @property
    def complaints(self):
        """Errors, warnings and refusals that the page has caused."""
        said = []
        for one in self.events:
            words = one.get("params", {})
            if one.get("method") == "Runtime.exceptionThrown":
                said.append(words["exceptionDetails"].get("exception", {}).get("description", "exception"))
            if one.get("method") == "Runtime.consoleAPICalled" and words["type"] in ("error", "warning", "assert"):
                said.append(" ".join(str(part.get("value")) for part in words["args"]))
            if one.get("method") == "Log.entryAdded" and words["entry"]["level"] == "error":
                said.append(words["entry"]["text"])
        return said

    @property
    def asked_for(self):
        """Addresses that the page has asked for, those within itself left out."""
        sent = [
            one["params"]["request"]["url"] for one in self.events if one.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith(("data:", "blob:"))]


@contextmanager
def browser(*flags):
    """A browser with an empty page; the test is skipped where there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium")
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:

        def plumb():  # the protocol wants to be read from descriptor 3 and written to 4
            into, out = os.dup(to_browser), os.dup(from_browser)
            os.dup2(into, 3)
            os.dup2(out, 4)

        started = subprocess.Popen(
            [program, *QUIET, *flags, f"--user-data-dir={profile}"],
            preexec_fn=plumb, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        one = Browser(ours_in, ours_out)
        try:
            target = one.call("Target.createTarget", url="about:blank")["targetId"]
            one.session = one.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                one.call(f"{domain}.enable")
            yield one
        finally:
            started.kill()
            started.wait()
            os.close(ours_in)
            os.close(ours_out)
