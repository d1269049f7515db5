"""The OpenAPI 3.1 document, made from the operations' table: it can't say what the table doesn't."""

from __future__ import annotations

import functools
import re
from typing import Any

from tornado import web

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server.rest.base import TaskTreeHandler
from tasktree_jupyter.server.rest.operations import JSON, OPERATIONS, PATH, Operation, Parameter, extra_schemas
from tasktree_jupyter.server.rest.schemas import ref, schemas

_ERRORS = {
    400: "A value isn't what it must be; `field` names it",
    403: "Not logged in, or not allowed",
    404: "There is no such thing",
    409: "It doesn't fit what is there already",
    410: "The events that are needed were trimmed",
    413: "Too large",
    429: "Events come faster than `max_publish_rate`; `Retry-After` says when to go on",
    503: "The log can't be read or written just now; try again",
}
_ALWAYS = (400, 403, 503)


@functools.cache
def document(base_url: str = "/") -> dict[str, Any]:
    """Return the document for a server with this base URL."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TaskTree for Jupyter",
            "version": __version__,
            "summary": "Live task trees: projects, states at any moment, diffs, snapshots, events, export and import.",
            "description": "Errors are `{message, reason, field}`. An authorizer is asked for `read`, `write` or"
            " `delete` on the resource `tasktree`, whose `project_id` is that of the path: GET reads, POST and PATCH"
            " write, DELETE deletes. The list of projects holds those that may be read.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": f"{base_url}tasktree/api"}],
        "security": [{"token": []}],
        "paths": {f"/{path}": _path_item(path, operations) for path, operations in OPERATIONS.items()},
        "components": {
            "schemas": schemas() | extra_schemas(),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token …`, Jupyter's own. A browser's login cookie does as well; POST, PATCH and"
                    " DELETE then need `X-XSRFToken` too. The secret of kernels opens the socket alone, not this.",
                },
            },
        },
    }


def _path_item(path: str, operations: dict[str, Operation]) -> dict[str, Any]:
    item: dict[str, Any] = {verb.lower(): _operation(path, verb, operation) for verb, operation in operations.items()}
    names = re.findall(r"\{(\w+)\}", path)
    if names:
        item["parameters"] = [_parameter(PATH[name]) for name in names]
    return item


def _operation(path: str, verb: str, operation: Operation) -> dict[str, Any]:
    words = re.findall(r"\w+", path)
    described: dict[str, Any] = {
        "operationId": "_".join([verb.lower(), *words]),
        "summary": operation.summary,
        "tags": [([word for word in words if not word.endswith("_id")] or words)[-1]],
        "responses": {
            **{str(status): _answer(name, operation) for status, name in operation.answers.items()},
            **{str(status): _error(status) for status in sorted({*_ALWAYS, *operation.errors})},
        },
    }
    if operation.words:
        described["description"] = operation.words
    if operation.query:
        described["parameters"] = [_parameter(parameter) for parameter in operation.query]
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {operation.body_type: {"schema": ref(operation.body)}},
        }
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.words,
        "schema": parameter.schema,
    }


def _answer(name: str | None, operation: Operation) -> dict[str, Any]:
    if name is None:
        return {"description": "Done"}
    return {"description": "The answer", "content": {operation.answer_type: {"schema": ref(name)}}}


def _error(status: int) -> dict[str, Any]:
    return {"description": _ERRORS[status], "content": {JSON: {"schema": ref("Error")}}}


class OpenApiHandler(TaskTreeHandler):
    """`GET api/openapi.json`."""

    @web.authenticated
    async def get(self) -> None:
        """Answer this document."""
        self.answer(document(self.base_url))
