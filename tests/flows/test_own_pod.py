from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from pipelines.core.errors import Unavailable
from pipelines.flows import own_pod as module
from pipelines.flows.own_pod import own_pod, read_pod


def test_outside_of_kubernetes_there_is_no_pod(tmp_path: Path) -> None:
    assert own_pod(tmp_path) is None


def test_a_pod_with_one_container_of_any_name() -> None:
    container = {"name": "main", "image": "one:1"}
    found = read_pod({"metadata": {"namespace": "n"}, "spec": {"containers": [container]}})
    assert (found.namespace, found.account, found.image) == ("n", "default", "one:1")
    assert found.environment == []
    assert found.spec == {"volumes": []}
    assert found.container == {"volumeMounts": [], "resources": {}}


def test_the_worker_s_token_is_not_handed_on() -> None:
    secret, token = {"secret": {"name": "ratchet"}}, {"serviceAccountToken": {"path": "token"}}
    container = {"name": "worker", "image": "one:1", "resources": {"limits": {"memory": "2Gi"}}}
    container["volumeMounts"] = [{"name": "secrets", "mountPath": "/run/secrets"}]
    volume = {"name": "secrets", "projected": {"defaultMode": 288, "sources": [secret, token]}}
    found = read_pod({"metadata": {"namespace": "n"}, "spec": {"containers": [container], "volumes": [volume]}})
    assert found.spec["volumes"] == [{"name": "secrets", "projected": {"defaultMode": 288, "sources": [secret]}}]
    assert found.container["resources"] == {"limits": {"memory": "2Gi"}}


def test_an_account_without_rights_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"token": "t", "namespace": "n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "_trust", lambda account: ssl.create_default_context())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    with pytest.raises(Unavailable, match="needs `get` on pods"):
        own_pod(tmp_path)
