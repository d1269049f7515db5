"""`doctor`: whole, it finds nothing; and each thing that may be broken, broken for real, it names with what to type."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter._version import __version__
from tasktree_jupyter.cli.main import main
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.cli.servers import Place
from tests.cli.conftest import SOCKET_HUB_CONNECTIONS, VARIABLE, Command, Done, enter
from tests.cli.proxy import HOLD_SECONDS, Proxy, proxied
from tests.client.hub import PATIENCE, TOKEN, Hub

Doctor = Callable[..., dict[str, dict[str, Any]]]


def install(hub: Hub, version: str = __version__, *, enabled: bool | None = True) -> None:
    """What the wheel brings besides the code: the panel, and the file that enables the server extension."""
    panel = hub.folder / "data" / "labextensions" / "tasktree-jupyter"
    panel.mkdir(parents=True, exist_ok=True)
    build = {"load": "static/x.js", "extension": "./extension"}
    package = {"name": "tasktree-jupyter", "version": version, "jupyterlab": {"extension": True, "_build": build}}
    (panel / "package.json").write_text(json.dumps(package), "utf-8")
    config = hub.folder / "config" / "jupyter_server_config.d"
    config.mkdir(parents=True, exist_ok=True)
    content = {} if enabled is None else {"ServerApp": {"jpserver_extensions": {"tasktree_jupyter": enabled}}}
    (config / "tasktree_jupyter.json").write_text(json.dumps(content), "utf-8")


@pytest.fixture
def home(hub: Hub) -> Iterator[Hub]:
    """The server of all tests, with everything installed around it."""
    install(hub)
    yield hub
    install(hub)


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Ask the doctor; returns the checks by name, and what it ended with under `exit`."""

    def ask(hub: Hub, *arguments: str, kernel: bool = False, **environment: str) -> dict[str, dict[str, Any]]:
        # A kernel takes seconds to start.
        arguments = arguments if kernel else (*arguments, "--no-kernel")
        with monkeypatch.context() as inner:
            enter(inner, hub)
            # Only the tests' folders count, not what may be installed in this environment.
            inner.setenv("JUPYTER_PREFER_ENV_PATH", "0")
            inner.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [])
            inner.setattr("jupyter_core.paths.ENV_CONFIG_PATH", [])
            inner.delenv("JUPYTER_NO_CONFIG", raising=False)
            for name, value in environment.items():
                inner.setenv(name, value)
            code = main(["doctor", "--json", *arguments])
        report = json.loads(capsys.readouterr().out)
        assert code == (0 if report["ok"] else 1)
        assert report["ok"] is not any(check["status"] == "failed" for check in report["checks"])
        for check in report["checks"]:
            assert (check["advice"] is not None) == (check["status"] == "failed"), check
        return {check["name"]: check for check in report["checks"]}

    return ask


def failed(checks: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, check in checks.items() if check["status"] == "failed"}


def test_where_all_is_well_it_finds_nothing_and_leaves_nothing(doctor: Doctor, home: Hub) -> None:
    before = {each["project_id"] for each in home.projects()}
    kernels = home.get("api/kernels")
    checks = doctor(home, kernel=True, **{VARIABLE: str(home.connection_file)})
    assert failed(checks) == set()
    assert {name for name, check in checks.items() if check["status"] == "ok"} == {
        "package",
        "environment",
        "server",
        "answer",
        "endpoint",
        "login",
        "versions",
        "storage",
        "storage-folder",
        "storage-files",
        "server-extension",
        "labextension",
        "connection-file",
        "origin",
        "handshake",
        "round-trip",
        "copies",
        "delay",
        "clock",
        "format",
        "metrics",
        "connections",
        "kernel",
    }
    assert home.get("api/kernels") == kernels == []
    assert {each["project_id"] for each in home.projects()} == before


def test_the_report_for_people_has_a_line_a_check(tasktree: Command, home: Hub) -> None:
    done: Done = tasktree("doctor", "--url", "http://127.0.0.1:1/")
    assert done.code == 1
    lines = done.out.splitlines()
    assert any(line.startswith("✓ tasktree_jupyter") for line in lines)
    assert any(line.startswith("✗ failed: Nobody answers") for line in lines)
    assert any(line.startswith("– ") for line in lines)
    assert "\x1b" not in done.out
    assert lines[-1].endswith(" failed.")


