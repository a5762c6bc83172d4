from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any

import cloudpickle
import pytest
from distributed.comm import CommClosedError

from pipelines.core.errors import NotEnoughData, ProblemError, Unavailable
from pipelines.stores.code_version import code_version
from pipelines.stores.compute.cluster_watch import Watch
from pipelines.stores.compute.cluster_work import Shared, Work, _loaded, _work, require_code, worker_facts


def triple(shared: int, item: int) -> int:
    return shared * item


def fails(shared: int, item: int) -> int:
    raise NotEnoughData("too few")


class Client:
    """A client whose work is done at once, or forgotten."""

    def __init__(self, gone: bool = False) -> None:
        self.gone = gone

    def submit(self, function: Any, *given: Any, pure: bool) -> Any:
        assert pure is False  # work is done as often as it is given
        return Future(function, [one.value() if isinstance(one, Future) else one for one in given], self.gone)


class Future:
    def __init__(self, function: Any, given: list[Any], gone: bool) -> None:
        self.value = lambda: function(*given)
        self.gone = gone

    status = "finished"

    def result(self, timeout: float) -> Any:
        assert timeout > 0
        if self.gone:
            raise CancelledError
        return self.value()


def cut_off(shared: int, item: int) -> int:
    raise CommClosedError("reset by peer")


def late(shared: int, item: int) -> int:
    raise TimeoutError("its own")


def done(client: Client, function: Any, code: str | None = None) -> Any:
    work: Work[int] = Work(
        client, Shared(client, 3), (function, 4, code or code_version().digest), Watch(client, "tcp://there")
    )
    work.done = lambda patience: True  # type: ignore[method-assign]
    return work.result()


def test_work_is_done_on_what_was_shared_and_its_errors_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert done(Client(), triple) == 12
    with pytest.raises(NotEnoughData, match="too few"):
        done(Client(), fails)
    monkeypatch.setattr(Future, "status", "error")
    with pytest.raises(TimeoutError, match="its own"):  # not taken for one of the wait
        done(Client(), late)


def test_a_scheduler_that_is_gone_took_the_work_with_it() -> None:
    with pytest.raises(Unavailable, match="tcp://there is gone"):
        done(Client(gone=True), triple)
    with pytest.raises(Unavailable, match="tcp://there is gone"):  # while the result was on its way
        done(Client(), cut_off)


def test_other_code_is_refused() -> None:
    with pytest.raises(ProblemError, match=r"the Dask worker on .* runs other code"):
        done(Client(), triple, "another digest")
    require_code("same", "same", "nobody")
    assert worker_facts()["code"] == code_version().digest
    assert _loaded(cloudpickle.dumps({"a": 1})) == {"a": 1}
    assert _work(2, cloudpickle.dumps((triple, 5, code_version().digest))) == 10
