from __future__ import annotations

from pipelines.stack.versions import BREAKS, objection


def test_what_is_installed_is_what_was_checked() -> None:
    from importlib.metadata import version

    assert {package: objection(package, version(package)) for package in BREAKS} == dict.fromkeys(BREAKS)


def test_other_versions_are_objected_to_with_the_reason() -> None:
    assert objection("sqlalchemy", "2.1.0") == BREAKS["sqlalchemy"][1]
