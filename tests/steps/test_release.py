from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.errors import Busy
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.settings import Settings
from pipelines.steps import release as release_step
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import Released, release
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.history_store import load_current
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases import release_files, standing
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.storage.files import digest_file, read_json, write_atomic

REAL = release_step.document


@pytest.fixture(autouse=True)
def plain_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card of one line, except where cards are looked at: real ones have a dozen plots."""
    monkeypatch.setattr(release_step, "document", lambda into, *_: write_atomic(into / "model_card.md", b"a card"))


@pytest.fixture
def real_cards(plain_cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_step, "document", REAL)


class Killed(BaseException):
    """The process is gone; nothing catches it."""


def turn(toy: ModuleType, settings: Settings, run: Any, **asked: Any) -> Released:
    """Evaluate and release a run, as the flow does."""
    registry = Registry(settings)
    champion = open_champion(settings, "trains") if registry.champion("trains") else None
    evaluate(run.loaded, run.folder, champion)
    found: Released = release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF, **asked)
    return found


def test_the_wheel_turns_forward_only(toy: ModuleType, settings: Settings) -> None:
    registry, ledger = Registry(settings), Ledger(settings.database)
    first = turn(toy, settings, toy.make_run(settings, hidden=("rain",)))
    assert (first.decision, first.version, first.champion) == ("promote", 1, 1)
    second = turn(toy, settings, toy.make_run(settings))
    assert (second.decision, second.version, second.champion) == ("promote", 2, 2)
    third = turn(toy, settings, toy.make_run(settings, strength=1e-6))
    assert (third.decision, third.version, third.champion) == ("keep", 3, 2)
    assert any("not credibly better than champion 2" in reason for reason in third.reasons)
    aliases = {one.version: one.aliases for one in registry.releases("trains")}
    assert aliases == {1: (), 2: ("champion",), 3: ("challenger",)}
    entries = ledger.entries("trains", "release")
    assert [(one.version, one.outcome) for one in entries] == [(3, "keep"), (2, "promote"), (1, "promote")]
    assert entries[0].evidence["against"] == 2
    assert entries[0].run_id == third.run_id
    again = toy.make_run(settings, extra="# another comment, the same problem\n")
    assert turn(toy, settings, again) == second


def test_a_release_carries_its_lineage(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    found = turn(toy, settings, run)
    bundle = open_champion(settings, "trains")
    assert bundle.release["run_id"] == found.run_id
    assert bundle.release["snapshot"] == run.ingested.snapshot
    assert bundle.release["model_digest"] == found.model_digest
    assert bundle.release["trained_until"] < bundle.release["data_until"]
    assert bundle.contract.target == "late"
    assert bundle.problem == run.loaded.problem
    assert (bundle.folder / "ratchet" / "problem.yaml").read_text() == run.loaded.text
    assert bundle.decision["outcome"] == "promote"
    client = Registry(settings)._client
    logged = client.get_run(found.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.metrics["test_roc_auc"] == found.metrics["roc_auc"]["value"]
    assert logged.data.params["learner"] == "linear"
    assert logged.data.tags["ratchet.snapshot"] == run.ingested.snapshot
    assert logged.inputs.dataset_inputs[0].dataset.digest == run.ingested.snapshot[:36]
    assert {one.path for one in client.list_artifacts(found.run_id)} >= {"scorecard.json", "problem.yaml"}
    assert load_current(settings.history("trains")) is not None


@pytest.mark.usefixtures("real_cards")
def test_it_is_rehearsed_before_it_is_decided_and_documented_after(toy: ModuleType, settings: Settings) -> None:
    on = settings.model_copy(update={"rehearsal": True})
    found = turn(toy, on, toy.make_run(on), actor="Ada")
    assert found.rehearsal is not None
    assert (found.rehearsal["rows"], found.rehearsal["wrong"], found.rehearsal["skipped"]) == (180, 0, None)
    parity = next(check for check in found.checks if check["name"] == "parity")
    assert (parity["passed"], parity["value"]) == (True, 0)
    bundle = open_champion(on, "trains")
    documents = bundle.folder / "ratchet"
    assert Rehearsal.model_validate(read_json(documents / "rehearsal.json")).rows == 180
    assert "Ada" in (documents / "cards" / "model_card.html").read_text()
    assert "ratchet/cards/model_card.html" in read_json(bundle.folder / "manifest.json")
    client = Registry(on)._client
    assert client.get_run(found.run_id).data.metrics["rehearsal_wrong"] == 0
    assert {one.path for one in client.list_artifacts(found.run_id, "cards")} >= {"cards/model_card.html"}
    (entry,) = Ledger(on.database).entries("trains", "release")
    assert (entry.actor, entry.digest) == ("Ada", found.ledger)
    assert entry.evidence["manifest"] == digest_file(bundle.folder / "manifest.json")


def test_without_a_rehearsal_the_decision_says_so(toy: ModuleType, settings: Settings) -> None:
    found = turn(toy, settings, toy.make_run(settings))
    assert any("not rehearsed over HTTP: RATCHET_REHEARSAL is off" in reason for reason in found.reasons)


def test_a_release_that_needs_approval_waits_for_it(toy: ModuleType, settings: Settings) -> None:
    found = turn(toy, settings, toy.make_run(settings, extra="good_enough:\n  approval: true\n"))
    assert (found.decision, found.path, found.champion) == (standing.AWAITING, "first", None)
    aliases = {one.version: one.aliases for one in Registry(settings).releases("trains")}
    assert aliases == {1: ("challenger",)}
    (entry,) = Ledger(settings.database).entries("trains", "release")
    assert (entry.outcome, entry.evidence["gate"]) == (standing.AWAITING, "promote")


def test_what_is_no_worse_is_promoted_where_there_is_a_reason_to_change(toy: ModuleType, settings: Settings) -> None:
    wide = "good_enough:\n  margin: 0.9\n"
    turn(toy, settings, toy.make_run(settings, extra=wide))
    same = turn(toy, settings, toy.make_run(settings, strength=0.9, extra=wide))
    assert same.decision == "keep"
    found = turn(toy, settings, toy.make_run(settings, strength=0.8, extra=wide), because="the licence ends")
    assert (found.decision, found.path, found.champion) == ("promote", "non_inferior", 3)
    assert found.change == {"kind": "stated", "text": "the licence ends", "evidence": {}}
    assert any("the licence ends" in reason for reason in found.reasons)


def test_the_same_model_is_kept_bit_for_bit(toy: ModuleType, settings: Settings) -> None:
    turn(toy, settings, toy.make_run(settings))
    same = turn(toy, settings, toy.make_run(settings, extra="owner: someone else\n"))
    assert (same.decision, same.champion) == ("keep", 1)
    assert same.reasons == ["the candidate is champion 1, bit for bit"]


def test_too_few_labels_release_nothing(toy: ModuleType, settings: Settings) -> None:
    found = turn(toy, settings, toy.make_run(settings, extra="good_enough:\n  min_labels: 500\n"))
    assert (found.decision, found.champion, found.needed_labels) == ("not_enough_data", None, 380)
    assert Registry(settings).champion("trains") is None


def test_a_scorecard_against_an_old_champion_decides_nothing(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    evaluate(run.loaded, run.folder, None)
    turn(toy, settings, toy.make_run(settings, hidden=("rain",)))
    with pytest.raises(Busy, match="champion is version 1"):
        release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    assert turn(toy, settings, run).version == 2


def kill_after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    """The process dies just after this call, the first time; the list says whether it did."""
    real: Callable[..., Any] = getattr(owner, name)
    died: list[str] = []

    def dying(*arguments: Any, **named: Any) -> Any:
        answer = real(*arguments, **named)
        if not died:
            died.append(name)
            raise Killed
        return answer

    monkeypatch.setattr(owner, name, dying)
    return died


POINTS: list[tuple[Any, str]] = [
    (Registry, "start_run"),
    (release_step, "rehearse_candidate"),
    (release_files, "stage_bundle"),
    (release_step, "document"),
    (release_step, "make_bundle"),
    (Registry, "log"),
    (Registry, "_upload"),
    (Registry, "register"),
    (Ledger, "record"),
    (standing, "publish_history"),
    (Registry, "set_alias"),
    (Registry, "drop_alias"),
]


def test_killed_anywhere_and_run_again_it_is_the_same_release(toy: ModuleType, settings: Settings) -> None:
    """Nothing happens between two points, so dying after each is dying everywhere."""
    registry, ledger = Registry(settings), Ledger(settings.database)
    turn(toy, settings, toy.make_run(settings, 500, hidden=("rain",)))
    for version, (owner, name) in enumerate(POINTS, start=2):
        if version > 2:  # the weak one is champion again, for the next duel
            at = toy.AS_OF.replace(minute=version)
            release_step.roll_back("trains", settings, 1, at, "tester", "next duel")
        registry.set_alias("trains", "challenger", 1)  # so that there is one to drop
        run = toy.make_run(settings, 500, strength=1 + version / 100, extra=f"owner: {name}\n")
        with pytest.MonkeyPatch.context() as patch:
            died = kill_after(patch, owner, name)
            with pytest.raises(Killed):
                turn(toy, settings, run)
            found = turn_again(toy, settings, run)
        assert died
        assert (found.version, found.champion, found.decision) == (version, version, "promote"), name
        assert len(registry.releases("trains")) == version
        assert len(ledger.entries("trains", "release", None)) == version
        aliases = {one.version: one.aliases for one in registry.releases("trains") if one.aliases}
        assert aliases == {version: ("champion",)}
        assert found == turn_again(toy, settings, run)


def test_a_kept_challenger_killed_before_its_alias_gets_it_next_time(toy: ModuleType, settings: Settings) -> None:
    turn(toy, settings, toy.make_run(settings, 500))
    run = toy.make_run(settings, 500, strength=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, Ledger, "record")
        with pytest.raises(Killed):
            turn(toy, settings, run)
        found = turn_again(toy, settings, run)
    assert (found.decision, found.version, found.champion) == ("keep", 2, 1)
    challenger = Registry(settings).by_alias("trains", "challenger")
    assert challenger is not None
    assert challenger.version == 2


def turn_again(toy: ModuleType, settings: Settings, run: Any) -> Released:
    """What a flow does when it is run again: no new scorecard once the decision is in the ledger."""
    key = run.folder.name
    if Ledger(settings.database).find(f"release:trains:{key}") is None:
        return turn(toy, settings, run)
    found: Released = release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    return found


def test_a_decision_that_was_overruled_is_not_carried_out_again(toy: ModuleType, settings: Settings) -> None:
    turn(toy, settings, toy.make_run(settings, hidden=("rain",)))
    run = toy.make_run(settings)
    assert turn(toy, settings, run).champion == 2
    release_step.roll_back("trains", settings, None, toy.AS_OF, "tester", "a doubt")
    found = turn_again(toy, settings, run)
    assert (found.decision, found.version, found.champion) == ("promote", 2, 1)


@pytest.mark.faults
def test_a_process_killed_while_it_registers_leaves_nothing_half(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    evaluate(run.loaded, run.folder, None)
    script = f"""
import sys
sys.path.insert(0, {str(Path(toy.__file__).parent)!r})
import toy_runs
from pathlib import Path
from pipelines.core.settings import Settings
from pipelines.steps.release import release
from pipelines.stores.problems.problem_files import LoadedProblem, parse_problem
text = {run.loaded.text!r}
loaded = LoadedProblem(parse_problem(text, Path("trains.yaml")), text, Path("trains.yaml"), Path())
ingested = toy_runs.Ingested({run.ingested.snapshot!r}, {run.ingested.path!r}, {run.ingested.rows}, "")
release(loaded, Settings(), Path({str(run.folder)!r}), ingested, toy_runs.AS_OF)
"""
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    deadline = time.monotonic() + 120
    while not (run.folder / "bundle").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    found = release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    assert (found.version, found.decision, found.champion) == (1, "promote", 1)
    Bundle.open(open_champion(settings, "trains").folder).check_probe()
