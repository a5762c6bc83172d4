"""The operators' pages in a real Chromium: by mouse, by keyboard, without scripts, on a phone, light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys
from pipelines.stores.decisions.ledger import Ledger

pytestmark = pytest.mark.browser

PAGES = ("/", "/problems/arrivals", "/problems/arrivals/timeline", "/problems/arrivals/verdicts/{last}",
         "/problems/arrivals/actions/silence", "/problems/arrivals/actions/roll-back", "/passport?id={answer}",
         "/problems/none")  # fmt: skip
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
BARRIERS = (Path(__file__).parent / "barriers.js").read_text()
WHO = (("Your name", "Ada"), ("Reason", "the feed is being mended"))


@pytest.fixture
def told(settings: Settings, year: ModuleType) -> dict[str, Any]:
    """A year in the ledger and some answers in the log."""
    settings.home.mkdir(parents=True)
    verdicts = year.write_year(settings, standing=True)
    return {"last": verdicts[-1], "answer": year.write_traffic(settings)}


def newest(settings: Settings) -> Any:
    ledger = Ledger(settings.database)
    try:
        return ledger.entries("arrivals", limit=1)[0]
    finally:
        ledger.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_can_be_read_by_everybody(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], scheme: str, width: int
) -> None:
    tab, url = browser(), console().url
    tab.media(scheme)
    tab.size(width, 900, phone=width < 600)
    for path in PAGES:
        tab.go(url + path.format(**told))
        assert tab.run(CONTRAST) == [], path
        assert tab.run(BARRIERS) == [], path
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width}"
        background = tab.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(json.loads(f"[{background[4:-1]}]")) < 200) == (scheme == "dark")
    allowed = [one for one in tab.complaints() if "404" not in one]
    assert allowed == []


def test_an_operator_goes_from_the_alarm_to_its_evidence_and_acknowledges_it(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], settings: Settings
) -> None:
    tab, url = browser(), console().url
    tab.go(url)
    assert "1 of 1 not healthy" in tab.text
    tab.click("arrivals")
    assert "Nobody has said yet" in tab.text
    tab.click("arrivals: performance alarm")
    assert "12 days of evidence" in tab.text
    assert "late_at_origin_6h" in tab.text
    tab.click("arrivals")
    tab.click("Acknowledge")
    for label, words in WHO:
        tab.fill(label, words)
    tab.click("Acknowledge")
    assert "Recorded as entry" in tab.text
    assert "Ada has seen to it" in tab.text
    entry = newest(settings)
    assert (entry.kind, entry.actor, entry.reasons) == ("acknowledgement", "Ada", ["the feed is being mended"])
    assert tab.complaints() == []


def test_everything_can_be_done_by_keyboard_and_without_scripts(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], settings: Settings
) -> None:
    tab, url = browser(), console().url
    tab.go(f"{url}/problems/arrivals/actions/silence")
    tab.script(allowed=False)
    tab.send("Page.reload")
    tab.wait("document.readyState === 'complete'")
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    tab.press("Enter")
    seen = []
    for _ in range(40):
        tab.press("Tab")
        name = tab.run("document.activeElement.name || document.activeElement.innerText")
        outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
        seen.append(name)
        assert outline != "none", name
        if name == "kinds":
            tab.press(" ")
            assert tab.run("document.activeElement.checked")
        if name == "name":
            tab.send("Input.insertText", text="Grace")
        if name == "reason":
            tab.send("Input.insertText", text="by keyboard")
        if name == "Silence":
            break
    assert "Passport" not in seen  # the skip link leads past the head of the page
    assert "hours" in seen
    tab.press("Enter")
    tab.wait("location.search.startsWith('?entry=')")
    entry = newest(settings)
    assert (entry.kind, entry.outcome, entry.actor, entry.reasons) == ("silence", "silenced", "Grace", ["by keyboard"])


def test_a_browser_asks_before_it_sends_what_lacks_a_reason(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], settings: Settings
) -> None:
    tab, url = browser(), console().url
    before = newest(settings).id
    tab.go(f"{url}/problems/arrivals/actions/retrain")
    tab.fill("Your name", "Ada")
    tab.run("document.querySelector('form button').click()")
    assert tab.run("location.pathname") == "/problems/arrivals/actions/retrain"
    assert tab.run("document.querySelector(':invalid:not(form)').name") == "reason"
    assert newest(settings).id == before


def test_a_page_renews_itself_and_keeps_what_is_open(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], settings: Settings, year: ModuleType
) -> None:
    tab, url = browser(), console().url
    tab.go(f"{url}/problems/arrivals")
    tab.run("document.getElementById('kinds-table').open = true")
    ledger = Ledger(settings.database)
    ledger.request("arrivals", "k", reason="drawn by the test", as_of=year.OPENING, at=year.OPENING)
    ledger.close()
    tab.wait("document.body.innerText.includes('drawn by the test')")
    assert tab.run("document.getElementById('kinds-table').open")
    assert tab.complaints() == []


def test_filters_lead_through_the_timeline(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any]
) -> None:
    tab, url = browser(), console().url
    tab.go(f"{url}/problems/arrivals")
    tab.click("everything, with filters")
    tab.run("document.getElementById('kind').value = 'release'")
    tab.click("Show")
    assert tab.run("[...document.querySelectorAll('.story .what a')].map((one) => one.innerText)") == [
        "Release, version 3", "Release, version 2", "Release, version 1"]  # fmt: skip
    tab.click("Release, version 3")
    assert "The gate's checks" in tab.text


def test_where_keys_are_asked_for_a_person_signs_in_first(
    browser: Callable[[], Any], console: Callable[..., Any], told: dict[str, Any], settings: Settings, year: ModuleType
) -> None:
    keys = ApiKeys(settings.database)
    secret = keys.create("night shift", ["admin"], at=year.OPENING, by="test")[1]
    keys.close()
    tab, url = browser(), console(RATCHET_REQUIRE_KEYS="always").url
    tab.go(f"{url}/problems/arrivals/actions/retrain")
    assert tab.run("location.pathname") == "/sign-in"
    tab.fill("API key", "rk_wrong")
    tab.click("Sign in")
    assert "not known" in tab.text
    tab.fill("API key", secret)
    tab.click("Sign in")
    assert tab.run("location.pathname") == "/problems/arrivals/actions/retrain"
    assert tab.run("document.cookie") == ""  # no script can read it
    tab.fill("Reason", "new labels")
    tab.click("Ask for the training")
    assert newest(settings).actor == "night shift"
