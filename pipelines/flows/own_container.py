"""The container that this process runs in: what runs beside it must see too."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings


@dataclass(frozen=True)
class Surroundings:
    """An image, what is mounted (`from:to[:ro]`), networks (none: the host's), and limits as Docker calls them."""

    image: str | None
    volumes: tuple[str, ...]
    networks: tuple[str, ...]
    limits: Mapping[str, Any] = field(default_factory=dict)


def own_container(settings: Settings) -> Surroundings:
    """Those of this container, by the engine; outside of one the home and the host's network.

    Unavailable when no engine answers.
    """
    import docker
    from docker.errors import DockerException, NotFound

    try:
        engine = docker.from_env(timeout=20)
        try:
            found = engine.containers.get(socket.gethostname()).attrs
        finally:
            engine.close()
    except NotFound:
        return on_the_host(settings)
    except DockerException as error:
        raise Unavailable(
            f"no Docker engine answers ({error}): a work pool of type docker needs its socket, or DOCKER_HOST"
        ) from error
    return surroundings(found)


def on_the_host(settings: Settings) -> Surroundings:
    """For a worker in no container: its folders under the same names."""
    folders = {settings.home, settings.data_root, settings.history_root or settings.home}
    return Surroundings(None, tuple(f"{one}:{one}" for one in sorted(folders)), ())


def surroundings(found: dict[str, Any]) -> Surroundings:
    """From what the engine says of a container; the engine's own socket is not handed on."""
    volumes = []
    for mount in found["Mounts"]:
        if not mount["Destination"].endswith("docker.sock"):
            source = mount["Name"] if mount["Type"] == "volume" else mount["Source"]
            volumes.append(f"{source}:{mount['Destination']}{'' if mount['RW'] else ':ro'}")
    host = found["HostConfig"]
    limits = {
        "read_only": host.get("ReadonlyRootfs"),
        "tmpfs": host.get("Tmpfs"),
        "cap_drop": host.get("CapDrop"),
        "security_opt": host.get("SecurityOpt"),
        "user": found["Config"].get("User"),
    }
    networks = sorted(name for name in found["NetworkSettings"]["Networks"] if name not in ("host", "none"))
    kept = {name: value for name, value in limits.items() if value}
    return Surroundings(found["Config"]["Image"], tuple(sorted(volumes)), tuple(networks), kept)
