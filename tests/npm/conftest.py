"""The npm package as it would be published, in a project of somebody who installed it, beside a real server."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.client.hub import TOKEN, Hub

ROOT = Path(__file__).resolve().parents[2]
FRONT_END = ROOT / "labextension"
MODULES = FRONT_END / "node_modules"
PEERS = ("react", "react-dom", "@tanstack/react-virtual")
TOOLS = ("typescript", "jsdom", "ws", "@types/node", "@types/react", "@types/react-dom", "@types/ws")
PATIENCE = 60.0


def run(folder: Path, *command: str) -> str:
    """Run a command of npm or Node. Raises AssertionError with its output if it fails."""
    program = shutil.which(command[0])
    assert program, f"{command[0]} isn't on the PATH"
    done = subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Project:
    """A folder with the package installed from its tarball."""

    folder: Path
    packed: Path
    """The package as it was unpacked."""

    def add(self, name: str) -> None:
        """Install another package: the one that this repository's tests have, so that no network is needed."""
        place = self.folder / "node_modules" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(MODULES / name, place, target_is_directory=True)


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm publish` would send; made elsewhere, so that it neither needs nor leaves anything in the sources.

    It takes 20 s of work: where tests run side by side, one process makes it for all, in the folder above their own.
    """
    ours = tmp_path_factory.getbasetemp()
    package = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "npm-package"
    made = package / "made.tgz"
    try:
        package.mkdir()
    except FileExistsError:
        until = time.monotonic() + 3 * PATIENCE
        while not made.exists():
            assert time.monotonic() < until, "the package wasn't made by the process that had begun to"
            time.sleep(0.1)
    else:
        make_tarball(package).rename(made)
    return made


def make_tarball(package: Path) -> Path:
    # The plugins aren't published, and JupyterLab's types take tsc half a minute.
    entries = [str(FRONT_END / "src" / name) for name in ("index.ts", "core/index.ts", "view/index.ts")]
    options = {"rootDir": str(FRONT_END / "src"), "outDir": str(package / "lib"), "incremental": False}
    build = {
        "extends": str(FRONT_END / "tsconfig.build.json"),
        "include": [],
        "files": entries,
        "compilerOptions": options,
    }
    (package / "tsconfig.json").write_text(json.dumps(build), "utf-8")
    run(package, "node", str(MODULES / "typescript/bin/tsc"), "-p", ".")
    run(FRONT_END, "node", "scripts/finish-lib.mjs", str(package / "lib"))
    shutil.copytree(FRONT_END / "style", package / "style")
    for name in ("package.json", "README.md"):
        shutil.copy(FRONT_END / name, package / name)
    run(package, "npm", "pack", "--ignore-scripts", "--silent")
    return next(package.glob("*.tgz"))


MakeProject = Callable[..., Project]


@pytest.fixture(scope="session")
def make_project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    def make(*packages: str) -> Project:
        folder = tmp_path_factory.mktemp("consumer")
        shutil.copytree(ROOT / "tests" / "npm" / "project", folder, dirs_exist_ok=True)
        packed = folder / "node_modules" / "tasktree-jupyter"
        packed.parent.mkdir()
        with tarfile.open(tarball) as archive:
            archive.extractall(folder / "node_modules", filter="data")
        (folder / "node_modules" / "package").rename(packed)
        project = Project(folder, packed)
        for name in packages:
            project.add(name)
        return project

    return make


@pytest.fixture(scope="session")
def project(make_project: MakeProject) -> Project:
    return make_project(*PEERS, *TOOLS)


class Node:
    """A program of the project, talked to by lines."""

    def __init__(self, project: Project, file: str) -> None:
        node = shutil.which("node")
        assert node
        self.heard: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.process = subprocess.Popen(
            [node, file],
            cwd=project.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def do(self, name: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self.process.stdin.flush()

    def make(self, hub: Hub, name: str = "make", **options: Any) -> None:
        self.do(name, baseUrl=hub.url, token=TOKEN, **options)

    def next(self, kind: str) -> Any:
        """The next thing of this kind that it tells; others are passed over."""
        return self.until(kind, lambda _: True)

    def until(self, kind: str, wanted: Callable[[Any], bool]) -> Any:
        """The next thing of this kind that is wanted."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                said = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {kind} within {PATIENCE} s; heard {self.heard[-20:]}") from None
            if said is None:
                assert self.process.stderr is not None
                raise AssertionError(f"it ended: {self.process.stderr.read()}")
            self.heard.append(said)
            if kind in said and wanted(said[kind]):
                return said[kind]

    def state(self, kind: str) -> Any:
        """Wait for this state of the connection."""
        return self.until("state", lambda state: state["kind"] == kind)

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


StartNode = Callable[[str], Node]


@pytest.fixture
def start_node(project: Project) -> Iterator[StartNode]:
    programs: list[Node] = []

    def start(file: str) -> Node:
        programs.append(Node(project, file))
        return programs[-1]

    yield start
    for program in programs:
        program.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def hub(server: Hub) -> Hub:
    """A server that its tests may stop and start again."""
    if server.process is None:
        server.start()
    return server
