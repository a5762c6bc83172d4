"""What an operator can do from a page: each says beforehand what will happen, and leaves an entry in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.core.errors import NotFound, ProblemError
from pipelines.stores.alarms import alarm_acts
from pipelines.stores.decisions.ledger_requests import request_key
from pipelines.stores.releases.approvals import approve as speak
from pipelines.stores.releases.champion_moves import roll_back
from services.console.admission import field
from services.console.attention import unseen_episodes, waiting_releases
from services.console.desk import Desk
from services.console.neighbours import start_flow
from services.console.phrases import KINDS, moment

Form = Mapping[str, list[str]]
HOURS = {"4": "four hours", "24": "a day", "72": "three days", "168": "a week", "720": "thirty days"}
_RECONCILING = "reconciling/reconciling"


@dataclass(frozen=True)
class Ask:
    """Who does what to which problem, when and why."""

    desk: Desk
    problem: str
    actor: str
    reason: str
    at: datetime
    form: Form


@dataclass(frozen=True)
class Choice:
    """One option of a question on the confirmation page."""

    value: str
    text: str
    chosen: bool = False


@dataclass(frozen=True)
class Question:
    """What the confirmation page asks besides name and reason: one of the choices, or several."""

    name: str
    text: str
    choices: list[Choice]
    several: bool = False


@dataclass(frozen=True)
class Deed:
    """An action: what it is called, what it does, whether it can be done now, and how."""

    name: str
    title: str
    button: str
    effects: tuple[str, ...]
    ask: Callable[[Desk, str], list[Question]]
    hindered: Callable[[Desk, str], str | None]
    """Why it cannot be done now, None when it can."""
    act: Callable[[Ask], int | None]
    """The ledger's entry that says it was done; None where nothing had to be done."""
    grave: bool = False


def _acknowledge(ask: Ask) -> int:
    made = [
        alarm_acts.acknowledge(ask.desk.ledger, one, ask.at, ask.actor, ask.reason)
        for one in unseen_episodes(ask.desk, ask.problem)
    ]
    if not made:
        raise NotFound(f"no alarm of {ask.problem} waits to be acknowledged")
    return made[-1].id


def _silence(ask: Ask) -> int:
    hours = field(ask.form, "hours")
    if hours not in HOURS:
        raise ProblemError("choose how long the silence is to last")
    until = ask.at + timedelta(hours=int(hours))
    return alarm_acts.silence(ask.desk.ledger, ask.problem, _kinds(ask.form), until, ask.at, ask.actor, ask.reason).id


def _lift(ask: Ask) -> int:
    ledger, held = ask.desk.ledger, alarm_acts.silences(ask.desk.ledger, ask.at, ask.problem)
    lifted = [alarm_acts.unsilence(ledger, ask.problem, one.kinds, ask.at, ask.actor, ask.reason) for one in held]
    if not lifted:
        raise NotFound(f"nothing of {ask.problem} is silenced")
    return lifted[-1].id


def _retrain(ask: Ask) -> int | None:
    desk = ask.desk
    request = desk.ledger.request(
        ask.problem,
        f"by hand:{ask.problem}:{ask.at.isoformat()}",
        reason=ask.reason,
        as_of=ask.at,
        at=ask.at,
        actor=ask.actor,
        evidence={"by_hand": True, "reasons": [ask.reason]},
    )
    start_flow(desk.links.prefect_server(), _RECONCILING)  # else its schedule takes the request up within five minutes
    entry = desk.ledger.find(request_key(request.key, "asked"))
    return None if entry is None else entry.id


def _roll_back(ask: Ask) -> int | None:
    version = field(ask.form, "version")
    if not version.isdecimal():
        raise ProblemError("choose the version to go back to")
    moved = roll_back(ask.problem, ask.desk.settings, int(version), ask.at, ask.actor, ask.reason)
    return _entry_of(ask, moved.digest)


def _approve(ask: Ask) -> int | None:
    version, word = field(ask.form, "version"), field(ask.form, "word")
    if not version.isdecimal() or word not in ("approve", "decline"):
        raise ProblemError("choose a version, and whether you approve or decline it")
    decline = word == "decline"
    said = speak(ask.problem, ask.desk.settings, int(version), ask.at, ask.actor, ask.reason, decline)
    return _entry_of(ask, said.digest)


def _entry_of(ask: Ask, digest: str | None) -> int | None:
    recent = ask.desk.pages.page(ask.problem, ["roll_back", "approval", "override"], limit=10)
    return next((one.id for one in recent if one.digest == digest), None)


