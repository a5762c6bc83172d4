from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from pipelines.cards.backtest_page import backtest_document, backtest_page


class _Reader(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "iframe", "img"):
            self.fetched.append(tag)


def test_the_page_needs_nothing_and_says_everything(backtest_result: dict[str, Any]) -> None:
    page = backtest_page(backtest_result)
    reader = _Reader()
    reader.feed(page)
    assert reader.fetched == []
    assert page.count("<svg") == 3
    for told in (
        "Policy never",
        "Policy performance",
        "promoted",
        "since 3 April the loss is above",
        "0.9",
        "Not replayed",
    ):
        assert told in page
    assert "<b>" not in page.split("<body>")[1]  # a reason with markup stays text
    assert "&lt;b&gt;" in page


def test_the_head_names_the_policy_that_gains_most_and_the_one_that_trains_least(
    backtest_result: dict[str, Any],
) -> None:
    figures = {one.label: one for one in backtest_document(backtest_result).figures}
    assert figures["Least log_loss"].detail == "performance"
    assert figures["95% of the best gain"].value == "1 retrainings"


def test_a_backtest_without_labels_in_the_end_is_a_page_too(backtest_result: dict[str, Any]) -> None:
    for policy in backtest_result["policies"]:
        policy["loss"] = None
        for window in policy["windows"]:
            window |= {"loss": None, "loss_rows": 0}
    page = backtest_page(backtest_result)
    assert page.count("<svg") == 2
    assert "Loss over time" not in page


def test_one_policy_alone(backtest_result: dict[str, Any]) -> None:
    backtest_result["policies"] = backtest_result["policies"][:1]
    assert backtest_page(backtest_result).count("<svg") == 2
