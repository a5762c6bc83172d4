"""Explanations add up to the answer that was given and logged, in the time allowed, one request at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.contract import check
from pipelines.core.errors import PayloadError
from pipelines.core.schema import Column, Contract
from pipelines.stores.bundles.bundle import Bundle, write_bundle
from pipelines.stores.bundles.compiled_file import compile_release
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.registry.registry_reader import open_reader
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.data_plane import DataPlane
from services.prediction.doors import Asked
from services.prediction.metrics import Metrics
from services.prediction.payloads import TooManyRows
from services.prediction.protocols.explaining import MOST_ROWS, Explainer, explain
from services.prediction.refusals import Refusal


def compiled(toy: Any, tmp_path: Path) -> Callable[[Path], None]:
    """Gives a toy's bundle what a release has beside: held-out rows and, proven on them, a compiled form."""

    def add(folder: Path) -> None:
        bundle = Bundle(folder)
        held_out = toy._input(check(bundle.contract, toy.frame).frame)
        proven = compile_release(bundle.pipeline, bundle.contract, toy.history, held_out)
        write_parquet(held_out, tmp_path / "reference.parquet")
        release = {**bundle.release, "serving": proven.serving}
        files = {"reference.parquet": tmp_path / "reference.parquet"}
        write_bundle(folder, {"release.json": release, **proven.documents}, files)

    return add


@pytest.fixture
def start(shop: Any) -> Iterator[Callable[[], Any]]:
    """The parts that the door needs, over the shop as it is then."""
    opened: list[Any] = []

    def begin() -> Any:
        metrics, log = Metrics(), PredictionLog(shop.settings.database)
        writer = GroupCommit(log)
        scorer = Scorer(writer)
        champions = Champions(shop.settings, open_reader(shop.settings), metrics)
        champions.start()
        opened.extend([champions, scorer, writer, log])
        trials = SimpleNamespace(active=lambda problem: None)
        plane = DataPlane(champions, trials, scorer, log, metrics)  # type: ignore[arg-type]
        return SimpleNamespace(plane=plane, champions=champions, log=log)

    yield begin
    for part in opened:
        part.close()


def ask(service: Any, problem: str, rows: Any) -> Any:
    body = orjson.dumps({"instances": rows})
    return orjson.loads(asyncio.run(explain(service, Asked(problem, body))).body)


def test_linear_terms_add_up_to_the_log_odds_and_are_logged(
    shop: Any, loans: Any, start: Callable[[], Any], tmp_path: Path
) -> None:
    shop.promote(loans, shop.release(loans, change=compiled(loans, tmp_path)))
    service = start()
    assert service.champions.live("loans").compiled is not None
    answer = ask(service, "loans", loans.rows(9))
    assert answer["method"] == "linear terms"
    assert answer["model"]["version"] == 2
    for row, one in zip(loans.rows(9), answer["explanations"], strict=True):
        share = one["probabilities"]
        assert one["link"] == "logit"
        odds = np.log(share["yes"] / share["no"])
        assert one["base"] + sum(one["contributions"].values()) == pytest.approx(odds, abs=1e-9)
        assert set(one["contributions"]) == set(row) - {"id"}
        logged = service.log.get(one["id"])
        assert (logged.prediction, logged.probabilities) == (one["prediction"], share)


def test_history_features_are_told_by_their_names(
    shop: Any, trips: Any, start: Callable[[], Any], tmp_path: Path
) -> None:
    shop.promote(trips, shop.release(trips, change=compiled(trips, tmp_path)))
    answer = ask(start(), "trips", trips.rows(20)[15:])
    for one in answer["explanations"]:
        assert one["link"] == "identity"
        assert "probabilities" not in one
        assert {"minutes_1d", "distance", "line"} <= set(one["contributions"])
        total = one["base"] + sum(one["contributions"].values())
        assert total == pytest.approx(one["prediction"], abs=1e-9)


@pytest.mark.parametrize("problem", ["loans", "trips"])
def test_a_model_that_is_not_compiled_is_sampled(problem: str, request: Any, start: Callable[[], Any]) -> None:
    toy = request.getfixturevalue(problem)
    service = start()
    model = service.champions.live(problem)
    assert model.compiled is None
    serving = model.definition.serving.model_copy(update={"explain_seconds": 30.0})
    slow = dataclasses.replace(model, definition=model.definition.model_copy(update={"serving": serving}))
    service.champions = SimpleNamespace(live=lambda name: slow)
    answer = ask(service, problem, toy.rows(2))
    assert answer["method"] == "sampled Shapley"
    for one in answer["explanations"]:
        expected = one["prediction"]
        if problem == "loans":
            expected = np.log(one["probabilities"]["yes"] / one["probabilities"]["no"])
        assert one["base"] + sum(one["contributions"].values()) == pytest.approx(expected, abs=1e-9)


