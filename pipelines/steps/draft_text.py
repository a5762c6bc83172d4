"""The text of a drafted problem file: YAML by ruamel, with what was seen as comments beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from math import ceil
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pipelines.core.drafting import KINDS, LOOKED_AT, Draft, DraftedColumn
from pipelines.core.facts import one_line
from pipelines.core.leaks import Suspicion
from pipelines.core.problem import GoodEnough, Monitoring, Problem, Retraining, Search, Split, write_duration

_LISTED_ONE_BY_ONE = 60
"""Tables with more columns get lists that wrap instead of a line for each column."""
_NAMED_SUSPECTS = 30
_LARGEST_TEST = 0.4
_LONGEST_WINDOW = 26
_COMMENTS_FROM = 40
"""Column after which comments are no longer aligned."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*( [A-Za-z0-9_.]+)*")
# What YAML 1.1, which most other tools read, takes for true, false or nothing.
_NO_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})


def write_problem(drafted: Draft, name: str, source: str, shown: str) -> str:
    """The YAML text of a draft: what it infers as keys, what was seen and the defaults as comments."""
    wide = len(drafted.columns) > _LISTED_ONE_BY_ONE
    document = CommentedMap()
    document["name"] = name
    document["question"] = DoubleQuotedScalarString("")
    document.yaml_add_eol_comment("what is asked, in one sentence", "question")
    document["task"] = drafted.task
    document["data"] = _data(drafted, source)
    document.yaml_set_comment_before_after_key("data", before="\n")
    columns = len(drafted.columns) + 1 + (drafted.key is not None)
    head = [
        f"Drafted by `ratchet init` from {one_line(shown, 80)}: {drafted.rows:,} rows, {columns:,} columns.",
        "The comments say what was seen and what to decide.",
    ]
    if drafted.rows > LOOKED_AT:
        head.append(f"Ranges and counts are those of {LOOKED_AT:,} rows, taken at random.")
    if drafted.repeated:
        head.append(
            f"{drafted.repeated:,} rows equal an earlier one in all but identifiers: if rows came in twice, take them "
            "out (SELECT DISTINCT in data.source.sql)."
        )
    features = _wide_features(drafted) if wide else _dump(CommentedMap({"features": _features(drafted)}))
    parts = [_comment(head) + _dump(document), _comment(_remarks(drafted, wide)) + features]
    return "\n".join([*parts, *_larger_test(drafted), *_longer_window(drafted), _defaults(drafted)])


def _larger_test(drafted: Draft) -> list[str]:
    """A larger share to test on, where the usual one would hold out too few labels for any decision."""
    needed = GoodEnough().min_labels
    if drafted.labelled * Split().test >= 1.1 * needed:
        return []
    share = min(_LARGEST_TEST, ceil(120 * needed / drafted.labelled) / 100)
    told = f"of {drafted.labelled} labels: the gate needs {needed} to decide on"
    return [f"split:\n  test: {share}  # {too_few_labels(drafted) or told}\n"]


def _longer_window(drafted: Draft) -> list[str]:
    """A longer window, where a week has too few rows to be judged."""
    watch = Monitoring()
    if drafted.a_week is None or drafted.a_week >= watch.min_rows:
        return []
    weeks = min(ceil(1.2 * watch.min_rows / drafted.a_week), _LONGEST_WINDOW)
    told = f"about {drafted.a_week:.0f} rows a week: a window needs {watch.min_rows} to be judged"
    return [f"monitoring:\n  window: {weeks}w  # {told}\n"]


def variants_told(drafted: Draft) -> str:
    """That some classes differ in case or spaces only, and what makes them one."""
    shown = ", ".join(repr(one) for one in drafted.variants[:4])
    return f"{shown} are classes of their own; to make them one: {{column: ..., expression: 'lower(trim(...))'}}"


def too_few_labels(drafted: Draft) -> str | None:
    """That no model can be released from so few labels; None where there are enough."""
    needed = GoodEnough().min_labels
    if drafted.labelled * _LARGEST_TEST >= needed:
        return None
    return (
        f"too few labels: the gate needs {needed} that were held out, so about {ceil(needed / _LARGEST_TEST)} in all, "
        f"and there are {drafted.labelled}"
    )


def _data(drafted: Draft, source: str) -> CommentedMap:
    data = CommentedMap({"source": _quoted(source), "target": _target(drafted)})
    remarks = {"target": drafted.target_facts}
    if drafted.time is not None:
        data["time"] = _quoted(drafted.time)
        remarks["time"] = "the newest rows are held out; if labels come late, say so: label_delay: 7d"
    if drafted.key is not None:
        data["key"] = _quoted(drafted.key)
        remarks["key"] = "every row has a value of its own; never shown to the model"
    for key, remark in remarks.items():
        data.yaml_add_eol_comment(remark, key, column=len(f"  {key}: {_one_line(data[key])}  "))
    lines = [
        f"time: {_scalar(column.name)}  # {column.facts}: if predictions are asked for at this moment"
        for column in drafted.time_candidates[:3]
    ]
    if drafted.variants:
        lines.append(one_line(variants_told(drafted), 200))
    if lines:
        data.yaml_set_comment_before_after_key("target", before="\n".join(lines), indent=2)
    return data


