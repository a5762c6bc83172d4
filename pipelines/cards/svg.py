"""SVG as it is put into a page: no header, no fixed size, and ids that no other plot of the page has."""

from __future__ import annotations

import re
from html import escape

_LARGEST = 1.45  # pixels for each of the drawing's points: text stays of the size of the page's
_FONTS = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif"
_OPENING = re.compile(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>', re.DOTALL)
_STYLE = re.compile(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
_GROUP_ID = re.compile(r'<g id="[^"]*">')
_ID = re.compile(r'(id="|xlink:href="#|url\(#)')
_FAMILY = re.compile(r"font-family: [^;\"]*")
_SHORTHAND = re.compile(r"(font: [^;\"]*?px) [^;\"]*")


def lean_svg(drawn: str, name: str, title: str) -> str:
    """The SVG element of a drawing: as wide as its place, with a title for those who cannot see it.

    >>> lean_svg('<?xml?><svg width="1pt" viewBox="0 0 1 1"><g id="a"><path id="b"/></g></svg>', "roc", "R & C")[-66:]
    'role="img"><title>R &amp; C</title><g><path id="roc-b"/></g></svg>'
    """
    found = _OPENING.search(drawn)
    if found is None:
        raise ValueError(f"the drawing {name} is no SVG with a viewBox")
    body = _STYLE.sub("", drawn[found.end() :])
    body = _GROUP_ID.sub("<g>", body)
    body = _ID.sub(lambda start: f"{start[1]}{name}-", body)
    body = _SHORTHAND.sub(rf"\1 {_FONTS}", _FAMILY.sub(f"font-family: {_FONTS}", body))
    body = re.sub(r"\s*\n\s*", "\n", body)
    links = ' xmlns:xlink="http://www.w3.org/1999/xlink"' if "xlink:" in body else ""
    width = float(found[1].split()[2]) * _LARGEST
    size = f'viewBox="{found[1]}" style="max-width:{width:.0f}px"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg"{links} {size} role="img">'
    return f"{opening}<title>{escape(title, quote=False)}</title>{body.strip()}"
