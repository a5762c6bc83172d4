"""The demo's life: weeks of flights asked about over HTTP, labels as they land, verdicts, and what they ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.commands.output import decisive, remark

if TYPE_CHECKING:
    from ratchet_client import Client, Model

    from pipelines.commands.replay import Replay
    from pipelines.core.settings import Settings
    from pipelines.stores.problems.problem_files import LoadedProblem

PROBLEM = "flights"
OPENING = datetime(2013, 3, 1, tzinfo=UTC)  # everything before is history: January and February train the first release
MONTH = 4  # weeks of history that are materialised at a time
ROWS = 1_000  # of a request
AGREED = 8  # answers in a row that must say so: several replicas may stand behind one address
_PATIENCE = 600  # seconds for a retraining on the worker


def live(settings: Settings, url: str, weeks: int, decisions: list[dict[str, Any]]) -> dict[str, Any]:
    """So many weeks with the service at `url`: what happened in each; what was decided is added to `decisions`."""
    from pipelines.flows.unwatched import without_heartbeats

    with _application(settings, url) as (loaded, replay), ThreadPoolExecutor(1) as aside, without_heartbeats():
        life = _Life(settings, replay, _History(loaded, settings, weeks, aside), decisions)
        story = [life.week(number) for number in range(weeks)]
        return {"weeks": story, "predictions": replay.asked, "labels": replay.labelled,
                "a_prediction": replay.last_labelled, "versions": replay.versions, "spent": life.spent}  # fmt: skip


def told_decision(as_of: datetime, why: str, summary: dict[str, Any]) -> dict[str, Any]:
    """What a training came to, told to the person and as JSON."""
    kept = {name: summary.get(name) for name in ("decision", "version", "snapshot", "model_digest", "reasons")}
    remark(f"  {as_of:%d %b}  training ({why}): {kept['decision']}, version {kept['version']}")
    remark(f"          {decisive(kept['reasons'])}")
    return {"as_of": as_of.isoformat(), "why": why, **kept}


@contextmanager
def _application(settings: Settings, url: str) -> Iterator[tuple[LoadedProblem, Replay]]:
    """The client that lives through the weeks, with the rows that it will ask about."""
    from pipelines.commands.home_client import home_client
    from pipelines.commands.replay import Replay
    from pipelines.steps.reading import read_as_of
    from pipelines.stores.problems.problem_files import load_problem

    loaded = load_problem(PROBLEM)
    data = loaded.problem.data
    rows = read_as_of(loaded, settings, datetime(2014, 1, 1, tzinfo=UTC))
    rows = rows.rename(columns={data.target.column: "label", data.label_known_at or "": "known"})
    rows["moment"] = rows[data.time]
    rows = rows.sort_values("moment", kind="stable").reset_index(drop=True)
    sent = [column for column in rows.columns if column not in {"label", "known", "moment", "arr_delay"}]
    with home_client(settings, url, "demo", ROWS) as client:
        await_champion(client)
        yield loaded, Replay(client, PROBLEM, rows, sent)


class _History:
    """Puts the history in force by which the weeks are answered, four weeks at a time.

    The stack's schedule renews it every quarter of an hour. A lookup for a flight only uses what was known before its
    own moment, so that renewing once, up to the end of four weeks, gives the same answers as renewing before each.
    """

    def __init__(self, loaded: LoadedProblem, settings: Settings, weeks: int, aside: ThreadPoolExecutor) -> None:
        self._given = (loaded, settings)
        self._weeks, self._aside = weeks, aside
        self._made: dict[int, Future[Any]] = {}

    def begin(self, week: int) -> None:
        """Begin to make what that week needs, beside whatever else is done."""
        from pipelines.steps.featurize import materialise

        if week < self._weeks and week // MONTH not in self._made:
            self._made[week // MONTH] = self._aside.submit(materialise, *self._given, self.until(week))

    def until(self, week: int) -> datetime:
        """Up to when the history of that week knows."""
        return OPENING + timedelta(weeks=min(week // MONTH * MONTH + MONTH, self._weeks))

    def await_in_force(self, client: Client, week: int) -> None:
        """Wait until the service looks up what that week needs."""
        self.begin(week)
        self._made[week // MONTH].result()
        await_history(client, self.until(week))


@dataclass
class _Life:
    """One week after the other."""

    settings: Settings
    replay: Replay
    history: _History
    decisions: list[dict[str, Any]]
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds by what they went into."""

    def week(self, number: int) -> dict[str, Any]:
        """Ask, tell, judge; then wait for the retraining that the verdict or the labels ask for, if they do."""
        from pipelines.flows.monitoring import monitoring

        start = OPENING + timedelta(weeks=number)
        end = start + timedelta(weeks=1)
        with self._timed("history"):
            if number % MONTH == 0:
                self.history.await_in_force(self.replay.client, number)
        with self._timed("asking"):
            asked = self.replay.ask(start, end)
        with self._timed("labels"):
            self.replay.tell(end)
        self.history.begin(number + 1)
        with self._timed("judging"):
            watched = monitoring(PROBLEM, start=start, end=end, as_of=end)["watched"][0]
        remark(
            f"  {start:%d %b}  {asked} flights, {watched.labels} landed, version {watched.version}: {watched.level}"
            + "".join(f"\n          {reason}" for reason in watched.reasons if watched.level == "alarm")
        )
        if watched.request_id is not None:
            with self._timed("retraining"):
                decision = _await_request(self.settings, watched.request_id, end)
                self.decisions.append(decision)
                if decision["decision"] == "promote":
                    await_champion(self.replay.client, decision["version"])
        return {"start": start.date().isoformat(), "asked": asked, "labels": watched.labels,
                "version": watched.version, "level": watched.level, "kinds": watched.kinds,
                "numbers": watched.numbers}  # fmt: skip

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.spent[what] = round(self.spent.get(what, 0.0) + time.monotonic() - started, 1)


def await_champion(client: Client, version: int = 1) -> None:
    """Until the service has loaded that release and checked its probe: a second or two, which are weeks here."""
    _await(client, lambda model: model.status == "serving" and (model.version or 0) >= version)


def await_history(client: Client, as_of: datetime) -> None:
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


def _await_request(settings: Settings, request_id: int, as_of: datetime) -> dict[str, Any]:
    """What became of a retraining that the policy asked for; the worker of the stack runs it."""
    from pipelines.core.errors import Unavailable
    from pipelines.stores.decisions.ledger import Ledger

    ledger, deadline = Ledger(settings.database), time.monotonic() + _PATIENCE
    try:
        request = ledger.find_request(request_id)
        why = request.reason.split(":")[0]
        remark(f"          the policy asks for a retraining ({why}), which runs on the worker")
        while time.monotonic() < deadline:
            request = ledger.find_request(request_id)
            if request.state in ("done", "failed"):
                evidence = request.evidence or {}
                entry = next((one for one in ledger.entries(PROBLEM) if one.run_id == evidence.get("run_id")), None)
                summary = {**evidence, "decision": request.outcome, "reasons": entry.reasons if entry else []}
                return {**told_decision(as_of, "policy", summary), "because": request.reason}
            time.sleep(0.2)
    finally:
        ledger.close()
    raise Unavailable("the retraining did not end within ten minutes: see logs/worker.log in the demo's home")