def test_no_server(doctor: Doctor, nowhere: Hub) -> None:
    install(nowhere)
    checks = doctor(nowhere)
    assert failed(checks) == {"server"}
    assert "jupyter lab" in checks["server"]["message"]
    assert checks["socket"]["status"] == "skipped"


@pytest.mark.parametrize("enabled", [False, None])
def test_the_extension_is_not_enabled(doctor: Doctor, nowhere: Hub, enabled: bool | None) -> None:
    install(nowhere, enabled=enabled)
    checks = doctor(nowhere)
    assert failed(checks) == {"server", "server-extension"}
    assert "jupyter server extension enable tasktree_jupyter" in checks["server-extension"]["advice"]


def test_the_extension_is_disabled_in_the_running_server(doctor: Doctor, home: Hub, tmp_path: Path) -> None:
    bare = Hub(tmp_path / "bare")
    install(bare, enabled=False)
    with tempfile.TemporaryDirectory(prefix="tt-") as short:
        process = start_bare(bare, f"{short}/s.sock")
        try:
            checks = doctor(bare)
        finally:
            process.terminate()
            process.wait()
    assert failed(checks) == {"endpoint", "server-extension", "connection-file"}, checks
    assert "has no TaskTree" in checks["endpoint"]["message"]
    assert "pip install tasktree_jupyter" in checks["endpoint"]["advice"]


def start_bare(hub: Hub, socket: str) -> subprocess.Popen[bytes]:
    """Start a Jupyter server without TaskTree, and wait until it answers."""
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--sock={socket}"]
    command += [f"--ServerApp.root_dir={hub.root}", "--ServerApp.jpserver_extensions={'tasktree_jupyter': False}"]
    with hub.log.open("ab") as log:
        process = subprocess.Popen(command, env=hub.environment(), stdout=log, stderr=log)
    rest = Rest(Place("http://localhost/", unix_socket=socket))
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if rest.probe("api")[0] == 200:
                return process
        except CommandError:
            pass
        assert process.poll() is None, hub.log.read_text()
        assert time.monotonic() < until, hub.log.read_text()


def test_the_panel_is_missing_of_another_version_or_disabled(doctor: Doctor, home: Hub) -> None:
    package = home.folder / "data" / "labextensions" / "tasktree-jupyter" / "package.json"
    install(home, "0.0.7")
    other = doctor(home)
    assert failed(other) == {"labextension"}
    assert "0.0.7" in other["labextension"]["message"]
    assert __version__ in other["labextension"]["message"]
    install(home)
    page = home.folder / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text('{"disabledExtensions": {"tasktree-jupyter:panel": true}}', "utf-8")
    disabled = doctor(home)
    page.unlink()
    assert failed(disabled) == {"labextension"}
    assert "jupyter labextension enable tasktree-jupyter:panel" in disabled["labextension"]["advice"]
    package.unlink()
    missing = doctor(home)
    assert failed(missing) == {"labextension"}
    assert "isn't installed" in missing["labextension"]["message"]


