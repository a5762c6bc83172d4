"""Pages from templates, with escaping (the one door for jinja2)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.cards.document import NOT_STATED, Document

TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|^#|^[+-](?=[\s-]|$)")
_ITEM = re.compile(r"^(\d+)([.)])(?=\s|$)")


def as_html(document: Document) -> str:
    """The document as one page that needs nothing else: styles and pictures are in it, and no script."""
    return _environment().get_template("document.html.j2").render(document=document)


def as_markdown(document: Document) -> str:
    """The document as Markdown (GitHub's tables); pictures are links to the files beside it."""
    text = _environment().get_template("document.md.j2").render(document=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(value: object) -> str:
    """Text that stays text in Markdown, tables included.

    >>> escape_markdown("a|b <i> *x* log_loss _y_")
    'a\\\\|b &lt;i&gt; \\\\*x\\\\* log_loss \\\\_y\\\\_'
    """
    text = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ITEM.sub(r"\1\\\2", _SPECIAL.sub(lambda found: f"\\{found[0]}", text))


def code_markdown(value: object) -> str:
    """Text between back-ticks, which end it nowhere else.

    >>> code_markdown("a`b|c")
    "`a'b\\\\|c`"
    """
    text = " ".join(str(value).split())
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`" if text else ""


@cache
def _environment() -> Environment:
    """HTML is escaped by jinja2 itself; the Markdown template names its own filters at each place."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name) and str(name).endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"md": escape_markdown, "md_code": code_markdown, "drawn": _drawn}
    made.globals |= {"not_stated": NOT_STATED, "styles": _styles()}
    return made


def _drawn(svg: str) -> Any:
    """A plot of `cards.plots`, whose texts were escaped when it was drawn."""
    return Markup(svg)


def _styles() -> Any:
    return Markup((TEMPLATES / "styles.css").read_text())
