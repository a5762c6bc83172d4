"""`ratchet card`: the model card of a release."""

from __future__ import annotations

import shutil
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.names import problem_name, split_release
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import NotFound

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.registry.registry import Registry, ReleaseInfo


def card(
    release: Annotated[
        str, typer.Argument(metavar="PROBLEM[@VERSION]", help="Which release [default: the champion, else the newest].")
    ],
    form: Annotated[Literal["html", "md"], typer.Option("--format", help="A page, or Markdown.")] = "html",
    datasheet: Annotated[bool, typer.Option("--datasheet", help="The datasheet of its data instead.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Copy it there (Markdown: with its plots beside it).")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Print where the model card of a release lies: what it is, how good it is, why it was released, how to ask it.

    The page needs no network. It was made with the release and is part of what its manifest and signature cover.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.registry.registry import Registry

    registry = Registry(settings)
    found = _find(settings, registry, release)
    cards, made = _cards(settings, registry, found)
    name = f"{'datasheet' if datasheet else 'model_card'}.{form}"
    path = _copy(cards, name, out) if out is not None else cards[name]
    if show:
        webbrowser.open(path.resolve().as_uri())
    facts = {"problem": found.problem, "version": found.version, "aliases": list(found.aliases), "path": str(path)}
    result: dict[str, Any] = {**facts, "made_now": made, "files": {one: str(where) for one, where in cards.items()}}
    if made:
        remark(f"{found.problem} {found.version} was released without cards: they were made from its bundle now")
    write_result(result, json, lambda: print_path(path))


def print_path(path: Path) -> None:
    """The path alone on stdout, so that a script can use it."""
    sys.stdout.write(f"{path}\n")


def _find(settings: Settings, registry: Registry, reference: str) -> ReleaseInfo:
    if "@" in reference and not Path(reference).exists():
        name, version = split_release(settings, reference)
        return registry.release(name, version)
    name = problem_name(settings, reference)
    champion = registry.champion(name)
    if champion is not None:
        return champion
    every = registry.releases(name)
    if not every:
        raise NotFound(f"{name} has no release yet: run `ratchet train {name}`")
    return every[0]


def _cards(settings: Settings, registry: Registry, release: ReleaseInfo) -> tuple[dict[str, Path], bool]:
    """The release's cards by name, and whether they had to be made now."""
    from pipelines.cards.bundle_cards import bundled_cards, cards_made_now
    from pipelines.stores.releases.champions import open_release

    bundle = open_release(settings, registry, release)
    found = bundled_cards(bundle)
    if found:
        return found, False
    folder = settings.home / "cards" / release.problem / f"{release.version}-{release.run_id[:12]}"
    return cards_made_now(bundle, folder), True


def _copy(cards: dict[str, Path], name: str, out: Path) -> Path:
    """The file at `out`; Markdown's plots go to a folder beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cards[name], out)
    if name == "model_card.md":
        for other, path in cards.items():
            if other.startswith("plots/"):
                (out.parent / "plots").mkdir(exist_ok=True)
                shutil.copyfile(path, out.parent / other)
    return out