def test_rows_that_another_release_answered_are_explained_by_it(
    shop: Any, loans: Any, start: Callable[[], Any], tmp_path: Path
) -> None:
    shop.promote(loans, shop.release(loans, change=compiled(loans, tmp_path)))
    service = start()
    champion = service.champions.live("loans")
    change = compiled(loans, tmp_path)
    other_folder = tmp_path / "other"
    loans.bundle(other_folder, 0.01)
    change(other_folder)
    other = dataclasses.replace(champion, compiled=Bundle(other_folder).compiled)
    mask = np.array([True, False, True])
    trial: Any = SimpleNamespace(
        mode="canary", model=other, takes=lambda *given: mask, observe=lambda *given: None, active=lambda name: trial
    )
    service.plane._rollouts = trial
    answer = ask(service, "loans", loans.rows(3))
    for row, one in enumerate(answer["explanations"]):
        assert ("model" in one) is bool(mask[row])
        odds = np.log(one["probabilities"]["yes"] / one["probabilities"]["no"])
        assert one["base"] + sum(one["contributions"].values()) == pytest.approx(odds, abs=1e-9)
    weaker = [max(map(abs, one["contributions"].values())) for one in answer["explanations"]]
    assert max(weaker[0], weaker[2]) < weaker[1] * 2


def _fake(seconds: float, predict: Callable[..., Any]) -> Any:
    serving = SimpleNamespace(explain_seconds=seconds)
    model = SimpleNamespace(definition=SimpleNamespace(serving=serving))
    plane = type("Plane", (), {"predict_rows": staticmethod(predict)})()
    return SimpleNamespace(champions=SimpleNamespace(live=lambda name: model), plane=plane)


def test_over_http_it_is_a_door_like_the_others(client: Any, loans: Any) -> None:
    path = "/v1/models/loans/explain"
    answer = client.post(path, json={"instances": loans.rows(2)})
    assert answer.status_code == 200
    assert answer.json()["method"] == "sampled Shapley"
    assert len(answer.json()["explanations"]) == 2
    assert client.get(f"/v1/predictions/{answer.json()['explanations'][0]['id']}").status_code == 200
    assert client.post(path, json={"instances": [{"amount": "much"}]}).status_code == 422
    assert client.post(path, content=b"{").status_code in (400, 422)
    assert client.post("/v1/models/none/explain", json={"instances": [{}]}).status_code == 404


def test_too_many_rows_and_rows_that_break_the_contract(start: Callable[[], Any], loans: Any) -> None:
    service = start()
    with pytest.raises(TooManyRows):
        ask(service, "loans", [{}] * (MOST_ROWS + 1))
    with pytest.raises(PayloadError, match="colour"):
        ask(service, "loans", [{**loans.rows(1)[0], "colour": "red"}])


class Slow:
    """A compiled model that takes its time."""

    kernel, reads = "trees", ("a",)

    def __init__(self, seconds: float) -> None:
        self.seconds, self.calls = seconds, 0

    def contributions(self, columns: Any, rows: int) -> Any:
        self.calls += 1
        time.sleep(self.seconds)
        raise AssertionError("not to be waited for")


def test_what_takes_too_long_is_refused_and_the_next_one_waits_its_turn_only_so_long() -> None:
    contract = Contract(problem="x", task="regression", target="y", columns=(Column(name="a", kind="numeric"),))
    slow = Slow(0.6)
    model = type("Model", (), {"contract": contract, "history": None, "compiled": slow, "named": {}})()

    async def predict(problem: str, rows: Any, asked: Any) -> Any:
        return SimpleNamespace(model=model, by=None, scores=np.zeros(len(rows)), written=["{}"] * len(rows))

    service = _fake(0.2, predict)
    asked = Asked("x", b'{"instances": [{"a": 1}]}')

    async def both() -> list[Any]:
        first = asyncio.create_task(explain(service, asked))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(explain(service, asked))
        found = await asyncio.gather(first, second, return_exceptions=True)
        await asyncio.sleep(0.6)  # the thread's turn is over, and with it the first one's
        return [*found, *await asyncio.gather(explain(service, asked), return_exceptions=True)]

    refused = asyncio.run(both())
    assert all(isinstance(one, Refusal) and one.status == 503 for one in refused)
    assert [one.kind for one in refused] == ["too-slow", "busy", "too-slow"]
    assert "send fewer rows" in str(refused[0])
    assert refused[1].retry_after == 1
    assert slow.calls == 2


def test_a_request_that_is_refused_gives_its_turn_back() -> None:
    async def refuse(problem: str, rows: Any, asked: Any) -> Any:
        raise PayloadError("row 0")

    service = _fake(0.2, refuse)

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(PayloadError):
                await explain(service, Asked("x", b'{"instances": [{"a": 1}]}'))

    asyncio.run(twice())


def test_the_explainers_turns() -> None:
    async def turns() -> None:
        explainer = Explainer()
        await explainer.enter(0.1)
        with pytest.raises(Refusal, match="try again"):
            await explainer.enter(0.01)
        assert await explainer.run(lambda stop: stop.is_set(), 5) is False
        await asyncio.sleep(0)
        await explainer.enter(0.1)

    asyncio.run(turns())
