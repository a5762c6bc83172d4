from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from services.console.neighbours import Surroundings
from services.console.service_numbers import ServiceNumbers


def links(text: str) -> list[str]:
    return [one.replace("&amp;", "&") for one in re.findall(r'href="(/[^"#]*)', text)]


def test_an_empty_home_says_what_to_do(site: Any) -> None:
    page = site.get("/")
    assert page.status_code == 200
    assert "ratchet train" in page.text
    assert site.get("/problems").headers["location"] == "/"
    assert site.get("/problems/none").status_code == 404


def test_the_problem_page_tells_the_year(lived: Any, year: Any) -> None:
    text = lived.get(f"/problems/{year.PROBLEM}").text
    for words in (
        "version 3",
        "since 13 Apr 2026",
        "performance alarm",
        "late_at_origin_6h",
        "Evidence of harm",
        "Will a flight from New York",
        "81%",
        "Prefect does not answer",
    ):
        assert words in text, words
    assert text.index("late_at_origin_6h") < text.index("<code>temp</code>")  # what costs more stands first
    assert "style=" not in text  # the policy of the page forbids it
    assert "<script>" not in text


def test_the_services_numbers_are_those_of_all_replicas_or_it_is_said_why_there_are_none(
    lived: Any, year: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ServiceNumbers(1200, 6, 0.01, {year.PROBLEM: [2, 3]}, replicas=2)
    around = Surroundings(0.0, [], numbers, "1 of 3 replicas are missing")
    monkeypatch.setattr(lived.desk.neighbours, "now", lambda: around)
    text = lived.get(f"/problems/{year.PROBLEM}").text
    for words in ("by 2 replicas", "serves version 2 and 3", "1 of 3 replicas are missing"):
        assert words in text, words
    assert "(2 replicas)" in lived.get("/").text
    around = Surroundings(0.0, [], None, "it asks for a key with the scope read: RATCHET_SERVICE_KEY")
    assert "scope read: RATCHET_SERVICE_KEY" in lived.get(f"/problems/{year.PROBLEM}").text


def test_every_link_of_every_page_leads_somewhere(lived: Any, year: Any) -> None:
    seen: set[str] = set()
    ahead = ["/"]
    while ahead:
        path = ahead.pop()
        if path in seen or "/releases/" in path or len(seen) > 60:
            continue
        seen.add(path)
        answer = lived.get(path)
        assert answer.status_code == 200, path
        ahead += [one for one in links(answer.text) if "/verdicts/" not in one and "/entries/" not in one]
        ahead += [one for one in links(answer.text) if "/verdicts/" in one or "/entries/" in one][:2]
    assert any("/actions/roll-back" in one for one in seen)
    assert any("/timeline" in one for one in seen)


def test_the_timeline_is_read_page_by_page_without_a_gap(lived: Any, year: Any) -> None:
    path, seen = f"/problems/{year.PROBLEM}/timeline?kind=verdict", []
    while path:
        text = lived.get(path).text
        seen += re.findall(r"/entries/(\d+)\">(?:Verdict|\d)", text)
        older = re.search(r'rel="next" href="([^"]*)"', text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen))
    only = lived.get(f"/problems/{year.PROBLEM}/timeline?kind=release&outcome=keep").text
    assert only.count("Release, version 2") == 1
    assert "Release, version 3" not in only
    assert "Nothing on record fits" in lived.get(f"/problems/{year.PROBLEM}/timeline?kind=none").text


def test_an_entry_belongs_to_its_problem(lived: Any, year: Any) -> None:
    last = lived.desk.windows.last(year.PROBLEM).id
    for way in ("verdicts", "entries"):
        text = lived.get(f"/problems/{year.PROBLEM}/{way}/{last}").text
        assert "12 days of evidence" in text
        assert f"Entry {last}" in text
    assert lived.get(f"/problems/other/entries/{last}").status_code == 404
    assert lived.get(f"/problems/{year.PROBLEM}/entries/99999").status_code == 404
    assert lived.get(f"/problems/{year.PROBLEM}/entries/nonsense").status_code == 404


def test_a_passport_is_found_by_its_id(lived: Any, lived_home: Path) -> None:
    name = (lived_home / "answer").read_text()
    found = lived.get("/passport", params={"id": f" {name} "})
    assert found.status_code == 200
    assert "Asked with" in found.text
    assert lived.get("/passport").status_code == 200
    for wrong in ("nonsense", "00000000-0000-7000-8000-000000000000", "<script>alert(1)</script>"):
        answer = lived.get("/passport", params={"id": wrong})
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("span", ["week", "month", "quarter", "year", "all", "<b>"])
def test_spans_and_traffic_are_chosen_by_the_address(lived: Any, year: Any, span: str) -> None:
    page = lived.get(f"/problems/{year.PROBLEM}", params={"span": span, "by": "hour"})
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_what_somebody_else_wrote_stays_text(site: Any, year: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    site.desk.ledger.record(
        "k",
        at=year.OPENING,
        problem="p",
        kind="verdict",
        outcome="alarm",
        actor=evil,
        reasons=[evil],
        evidence={
            "kinds": {evil: {"level": evil, "reasons": [evil]}},
            "columns": [{"name": evil}],
            "numbers": {evil: 1.0, f"{evil}, limit": 2.0},
            "x": evil,
        },
    )
    for path in ("/", "/problems/p", "/problems/p/timeline", "/problems/p/entries/1"):
        answer = site.get(path)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
