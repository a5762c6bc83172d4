from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stack.elsewhere import elsewhere, online_workers
from pipelines.stack.lineup import lineup
from pipelines.stack.running import status

Serve = Callable[[dict[str, Any]], str]


def test_nothing_is_elsewhere_by_default(settings: Settings) -> None:
    assert elsewhere(settings) == []
    assert not any(state.elsewhere for state in status(settings))


def test_what_the_settings_name_is_asked_and_not_started(settings: Settings, serve: Serve) -> None:
    prefect = serve(
        {
            "/api/health": True,
            "/api/work_pools/trains/workers/filter": [
                {"name": "two", "status": "ONLINE"},
                {"name": "one", "status": "ONLINE"},
                {"name": "old", "status": "OFFLINE"},
            ],
        }
    )
    far = settings.model_copy(
        update={
            "prefect_url": f"{prefect}/api",
            "work_pool": "trains",
            "mlflow_uri": "http://127.0.0.1:9",
            "service_url": serve({"/healthz": {"status": "ok"}}),
        }
    )
    assert [one.name for one in elsewhere(far)] == ["mlflow", "prefect", "prediction"]
    assert [one.name for one in lineup(far)] == ["evidently", "console"]
    states = {state.name: state for state in status(far)}
    assert {name for name, state in states.items() if state.elsewhere} == {"mlflow", "prefect", "prediction", "worker"}
    assert {name for name, state in states.items() if state.answers} == {"prefect", "prediction", "worker"}
    assert states["prefect"].url == prefect
    assert online_workers(f"{prefect}/api", "trains") == ["one", "two"]
    assert online_workers(f"{prefect}/api", "none") is None
    assert online_workers("http://127.0.0.1:9/api", "trains") is None


def test_people_are_told_the_services_address_as_they_reach_it(settings: Settings) -> None:
    far = {"service_url": "http://proxy:8000/", "service_page": "https://predictions.example/"}
    (service,) = elsewhere(settings.model_copy(update=far))
    assert (service.url, service.inside) == ("https://predictions.example", ("http://proxy:8000",))


def test_services_here_read_the_mlflow_that_is_elsewhere(settings: Settings) -> None:
    far = settings.model_copy(update={"mlflow_uri": "http://mlflow:5000"})
    console = next(one for one in lineup(far) if one.name == "console")
    assert console.environment({"console": 1})["RATCHET_MLFLOW_URL"] == "http://mlflow:5000"


def test_a_browsers_address_is_asked_by_the_networks_name_too(settings: Settings) -> None:
    far = settings.model_copy(update={"evidently_url": "http://localhost:18001/"})
    assert elsewhere(far)[0].inside == ("http://localhost:18001", "http://evidently:8001")
