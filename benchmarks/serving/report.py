"""The tables of one run, from what was found."""

from __future__ import annotations

from benchmarks.serving.findings import Findings
from benchmarks.serving.floors import Floor, floors
from benchmarks.serving.statistics import ratio
from benchmarks.serving.tables import Table, markdown, number, plain


def text(found: Findings) -> str:
    """Everything for the terminal."""
    notes = [f"left out: {name}: {reason.splitlines()[0]}" for name, reason in found.skipped.items()]
    return "\n\n".join([plain(table) for table in tables(found)] + notes)


def page(found: Findings) -> str:
    """Everything in Markdown, for the README to quote."""
    about = found.about
    head = (
        f"Measured {about['at'][:10]} on {about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, Python "
        f"{about['python']}, everybody up at once and asked in turns: medians of {about['rounds']} rounds of "
        f"{about['seconds']:g} s. Ratchet with validation, durable log, metrics and key check on."
    )
    parts = [f"**{table.title}**\n\n{markdown(table)}" for table in tables(found)]
    notes = [f"Left out: {name}: {reason.splitlines()[0]}" for name, reason in found.skipped.items()]
    return "\n\n".join([head, *parts, *notes]) + "\n"


def tables(found: Findings) -> list[Table]:
    """Every table of the run."""
    return [single_rows(found), many_rows(found), columnar(found), others(found), promises(found)]


def single_rows(found: Findings) -> Table:
    """One row per request, by server."""
    rows = []
    for start in found.starts:
        few = [found.of(start.server, clients) for clients in (1, 16, 64)]
        middle = few[1]
        rows.append(
            [
                start.title,
                *(number(None if one is None else one.cpu_ms) for one in few),
                _times(ratio(found.cpu(start.server), found.cpu("ratchet"))),
                *(number(None if one is None else one.requests_per_second) for one in few[1:]),
                *(number(None if middle is None else value) for value in _latencies(middle)),
                number(start.seconds),
                number(start.largest_mb),
            ]
        )
    columns = ("One row per request", "CPU ms, 1 client", "16", "64", "of ours", "requests/s, 16", "64", "p50 ms, 16",
               "p99 ms, 16", "cold start s", "MB")  # fmt: skip
    return Table("Single rows", columns, rows)


def many_rows(found: Findings) -> Table:
    """A thousand rows of JSON per request, by server."""
    rows = [
        (
            start.title,
            number(one.cpu_ms),
            *(number(_rows_per_second(found, start.server, clients)) for clients in (1, 4)),
            _times(_slower(found, start.server)),
        )
        for start in found.starts
        if (one := found.of(start.server, 1, 1_000)) is not None
    ]
    return Table(
        "1,000 rows of JSON",
        ("1,000 rows of JSON, 1 client", "CPU ms", "rows/s", "rows/s, 4 clients", "CPU of ours"),
        rows,
    )


def columnar(found: Findings) -> Table:
    """Arrow and Parquet bodies beside the same work in process."""
    rows = [
        (f"{one.rows:,} rows of {one.format.capitalize()}", number(one.in_process_ms), number(one.service_ms),
         _times(ratio(one.service_ms, one.in_process_ms)))
        for one in found.columnar
    ]  # fmt: skip
    return Table("Columnar bodies", ("Columnar", "in process, CPU ms", "service, CPU ms", "ratio"), rows)


def others(found: Findings) -> Table:
    """What stands in no other table."""
    eighth = found.cpu("mlflow", 1, 1_000)
    pairs = {
        "p50 and p99 at 70% of the peak, 16 clients, ms": found.tail,
        "not compiled: one row in process, and for a lone client, ms": found.lone,
        "1,000 rows of JSON read, checked and answered in process, unscored; an eighth of mlflow's CPU, ms": (
            None if found.bare_json_ms is None or eighth is None else (found.bare_json_ms, eighth / 8)
        ),
        "requests/s of one worker and of two, 64 clients": found.workers,
    }
    rows = [(what, number(pair[0]), number(pair[1])) for what, pair in pairs.items() if pair is not None]
    return Table("Apart", ("Apart", "", ""), rows)


def promises(found: Findings) -> Table:
    """Every floor, met or not."""
    rows = [(one.promise, _wanted(one), _found(one), _verdict(one)) for one in floors(found)]
    return Table("Floors", ("Floor", "wanted", "found", "verdict"), rows)


def _latencies(one: object) -> tuple[float | None, float | None]:
    return getattr(one, "p50_ms", None), getattr(one, "p99_ms", None)


def _rows_per_second(found: Findings, server: str, clients: int) -> float | None:
    requests = found.rate(server, clients, 1_000)
    return None if requests is None else requests * 1_000


def _slower(found: Findings, server: str) -> float | None:
    return ratio(found.cpu(server, 1, 1_000), found.cpu("ratchet", 1, 1_000))


def _times(value: float | None) -> str:
    return number(value) if value is None else f"{number(value)}x"


def _unit(one: Floor) -> str:
    return "x" if one.unit == "x" else f" {one.unit}"


def _wanted(one: Floor) -> str:
    return f"{'at most' if one.at_most else 'at least'} {one.wanted:g}{_unit(one)}"


def _found(one: Floor) -> str:
    return number(one.found) if one.found is None else f"{number(one.found)}{_unit(one)}"


def _verdict(one: Floor) -> str:
    return {True: "met", False: "not met", None: "not measured"}[one.met]
