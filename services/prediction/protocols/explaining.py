"""The door `POST /v1/models/{problem}/explain`: answers, each with what every feature added to it.

One thread does it, one request at a time, beside the one that answers: explaining never delays an answer.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import orjson

from pipelines.core.compilation.contributions import Contributions, linked
from pipelines.core.compilation.shapley import OutOfTime, sample_contributions
from pipelines.core.request_rows import check_rows
from services.prediction.doors import Asked, Reply
from services.prediction.payloads import read_instances
from services.prediction.refusals import Refusal

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.stores.bundles.bundle import Bundle
    from services.prediction.answers import Answers
    from services.prediction.live_model import LiveModel
    from services.prediction.service import Service

MOST_ROWS = 100
_BACKGROUND = 64  # held-out rows that a model which is not compiled is compared with
_LOT = 4  # rows explained between two looks at the clock
_METHODS = {"trees": "tree SHAP", "linear": "linear terms", "constant": "linear terms"}
_SAMPLED = "sampled Shapley"


class Explainer:
    """The one thread, and the queue of one for it."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(1)
        self._thread = ThreadPoolExecutor(1, "explainer")

    async def enter(self, seconds: float) -> None:
        """The turn of this request; Refusal 503 when another one holds it for longer than `seconds`."""
        try:
            await asyncio.wait_for(self._free.acquire(), seconds)
        except TimeoutError:
            detail = "other explanations are being made: try again in a moment"
            raise Refusal(503, "busy", "Busy", detail, retry_after=max(1, round(seconds))) from None

    def leave(self) -> None:
        """The next one's turn."""
        self._free.release()

    async def run(self, work: Callable[[threading.Event], Any], seconds: float) -> Any:
        """What `work` gives, and then the turn ends; Refusal 503 when it takes longer than `seconds`."""
        stop = threading.Event()
        future = asyncio.get_running_loop().run_in_executor(self._thread, work, stop)
        future.add_done_callback(self._finished)
        try:
            return await asyncio.wait_for(asyncio.shield(future), seconds)
        except (TimeoutError, OutOfTime):
            raise _too_slow() from None
        finally:
            stop.set()  # nobody waits for it any more

    def _finished(self, future: asyncio.Future[Any]) -> None:
        self.leave()
        if not future.cancelled():
            future.exception()  # what came too late to be told is looked at, so that no one warns of it


_EXPLAINERS: WeakKeyDictionary[Any, Explainer] = WeakKeyDictionary()


async def explain(service: Service, asked: Asked) -> Reply:
    """The answers to at most 100 rows, logged like every answer, with contributions that add up to each.

    Refusal 503 where the time of the problem file (`serving.explain_seconds`) does not do.
    """
    seconds = service.champions.live(asked.problem).definition.serving.explain_seconds
    rows = read_instances(asked.body, MOST_ROWS)
    explainer = _EXPLAINERS.get(service.plane)
    if explainer is None:
        explainer = _EXPLAINERS[service.plane] = Explainer()
    await explainer.enter(seconds)
    try:
        now = datetime.now(UTC)
        answers = await service.plane.predict_rows(asked.problem, rows, asked)
    except BaseException:
        explainer.leave()
        raise
    deadline = time.monotonic() + seconds

    def work(stop: threading.Event) -> bytes:
        return _explain(answers, rows, now, deadline, stop)

    return Reply(await explainer.run(work, seconds))


def _explain(answers: Answers, rows: list[Any], now: datetime, deadline: float, stop: threading.Event) -> bytes:
    models = answers.by or [answers.model] * len(rows)
    explained: list[dict[str, Any]] = [{}] * len(rows)
    for model in dict.fromkeys(models):
        places = [place for place, one in enumerate(models) if one is model]
        found = _contributions(model, [rows[place] for place in places], now, deadline, stop)
        # The base takes what is left, so that it adds up to the very answer that was given and logged.
        base = linked(answers.scores[places], found.link) - found.values.sum(axis=1)
        for position, place in enumerate(places):
            explained[place] = {
                **orjson.loads(answers.written[place]),
                "base": _named(model, base[position]),
                "contributions": {
                    name: _named(model, found.values[position, number]) for number, name in enumerate(found.sources)
                },
                "link": found.link,
            }
    body = {"explanations": explained, "model": answers.model.named, "method": _method(answers.model)}
    return orjson.dumps(body)


