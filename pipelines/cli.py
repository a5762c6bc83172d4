"""The command `ratchet`: one function per file in `commands/`, imported only when it is called.

`--help` must come at once, so nothing but Typer is imported here; exit codes are in docs/reference/exit-codes.md.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import typer
from typer.exceptions import TyperException

from pipelines.core.errors import RatchetError

USAGE, INTERRUPTED = 2, 130


class Command(NamedTuple):
    """Where a command's function lies (`module:function`), its line in the overview and its panel there."""

    where: str
    summary: str
    panel: str | None = None


COMMANDS = {
    "init": Command("init:init", "Draft a problem file from a table", "Train and predict"),
    "check": Command("check:check", "Check data against the contract in force", "Train and predict"),
    "train": Command("train:train", "Train a candidate and let the gate decide", "Train and predict"),
    "predict": Command("predict:predict", "Score a table with the champion", "Train and predict"),
    "label": Command("label:label", "Hand in what predictions turned out to be", "Train and predict"),
    "monitor": Command("monitor:monitor", "Judge a window of the prediction log", "Watch and decide"),
    "alarms": Command("alarms:alarms", "List alarms; silence or acknowledge them", "Watch and decide"),
    "backtest": Command("backtest:backtest", "Replay history under several policies", "Watch and decide"),
    "releases": Command("releases:releases", "List releases and the decisions on them", "Watch and decide"),
    "card": Command("card:card", "The model card of a release", "Watch and decide"),
    "compare": Command("compare:compare", "Two releases on the same rows", "Watch and decide"),
    "reproduce": Command("reproduce:reproduce", "Make a release again from the ledger", "Watch and decide"),
    "promote": Command("releases:promote", "Make a release the champion by hand", "Watch and decide"),
    "rollback": Command("releases:rollback", "Go back to an earlier champion", "Watch and decide"),
    "approve": Command("approve:approve", "Approve a release that waits for a second person", "Watch and decide"),
    "ledger": Command("ledger:ledger", "List every decision; check that none was changed", "Watch and decide"),
    "passport": Command("passport:passport", "Tell where a prediction comes from", "Watch and decide"),
    "rollout": Command("rollout:rollout", "Try a challenger beside the champion", "Watch and decide"),
    "materialise": Command("materialise:materialise", "Renew the history that serving reads", "Watch and decide"),
    "up": Command("stack:up", "Start MLflow, Prefect, the service and Evidently", "Run the stack"),
    "down": Command("stack:down", "End everything that `up` started", "Run the stack"),
    "status": Command("stack:status", "Show what runs, what is served, what waits", "Run the stack"),
    "serve": Command("serve:serve", "Run the prediction service in the foreground", "Run the stack"),
    "db": Command("database:database", "Bring the database up to date", "Run the stack"),
    "log": Command("log:log", "Seal old parts of the log; list what is sealed", "Run the stack"),
    "backup": Command("backup:backup", "Copy everything to a folder, consistently", "Run the stack"),
    "restore": Command("backup:restore", "Make a home and a database from a backup", "Run the stack"),
    "keys": Command("keys:keys", "Make, list and revoke API keys", "Run the stack"),
    "signing-key": Command("signing_key:signing_key", "Make keys that sign and verify releases", "Run the stack"),
    "doctor": Command("doctor:doctor", "Look for what would break Ratchet here", "Run the stack"),
    "demo": Command("demo:demo", "Turn the wheel once on the flights of 2013", "Run the stack"),
    "ingest": Command("ingest:ingest", "Read the source into a snapshot", "Train and predict"),
    "step": Command("step:step", "Run one step of dvc.yaml"),
}


def build(called: str | None) -> typer.Typer:
    """The command line with the real function for `called`, and a line of help for every other command."""
    app = typer.Typer(
        help="Ratchet: a model in production only ever moves forward.",
        epilog="PROBLEM is a shipped problem's name or the path of a problem file. State lives under RATCHET_HOME.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, command in COMMANDS.items():
        function = _load(command.where) if name == called else _not_called
        if isinstance(function, typer.Typer):  # a command with commands of its own
            app.add_typer(function, name=name, short_help=command.summary, rich_help_panel=command.panel)
            continue
        app.command(name, short_help=command.summary, rich_help_panel=command.panel, hidden=not command.panel)(function)
    return app


def _as_written(command: Any) -> Any:
    """The command with its help as it is written: Rich takes `[default: all]` for markup and shows nothing of it."""
    for option in command.params:
        if getattr(option, "help", None):
            option.help = option.help.replace("[", r"\[")
    for inner in getattr(command, "commands", {}).values():
        _as_written(inner)
    return command


def _not_called() -> None:
    """Never runs: stands for a command whose module was not imported."""


def _load(where: str) -> Callable[..., Any]:
    module, function = where.split(":")
    return getattr(importlib.import_module(f"pipelines.commands.{module}"), function)


def run(arguments: list[str]) -> int:
    """Run one command line; gives its exit code. With `--json` errors are printed as one JSON object too."""
    called = next((word for word in arguments if not word.startswith("-")), None)
    as_json = "--json" in arguments
    try:
        code = _as_written(typer.main.get_command(build(called)))(arguments, prog_name="ratchet", standalone_mode=False)
    except RatchetError as error:
        return _explain(error, error.exit_code, as_json)
    except TyperException as error:
        return _explain_usage(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _explain(KeyboardInterrupt("interrupted: run the same command again to go on"), INTERRUPTED, as_json)
    except Exception as error:
        if as_json:
            _explain(error, 1, as_json)
        raise
    if code == INTERRUPTED:  # typer's own answer to Ctrl-C
        return _explain(KeyboardInterrupt("interrupted: run the same command again to go on"), INTERRUPTED, as_json)
    return code if isinstance(code, int) else 0


def _explain(error: BaseException, code: int, as_json: bool) -> int:
    from pipelines.commands.output import show_error

    return show_error(error, code, as_json)


def _explain_usage(error: TyperException, as_json: bool) -> int:
    from pipelines.commands.output import show_error

    if as_json:
        return show_error(error, USAGE, as_json)
    from typer.rich_utils import rich_format_error

    rich_format_error(error)  # type: ignore[arg-type]  # takes its own subclass; this is that
    return USAGE


def main() -> NoReturn:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
