"""A prediction's passport: the release that answered and all that stands behind it, from the log and the ledger.

What the ledger does not know is "not stated"; nothing is guessed. Importing this brings no tool of training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE, Verifier
from pipelines.stores.decisions.ledger import Entry, Ledger, approval_key
from pipelines.stores.logbook.prediction_log import PredictionLog

NOT_STATED = "not stated"

Find = Callable[[str, int], ReleaseInfo]
"""Gives a release as the registry knows it; NotFound, Unavailable."""


def logged(log: PredictionLog, prediction_id: str) -> dict[str, Any]:
    """One answer as it was given, with every label that came for it; NotFound when there is none."""
    entry = log.get(prediction_id)
    fields = {name: getattr(entry, name) for name in entry.__slots__}
    return fields | {"labels": [vars(label) for label in log.labels(prediction_id)]}


def make_passport(ledger: Ledger, find: Find, verifier: Verifier | None, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Where an answer of the log (`logged`) comes from: release, signature, data, code, decisions.

    The registry may be away: then the ledger's word is all there is. Signatures are checked by the `verifier`.
    """
    problem, version = str(answer["problem"]), int(answer["version"])
    judged = ledger.release_entry(problem, version)
    facts: Mapping[str, Any] = {} if judged is None else judged.evidence
    registered, trouble = _registered(find, problem, version)
    return {
        "release": _release(answer, facts, registered, trouble),
        "signature": _signature(verifier, judged, registered),
        "data": _stated(facts, "snapshot", "snapshot_rows", "source", "as_of"),
        "problem": {"digest": _told(facts, "problem_digest")},
        "contract": {"digest": _told(facts, "contract_digest")},
        "code": _told(facts, "code"),
        "decision": _decision(judged),
        "approval": _approval(ledger, judged),
        "champion": _champion(ledger, answer),
    }


def _registered(find: Find, problem: str, version: int) -> tuple[ReleaseInfo | None, str | None]:
    try:
        return find(problem, version), None
    except NotFound:
        return None, "the registry has no such version any more"
    except Unavailable:
        return None, "the registry does not answer now"


def _release(
    answer: Mapping[str, Any], facts: Mapping[str, Any], registered: ReleaseInfo | None, trouble: str | None
) -> dict[str, Any]:
    found = {"problem": answer["problem"], "version": answer["version"], "run_id": answer["run_id"]}
    found |= _stated(facts, "run_key", "model_digest", "manifest", "learner", "params")
    tags = {} if registered is None else registered.tags
    known = {"run_key": registered.run_key, "model_digest": registered.digest} if registered is not None else {}
    for name, value in {**known, "manifest": tags.get(MANIFEST_DIGEST)}.items():
        if found[name] == NOT_STATED and value:
            found[name] = value
    found["registered"] = registered is not None if trouble is None else trouble
    if registered is not None:  # the registry and the ledger each have a word on what was released
        found["registered"] = registered.digest == found["model_digest"] or "with another model digest"
    return found


def _signature(verifier: Verifier | None, judged: Entry | None, registered: ReleaseInfo | None) -> dict[str, Any]:
    """Whether the release is signed, and whether the signature fits: the registry's word, else the ledger's."""
    release = registered or _as_recorded(judged)
    if release is None:
        return {"present": NOT_STATED, "valid": NOT_STATED}
    if not release.tags.get(SIGNATURE):
        return {"present": False, "valid": False}
    if verifier is None:
        return {"present": True, "valid": NOT_STATED, "because": "RATCHET_VERIFY_KEY is not set"}
    return {"present": True, **_checked(verifier, release)}


def _checked(verifier: Verifier, release: ReleaseInfo) -> dict[str, Any]:
    try:
        verifier.require(release)
    except ModelFileError as error:
        return {"valid": False, "because": str(error)}
    return {"valid": True}


def _as_recorded(judged: Entry | None) -> ReleaseInfo | None:
    """The release with the signature that the ledger kept."""
    facts = {} if judged is None else judged.evidence
    if judged is None or "manifest" not in facts or "signature" not in facts:
        return None
    tags = {SIGNATURE: facts["signature"] or "", MANIFEST_DIGEST: facts["manifest"] or ""}
    digest, key = facts.get("model_digest") or "", facts.get("run_key") or ""
    return ReleaseInfo(judged.problem, int(judged.version or 0), judged.run_id or "", "", digest, key, (), tags)


def _decision(judged: Entry | None) -> Any:
    """What the gate said, with every check."""
    if judged is None:
        return NOT_STATED
    names = ("path", "metrics", "checks", "rehearsal", "request", "against")
    return _word(judged) | _stated(judged.evidence, *names)


def _approval(ledger: Ledger, judged: Entry | None) -> Any:
    """Who approved the release; None where nobody had to."""
    if judged is None:
        return NOT_STATED
    spoken = ledger.find(approval_key(judged))
    if spoken is not None:
        return _word(spoken)
    return {"outcome": judged.outcome} if judged.outcome == "awaiting_approval" else None


def _champion(ledger: Ledger, answer: Mapping[str, Any]) -> dict[str, Any]:
    """How the version that answered had become champion when it answered, and which one was it before."""
    moves = [one for one in ledger.moves(str(answer["problem"])) if _by(one, answer["at"])]
    ours = next((place for place, one in enumerate(moves) if one.version == answer["version"]), None)
    if ours is None:
        return {"since": NOT_STATED, "before": NOT_STATED}
    before = next((one.version for one in moves[ours + 1 :] if one.version != answer["version"]), None)
    return {"since": _word(moves[ours]), "before": before}


def _by(entry: Entry, until: datetime) -> bool:
    """Whether the entry was on record by then: the log's moments are in UTC without a zone."""
    recorded = entry.at if entry.later else entry.recorded_at
    return recorded is None or recorded.replace(tzinfo=None) <= until.replace(tzinfo=None)


def _word(entry: Entry) -> dict[str, Any]:
    """Who decided what, when and why."""
    names = ("kind", "outcome", "at", "recorded_at", "actor", "reasons", "digest")
    return {name: getattr(entry, name) for name in names}


def _stated(facts: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: _told(facts, name) for name in names}


def _told(facts: Mapping[str, Any], name: str) -> Any:
    return facts.get(name, NOT_STATED)
