"""Whether the ledger is what was recorded: its chain, and what others keep of it.

A chain can be cut off at its end, or be made anew as a whole. So its newest seal is noted in home, the decision on each
version is a tag in the registry, and seals are signed where there is a key: who wants to rewrite history must
change all of them, and cannot forge the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import LEDGER, ReleaseInfo
from pipelines.stores.bundles.signing import Verifier, open_verifier
from pipelines.stores.decisions.ledger import DECISIONS
from pipelines.stores.decisions.ledger_chain import Break, Chain, read_chain
from pipelines.stores.decisions.ledger_heads import FILE, ledger_name, read_heads
from pipelines.stores.registry.registry import Registry

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Verification:
    """What was looked at, and everything that does not fit, the first place first."""

    entries: int
    head: str | None
    sealed_later: int
    signed: int
    tagged: int
    breaks: list[Break] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether everything fits."""
        return not self.breaks


def verify_ledger(settings: Settings, with_registry: bool = True) -> Verification:
    """Look at every entry, seal, signature and tag; nothing is changed.

    `with_registry`: false leaves out the tags, which take MLflow's import.
    """
    remarks: list[str] = []
    chain = Chain()
    if _is_there(settings.database):
        chain = read_chain(settings.database) or chain
    tagged = _tagged(settings, remarks) if with_registry else []
    breaks = [*chain.breaks, *_against_head(settings, chain, remarks), *_against_tags(tagged, chain)]
    verifier = open_verifier(settings.verify_key)
    if verifier is not None:
        breaks += _against_key(verifier, chain)
    later = sum(one.later for one in chain.seals)
    if later:
        remarks.append(f"{later} entries are older than the chain: they are sealed as they were found")
    signed = sum(one.signature is not None for one in chain.seals)
    if signed and verifier is None:
        remarks.append(f"{signed} signatures were not checked: RATCHET_VERIFY_KEY is not set")
    head = chain.seals[-1].digest if chain.seals else None
    return Verification(len(chain.seals), head, later, signed, len(tagged), breaks, remarks)


def _is_there(url: str) -> bool:
    """Whether there is a database to look into: SQLite would make a missing one."""
    return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()


def _against_head(settings: Settings, chain: Chain, remarks: list[str]) -> list[Break]:
    noted = read_heads(settings.home).get(ledger_name(settings.database))
    if noted is None:
        if chain.seals:
            remarks.append(f"no newest seal is noted in {settings.home / FILE}: a missing end would not be seen by it")
        return []
    if any(seal.digest == noted.digest for seal in chain.seals):
        return []
    last = chain.seals[-1] if chain.seals else None
    what = f"the seal {noted.digest[:12]}, noted in {FILE}, is no longer there: "
    if last is None or last.position < noted.position:
        what += "the ledger's end was cut off" if last is not None else "the ledger was emptied"
    else:
        what += "the ledger was made anew"
    return [Break(None if last is None else last.entry, "" if last is None else last.key, what)]


def _tagged(settings: Settings, remarks: list[str]) -> list[ReleaseInfo]:
    """The versions that carry the digest of a decision."""
    if not _is_there(settings.tracking_uri):
        return []
    registry = Registry(settings)
    try:
        found = [release for problem in registry.problems() for release in registry.releases(problem)]
    except Unavailable as error:
        remarks.append(f"the registry's tags were not looked at: {error}")
        return []
    tagged = [release for release in found if release.tags.get(LEDGER)]
    if len(tagged) < len(found):
        remarks.append(f"{len(found) - len(tagged)} of {len(found)} versions carry no digest of the ledger")
    return sorted(tagged, key=lambda one: (one.problem, one.version))


def _against_tags(tagged: list[ReleaseInfo], chain: Chain) -> list[Break]:
    known = {(seal.digest, seal.problem, seal.version): seal for seal in chain.seals}
    digests = {seal.digest: seal for seal in chain.seals}
    breaks = []
    for release in tagged:
        digest = release.tags[LEDGER]
        if (digest, release.problem, release.version) in known:
            continue
        other = digests.get(digest)
        name = f"version {release.version} of {release.problem}"
        what = f"{name} carries the digest {digest[:12]} of a decision that is not in the ledger"
        if other is not None:
            what = f"{name} carries the digest of another decision"
        breaks.append(Break(None if other is None else other.entry, "" if other is None else other.key, what))
    return breaks


def _against_key(verifier: Verifier, chain: Chain) -> list[Break]:
    """Signatures that do not fit, and the first decision that no later signature covers."""
    breaks, covered = [], 0
    for seal in chain.seals:
        if seal.signature is None:
            continue
        if verifier.accepts_seal(seal.digest, seal.signature):
            covered = seal.position
        else:
            breaks.append(Break(seal.entry, seal.key, "its signature does not fit"))
    bare = next((one for one in chain.seals if one.kind in DECISIONS and one.position > covered), None)
    if bare is not None:
        what = "neither it nor anything after it is signed, and RATCHET_VERIFY_KEY is set"
        breaks.append(Break(bare.entry, bare.key, what))
    return breaks
