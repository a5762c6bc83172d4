"""Live progress on stderr: one line per step, with a bar and a clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Listener = Callable[[str, int, int, str], None]


@contextmanager
def live_progress() -> Iterator[Listener]:
    """Within it, `listener(step, done, total, text)` draws; without a terminal each finished step is one line."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.fields[step]:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        bars: dict[str, TaskID] = {}

        def listener(step: str, done: int, total: int, text: str) -> None:
            if step not in bars:
                for earlier in bars.values():
                    _finish(progress, earlier)
                bars[step] = progress.add_task("", total=total, step=step, text="")
            progress.update(bars[step], completed=done, total=total, text=escape(text))

        yield listener
        for bar in bars.values():
            _finish(progress, bar)


def _finish(progress: Progress, bar: TaskID) -> None:
    total = next(task.total for task in progress.tasks if task.id == bar)
    progress.update(bar, completed=total or 1)


def _lines() -> Listener:
    def listener(step: str, done: int, total: int, text: str) -> None:
        sys.stderr.write(f"{step:<10} {done}/{total}  {text}\n")
        sys.stderr.flush()

    return listener
