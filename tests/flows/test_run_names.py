from __future__ import annotations

import pytest
from prefect import flow
from prefect.runtime import flow_run

from pipelines.flows.run_names import problem_of_run


@flow(flow_run_name=problem_of_run)
def named(problem: str) -> str:
    return str(flow_run.name)


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("problem", ["flights", "somewhere/problems/flights.yaml", "flights.yml"])
def test_a_run_is_called_by_its_problem_wherever_the_file_lies(problem: str) -> None:
    assert named(problem) == "flights"
