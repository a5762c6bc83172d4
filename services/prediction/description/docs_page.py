"""The page /docs: the API as one self-contained page, since there may be no internet where it is read."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c2330}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #d5dae3;font-size:1.25rem}
details{border:1px solid #d5dae3;border-radius:6px;margin:.6rem 0}summary{padding:.6rem .8rem;cursor:pointer}
details>div{padding:0 .8rem .8rem}code,pre,textarea{font:13px/1.45 ui-monospace,monospace}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e8ebf1;vertical-align:top}
textarea{width:100%;box-sizing:border-box;height:11rem}
pre{background:#f4f6f9;padding:.6rem;overflow:auto;white-space:pre-wrap}
.verb{font-weight:600;color:#0b6b4f;margin-right:.6rem}button{margin:.4rem 0}
@media(prefers-color-scheme:dark){body{background:#12161d;color:#dfe5ee}pre{background:#1c2330}
.verb{color:#5fd0a8}textarea{background:#1c2330;color:inherit}
details,h2{border-color:#394356}td,th{border-color:#2a3342}}
"""
_SCRIPT = """
document.querySelectorAll('form').forEach(form=>form.addEventListener('submit',async event=>{
  event.preventDefault();const shown=form.querySelector('pre');let path=form.dataset.path;
  form.querySelectorAll('input').forEach(one=>{path=path.replace('{'+one.name+'}',encodeURIComponent(one.value))});
  const body=form.querySelector('textarea');const options={method:form.dataset.verb,headers:{}};
  const key=document.getElementById('key').value;if(key){options.headers['X-API-Key']=key}
  if(body){options.body=body.value;options.headers['Content-Type']='application/json'}
  try{const answer=await fetch(path,options);const text=await answer.text();let pretty=text;
    try{pretty=JSON.stringify(JSON.parse(text),null,2)}catch(error){}
    shown.textContent=answer.status+' '+answer.statusText+'\\n'+pretty}
  catch(error){shown.textContent=String(error)}shown.hidden=false}));
"""


def docs_page(document: dict[str, Any]) -> str:
    """The OpenAPI document as HTML, with a form to try each operation."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            group = (operation.get("tags") or ["service"])[0]
            groups.setdefault(group, []).append(_operation(document, path, verb, operation))
    ordered = sorted(groups.items(), key=lambda group: (group[0] == "service", group[0]))
    sections = "".join(f"<h2>{escape(name)}</h2>{''.join(group)}" for name, group in ordered)
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(info.get('description', ''))} "
        f'The same as a document: <a href="/openapi.json">/openapi.json</a>.</p>'
        '<p><label>API key, where one is needed <input id="key" type="password" autocomplete="off"></label></p>'
        f"{sections}<script>{_SCRIPT}</script></body></html>"
    )


def _operation(document: dict[str, Any], path: str, verb: str, operation: dict[str, Any]) -> str:
    schema = _body_schema(operation)
    rows = _row_schema(document, schema)
    fields = "".join(
        f'<label>{escape(one["name"])} <input name="{escape(one["name"])}" required></label> '
        for one in operation.get("parameters", [])
        if one["in"] == "path"
    )
    area = f"<textarea>{escape(_example(operation, schema, rows))}</textarea>" if schema else ""
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span><code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary>"
        f"<div><p>{escape(operation.get('description', ''))}</p>"
        f"{_table(rows)}{_media(operation)}{_statuses(document, operation)}"
        f'<form data-path="{escape(path)}" data-verb="{verb.upper()}">{fields}{area}'
        "<button>Send</button><pre hidden></pre></form></div></details>"
    )


def _body_schema(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


def _row_schema(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of one item of the body's first list."""
    for part in _resolved(document, schema).get("properties", {}).values():
        if items := part.get("items"):
            return _resolved(document, items)
    return {}


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference refers to."""
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _example(operation: dict[str, Any], schema: dict[str, Any], rows: dict[str, Any]) -> str:
    example = operation["requestBody"]["content"]["application/json"].get("example")
    if example is None:
        name = next(iter(schema.get("properties", {})), "")
        example = {name: [rows.get("example") or dict.fromkeys(rows.get("required", []), "")]}
    return json.dumps(example, indent=2, ensure_ascii=False)


def _table(rows: dict[str, Any]) -> str:
    if not rows.get("properties"):
        return ""
    lines = []
    for name, schema in rows["properties"].items():
        kinds = schema.get("type", "")
        kind = " | ".join(kinds) if isinstance(kinds, list) else str(kinds)
        limits = [f"{word} {schema[word]:g}" for word in ("minimum", "maximum") if word in schema]
        needed = "required" if name in rows.get("required", []) else ""
        cells = [
            f"<code>{escape(name)}</code>",
            escape(kind),
            escape(", ".join([*limits, needed]).strip(", ")),
        ]
        cells.append(escape(schema.get("description", "")))
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f"<table><tr><th>name<th>type<th>rules<th>about</tr>{''.join(lines)}</table>"


def _media(operation: dict[str, Any]) -> str:
    """The media types of the body, where there is a choice."""
    given = list(operation.get("requestBody", {}).get("content", {}))
    if len(given) < 2:
        return ""
    return f"<p>Body: {', '.join(f'<code>{escape(media)}</code>' for media in given)}</p>"


def _statuses(document: dict[str, Any], operation: dict[str, Any]) -> str:
    lines = [
        f"<li><code>{escape(status)}</code> {escape(_resolved(document, answer).get('description', ''))}</li>"
        for status, answer in operation["responses"].items()
    ]
    return f"<ul>{''.join(lines)}</ul>"
