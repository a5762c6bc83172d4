from __future__ import annotations

from typing import Any

from pipelines.cards.plots import draw_backtest


def test_the_same_result_is_drawn_the_same(backtest_result: dict[str, Any]) -> None:
    first, second = draw_backtest(backtest_result), draw_backtest(backtest_result)
    assert list(first) == ["losses", "gains", "timeline"]
    assert {name: one.svg for name, one in first.items()} == {name: one.svg for name, one in second.items()}
    assert all(one.wide for one in first.values())


def test_every_policy_is_named(backtest_result: dict[str, Any]) -> None:
    plots = draw_backtest(backtest_result)
    for name in ("losses", "timeline"):
        assert "performance" in plots[name].svg
        assert "never" in plots[name].svg
    assert "gained over never" in plots["gains"].svg
    assert "2024" in plots["losses"].svg


def test_regression_sums_squared_errors(backtest_result: dict[str, Any]) -> None:
    assert "mean squared error" in draw_backtest({**backtest_result, "task": "regression"})["gains"].svg


def test_windows_of_hours_show_the_hour(backtest_result: dict[str, Any]) -> None:
    for policy in backtest_result["policies"]:
        for number, window in enumerate(policy["windows"]):
            window |= {"start": f"2024-01-01T0{number}:00:00+00:00", "end": f"2024-01-01T0{number + 1}:00:00+00:00"}
    assert "02:00" in draw_backtest(backtest_result)["losses"].svg
