"""What is in the npm package, and whether a stranger's project can use it."""

from __future__ import annotations

import json
import re

from tests.npm.conftest import MakeProject, Project, run

IMPORTED = re.compile(
    r"""^(?:import|export)\b[^;'"=(]*\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)""",
    re.MULTILINE,
)


def imports_of(project: Project, folder: str = "") -> set[str]:
    """Names of the packages that the code and the types in this folder import."""
    files = [file for file in (project.packed / "lib" / folder).rglob("*") if file.name.endswith((".js", ".d.ts"))]
    code = [re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL) for file in files]
    names = {name for text in code for found in IMPORTED.findall(text) for name in found if name}
    return {"/".join(name.split("/")[: 2 if name[0] == "@" else 1]) for name in names if not name.startswith(".")}


def test_it_asks_for_what_it_imports_and_for_nothing_of_jupyterlab(project: Project) -> None:
    manifest = json.loads((project.packed / "package.json").read_text("utf-8"))
    assert imports_of(project) == {"@tanstack/react-virtual", "react", "react-dom"}
    assert list(manifest["dependencies"]) == ["@tanstack/react-virtual"]
    # The second is asked for by the package above.
    assert list(manifest["peerDependencies"]) == ["react", "react-dom"]
    assert imports_of(project, "core") == set()


def test_it_holds_its_licence_its_languages_and_no_plugin(project: Project) -> None:
    assert "BSD" in (project.packed / "lib" / "LICENSE").read_text("utf-8")
    assert json.loads((project.packed / "lib" / "locale" / "zh_CN.json").read_text("utf-8"))["live"] == ["实时"]
    assert (project.packed / "README.md").exists()
    assert [part for part in ("lab", "widget") if (project.packed / "lib" / part).exists()] == []


def test_its_types_hold_where_they_are_looked_at_strictly(project: Project) -> None:
    run(project.folder, "node", "node_modules/typescript/bin/tsc", "-p", ".")


def test_its_core_runs_where_there_is_nothing_else(make_project: MakeProject) -> None:
    bare = make_project()
    code = """
    import { socketUrlOf, TaskTree } from 'tasktree-jupyter/core';
    const tree = new TaskTree();
    const data = { node_id: 'a', changes: { title: 'A' } };
    tree.apply({ type: 'node_update', data, timestamp: '2026-01-31T14:02:11Z', offset: 1, at: 1 });
    console.log(tree.node('a').title, socketUrlOf('http://127.0.0.1:8888'));
    """
    said = run(bare.folder, "node", "--input-type=module", "--eval", code)
    assert said.split() == ["A", "ws://127.0.0.1:8888/tasktree/ws/updates"]
