from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipelines.core.problem_parts import Columns, Name, Section, parse_duration, write_duration


@given(st.integers(min_value=1, max_value=10_000_000))
def test_a_duration_written_reads_back_the_same(seconds: int) -> None:
    assert parse_duration(write_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["7", "7 days", "d7", "", "-1d"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="30m, 6h, 7d or 4w"):
        parse_duration(text)


def test_a_duration_beyond_all_time_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than anything"):
        parse_duration("999999999999w")


def test_one_column_is_a_list_of_one() -> None:
    columns = TypeAdapter(Columns)
    assert columns.validate_python("day") == ["day"]
    assert columns.validate_python(["day", "carrier"]) == ["day", "carrier"]


@pytest.mark.parametrize("name", ["Flights", "a b", "-a", "", "a" * 64])
def test_names_fit_into_addresses_and_folders(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


def test_a_section_refuses_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="extra"):
        Section.model_validate({"colour": "red"})
