"""A headless Chromium on a string: its DevTools protocol over two pipes, no client library needed."""

from __future__ import annotations

import base64
import json
import os
import re
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


_WRITTEN = """
(() => {
  const found = {}, walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const clear = colour => colour === 'rgba(0, 0, 0, 0)' || colour === 'transparent';
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest('title, desc')) continue;
    const style = getComputedStyle(element), inside = element.closest('svg');
    let ground = element;
    while (ground && clear(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    let under = ground ? getComputedStyle(ground).backgroundColor : 'rgb(255, 255, 255)';
    if (inside) {
      const box = element.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
      for (const shape of inside.querySelectorAll('path, rect')) {
        const paint = getComputedStyle(shape).fill, area = shape.getBoundingClientRect();
        const before = shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
        const covers = area.left <= x && x <= area.right && area.top <= y && y <= area.bottom;
        if (before && covers && paint !== 'none' && !shape.closest('defs, clipPath')) under = paint;
      }
    }
    found[[inside ? style.fill : style.color, under]] ??= [inside ? style.fill : style.color, under, text.slice(0, 40)];
  }
  return Object.values(found);
})()
"""


def faint(tab: Tab, least: float = 4.5) -> list[tuple[str, str, str, float]]:
    """Every pair of colours in which the page writes below a contrast (WCAG 2.1, 1.4.3), with the first such text.

    Colours are those of the rendered page: of words in the text, and of words in figures on what is drawn below them.
    """
    pairs = tab.value(_WRITTEN)
    assert pairs, "the page writes nothing"
    measured = [(one, ground, text, contrast(parts_of(one), parts_of(ground))) for one, ground, text in pairs]
    return [row for row in measured if row[3] < least]


def parts_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, as a style sheet or as a browser writes it.

    Examples
    --------
    >>> parts_of("#ff0080"), parts_of("rgb(255, 0, 128)")
    ((255, 0, 128), (255, 0, 128))
    """
    if colour.startswith("#"):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return red, green, blue
    numbers = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    assert numbers, f"{colour} lets something through, and what that is nobody knows"
    red, green, blue = map(int, numbers.groups())
    return red, green, blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of WCAG 2.1 from relative luminances."""

    def luminance(colour: tuple[int, int, int]) -> float:
        parts = [value / 255 for value in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


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
