"""`ratchet demo`: the wheel turned on the flights of 2013, with every decision left to the data."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.demo_end import show_story
from pipelines.commands.demo_places import addresses_elsewhere, runs_elsewhere, told_before
from pipelines.commands.output import decisive, remark, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from ratchet_client import Client, Model

    from pipelines.commands.replay import Replay
    from pipelines.core.settings import Settings
    from pipelines.stores.problem_files import LoadedProblem

PROBLEM = "flights"
OPENING = datetime(2013, 3, 1, tzinfo=UTC)  # everything before is history: January and February train the first release
WEEKS = 9
MONTH = 4  # weeks between two trainings by the calendar
AGREED = 8  # answers in a row that must say so: several replicas may stand behind one address
MARK = "demo.json"  # says that a home belongs to the demo, which starts over in it


def demo(
    home: Annotated[Path, typer.Option(help="Folder of the demo's state; it starts over each time.")] = Path(
        ".ratchet/demo"
    ),
    weeks: Annotated[int, typer.Option(min=1, max=40, help="Weeks of 2013 to replay from 1 March on.")] = WEEKS,
    json: Json = False,
) -> None:
    """Train on January and February 2013, release, serve, then replay the weeks that followed through the HTTP API.

    Labels come when the flights had landed. Every week is judged; policy and calendar ask for retraining, and the gate
    promotes or keeps. Nothing is staged: the decisions are the data's. The stack stays up.

    Where settings name a stack that runs elsewhere (RATCHET_SERVICE_URL, RATCHET_PREFECT_URL, RATCHET_MLFLOW_URI),
    it is told there: nothing is started or removed, and a stack that knows the flights already is left as it is.
    """
    started = time.monotonic()
    settings = read_settings()
    if runs_elsewhere(settings):
        if (told := told_before(settings, PROBLEM)) is not None:
            write_result({"decisions": [], "weeks": [], "skipped": told}, json, lambda: remark(told))
            return
        addresses = addresses_elsewhere(settings)
    else:
        settings = _fresh_home(home)
        with _stage("The stack: MLflow, Prefect with a worker, the prediction service, Evidently"):
            addresses = _start(settings)
    prepare_tools(settings)
    with _stage("First training: what was known on 1 March 2013"):
        decisions = [_train(OPENING, "first")]
    story = []
    life = f"Life: {weeks} weeks of flights over HTTP, labels as they land, each week judged"
    with _application(settings, addresses["prediction"]) as (loaded, replay), _stage(life):
        for week in range(weeks):
            story.append(_live_one_week(settings, loaded, replay, week, decisions))
    result = {"decisions": decisions, "weeks": story, "predictions": replay.asked, "labels": replay.labelled}
    result |= {"a_prediction": replay.last_labelled, "ledger": _ledger(settings)}
    result["seconds"] = round(time.monotonic() - started, 1)
    write_result(result, json, lambda: show_story(settings, addresses, PROBLEM, result))


def _fresh_home(home: Path) -> Settings:
    """An empty home; one that an earlier demo left is taken down and removed, any other is refused."""
    from pipelines.core.errors import ProblemError
    from pipelines.stack import running
    from pipelines.stores.files import write_json

    os.environ["RATCHET_HOME"] = str(home)
    settings = read_settings()
    if settings.home.exists() and any(settings.home.iterdir()):
        if not (settings.home / MARK).exists():
            raise ProblemError(f"{home} holds state that is not the demo's: give another folder with --home")
        remark("An earlier demo is there: ending it and starting over")
        running.down(settings)
        shutil.rmtree(settings.home)
    settings.home.mkdir(parents=True, exist_ok=True)
    write_json(settings.home / MARK, {"problem": PROBLEM})
    return settings


@contextmanager
def _stage(title: str) -> Iterator[None]:
    from rich.console import Console

    console, started = Console(stderr=True), time.monotonic()
    console.print(f"\n[bold]{title}[/bold]")
    yield
    console.print(f"[dim]  {time.monotonic() - started:.0f} s[/dim]")


def _start(settings: Settings) -> dict[str, str]:
    from pipelines.stack import running

    states = running.up(settings, tell=lambda name, event: remark(f"  {name:<12} {event}"))
    return {state.name: state.url for state in states if state.url}


def _train(as_of: datetime, why: str) -> dict[str, Any]:
    """One training by the calendar; the gate decides."""
    from pipelines.commands.live_progress import live_progress
    from pipelines.flows.progress import listening
    from pipelines.flows.training import training

    with live_progress() as listener, listening(listener):
        summary = dict(training(PROBLEM, as_of=as_of, actor=f"demo: {why}"))
    return _decision(as_of, why, summary)


def _decision(as_of: datetime, why: str, summary: dict[str, Any]) -> dict[str, Any]:
    kept = {name: summary.get(name) for name in ("decision", "version", "snapshot", "model_digest", "reasons")}
    remark(f"  {as_of:%d %b}  training ({why}): {kept['decision']}, version {kept['version']}")
    remark(f"          {decisive(kept['reasons'])}")
    return {"as_of": as_of.isoformat(), "why": why, **kept}


@contextmanager
def _application(settings: Settings, url: str) -> Iterator[tuple[LoadedProblem, Replay]]:
    """The client that lives through the weeks, with the rows that it will ask about."""
    from pipelines.commands.home_client import home_client
    from pipelines.commands.replay import BATCH, Replay
    from pipelines.steps.reading import read_as_of
    from pipelines.stores.problem_files import load_problem

    loaded = load_problem(PROBLEM)
    data = loaded.problem.data
    rows = read_as_of(loaded, settings, datetime(2014, 1, 1, tzinfo=UTC))
    rows = rows.rename(columns={data.target.column: "label", data.label_known_at or "": "known"})
    rows["moment"] = rows[data.time]
    rows = rows.sort_values("moment", kind="stable").reset_index(drop=True)
    sent = [column for column in rows.columns if column not in {"label", "known", "moment", "arr_delay"}]
    with home_client(settings, url, "demo", BATCH) as client:
        _await_champion(client)
        yield loaded, Replay(client, PROBLEM, rows, sent)


def _await_champion(client: Client) -> None:
    """Until the service has loaded the first release and checked its probe: a second or two."""
    _await(client, lambda model: model.status == "serving")


def _await_history(client: Client, as_of: datetime) -> None:
    """Until the service looks history up in what was materialised as of that moment."""
    _await(client, lambda model: model.history_as_of is not None and model.history_as_of >= as_of)


def _await(client: Client, arrived: Callable[[Model], bool]) -> None:
    from ratchet_client import NotFound

    from pipelines.core.errors import Unavailable

    deadline, seen, agreed = time.monotonic() + 60, "it knows no such model", 0
    while time.monotonic() < deadline:
        with suppress(NotFound):  # until it has looked into the registry
            model = client.model(PROBLEM)
            agreed, seen = agreed + 1 if arrived(model) else 0, str(model)
            if agreed == AGREED:
                return
        time.sleep(0.02 if agreed else 0.1)
    raise Unavailable(f"the service has not followed within a minute: {seen}")


def _live_one_week(
    settings: Settings, loaded: LoadedProblem, replay: Replay, week: int, decisions: list[dict[str, Any]]
) -> dict[str, Any]:
    """Renew the history, ask, tell, judge; then retrain if the verdict or the calendar says so."""
    from pipelines.flows.monitoring import monitoring
    from pipelines.steps.featurize import materialise

    start = OPENING + timedelta(weeks=week)
    end = start + timedelta(weeks=1)
    # As the stack's schedule does every quarter of an hour: a lookup for a flight only uses what was known before its
    # own moment, so that renewing once up to the week's end gives the same answers as renewing before each.
    materialise(loaded, settings, end)
    _await_history(replay.client, end)
    asked = replay.ask(start, end)
    replay.tell(end)
    watched = monitoring(PROBLEM, start=start, end=end, as_of=end)["watched"][0]
    remark(
        f"  {start:%d %b}  {asked} flights, {watched.labels} landed, version {watched.version}: {watched.level}"
        + "".join(f"\n          {reason}" for reason in watched.reasons if watched.level == "alarm")
    )
    if watched.request_id is not None:
        decisions.append(_await_request(settings, watched.request_id, end))
    elif (week + 1) % MONTH == 0:
        decisions.append(_train(end, "calendar"))
    return {"start": start.date().isoformat(), "asked": asked, "labels": watched.labels, "version": watched.version,
            "level": watched.level, "kinds": watched.kinds, "numbers": watched.numbers}  # fmt: skip


def _await_request(settings: Settings, request_id: int, as_of: datetime) -> dict[str, Any]:
    """What became of a retraining that the policy asked for; the worker of the stack runs it."""
    from pipelines.core.errors import Unavailable
    from pipelines.stores.ledger import Ledger

    ledger, deadline = Ledger(settings.database), time.monotonic() + 300
    remark("          the policy asks for a retraining, which runs on the worker")
    try:
        while time.monotonic() < deadline:
            request = next(one for one in ledger.requests(problem=PROBLEM) if one.id == request_id)
            if request.state in ("done", "failed"):
                evidence = request.evidence or {}
                entry = next((one for one in ledger.entries(PROBLEM) if one.run_id == evidence.get("run_id")), None)
                return _decision(as_of, "policy", {**evidence, "decision": request.outcome,
                                                    "reasons": entry.reasons if entry else []})  # fmt: skip
            time.sleep(0.5)
    finally:
        ledger.close()
    raise Unavailable("the retraining did not end within five minutes: see logs/worker.log in the demo's home")


def _ledger(settings: Settings) -> dict[str, Any]:
    """What the ledger holds by now, and whether it is what was recorded."""
    from pipelines.stores.ledger_verification import verify_ledger

    found = verify_ledger(settings)
    return {"entries": found.entries, "intact": found.intact, "head": found.head}