def test_the_server_is_of_another_version(doctor: Doctor, home: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktree_jupyter.cli.doctor.server.__version__", "0.0.7")
    checks = doctor(home)
    assert failed(checks) == {"versions"}
    assert __version__ in checks["versions"]["message"]
    assert "0.0.7" in checks["versions"]["message"]
    assert f"pip install tasktree_jupyter=={__version__}" in checks["versions"]["advice"]


def test_a_wrong_token(doctor: Doctor, home: Hub) -> None:
    checks = doctor(home, "--token", "wrong")
    assert failed(checks) == {"login"}
    assert "JUPYTER_TOKEN" in checks["login"]["advice"]
    assert checks["endpoint"]["status"] == "ok"


def test_a_wrong_base_url(doctor: Doctor, home: Hub) -> None:
    checks = doctor(home, "--url", f"http://127.0.0.1:{home.port}/user/ada/", "--token", "x")
    assert "answer" in failed(checks)
    assert "base URL" in checks["answer"]["message"]
    assert "handshake" not in checks


def test_a_page_of_another_origin(doctor: Doctor, home: Hub) -> None:
    checks = doctor(home, "--origin", "https://lab.example")
    assert failed(checks) == {"origin"}
    assert "--ServerApp.allow_origin=https://lab.example" in checks["origin"]["advice"]


def test_the_variable_of_a_server_that_is_gone(doctor: Doctor, home: Hub, tmp_path: Path) -> None:
    absent = doctor(home, **{VARIABLE: str(tmp_path / "tasktree-1.json")})
    assert failed(absent) == {"environment"}
    assert "restart the kernel" in absent["environment"]["advice"]
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert home.connection_file is not None
    stale = tmp_path / f"tasktree-{gone.pid}.json"
    stale.write_text(json.dumps(json.loads(home.connection_file.read_text("utf-8")) | {"pid": gone.pid}), "utf-8")
    dead = doctor(home, **{VARIABLE: str(stale)})
    assert failed(dead) == {"environment"}
    assert f"process {gone.pid}" in dead["environment"]["message"]


def test_a_connection_file_that_others_can_read_or_that_is_gone(doctor: Doctor, home: Hub) -> None:
    file = home.connection_file
    assert file is not None
    file.chmod(0o644)
    try:
        loose = doctor(home)
    finally:
        file.chmod(0o600)
    assert failed(loose) == {"connection-file"}
    assert f"chmod 600 {file}" in loose["connection-file"]["advice"]
    elsewhere = file.with_suffix(".away")
    os.rename(file, elsewhere)
    try:
        absent = doctor(home)
    finally:
        os.rename(elsewhere, file)
    assert failed(absent) == {"connection-file"}


def test_a_folder_that_cannot_be_written(doctor: Doctor, socket_hub: Hub) -> None:
    install(socket_hub)
    checks = doctor(socket_hub)
    assert failed(checks) == {"storage"}
    assert "Nothing is kept when the server stops" in checks["storage"]["message"]
    assert "data_dir" in checks["storage"]["advice"]


@pytest.fixture
def proxy(home: Hub) -> Iterator[Proxy]:
    with proxied(home.port) as made:
        yield made


def through(proxy: Proxy) -> tuple[str, ...]:
    return "--url", proxy.url, "--token", TOKEN


def test_through_a_proxy_that_lets_everything_through_all_is_well(doctor: Doctor, home: Hub, proxy: Proxy) -> None:
    assert failed(doctor(home, *through(proxy))) == set()


def test_a_proxy_that_takes_the_upgrade_away(doctor: Doctor, home: Hub, proxy: Proxy) -> None:
    proxy.fault = "strip"
    checks = doctor(home, *through(proxy))
    assert failed(checks) == {"handshake"}
    assert "HTTP 4" in checks["handshake"]["message"]
    assert "Upgrade and Connection" in checks["handshake"]["advice"]


def test_a_proxy_that_answers_with_a_page_of_its_own(doctor: Doctor, home: Hub, proxy: Proxy) -> None:
    proxy.fault = "page"
    checks = doctor(home, *through(proxy))
    assert failed(checks) == {"endpoint"}
    assert "not by TaskTree" in checks["endpoint"]["message"]
    assert "--url" in checks["endpoint"]["advice"]


def test_a_proxy_that_keeps_the_metrics_back(doctor: Doctor, home: Hub, proxy: Proxy) -> None:
    proxy.fault, proxy.path = "page", b"/metrics"
    checks = doctor(home, *through(proxy))
    assert failed(checks) == {"metrics"}
    assert "has nothing of TaskTree" in checks["metrics"]["message"]


def test_a_proxy_that_holds_frames_back(doctor: Doctor, home: Hub, proxy: Proxy) -> None:
    proxy.fault = "hold"
    checks = doctor(home, *through(proxy))
    assert failed(checks) == {"delay"}
    late = re.search(r"came (\d+\.\d) s after", checks["delay"]["message"])
    assert late is not None
    assert float(late[1]) >= HOLD_SECONDS
    assert "proxy_buffering off" in checks["delay"]["advice"]


@pytest.mark.parametrize(("seconds", "where"), [(90, "behind"), (-90, "ahead of")])
def test_a_clock_that_is_wrong(
    doctor: Doctor, home: Hub, monkeypatch: pytest.MonkeyPatch, seconds: int, where: str
) -> None:
    monkeypatch.setattr("tasktree_jupyter.cli.doctor.conversation.clock", lambda: time.time() + seconds)
    checks = doctor(home)
    assert failed(checks) == {"clock"}
    assert f"90 s {where}" in checks["clock"]["message"]
    assert "timedatectl" in checks["clock"]["advice"]


def test_connections_that_nobody_closes(doctor: Doctor, socket_hub: Hub, socket_place: Place) -> None:
    install(socket_hub)
    rest = Rest(socket_place)
    with contextlib.ExitStack() as stack:
        for _ in range(SOCKET_HUB_CONNECTIONS + 3):
            stack.enter_context(rest.socket("tasktree/ws/updates"))
        checks = doctor(socket_hub)
    # Its folder can't be written either.
    assert failed(checks) == {"storage", "connections"}
    assert f"more than {SOCKET_HUB_CONNECTIONS}" in checks["connections"]["message"]
    assert "warn_connections" in checks["connections"]["advice"]


def test_an_older_panel_in_another_folder(doctor: Doctor, home: Hub, tmp_path: Path) -> None:
    older = tmp_path / "share" / "labextensions" / "tasktree-jupyter"
    older.mkdir(parents=True)
    (older / "package.json").write_text('{"name": "tasktree-jupyter", "version": "0.0.7"}', "utf-8")
    checks = doctor(home, JUPYTER_PATH=str(tmp_path / "share"))
    assert "copies" in failed(checks)
    assert f"rm -r {older}" in checks["copies"]["advice"]


def test_a_second_installation_of_another_version(
    doctor: Doctor, home: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("0.0.6", "0.0.7"):
        folder = tmp_path / number / f"tasktree_jupyter-{number}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tasktree_jupyter\nVersion: {number}\n")
        monkeypatch.syspath_prepend(str(tmp_path / number))
    checks = doctor(home)
    assert "copies" in failed(checks)
    assert f"0.0.6 in {tmp_path / '0.0.6'}" in checks["copies"]["message"]
    assert "pip uninstall tasktree_jupyter" in checks["copies"]["advice"]


def test_who_disables_the_extension_is_named(doctor: Doctor, nowhere: Hub) -> None:
    install(nowhere, enabled=False)
    checks = doctor(nowhere)
    file = nowhere.folder / "config" / "jupyter_server_config.d" / "tasktree_jupyter.json"
    assert f"disabled in {file}" in checks["server-extension"]["advice"]


@pytest.mark.parametrize(
    ("program", "message", "advice"),
    [
        ("no such program", "couldn't be asked: api/kernels is answered with HTTP 500", "--kernel NAME"),
        ("KERNEL ALONE", "There is no tasktree_jupyter in the kernel other", "%pip install tasktree_jupyter=="),
        ("KERNEL", "doesn't reach the server: no TaskTree server was found", "Start the server again"),
    ],
    ids=["that cannot start", "without the package", "that inherits nothing"],
)
def test_a_kernel(doctor: Doctor, home: Hub, program: str, message: str, advice: str) -> None:
    """Each is a real kernel, of a specification that the server finds."""
    folder = home.folder / "data" / "kernels" / "other"
    folder.mkdir(parents=True, exist_ok=True)
    hidden = "import sys; sys.modules['tasktree_jupyter'] = None; " if program == "KERNEL ALONE" else ""
    code = f"{hidden}from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
    argv = [sys.executable, "-c", code, "-f", "{connection_file}"] if "KERNEL" in program else [program]
    empty = {VARIABLE: "", "JUPYTER_RUNTIME_DIR": str(home.folder / "elsewhere")} if program == "KERNEL" else {}
    spec = {"argv": argv, "display_name": "Other", "language": "python", "env": empty}
    (folder / "kernel.json").write_text(json.dumps(spec), "utf-8")
    checks = doctor(home, "--kernel", "other", kernel=True)
    assert failed(checks) == {"kernel"}
    assert message in checks["kernel"]["message"]
    assert advice in checks["kernel"]["advice"]


def test_a_kernel_that_is_not_there(doctor: Doctor, home: Hub) -> None:
    checks = doctor(home, "--kernel", "nobody", kernel=True)
    assert failed(checks) == {"kernel"}
    assert "there is no kernel nobody; there are " in checks["kernel"]["message"]
