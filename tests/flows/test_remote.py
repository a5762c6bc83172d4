from __future__ import annotations

from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client

from pipelines.core.errors import ContractError, SourceError, Unavailable
from pipelines.flows.remote import error_of, train_on_worker


def run(message: str | None) -> SimpleNamespace:
    return SimpleNamespace(name="a-run", state=SimpleNamespace(name="Failed", message=message))


def test_an_error_on_the_worker_is_the_same_error_here() -> None:
    error = error_of(run("Flow run encountered an exception: ContractError: column 'a' is missing: mend it"))
    assert isinstance(error, ContractError)
    assert str(error) == "column 'a' is missing: mend it"
    assert isinstance(error_of(run("Flow run encountered an exception: SourceError: x.csv: no")), SourceError)


def test_any_other_end_is_told_as_it_is() -> None:
    error = error_of(run("Flow run process exited with non-zero status code -9."))
    assert isinstance(error, Unavailable)
    assert "a-run ended as Failed" in str(error)
    assert isinstance(error_of(run(None)), Unavailable)


@pytest.mark.usefixtures("prefect_server")
def test_without_a_deployment_the_worker_is_named() -> None:
    with get_client(sync_client=True) as client:
        for one in client.read_deployments():
            client.delete_deployment(one.id)
    with pytest.raises(Unavailable, match="the worker registers it"):
        train_on_worker({"problem": "small"})
