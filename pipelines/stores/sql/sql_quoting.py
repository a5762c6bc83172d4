"""Values and names as SQL writes them."""

from __future__ import annotations


def sql_text(value: str) -> str:
    """A SQL string literal.

    >>> sql_text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """A quoted SQL identifier.

    >>> sql_name('size "m"') == '"size ""m""' + '"'
    True
    """
    return '"' + name.replace('"', '""') + '"'
