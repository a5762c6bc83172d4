"""One detached process: start it, know it again, end it with everything that it started.

A process is recognised by three things: its pid, the moment it was created, and a token in its environment. The token
also finds what a process left behind: children that changed their session or whose parent is gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from pipelines.stack.addresses import Record

TOKEN = "RATCHET_STACK_TOKEN"
HELPER = "RATCHET_HELPER_OF"
CLOCK_SLACK = 2.0  # seconds: the boot time that create times are counted from moves when the clock is set


def spawn(command: list[str], environment: dict[str, str], log: Path) -> tuple[int, float]:
    """Start a command in a session of its own, output appended to `log`; gives its pid and its create time."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # Not subprocess.Popen: it complains when its object goes while the process lives on, and that is the point here.
    pid = os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    try:
        return pid, psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return pid, time.time()


def find(record: Record | None) -> psutil.Process | None:
    """The live process of a record; None when it has ended or its pid belongs to someone else now."""
    if record is None or record.pid is None or record.created is None:
        return None
    try:
        process = psutil.Process(record.pid)
        ours = abs(process.create_time() - record.created) <= CLOCK_SLACK
    except psutil.NoSuchProcess:
        return None
    return process if ours and is_alive(process) else None


def family(tokens: Iterable[str]) -> list[psutil.Process]:
    """Every live process that carries one of the tokens, whatever its parent or session."""
    wanted = frozenset(tokens)
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _token(process) in wanted and is_alive(process)
    ]


def _token(process: psutil.Process) -> str | None:
    return _variable(process, TOKEN)


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except (psutil.Error, OSError):  # someone else's, or just gone
        return None


def helper_mark(home: Path) -> dict[str, str]:
    """What this process puts into the environment of its helpers, so that they are known when it was killed."""
    return {HELPER: f"{os.getpid()} {psutil.Process().create_time()} {home}"}


def end_orphans(home: Path) -> list[int]:
    """End helpers whose process has been killed, such as a flow's own Prefect server; gives their pids."""
    orphans = []
    for process in psutil.process_iter():
        parts = (_variable(process, HELPER) or "").split(" ", 2)
        if len(parts) == 3 and parts[2] == str(home) and process.pid != os.getpid() and is_alive(process):
            owner = Record("", "", int(parts[0]), float(parts[1]), None, None, "")
            if find(owner) is None:
                orphans.append(process)
    _signal(orphans, signal.SIGKILL)  # their databases survive it, and nobody reads them any more
    wait_gone(orphans, 3.0)
    return [process.pid for process in orphans]


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still does something: a zombie that nobody has buried does not."""
    try:
        if process.ppid() == os.getpid() and process.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(process.pid, os.WNOHANG)
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, ChildProcessError):
        return False


def wait_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until the processes have ended, at most so long; gives those that have not.

    Unlike `psutil.wait_procs` it does not wait for zombies: in a container often nobody buries them.
    """
    limit = time.monotonic() + seconds
    while (left := [process for process in processes if is_alive(process)]) and time.monotonic() < limit:
        time.sleep(0.05)
    return left


def _members(records: list[Record]) -> list[psutil.Process]:
    """What the records' processes are and started: by token, and by descent from a process that is still ours."""
    found = {process.pid: process for process in family(record.token for record in records)}
    for process in filter(None, map(find, records)):
        found[process.pid] = process
        try:
            found.update({child.pid: child for child in process.children(recursive=True)})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)  # psutil refuses when the pid was given to another process meanwhile
        except psutil.NoSuchProcess:
            continue


def end(records: list[Record], grace: float = 10.0) -> list[psutil.Process]:
    """End the processes of these records and all that they started; gives those that are still there.

    Leaders get SIGTERM, and a second one half-way (a Prefect worker waits for it); after `grace` seconds the rest gets
    SIGKILL, children included.
    """
    leaders = [process for process in map(find, records) if process is not None]
    everyone = _members(records)  # before the leaders go: their children are found by descent only while they live
    for _ in range(2):
        _signal(leaders, signal.SIGTERM)
        leaders = wait_gone(leaders, grace / 2)
        if not leaders:
            break
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 3.0), (signal.SIGKILL, 3.0)):
        left = {process.pid: process for process in [*everyone, *_members(records)] if is_alive(process)}
        if not left:
            return []
        _signal(left.values(), number)
        wait_gone(list(left.values()), patience)
    return [process for process in _members(records) if is_alive(process)]


def log_end(path: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(an empty log)"
