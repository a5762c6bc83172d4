"""A document as its parts, the same for HTML and Markdown: sections of facts, tables, text and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

NOT_STATED = "not stated"
Tone = Literal["good", "bad", "plain"]


@dataclass(frozen=True)
class Code:
    """Text that a machine reads: a digest, a name, a command."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Mark:
    """A word that is seen at a glance: passed, failed."""

    text: str
    tone: Tone
    kind: ClassVar[str] = "mark"


Cell = str | Code | Mark | None
"""What a fact or a place in a table holds; None and the empty text are shown as "not stated"."""


@dataclass(frozen=True)
class Facts:
    """Names and what is known of each."""

    rows: Sequence[tuple[str, Cell]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """Rows under headings; `numbers`: how many of the last columns are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: int = 0
    note: str = ""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Points:
    """A list."""

    items: Sequence[str]
    kind: ClassVar[str] = "points"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Listing:
    """Lines to be typed or read as they are."""

    text: str
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Picture:
    """A plot: where it lies beside the document, and the SVG itself; `wide` ones have a line to themselves."""

    path: str
    title: str
    caption: str
    svg: str
    wide: bool = False


@dataclass(frozen=True)
class Pictures:
    """Plots side by side."""

    items: Sequence[Picture]
    kind: ClassVar[str] = "pictures"


Block = Facts | Table | Text | Points | Heading | Listing | Pictures


@dataclass(frozen=True)
class Section:
    """A part of a document; `anchor` is its address in the page."""

    title: str
    anchor: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Figure:
    """A number at the head of the page."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Document:
    """A page: its head, its sections, and the line that says where it comes from."""

    kind: str
    name: str
    lead: str
    sections: Sequence[Section]
    source: str
    mark: Mark | None = None
    figures: Sequence[Figure] = field(default_factory=tuple)
