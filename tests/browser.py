"""A headless Chromium on a string: its DevTools protocol over two pipes, no client library needed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

_MOVE = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""  # the browser reads commands from 3 and answers on 4, wherever the pipes are here


@dataclass
class Tab:
    """One page of a browser; `events` holds what the browser told meanwhile."""

    out: BinaryIO
    back: BinaryIO
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        self.out.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method: str) -> None:
        """Wait until the browser tells of an event."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.back.read(1)) != b"\0":
            assert byte, "the browser went away"
            text += byte
        return json.loads(text)

    def open(self, path: Path) -> None:
        """Load a page, with everything that goes wrong in the events."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is worth."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 800, *, mobile: bool = False) -> None:
        """Another screen."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def media(self, media: str = "", **features: str) -> None:
        """Another medium, such as print, or a dark screen."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", media=media, features=named)

    def picture(self) -> bytes:
        """A PNG of the whole page."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        return base64.b64decode(answer["data"])

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and everything that was asked of a network."""
        found = []
        for event in self.events:
            method, told = event.get("method", ""), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled":
                found.append(str(told["args"]))
            elif method == "Log.entryAdded":
                found.append(f"{told['entry']['level']}: {told['entry']['text']}")
            elif method == "Network.requestWillBeSent" and not told["request"]["url"].startswith(
                ("file:", "data:")
            ):
                found.append(told["request"]["url"])
        return found


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Tab]:
    """A tab of a fresh browser, which ends with the block."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    move = [sys.executable, "-c", _MOVE, str(theirs_in), str(theirs_out), program]
    process = subprocess.Popen(
        [*move, *OPTIONS, f"--user-data-dir={profile}"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        with os.fdopen(ours_out, "wb") as out, os.fdopen(ours_in, "rb") as back:
            whole = Tab(out, back)
            target = whole.ask("Target.createTarget", url="about:blank")["targetId"]
            session = whole.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            yield Tab(out, back, session)
            whole._number = 1 << 20
            whole.ask("Browser.close")
    finally:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
