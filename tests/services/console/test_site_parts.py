from __future__ import annotations

from typing import Any


def test_a_session_is_kept_over_https_alone_where_the_page_came_by_it(site: Any) -> None:
    plain = site.get("/sign-in").headers["set-cookie"]
    behind = site.get("/sign-in", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "Secure" not in plain
    assert "Secure" in behind


def test_pages_link_to_the_stack_that_runs(site: Any) -> None:
    from pipelines.stores.storage.files import write_json

    assert "MLflow" not in site.get("/").text
    write_json(site.settings.home / "run" / "stack" / "mlflow.json", {"url": "http://127.0.0.1:5"})
    site.desk.links._seen.clear()
    assert 'href="http://127.0.0.1:5"' in site.get("/").text
