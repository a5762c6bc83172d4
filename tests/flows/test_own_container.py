from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.flows.own_container import on_the_host, own_container, surroundings

FOUND: dict[str, Any] = {
    "Config": {"Image": "ratchet/platform:local", "User": "10001"},
    "HostConfig": {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": ""}, "CapDrop": ["ALL"], "SecurityOpt": None},
    "Mounts": [
        {"Type": "volume", "Name": "p_secrets", "Source": "/x", "Destination": "/run/secrets", "RW": False},
        {"Type": "volume", "Name": "p_home", "Source": "/y", "Destination": "/var/lib/ratchet", "RW": True},
        {"Type": "bind", "Source": "/srv/tables", "Destination": "/tables", "RW": False},
        {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/var/run/docker.sock", "RW": True},
    ],
    "NetworkSettings": {"Networks": {"p_stores": {}, "p_inside": {}}},
}


def test_a_container_s_surroundings_without_the_engine_s_socket() -> None:
    found = surroundings(FOUND)
    assert found.image == "ratchet/platform:local"
    assert found.volumes == ("/srv/tables:/tables:ro", "p_home:/var/lib/ratchet", "p_secrets:/run/secrets:ro")
    assert found.networks == ("p_inside", "p_stores")
    assert found.limits == {"read_only": True, "tmpfs": {"/tmp": ""}, "cap_drop": ["ALL"], "user": "10001"}


def test_on_the_host_folders_keep_their_names(settings: Settings, tmp_path: Path) -> None:
    data = settings.model_copy(update={"data": tmp_path / "data"})
    found = on_the_host(data)
    assert set(found.volumes) == {f"{settings.home}:{settings.home}", f"{tmp_path / 'data'}:{tmp_path / 'data'}"}
    assert found.image is None
    assert found.networks == ()


def test_without_an_engine_it_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(Unavailable, match="no Docker engine answers"):
        own_container(settings)
