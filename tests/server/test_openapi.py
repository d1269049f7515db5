"""The OpenAPI document says what the handlers do, and the handlers do what it says."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server.rest.openapi import document
from tasktree_jupyter.server.rest.operations import OPERATIONS
from tasktree_jupyter.server.rest.routes import RESOURCES, routes
from tests.server.clients import Rest, update

LINES = """
import schemathesis

@schemathesis.serializer("application/jsonl")
def lines(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
"""

# What is valid for an event depends on more than a schema can say (docs/fold.md, Shape): a time must be a real one, a
# node's new status a status. And to an import a schema can say nothing. Who gets in and which verbs there are is tried
# for every path in test_access.py, at a fraction of the time.
CONFIG = """
{parameters}
[phases.coverage]
unexpected-methods = []
[checks]
missing_required_header.enabled = false
ignored_auth.enabled = {auth}
[[operations]]
include-operation-id-regex = "post_projects_project_id_(events|import)"
checks.positive_data_acceptance.enabled = false
# Nothing to cover but ids; and what events may be, of which there is no end, is tried elsewhere (tests/core).
[[operations]]
include-operation-id-regex = "^(post_.*_events|delete_.*|get_(version|projects(_project_id(_snapshots.*|_export)?)?))$"
phases.coverage.enabled = false
"""

# Ids that are there: so the answers that aren't errors are checked too.
PARAMETERS = """
[parameters]
project_id = "p"
mission_id = "run1"
snapshot_id = "s"
"""


def test_the_document_has_every_route_and_no_other(extension: Any) -> None:
    told = {
        path.removeprefix("/"): {verb.upper() for verb in item if verb != "parameters"}
        for path, item in document()["paths"].items()
    }

    assert told == {path: set(handler.verbs()) for path, handler in RESOURCES.items()}
    assert told == {path: set(operations) for path, operations in OPERATIONS.items()}
    assert len(routes(extension)) == len(RESOURCES) + 1  # and one for all that isn't there


def test_what_it_refers_to_is_in_it() -> None:
    text = json.dumps(document())
    schemas = document()["components"]["schemas"]

    referred = set(re.findall(r'"#/components/schemas/(\w+)"', text))

    assert referred - schemas.keys() == set()
    assert schemas.keys() - referred - {"EventsDropped"} == set()
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_the_server_hands_it_out_with_its_own_base_url(rest: Rest, jp_serverapp: Any) -> None:
    status, body = await rest("GET", "openapi.json")

    assert status == 200
    assert (body["openapi"], body["info"]["version"]) == ("3.1.0", __version__)
    assert body["servers"] == [{"url": f"{jp_serverapp.base_url}tasktree/api"}]
    assert body == document(jp_serverapp.base_url)


async def test_every_answer_has_the_form_that_it_says(rest: Rest) -> None:
    """What schemathesis can't reach by chance: full states, diffs, lists with something in them."""
    events = [
        update("run1", title="Run", status="running", expected=3),
        update("run1/a", parent_id="run1", status="completed", metrics={"auc": 0.9}),
        {"type": "mission_snapshot", "data": {"snapshot_id": "s", "name": "before", "tags": ["x"]}},
        {"type": "coordination_update", "data": {"agents": {"w": {"status": "busy"}}}},
        update("run1/a", status="running", progress=7),
    ]
    seen: list[tuple[str, str]] = []

    async def check(verb: str, path: str, *parts: str, body: Any = None, params: Any = None) -> None:
        status, answer = await rest(verb, *parts, body=body, params=params)
        (promised,) = OPERATIONS[path][verb].answers.items()
        assert (verb, path, status) == (verb, path, promised[0]), answer
        if promised[1] is not None:
            whole = {"$ref": f"#/components/schemas/{promised[1]}", "components": document()["components"]}
            jsonschema.validate(answer, whole)
        seen.append((path, verb))

    a_project, a_snapshot = "projects/{project_id}", "projects/{project_id}/snapshots/{snapshot_id}"
    a_mission = "projects/{project_id}/missions/{mission_id}"
    await check(
        "POST", f"{a_project}/events", "projects", "p", "events", body={"events": events, "source": "k", "seq": 1}
    )
    await check("POST", f"{a_project}/snapshots", "projects", "p", "snapshots", body={"name": "now", "note": "n"})
    for name in ("version", "openapi.json", "projects"):
        await check("GET", name, name)
    await check("GET", a_project, "projects", "p")
    for name in ("state", "events", "missions", "snapshots"):
        await check("GET", f"{a_project}/{name}", "projects", "p", name)
    await check("GET", f"{a_project}/diff", "projects", "p", "diff", params={"from": "offset:0"})
    await check("GET", f"{a_project}/series", "projects", "p", "series", params={"node_id": "run1/a"})
    await check("GET", a_mission, "projects", "p", "missions", "run1")
    await check("GET", a_snapshot, "projects", "p", "snapshots", "s")
    await check("PATCH", a_snapshot, "projects", "p", "snapshots", "s", body={"name": "earlier", "tags": None})
    await check("DELETE", a_snapshot, "projects", "p", "snapshots", "s")
    await check("DELETE", a_mission, "projects", "p", "missions", "run1")
    header = {"tasktree": "export", "version": 1, "project_id": "q", "offset": 0}
    await check("POST", f"{a_project}/import", "projects", "q", "import", body=json.dumps(header))
    await check("DELETE", a_project, "projects", "p")

    everything = {(path, verb) for path, operations in OPERATIONS.items() for verb in operations}
    assert everything - set(seen) == {(f"{a_project}/export", "GET")}


@pytest.mark.parametrize(
    ("phases", "examples", "parameters"),
    [("coverage,fuzzing", 3, ""), ("fuzzing", 6, PARAMETERS)],
    ids=["any id", "ids that are there"],
)
async def test_schemathesis_finds_nothing(
    phases: str, examples: int, parameters: str, rest: Rest, jp_serverapp: Any, tmp_path: Path
) -> None:
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
    await rest("POST", "projects", "p", "events", body={"events": [update("run1", title="Run"), snapshot]})
    (tmp_path / "lines.py").write_text(LINES)
    (tmp_path / "schemathesis.toml").write_text(
        CONFIG.format(parameters=parameters, auth=str(bool(parameters)).lower())
    )
    url = f"http://127.0.0.1:{jp_serverapp.port}{jp_serverapp.base_url}tasktree/api/openapi.json"

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", url, "--no-color"),
        *("-H", f"Authorization: token {jp_serverapp.identity_provider.token}", "--continue-on-failure"),
        *("--phases", phases, "--max-examples", str(examples), "--seed", "20260131", "--warnings", "off"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "SCHEMATHESIS_HOOKS": "lines", "PATH": "", "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 200)

    assert process.returncode == 0, said.decode()
    # All but the document itself.
    assert f"Tested: {sum(map(len, OPERATIONS.values())) - 1}\n" in said.decode()
