from __future__ import annotations

from types import SimpleNamespace

from pipelines.stores.bundles.release_info import DIGEST, RUN_KEY, release_info


def test_a_version_is_read_by_its_tags() -> None:
    version = SimpleNamespace(
        name="trains",
        version="3",
        run_id=None,
        source="file:///x",
        tags={DIGEST: "d", RUN_KEY: "k"},
        aliases=["champion"],
        creation_timestamp=1500,
    )
    found = release_info(version)  # type: ignore[arg-type]
    assert (found.version, found.run_id, found.digest, found.run_key) == (3, "", "d", "k")
    assert (found.aliases, found.created_at) == (("champion",), 1.5)
    assert release_info(version, {3: ("other",)}).aliases == ("other",)  # type: ignore[arg-type]
