"""Pages from templates, with escaping (the console's one door for jinja2)."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.console import phrases
from services.console.charts import bar_chart, describe, line_chart

HERE = Path(__file__).parent
STATIC = {"console.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}


def render(template: str, **values: Any) -> str:
    """A page; every value in it is escaped."""
    return _environment().get_template(template).render(**values)


@cache
def static_files() -> dict[str, bytes]:
    """The files that pages refer to, by name."""
    return {name: (HERE / "static" / name).read_bytes() for name in STATIC}


@cache
def static_path(name: str) -> str:
    """Address of a file, which changes with its content: browsers may keep it for good."""
    return f"/static/{hashlib.sha256(static_files()[name]).hexdigest()[:12]}/{name}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    words = (phrases.moment, phrases.day, phrases.number, phrases.percent, phrases.tone, phrases.outcome_word)
    made.filters |= {one.__name__: one for one in (*words, phrases.kind_word, phrases.lasting)}
    made.globals |= {
        "static": static_path,
        "stretch": phrases.stretch,
        "ago": phrases.ago,
        "counted": phrases.counted,
        "kind_names": phrases.KINDS,
        "describe": describe,
        "line_chart": lambda *given: Markup(line_chart(*given)),
        "bar_chart": lambda *given: Markup(bar_chart(*given)),
    }
    return made
