from __future__ import annotations

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.registry.mlflow_database import open_client
from pipelines.stores.registry.mlflow_runs import LOGGED, log_run


def test_a_run_that_was_half_logged_is_completed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_client(settings)
    run = client.create_run("0").info.run_id

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client, "set_terminated", killed)
        with pytest.raises(KeyboardInterrupt):
            log_run(client, run, {"a": 1}, {"m": 2.0}, {"t": "x"}, None, None, 100.0)
    assert LOGGED not in client.get_run(run).data.tags
    log_run(client, run, {"a": 1}, {"m": 2.0}, {"t": "x"}, None, None, 100.0)
    logged = client.get_run(run)
    assert logged.data.tags[LOGGED] == "true"
    assert logged.info.status == "FINISHED"
    assert [one.timestamp for one in client.get_metric_history(run, "m")] == [100_000]
