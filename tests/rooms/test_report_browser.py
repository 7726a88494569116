"""The report in a browser: nothing complains, everything is there, it fits a phone, and its words can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from browser import Tab, browser, contrast, faint, parts_of
from rooms.example_scorecard import example_forecast, example_scorecard

from clvmodels import refund_record
from clvmodels.report import refunds_section, write_report

EVIL = "<script>document.title = 'taken over'</script><img src=x onerror=alert(1)>"
SECTIONS = [
    "verdict",
    "total",
    "ranking",
    "customer",
    "formula",
    "suspects",
    "forecast",
    "refunds",
    "data",
    "fits",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on two origins with a customer who is a script."""
    ids = [EVIL, *(f"id-{i}" for i in range(49))]
    path = tmp_path_factory.mktemp("report") / "report.html"
    card = example_scorecard(cuts=(31, 39))
    log = pd.DataFrame(
        {"customer_id": [EVIL] * 2, "date": ["2026-01-01", "2026-01-08"], "spend": [9.0, -9.0]}
    )
    back = refunds_section(refund_record(log), note=EVIL)
    ahead = example_forecast(ids=ids)
    return write_report(card, path, forecast=ahead, currency="€", top=50, sections=[back])


@pytest.fixture(scope="module")
def tab(need: Callable[[str], str], page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = need("chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as one:
        one.resize(1200)
        one.open(page)
        yield one


def test_nothing_complains_and_nothing_is_fetched(tab: Tab) -> None:
    assert tab.complaints() == []
    assert tab.value("document.scripts.length") == 0


def test_a_complaint_would_be_heard(tab: Tab) -> None:
    before = len(tab.events)
    tab.value("console.error('heard'); fetch('http://127.0.0.1:9/').catch(() => 0); 1")
    last = (
        "Failed to load resource"  # the browser says so in its own time, and must have before the next test
    )
    for _ in range(100):
        tab.value("new Promise(done => setTimeout(done, 100))")
        if last in (said := " ".join(tab.complaints())):
            break
    del tab.events[before:]
    assert last in said
    assert "heard" in said
    assert "127.0.0.1" in said


def test_every_section_is_there_and_drawn(tab: Tab) -> None:
    shown = tab.value(
        "[...document.querySelectorAll('section')].filter(s => s.getBoundingClientRect().height > 60).map(s => s.id)"
    )
    assert [key for key in shown if key in SECTIONS] == SECTIONS
    flat = "[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height < 100).length"
    assert tab.value(flat) == 0


def test_a_customer_called_script_stays_text(tab: Tab) -> None:
    assert "taken over" not in tab.value("document.title")
    assert EVIL in tab.value("document.getElementById('forecast-top').textContent")
    assert tab.value("document.images.length") == 0


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_no_page_is_wider_than_its_screen(tab: Tab, width: int) -> None:
    """Tables and figures may be wider; they scroll within regions of their own, which keys can reach."""
    tab.resize(width, mobile=width < 500)
    assert tab.value("document.documentElement.scrollWidth") <= width
    wide = (
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll') && !e.closest('pre') "
        f"&& e.getBoundingClientRect().right > {width} + 1).map(e => e.tagName + '#' + e.id)"
    )
    assert tab.value(wide) == []
    loose = "[...document.querySelectorAll('.scroll')].filter(e => e.tabIndex !== 0 || !e.getAttribute('role')).length"
    assert tab.value(loose) == 0
    tab.resize(1200)


def test_a_phone_sees_that_there_is_more_and_captions_push_nothing_away(tab: Tab) -> None:
    """Killed: a long caption in one line, which made a narrow table wide and its numbers invisible on a phone."""
    tab.resize(360, mobile=True)
    wider = """
        [...document.querySelectorAll('.scroll > table')].filter(table => {
            const before = table.getBoundingClientRect().width;
            table.caption.style.display = 'none';
            const after = table.getBoundingClientRect().width;
            table.caption.style.display = '';
            return before > after + 1;
        }).map(table => table.id)"""
    assert tab.value(wider) == []
    assert tab.value(
        "[...document.querySelectorAll('caption span')].every(e => e.getBoundingClientRect().right <= 360)"
    )
    assert (
        tab.value("getComputedStyle(document.querySelector('.scroll')).backgroundAttachment")
        == "local, scroll"
    )
    tab.resize(1200)


def test_a_name_without_a_space_does_not_widen_a_table(tab: Tab) -> None:
    """Killed: cells that break between words only, so that one long name pushes the rest off a wide screen."""
    widest = "document.getElementById('verdict-table').getBoundingClientRect().width"
    cell = "document.querySelector('#verdict-table tbody td')"
    before = tab.value(f"{cell}.textContent")
    tab.value(f"{cell}.textContent = 'x'.repeat(200); 1")
    assert tab.value(widest) <= 1200
    tab.value(f"{cell}.textContent = {before!r}; 1")


def test_a_screen_reader_finds_names(tab: Tab) -> None:
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    roles: dict[str, list[str]] = {}
    for node in tree:
        role, name = node.get("role", {}).get("value", ""), node.get("name", {}).get("value", "")
        if not node.get("ignored"):
            roles.setdefault(role, []).append(name)
    count = tab.value("[document.querySelectorAll('svg').length, document.querySelectorAll('table').length]")
    images = roles.get("image", roles.get("img", []))
    assert (len(images), len(roles["table"])) == tuple(count)
    assert all(images)
    assert all(roles["table"])
    assert all(roles["region"])
    assert len(roles["heading"]) >= len(SECTIONS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(tab: Tab, scheme: str) -> None:
    """WCAG 2.1, 1.4.3: a contrast of 4.5 to 1 at least, for everything that is written."""
    tab.media(prefers_color_scheme=scheme)
    names = ("paper", "panel", "ink", "muted", "link")
    of = {
        name: tab.value(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
        for name in names
    }
    for text in ("ink", "muted", "link"):
        for ground in ("paper", "panel"):
            assert contrast(parts_of(of[text]), parts_of(of[ground])) >= 4.5, (scheme, text, ground)
    assert tab.value("getComputedStyle(document.body).backgroundColor") == f"rgb{parts_of(of['paper'])}"
    assert faint(tab) == []
    tab.media()


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(
        4.48, abs=0.005
    )  # WebAIM's well-known near miss


def test_print_is_paper_without_navigation(tab: Tab) -> None:
    tab.media("print", prefers_color_scheme="dark")
    assert tab.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    cut = "[...document.querySelectorAll('.scroll')].filter(e => getComputedStyle(e).overflowX !== 'visible').length"
    assert tab.value(cut) == 0
    tab.media()
