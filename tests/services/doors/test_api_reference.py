"""docs/reference/api.md: every route is in it, and every example in it works as it stands."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
HOST = "http://127.0.0.1:8000"


def examples() -> list[tuple[str, dict[str, str], bytes | None]]:
    """Each curl command as path, headers and body."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for command in re.split(r"\n(?=curl )", block.strip()):
            text = re.sub(r"\$'(.*?)'", lambda quoted: shlex.quote(quoted[1].replace(r"\n", "\n")), command)
            words = shlex.split(text.replace("\\\n", " "))
            url = next(word for word in words if word.startswith(HOST))
            pairs = list(pairwise(words))
            headers = dict(value.split(": ", 1) for name, value in pairs if name == "-H")
            body = next((value.encode() for name, value in pairs if name in ("-d", "--data-binary")), None)
            found.append((url.removeprefix(HOST), headers, body))
    return found


def test_there_are_examples_of_every_protocol() -> None:
    paths = {path for path, _, _ in examples()}
    model = "/v1/models/loans"
    doors = {
        f"{model}/predict",
        f"{model}/labels",
        f"{model}/explain",
        f"{model}/invocations",
        "/v2/models/loans/infer",
    }
    assert doors <= paths


@pytest.mark.parametrize(("path", "headers", "body"), examples())
def test_every_example_works(client: Any, path: str, headers: dict[str, str], body: bytes | None) -> None:
    answer = client.post("/v1/models/loans/predict", json={"instances": [{"amount": 1}]})
    name = answer.json()["predictions"][0]["id"]
    if body is None:
        found = client.get(path.replace("$ID", name))
    else:
        found = client.post(path, content=body.replace(b"$ID", name.encode()), headers=headers)
    assert found.status_code == 200, found.text
    if "labels" in path:
        assert found.json()["accepted"] == [name]


def test_examples_of_answers_are_json() -> None:
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        orjson.loads(block)


def test_every_route_is_named(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path in document["paths"]:
        words = path.replace("/trips", "/loans").replace("{version}", "3").split("/")
        last = words[-1] if words[-1] not in ("loans", "3") and "{" not in words[-1] else words[1]
        assert last in PAGE, path
    for status in ("400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "500", "503"):
        assert re.search(rf"^\|.*\b{status}\b.*\|", PAGE, re.MULTILINE), status
