"""`ratchet passport`: where one prediction comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

_MOST = 300  # characters of a fact that are shown; --json has all


def passport(
    prediction_id: Annotated[str, typer.Argument(metavar="PREDICTION_ID", help="The id that came with the answer.")],
    json: Json = False,
) -> None:
    """Tell which release gave an answer, from which data and code it comes, who decided on it, and what came true."""
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.bundles.signing import open_verifier
    from pipelines.stores.decisions.ledger import Ledger
    from pipelines.stores.logbook.prediction_log import open_log
    from pipelines.stores.registry.lean_registry import LeanRegistry
    from pipelines.stores.releases.passport import logged, make_passport

    verifier = open_verifier(settings.verify_key)
    with closing(open_log(settings)) as log, closing(Ledger(settings.database)) as ledger:
        answer = logged(log, prediction_id)
        made = make_passport(ledger, LeanRegistry(settings).release, verifier, answer)

    def show() -> None:
        first = {name: value for name, value in answer.items() if name not in ("id", "labels")}
        table(f"Prediction {prediction_id}", ("fact", "value"), _lines({**first, "labels": answer["labels"]}))
        table("Passport", ("fact", "value"), _lines(made))

    write_result({**answer, "passport": made}, json, show)


def _lines(facts: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every fact on a line of its own; the gate's checks one by one."""
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{before}{name} ")
        elif name == "checks" and isinstance(value, list):
            for check in value:
                yield (
                    f"{before}check {check['name']}",
                    f"{'passed' if check['passed'] else 'FAILED'}: {check['reason']}",
                )
        elif isinstance(value, list):
            yield f"{before}{name}", "; ".join(_plain(one) for one in value) or "none"
        else:
            yield f"{before}{name}", _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return str(value)[:_MOST]
