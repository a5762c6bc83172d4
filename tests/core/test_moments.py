"""Moments in time as people and machines write them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from pipelines.core.moments import find_form, microseconds_of, read_moment


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["Jun 12 1998", "Jul 1 2001"], "%b %d %Y"),
        (["13/01/2013", "01/02/2013"], "%d/%m/%Y"),
        (["1/13/2013 10:30 PM"], "%m/%d/%Y %I:%M %p"),
        (["Jan 2013", "Feb 2013"], "%b %Y"),
        (["2013-01", "2013-12"], "%Y-%m"),
        (["1/13/98"], "%m/%d/%y"),
        (["31.12.2013 18:00:01"], "%d.%m.%Y %H:%M:%S"),
        (["x", "y"], None),
        ([], None),
    ],
)
def test_a_form_is_found_that_reads_the_texts(texts: list[str], form: str | None) -> None:
    assert find_form(texts) == form


def test_a_few_bad_texts_do_not_hide_the_form() -> None:
    assert find_form(["13/01/2013"] * 99 + ["?"]) == "%d/%m/%Y"


def test_nothing_is_read_from_what_is_no_moment() -> None:
    assert read_moment(float("nan")) is None
    assert read_moment(float("inf")) is None
    assert read_moment(object()) is None
    assert read_moment("0001-01-01T00:00:00+14:00") is None


@pytest.mark.parametrize(
    "text", ["1969-12-31T23:59:59.999999", "0001-01-01", "9999-12-31T23:59:59.999999", "2000-02-29"]
)
def test_microseconds_are_those_that_numpy_counts(text: str) -> None:
    assert microseconds_of(datetime.fromisoformat(text)) == np.datetime64(text, "us").view(np.int64)


def test_a_number_beyond_any_calendar_is_no_moment() -> None:
    assert read_moment(10**400) is None


def test_iso_goes_before_the_form() -> None:
    assert read_moment("2013-02-01", "%Y-%d-%m") == np.datetime64("2013-02-01", "us")


@pytest.mark.parametrize(
    "text", ["2013/01/31", "2013.1.31", "2013 01 31", "2013-1-31", "2013/1/31 00:00", "2013/01/31T00:00Z"]
)
def test_year_first_is_read_whatever_stands_between(text: str) -> None:
    assert read_moment(text) == np.datetime64("2013-01-31T00:00:00", "us")


@pytest.mark.parametrize("text", ["2013/13/31", "2013/01-31", "2013/01/31 noon", "31/01/2013"])
def test_other_orders_are_not_guessed(text: str) -> None:
    assert read_moment(text) is None
