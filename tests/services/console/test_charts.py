from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from services.console.charts import bar_chart, describe, line_chart
from services.console.health import Window
from services.console.panels import Panel, Point

START = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = st.none() | st.floats(-1e9, 1e9)


def point(
    place: int, value: float | None, low: float | None = None, high: float | None = None, limit: float | None = None
) -> Point:
    end = START + timedelta(days=place)
    return Point(Window(place, end, None, end, end, 1, "healthy", {}, 1, 1, {}, []), value, low, high, limit)


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_point_over_its_limit_has_another_shape() -> None:
    panel = Panel("harm", "Harm", "", [point(1, 0.01, 0.0, 0.02, 0.05), point(2, 0.2, 0.1, 0.3, 0.05)])
    tree = drawn(line_chart(panel, [(START + timedelta(days=1, hours=12), 3)]))
    shapes = [one.get("class") for one in tree.iter()]
    assert [shapes.count(kind) for kind in ("dot", "over", "limit", "band", "value")] == [1, 1, 1, 1, 1]
    assert "v3" in [one.text for one in tree.iter("text")]
    assert tree.get("role") == "img"
    assert "beyond the limit in 1 of 2 windows" in str(tree.get("aria-label"))


def test_a_gap_in_what_is_known_is_a_gap_in_the_line() -> None:
    panel = Panel("loss", "Loss", "", [point(1, 1.0), point(2, 2.0), point(3, None), point(4, 1.0), point(5, 1.5)])
    tree = drawn(line_chart(panel))
    assert [one.get("class") for one in tree.iter("polyline")].count("value") == 2


def test_a_share_begins_at_nought() -> None:
    panel = Panel("coverage", "Labels known", "", [point(1, 0.91), point(2, 0.94)], share=True)
    assert "0%" in [one.text for one in drawn(line_chart(panel)).iter("text")]
    assert describe(panel) == "94% at the end, 3 Jan 2026"


@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), min_size=1, max_size=12), st.booleans(), st.booleans())
def test_whatever_the_numbers_everything_lies_within_the_drawing(
    rows: list[tuple[float | None, ...]], both: bool, share: bool
) -> None:
    points = [point(place, *row) for place, row in enumerate(rows)]
    if all(one.value is None for one in points):
        return
    tree = drawn(line_chart(Panel("x", "<X> & Y", "", points, both, share)))
    for one in tree.iter("polyline"):
        for pair in str(one.get("points")).split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 420
            assert 0 <= y <= 168


def test_bars_are_as_high_as_their_share_of_the_largest() -> None:
    tree = drawn(bar_chart([("a: 10 rows", 10.0, 5.0), ("b: <5> rows", 5.0, 0.0)], "Rows & labels"))
    high = {(one.get("class"), one.findtext("title")): float(str(one.get("height"))) for one in tree.iter("rect")}
    assert high["whole", "a: 10 rows"] == 2 * high["part", "a: 10 rows"] == 2 * high["whole", "b: <5> rows"]
    assert drawn(bar_chart([], "None")).get("aria-label") == "None"