def _contributions(
    model: LiveModel, rows: list[Any], now: datetime, deadline: float, stop: threading.Event
) -> Contributions:
    columns: dict[str, Any] = dict(check_rows(model.contract, rows).columns)
    if model.history is not None:
        moments = np.full(len(rows), np.datetime64(now.replace(tzinfo=None), "us"))
        if model.contract.time is not None and model.contract.time in columns:
            stated = np.asarray(columns[model.contract.time], dtype="M8[us]")
            moments = np.where(np.isnat(stated), moments, stated)
        columns |= model.history.lookup(columns, moments)
    if model.compiled is None:
        return _sampled(model, columns, len(rows), deadline)
    lots = []
    for start in range(0, len(rows), _LOT):
        if stop.is_set() or time.monotonic() > deadline:
            raise OutOfTime
        size = min(_LOT, len(rows) - start)
        part = {name: columns[name][start : start + size] for name in model.compiled.reads}
        lots.append(model.compiled.contributions(part, size))
    base, values = (np.concatenate([getattr(lot, name) for lot in lots]) for name in ("base", "values"))
    return Contributions(lots[0].sources, lots[0].link, base, values)


def _sampled(model: LiveModel, columns: dict[str, Any], count: int, deadline: float) -> Contributions:
    """By asking the pipeline itself: the model has no compiled form, so pandas is there anyway."""
    import pandas as pd

    from pipelines.core.scoring import score

    if model.bundle is None:
        raise Refusal(503, "no-reference", "No reference rows", "this release has no rows to be compared with")
    names = [str(name) for name in model.pipeline.feature_names_in_]
    known = _reference(model.bundle, names)
    background = {name: known[name].to_numpy() for name in names}
    asked = {name: _array(columns[name], background[name].dtype) for name in names}

    def ask(table: dict[str, np.ndarray], size: int) -> np.ndarray:
        return score(model.pipeline, model.contract.task, pd.DataFrame(table, index=range(size)))

    link = {"binary": "logit", "multiclass": "softmax"}.get(model.contract.task, "identity")
    return sample_contributions(ask, asked, background, link, deadline)  # type: ignore[arg-type]


def _reference(bundle: Bundle, names: list[str]) -> pd.DataFrame:
    """Known rows: some that were held out at release, or, where the bundle has none, its probe."""
    import pandas as pd

    from pipelines.stores.bundles.bundle import probe_frame

    if not bundle.reference_path.exists():
        return probe_frame(bundle.contract, bundle.probe)[names]
    known = pd.read_parquet(bundle.reference_path, columns=names)
    return known.sample(min(_BACKGROUND, len(known)), random_state=0)


def _array(values: Any, like: np.dtype[Any]) -> np.ndarray:
    if like.kind != "O":
        return np.asarray(values, dtype=like)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _named(model: LiveModel, outputs: np.ndarray) -> float | dict[str, float]:
    """One number, or one for each class."""
    values: list[float] = outputs.tolist()
    return values[0] if len(values) == 1 else dict(zip(model.contract.classes or [], values, strict=True))


def _method(model: LiveModel) -> str:
    return _SAMPLED if model.compiled is None else _METHODS[model.compiled.kernel]


def _too_slow() -> Refusal:
    detail = "explaining these rows takes longer than serving.explain_seconds allows: send fewer rows"
    return Refusal(503, "too-slow", "Takes too long", detail, retry_after=1)
