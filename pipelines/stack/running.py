"""The stack as a whole: bring it up, take it down, say how it is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout

from pipelines.core.errors import Busy, Unavailable
from pipelines.core.settings import Settings
from pipelines.stack import addresses, processes
from pipelines.stack.addresses import Record
from pipelines.stack.elsewhere import elsewhere, online_workers
from pipelines.stack.environment import child_environment
from pipelines.stack.lineup import Member, Ports, lineup

Tell = Callable[[str, str], None]
"""Called with a member's name and what has happened to it."""


@dataclass(frozen=True)
class State:
    """How one member is: `answers` when its health check passes, `running` when its process lives."""

    name: str
    title: str
    running: bool
    answers: bool
    url: str | None
    pid: int | None
    log: str | None
    elsewhere: bool = False
    """Whether the settings name it on another machine: nothing is started or ended for it here."""


def _silence(name: str, event: str) -> None:
    """The listener of whoever does not want to be told."""


def up(settings: Settings, tell: Tell = _silence, members: Sequence[Member] | None = None) -> list[State]:
    """Start what is not running and wait until everything answers; `members` default to the whole lineup.

    A member that fails ends the call with Unavailable and the end of its log; the others stay up, and the next `up`
    starts only what is missing.
    """
    with _alone(settings):
        chosen = members
        members = lineup(settings) if members is None else members
        ports = _assign_ports(settings, members, tell)
        waiting = {member.name: member for member in members}
        started: dict[str, float] = {}
        while waiting:
            for member in list(waiting.values()):
                if member.name not in started and not set(member.needs) & set(waiting):
                    _start_if_missing(settings, member, ports, tell)
                    started[member.name] = time.monotonic()
                if member.name in started and _has_come_up(settings, member, ports, started[member.name]):
                    tell(member.name, "answers")
                    del waiting[member.name]
            time.sleep(0.2)
    return status(settings, chosen)


def down(settings: Settings, tell: Tell = _silence) -> list[str]:
    """End every process of the stack with all its children; gives the names of those that ran.

    Unavailable when a process or a port is still there afterwards; processes that are not ours are never touched.
    """
    with _alone(settings):
        records = addresses.all_records(settings)
        ran = [record.name for record in records if processes.find(record) is not None]
        for name in ran:
            tell(name, "ends")
        # The worker first: what it runs should not see its server go.
        left = processes.end([record for record in records if record.name == "worker"], grace=6)
        left += processes.end([record for record in records if record.name != "worker"])
        processes.end_orphans(settings.home)
        if left:
            names = ", ".join(f"{process.pid}" for process in left)
            raise Unavailable(f"these processes of the stack did not end: {names}; end them by hand with kill -9")
        for record in records:
            addresses.forget_record(settings, record.name)
    return ran


def status(settings: Settings, members: Sequence[Member] | None = None) -> list[State]:
    """How each member is now, and what the settings name elsewhere."""
    away = _states_elsewhere(settings) if members is None else []
    members = lineup(settings) if members is None else members
    records = {member.name: addresses.read_record(settings, member.name) for member in members}
    ports = {name: record.port for name, record in records.items() if record and record.port}
    return [*(_state(member, records[member.name], ports) for member in members), *away]


def _states_elsewhere(settings: Settings) -> list[State]:
    """What other machines run: seen by its answers alone."""
    states = []
    for one in elsewhere(settings):
        up = one.answering() is not None
        states.append(
            State(one.name, one.title, running=up, answers=up, url=one.url, pid=None, log=None, elsewhere=True)
        )
    if settings.prefect_url:
        online = online_workers(settings.prefect_url, settings.work_pool) or []
        title = "Prefect worker: runs the flows"
        states.append(State("worker", title, bool(online), bool(online), None, None, None, elsewhere=True))
    return states


def _state(member: Member, record: Record | None, ports: Ports) -> State:
    running = processes.find(record) is not None
    known = running and set(member.needs) <= set(ports)
    return State(
        name=member.name,
        title=member.title,
        running=running,
        answers=bool(record and known and member.works(ports, record.token)),
        url=record.url if record and running else None,
        pid=record.pid if record and running else None,
        log=record.log if record else None,
    )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    folder = addresses.run_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "stack.lock", timeout=5):
            yield
    except Timeout:
        raise Busy(
            f"another `ratchet up` or `ratchet down` is at work in {settings.home}: wait for it to end"
        ) from None


def _assign_ports(settings: Settings, members: Sequence[Member], tell: Tell) -> dict[str, int]:
    """A port for each member that listens: that of the running process, else the wanted one, else a free one."""
    ports: dict[str, int] = {}
    for member in members:
        record = addresses.read_record(settings, member.name)
        if record and record.port and processes.find(record):
            ports[member.name] = record.port
    for member in members:
        if member.port is None or member.name in ports:
            continue
        port = addresses.choose_port(settings.host, member.port, frozenset(ports.values()))
        if member.port not in (0, port):
            tell(member.name, f"port {member.port} is in use, taking {port}")
        ports[member.name] = port
    return ports


def _start_if_missing(settings: Settings, member: Member, ports: Ports, tell: Tell) -> None:
    old = addresses.read_record(settings, member.name)
    if processes.find(old):
        return
    if old is not None:
        processes.end([old])  # children that outlived it would hold its port or its database
    port = ports.get(member.name)
    log = addresses.log_folder(settings) / f"{member.name}.log"
    token = uuid.uuid4().hex
    url = addresses.url_of(settings.host, port) if port else None
    record = Record(name=member.name, token=token, pid=None, created=None, port=port, url=url, log=str(log))
    addresses.write_record(settings, record)  # first, so that a kill of `up` leaves nothing that `down` cannot find
    environment = child_environment(settings, {**member.environment(ports), processes.TOKEN: token})
    pid, created = processes.spawn([*member.command(ports), *member.named(token)], environment, log)
    addresses.write_record(settings, Record(**{**record.__dict__, "pid": pid, "created": created}))
    tell(member.name, "starts")


def _has_come_up(settings: Settings, member: Member, ports: Ports, since: float) -> bool:
    record = addresses.read_record(settings, member.name)
    if record is None or processes.find(record) is None:
        log = addresses.log_folder(settings) / f"{member.name}.log"
        raise Unavailable(f"{member.title} has ended while starting; the end of {log}:\n{processes.log_end(log)}")
    if member.works(ports, record.token):
        return True
    if time.monotonic() - since > member.patience:
        raise Unavailable(
            f"{member.title} does not answer after {member.patience:.0f} s; the end of {record.log}:\n"
            f"{processes.log_end(addresses.log_folder(settings) / f'{member.name}.log')}"
        )
    return False
