from __future__ import annotations

from pipelines.core.settings import Settings
from pipelines.stores.drift.drift_dashboard import project_id
from pipelines.stores.storage.files import write_json
from services.console.links import Links


def test_addresses_are_those_that_the_stack_noted(settings: Settings) -> None:
    now = [0.0]
    links = Links(settings, lambda: now[0])
    assert (links.mlflow(), links.run("r1"), links.dashboard("p")) == (None, None, None)
    for name in ("mlflow", "prefect", "evidently", "prediction"):
        write_json(settings.home / "run" / "stack" / f"{name}.json", {"url": f"http://127.0.0.1/{name}"})
    assert links.mlflow() is None  # believed for a moment
    now[0] = 10.0
    assert links.run("r1") == "http://127.0.0.1/mlflow/#/runs/r1"
    assert links.version("p", 3) == "http://127.0.0.1/mlflow/#/models/p/versions/3"
    assert links.flow_run("f") == "http://127.0.0.1/prefect/runs/flow-run/f"
    assert links.service() == "http://127.0.0.1/prediction"
    snapshot = "bc76db57-81e6-5b0a-b4f8-9715b04bed8e"
    report = links.report("p", f"/srv/evidently/x/snapshots/{snapshot}.json")
    assert report == f"http://127.0.0.1/evidently/projects/{project_id('p')}/reports/{snapshot}"
    assert links.report("p", None) is None
    assert links.version("p", None) is None


def test_a_setting_wins_over_the_stack_and_a_damaged_note_is_none(settings: Settings) -> None:
    told = settings.model_copy(update={"prefect_url": "http://prefect:4200/api", "mlflow_url": "http://mlflow"})
    links = Links(told)
    assert (links.prefect(), links.mlflow()) == ("http://prefect:4200", "http://mlflow")
    note = settings.home / "run" / "stack" / "evidently.json"
    note.parent.mkdir(parents=True)
    note.write_text("[1, 2")
    assert links.evidently() is None
    note.write_text("[1, 2]")
    assert Links(told).evidently() is None


def test_settings_say_where_the_service_and_evidently_are(settings: Settings) -> None:
    there = {"service_url": "http://proxy:8000/", "evidently_url": "http://drift.example"}
    links = Links(settings.model_copy(update=there))
    assert (links.service(), links.evidently()) == ("http://proxy:8000", "http://drift.example")
    assert (links.replicas(), links.service_docs()) == ("http://proxy:8000", "http://proxy:8000/docs")
    more = {**there, "service_replicas": "http://prediction:8000/", "service_page": "https://api.example/"}
    links = Links(settings.model_copy(update=more))
    assert (links.service(), links.replicas()) == ("http://proxy:8000", "http://prediction:8000")
    assert links.service_docs() == "https://api.example/docs"
    assert Links(settings).service_docs() is None


def test_what_a_browser_reaches_can_differ_from_what_the_console_does(settings: Settings) -> None:
    inside = {"mlflow_uri": "http://mlflow:5000", "prefect_url": "http://prefect:4200/api"}
    outside = {"mlflow_page": "http://localhost:5000/", "prefect_page": "http://localhost:4200"}
    links = Links(settings.model_copy(update={**inside, **outside}))
    assert (links.mlflow(), links.prefect()) == ("http://localhost:5000", "http://localhost:4200")
    assert (links.mlflow_server(), links.prefect_server()) == ("http://mlflow:5000", "http://prefect:4200")
    assert Links(settings).mlflow_server() is None