def _kinds(form: Form) -> list[str] | None:
    """The kinds that were ticked; None (every kind) for none or all of them."""
    ticked = [one for one in form.get("kinds", []) if one in KINDS]
    return None if not ticked or len(ticked) == len(KINDS) else ticked


def _nothing_to_ask(desk: Desk, problem: str) -> list[Question]:
    return []


def _ask_silence(desk: Desk, problem: str) -> list[Question]:
    lasts = [Choice(hours, text, hours == "24") for hours, text in HOURS.items()]
    kinds = [Choice(kind, title) for kind, title in KINDS.items()]
    return [
        Question("hours", "For how long", lasts),
        Question("kinds", "Only these kinds (none: every kind)", kinds, several=True),
    ]


def _ask_version(desk: Desk, problem: str) -> list[Question]:
    earlier = _earlier(desk, problem)
    choices = [
        Choice(str(version), f"version {version}, champion since {moment(at)}", place == 0)
        for place, (version, at) in enumerate(earlier.items())
    ]
    return [Question("version", "Go back to", choices)]


def _earlier(desk: Desk, problem: str) -> dict[int, datetime]:
    """Versions that were champion before the present one, the latest first, and since when they were."""
    moves = desk.pages.moves(problem)
    found: dict[int, datetime] = {}
    for one in moves[1:]:
        if one.version != moves[0].version:
            found.setdefault(one.version, one.at)
    return found


def _ask_approval(desk: Desk, problem: str) -> list[Question]:
    waiting = waiting_releases(desk, problem)
    versions = [Choice(str(one.version), f"version {one.version}, asked for by {one.actor}", place == 0)
                for place, one in enumerate(waiting)]  # fmt: skip
    words = [Choice("approve", "Approve: it becomes the champion"), Choice("decline", "Decline: the champion stays")]
    return [Question("version", "Release", versions), Question("word", "Your word", words)]


def _no_champion(desk: Desk, problem: str) -> str | None:
    return None if desk.pages.moves(problem, limit=1) else f"{problem} has no champion yet: train it first"


def _no_earlier(desk: Desk, problem: str) -> str | None:
    return None if _earlier(desk, problem) else f"{problem} has no earlier champion to go back to"


def _no_waiting(desk: Desk, problem: str) -> str | None:
    return None if waiting_releases(desk, problem) else f"no release of {problem} waits for approval"


def _no_silence(desk: Desk, problem: str) -> str | None:
    held = alarm_acts.silences(desk.ledger, desk.clock(), problem)
    return None if held else f"nothing of {problem} is silenced"


def _no_alarm(desk: Desk, problem: str) -> str | None:
    return None if unseen_episodes(desk, problem) else f"no alarm of {problem} waits to be acknowledged"


def _busy(desk: Desk, problem: str) -> str | None:
    held = desk.ledger.requests(problem, ("open", "running"))
    if held:
        return f"a retraining of {problem} is {'running' if held[0].state == 'running' else 'waiting'} already"
    return _no_champion(desk, problem)


def _always(desk: Desk, problem: str) -> str | None:
    return None


DEEDS = {
    one.name: one
    for one in (
        Deed("acknowledge", "Acknowledge the alarm", "Acknowledge",
             ("Says that you have seen it and see to it: no more reminders of this alarm.",
              "Notices of recovery, and of a new alarm, are sent as ever."),
             _nothing_to_ask, _no_alarm, _acknowledge),
        Deed("silence", "Silence notices", "Silence",
             ("No notices of this problem are sent until the time is over.",
              "Windows are judged and recorded all the same, and retraining goes on."),
             _ask_silence, _always, _silence),
        Deed("lift", "Lift the silence", "Lift the silence",
             ("Notices of this problem are sent again at once.",), _nothing_to_ask, _no_silence, _lift),
        Deed("retrain", "Retrain now", "Ask for the training",
             ("A challenger is trained on everything that is known now.",
              "The gate decides as ever: the champion changes only if the challenger is better.",
              "Cooldown, budget and circuit breaker of the policy do not hold a person back."),
             _nothing_to_ask, _busy, _retrain),
        Deed("roll-back", "Roll back", "Roll back",
             ("The version that you choose serves again within seconds; it is verified first.",
              "The present champion stays registered and can be promoted again.",
              "The next retraining is judged against the version that you go back to."),
             _ask_version, _no_earlier, _roll_back, grave=True),
        Deed("approve", "Approve or decline a release", "Record my word",
             ("An approved release becomes the champion; a declined one never does.",
              "Whoever asked for the training cannot approve it."),
             _ask_approval, _no_waiting, _approve, grave=True),
    )
}  # fmt: skip
