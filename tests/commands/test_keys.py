from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys, digest_of
from pipelines.stores.decisions.ledger import Ledger

Run = Callable[..., tuple[int, Any, str]]


def test_a_key_is_made_listed_and_revoked(ratchet: Run, settings: Settings) -> None:
    given = ("--scope", "predict", "--scope", "label", "--rate", "100", "--expires", "90d", "--by", "Ada")
    code, made, _ = ratchet("keys", "create", "shop", *given, "--json")
    assert code == 0
    assert (made["scopes"], made["rate"], made["created_by"]) == (["predict", "label"], 100.0, "Ada")
    with closing(ApiKeys(settings.database)) as store:
        assert digest_of(made["key"].encode()) in store.in_force()

    code, listed, _ = ratchet("keys", "list", "--json")
    (one,) = listed["keys"]
    assert (one["name"], one["state"]) == ("shop", "in force")
    assert "key" not in one

    code, revoked, _ = ratchet("keys", "revoke", made["id"], "--by", "Bob", "--json")
    assert (code, revoked["name"]) == (0, "shop")
    assert ratchet("keys", "list", "--json")[1]["keys"][0]["state"] == "revoked"
    assert "revoked" in ratchet("keys", "list")[1]

    with closing(Ledger(settings.database)) as ledger:
        entries = ledger.entries(kind="key")
    assert [(entry.outcome, entry.actor) for entry in entries] == [("revoke", "Bob"), ("create", "Ada")]
    assert made["key"].split("_")[2] not in str(entries)


def test_a_person_gets_the_key_alone_on_stdout(ratchet: Run) -> None:
    code, out, told = ratchet("keys", "create", "shop", "--scope", "read")
    assert code == 0
    assert out.startswith("rk_")
    assert len(out.splitlines()) == 1
    assert "not shown again" in told
    assert out.strip() not in told


def test_what_cannot_be_made_is_said(ratchet: Run) -> None:
    assert ratchet("keys", "create", "shop", "--json")[0] == 2, "a scope is needed"
    assert ratchet("keys", "create", "a shop", "--scope", "read", "--json")[0] == 2
    assert ratchet("keys", "create", "shop", "--scope", "read", "--expires", "soon", "--json")[0] == 2
    assert ratchet("keys", "create", "shop", "--scope", "all", "--json")[0] == 3
    assert ratchet("keys", "create", "shop", "--scope", "read", "--json")[0] == 0
    code, out, _ = ratchet("keys", "create", "shop", "--scope", "read", "--json")
    assert code == 3
    assert "already" in out["error"]["message"]
    assert ratchet("keys", "revoke", "nobody", "--json")[0] == 8


def test_the_group_is_in_the_overview_and_has_help(ratchet: Run) -> None:
    assert "Make, list and revoke API keys" in ratchet("--help")[1]
    assert ratchet("keys", "create", "--help")[0] == 0
