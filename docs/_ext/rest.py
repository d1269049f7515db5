"""The reference of the REST interface, from the OpenAPI document in the package."""

from __future__ import annotations

import json
from typing import Any

from tasktree_jupyter.server.rest.openapi import document

MAX_INTEGER = 2**53 - 1
"""What JSON readers keep exactly; to say so at each number says nothing."""
VERBS = ("get", "post", "put", "patch", "delete")
Schema = dict[str, Any]


def operations() -> str:
    """Return a table of all operations, the answers that all of them may give, and a section for each."""
    openapi = document()
    rows = ["| verb and path | what it does |", "|---|---|"]
    sections = []
    common = _common_answers(openapi)
    for path, item in openapi["paths"].items():
        for verb in VERBS:
            if verb in item:
                operation = item[verb]
                label = _label(verb, path)
                rows.append(f"| [`{verb.upper()} {_short(path)}`](#{label}) | {_cell(operation.get('summary', ''))} |")
                shared = item.get("parameters", [])
                sections.append(_operation(openapi, verb, path, operation, shared, label, common))
    everywhere = "\n".join(
        f"- {status}: {_resolved(openapi, answer)['description']}" for status, answer in common.items()
    )
    return "\n\n".join(["\n".join(rows), "Every one of them may also answer:", everywhere, *sections])


def schemas() -> str:
    """Return a section for each schema that the document names."""
    named = document().get("components", {}).get("schemas", {})
    return "\n\n".join(_named_schema(name, schema) for name, schema in named.items())


def _common_answers(openapi: Schema) -> Schema:
    """What every operation may answer with, in the same words: said once, it needn't be said each time."""
    found = [item[verb].get("responses", {}) for item in openapi["paths"].values() for verb in VERBS if verb in item]
    first, *others = found
    return {
        status: answer
        for status, answer in first.items()
        if not status.startswith("2") and all(other.get(status) == answer for other in others)
    }


def _operation(
    openapi: Schema,
    verb: str,
    path: str,
    operation: Schema,
    shared: list[Schema],
    label: str,
    common: Schema,
) -> str:
    parts = [f"({label})=\n### `{verb.upper()} {_short(path)}`"]
    parts += [text for text in (operation.get("summary"), operation.get("description")) if text]
    parameters = [_resolved(openapi, each) for each in [*shared, *operation.get("parameters", [])]]
    if parameters:
        rows = ["| parameter | in | takes | meaning |", "|---|---|---|---|"]
        for each in parameters:
            needed = ", needed" if each.get("required") and each["in"] != "path" else ""
            taken = type_of(each.get("schema", {}))
            rows.append(f"| `{each['name']}` | {each['in']}{needed} | {taken} | {_cell(each.get('description', ''))} |")
        parts.append("\n".join(rows))
    body = operation.get("requestBody")
    if body is not None:
        body = _resolved(openapi, body)
        parts.append(f"Body: {_content(body)}. {body.get('description', '')}".rstrip())
    rows = ["| answer | meaning | body |", "|---|---|---|"]
    for status, given in operation.get("responses", {}).items():
        if status in common:
            continue
        answer = _resolved(openapi, given)
        rows.append(f"| {status} | {_cell(answer.get('description', ''))} | {_content(answer)} |")
    parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _named_schema(name: str, schema: Schema) -> str:
    parts = [f"(schema-{name.lower()})=\n### {name}"]
    if schema.get("description"):
        parts.append(schema["description"])
    properties = schema.get("properties", {})
    if properties:
        needed = schema.get("required", [])
        rows = ["| field | is | meaning |", "|---|---|---|"]
        for field, given in properties.items():
            always = "" if field in needed else "May be absent. "
            rows.append(f"| `{field}` | {type_of(given)} | {always}{_cell(given.get('description', ''))} |")
        parts.append("\n".join(rows))
    else:
        parts.append(f"{type_of(schema).capitalize()}.")
    return "\n\n".join(parts)


def type_of(schema: Schema | bool) -> str:
    """Return what a schema takes, in words."""
    if schema is True or schema == {}:
        return "any JSON"
    if schema is False:
        return "nothing"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(each) for each in schema[key]))
    if "allOf" in schema:
        return " and ".join(dict.fromkeys(type_of(each) for each in schema["allOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    kinds = schema.get("type", "any JSON")
    return " or ".join(_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {type_of(values)}" if isinstance(values, dict) and values else "object"
    if kind in ("integer", "number"):
        low, high = schema.get("minimum"), schema.get("maximum")
        high = None if high == MAX_INTEGER else high
        if low is not None and high is not None:
            return f"{kind}, {low} to {high}"
        return kind if low is None and high is None else f"{kind}, {f'≥ {low}' if high is None else f'≤ {high}'}"
    if kind == "string" and "format" in schema:
        return f"string ({schema['format']})"
    return kind


def _content(holder: Schema) -> str:
    kinds = []
    for mime, given in holder.get("content", {}).items():
        shown = type_of(given.get("schema", {}))
        kinds.append(shown if mime == "application/json" else f"`{mime}`")
    return " or ".join(dict.fromkeys(kinds)) or "none"


def _resolved(openapi: Schema, given: Schema) -> Schema:
    while "$ref" in given:
        found: Any = openapi
        for key in given["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        given = found
    return given


def _short(path: str) -> str:
    return path.lstrip("/")


def _label(verb: str, path: str) -> str:
    words = "".join(letter if letter.isalnum() else "-" for letter in _short(path)).strip("-").lower()
    return f"{verb}-{words}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
