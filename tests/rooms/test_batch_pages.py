"""The pages of runs in a browser: nothing complains, they fit a phone, and their words can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from browser import Tab, browser, faint
from jobs import go, set_up, shelf_of, shop


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a run that looks back at others and at refunds, and that over all runs."""
    log = shop(400)
    back = log.iloc[::20].assign(spend=-1.0)
    text = '[report]\ncurrency = "€"\n'
    path = set_up(tmp_path_factory.mktemp("job"), pd.concat([log, back]), more=text)
    path.write_text(path.read_text().replace('"log.csv"', '"log.csv"\nrefunds = "net"'))
    for day in ("2025-01-31", "2025-02-28", "2025-03-31"):
        go(path, day, force=True)
    shelf = shelf_of(path)
    return {"run": shelf.runs[-1].folder / "report.html", "history": shelf.folder / "history.html"}


@pytest.fixture(scope="module", params=["run", "history"])
def tab(
    need: Callable[[str], str],
    pages: dict[str, Path],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tab]:
    program = need("chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as one:
        one.resize(1200)
        one.open(pages[request.param])
        yield one


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_of_run_pages_stand_out(tab: Tab, scheme: str) -> None:
    """WCAG 2.1, 1.4.3: a contrast of 4.5 to 1 at least, for everything that is written, in figures too."""
    tab.media(prefers_color_scheme=scheme)
    assert faint(tab) == []
    tab.value(
        "document.querySelector('p').style.color = '#999999'; document.body.style.background = '#aaaaaa'"
    )
    assert len(faint(tab)) >= 1  # a measure that cannot fail measures nothing
    tab.value("document.querySelector('p').style.color = document.body.style.background = ''")
    tab.media()


def test_run_pages_complain_of_nothing_and_fit_a_phone(tab: Tab) -> None:
    assert tab.complaints() == []
    assert tab.value("document.querySelectorAll('svg').length") > 0
    tab.resize(360, mobile=True)
    assert tab.value("document.documentElement.scrollWidth") <= 360
    tab.resize(1200)
