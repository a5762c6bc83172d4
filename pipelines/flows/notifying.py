"""Notices on their way: what the ledger's verdicts give is made, and what is due is handed over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from prefect import task

from pipelines.core.errors import RatchetError
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.flows.tries import RETRIES
from pipelines.stores.alarms.notice_channels import addresses, send
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.alarms.notice_making import (
    Outbox,
    catch_up,
    look_at_history,
    look_at_retraining,
    look_for_silence,
    remind,
)
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.data.history_store import known_until
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.problems.known_problems import readable_problems

LOG = logging.getLogger(__name__)


@task(name="notify", task_run_name="notify", **RETRIES)
def notify(settings: Settings, watch: bool = False) -> dict[str, int]:
    """Make the notices that the ledger gives and hand over what is due; how many were sent and not sent.

    `watch`: also look for problems whose verdicts have ceased. A side that does not take a notice is tried again by
    the next call that comes after its wait; no notice is lost and none stops the caller.
    """
    now = datetime.now(UTC)
    with _outbox(settings) as outbox:
        make_notices(outbox, settings, now, watch)
        return hand_over(outbox, settings, now)


def make_notices(outbox: Outbox, settings: Settings, now: datetime, watch: bool) -> None:
    """Everything that there is to tell now."""
    watched = readable_problems(settings) if watch else {}
    for problem in outbox.ledger.problems():
        catch_up(outbox, problem, now)
        look_at_retraining(outbox, problem, now)
        if problem in watched:
            _look_beyond_verdicts(outbox, settings, watched[problem].problem, now)
        remind(outbox, problem, now)


def _look_beyond_verdicts(outbox: Outbox, settings: Settings, problem: Problem, now: datetime) -> None:
    """What no verdict tells: that there are none, or that what serving looks up is not renewed."""
    look_for_silence(outbox, problem.name, problem.monitoring.window, now)
    known = known_until(settings.history(problem.name))
    look_at_history(outbox, problem.name, known, [one.window for one in problem.features.history], now)


def hand_over(outbox: Outbox, settings: Settings, now: datetime) -> dict[str, int]:
    """Send what is due; what was taken and what was not."""
    told = {"sent": 0, "not_sent": 0}
    for delivery in outbox.notices.claim_due(now):
        notice = outbox.notices.notice(delivery.notice)
        try:
            send(settings, notice, Address(delivery.channel, delivery.address), now)
        except RatchetError as error:
            outbox.notices.not_sent(delivery, now, str(error))
            LOG.warning("notice %s was not sent by %s: %s", notice.key, delivery.channel, error)
            told["not_sent"] += 1
        else:
            outbox.notices.sent(delivery, now)
            told["sent"] += 1
    return told


@contextmanager
def _outbox(settings: Settings) -> Iterator[Outbox]:
    ledger, notices = open_ledger(settings), Notices(settings.database)
    try:
        yield Outbox(ledger, notices, addresses(settings), settings.console)
    finally:
        notices.close()
        ledger.close()