def _target(drafted: Draft) -> str | CommentedMap:
    """The target's column, with its positive class where that is not what it would be anyway."""
    if drafted.positive is None:
        return _quoted(drafted.target)
    target = CommentedMap({"column": _quoted(drafted.target), "positive": _quoted(drafted.positive)})
    target.fa.set_flow_style()
    return target


def _features(drafted: Draft) -> CommentedMap:
    """One line for each column, with what was seen beside it."""
    features = CommentedMap()
    for kind in KINDS:
        columns = drafted.of_kind(kind)
        if columns:
            features[kind] = CommentedSeq(_quoted(column.name) for column in columns)
            widths = [len(_scalar(column.name)) for column in columns]
            place = 8 + min(max(widths), _COMMENTS_FROM)
            for position, column in enumerate(columns):
                features[kind].yaml_add_eol_comment(_facts(column), position, column=place)
    return features


def _wide_features(drafted: Draft) -> str:
    """Lists that wrap, for tables with too many columns to talk about each."""
    lines = ["features:"]
    for kind in KINDS:
        names = [_scalar(column.name) for column in drafted.of_kind(kind)]
        if names:
            lines += [f"  {kind}: [  # {len(names):,} columns", *_wrapped(names), "  ]"]
    return "\n".join(lines) + "\n"


def _wrapped(names: Sequence[str], width: int = 110) -> list[str]:
    """Lines of names with commas between them, broken between names only."""
    lines, line = [], "   "
    for name in names:
        if len(line) + len(name) + 2 > width and line.strip():
            lines.append(line)
            line = "   "
        line += f" {name},"
    return [*lines, line]


def _facts(column: DraftedColumn) -> str:
    if column.suspicion is None:
        return column.facts
    return f"{column.facts}; {_suspicion(column.suspicion)}"


def _suspicion(found: Suspicion) -> str:
    return f"{'LEAK?' if found.sure else 'CHECK:'} {found.reason}"


def _remarks(drafted: Draft, wide: bool) -> list[str]:
    """What a person should decide, above the lists."""
    found = drafted.suspicions
    lines = ["LEAK? and CHECK: is it known when the prediction is asked for? If not, move it to `ignored`."]
    if wide:
        lines += [f"{_scalar(one.column)}: {_suspicion(one)}" for one in found[:_NAMED_SUSPECTS]]
        if len(found) > _NAMED_SUSPECTS:
            lines.append(f"and {len(found) - _NAMED_SUSPECTS} more suspects: see `ratchet init --json`")
    return lines if found else []


def _defaults(drafted: Draft) -> str:
    """The sections left at their defaults, as comments: read from the models, so never out of date."""
    problem = Problem.model_validate({"name": "x", "data": {"source": "x", "target": "x"}})
    split, search, good, watch, again = Split(), Search(), GoodEnough(), Monitoring(), Retraining()
    held = "the newest rows" if drafted.time else "at random"
    lines = [
        "These are the defaults; uncomment what you change (docs/reference/problem.md has all keys).",
        f"split: {{test: {split.test}, validation: {split.validation}}}  # held out: {held}",
        "learners: [linear, random_forest, histogram_gradient_boosting, lightgbm]",
        f"search: {{trials: {search.trials}, max_rows: {search.max_rows}}}",
        f"good_enough: {{metric: {problem.primary_metric(drafted.task)}, slices: [], margin: {good.margin}}}",
        f"monitoring: {{window: {write_duration(watch.window)}, min_rows: {watch.min_rows}}}",
        f"retraining: {{on: [{', '.join(again.on)}], cooldown: {write_duration(again.cooldown)}}}",
    ]
    said = [("split:", _larger_test(drafted)), ("monitoring:", _longer_window(drafted))]
    taken = tuple(start for start, section in said if section)
    return _comment([line for line in lines if not line.startswith(taken)])


def _comment(lines: Sequence[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)


def _quoted(text: str) -> str:
    """The text, marked for quotes unless every YAML reader takes it for a text as it stands."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    return DoubleQuotedScalarString(text)


def _scalar(text: str) -> str:
    """The text as one YAML scalar in one line."""
    return _one_line(_quoted(text))


def _one_line(value: Any) -> str:
    return _dump(CommentedSeq([value])).strip().removeprefix("- ")


def _dump(document: Any) -> str:
    yaml = YAML()
    yaml.width = 1_000_000  # names are never broken
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    buffer = io.StringIO()
    yaml.dump(document, buffer)
    return buffer.getvalue()
