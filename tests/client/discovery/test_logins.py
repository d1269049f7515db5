"""Whatever login a server has, its kernels and the scripts in its folder find it; or it is said why not."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Run
from tests.client.discovery.conftest import Script, Told
from tests.client.hub import NO_LOGIN, TOKEN, Hub, password_login

Without = Callable[[Hub], dict[str, str]]

CONNECT = """
import json
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.1)
print(json.dumps([tt.connect({url!r}, {token!r}, timeout=20), tt.status()["code"], tt.status()["reason"]]))
"""

EMIT = """
import tasktree_jupyter as tt
with tt.task("run", project={project!r}):
    pass
assert tt.flush(20), tt.status()
print(tt.status()["server"])
"""


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, taken: int) -> Iterator[Hub]:
    """A server with a password and no token, below a base URL, on the next free port after one that is taken."""
    hub = Hub(tmp_path_factory.mktemp("guarded"))
    place = ("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={taken}", "--ServerApp.port_retries=50")
    hub.start("--ServerApp.base_url=/user/ada/", login=password_login("secret"), place=place)
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server without any login."""
    hub = Hub(tmp_path_factory.mktemp("unguarded"))
    hub.start(login=NO_LOGIN)
    yield hub
    hub.stop()


def content(hub: Hub) -> dict[str, Any]:
    assert hub.connection_file is not None
    found: dict[str, Any] = json.loads(hub.connection_file.read_text("utf-8"))
    return found


def test_the_connection_file_has_the_port_that_was_free_and_the_base_url(guarded: Hub, taken: int) -> None:
    (url,) = content(guarded)["urls"]
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/user/ada/")
    assert f":{taken}/" not in url


def test_a_kernel_needs_no_password(run: Run, guarded: Hub) -> None:
    assert run(EMIT.format(project="of a kernel"), guarded)[0].strip().endswith("/user/ada/")


def test_a_script_in_the_folder_needs_no_password(told: Told, guarded: Hub) -> None:
    """TaskTree's own file lies beside Jupyter's, which has no token to give."""
    status = told(guarded, guarded.root / "deep" / "below")
    assert (status["state"], status["flushed"], status["told"]) == ("connected", True, [])
    assert status["server"] == content(guarded)["urls"][0].replace("http", "ws")


@pytest.mark.parametrize(("token", "said"), [(None, "asks for a login"), ("wrong", "refuses the token")])
def test_a_password_is_not_to_be_got_around(run: Run, guarded: Hub, token: str | None, said: str) -> None:
    code = CONNECT.format(url=content(guarded)["urls"][0], token=token)
    connected, reason_code, reason = json.loads(run(code, guarded)[0])
    assert (connected, reason_code) == (False, "refused")
    assert said in reason


def test_a_script_that_may_not_in_goes_on_alone_and_says_why(
    told: Told, guarded: Hub, only_jupyters_files: Without
) -> None:
    status = told(guarded, guarded.root, **only_jupyters_files(guarded))
    assert (status["state"], status["code"], status["flushed"]) == ("local", "refused", True)
    assert status["projects"][0]["waiting"] == status["projects"][0]["dropped"] == 0
    (text,) = status["told"]
    assert "asks for a login" in text
    assert "lives in this process only" in text


def test_a_server_without_login_is_used_by_its_kernels_and_scripts(
    run: Run, told: Told, unguarded: Hub, only_jupyters_files: Without
) -> None:
    assert run(EMIT.format(project="of a kernel"), unguarded)[0].strip().startswith("ws://127.0.0.1")
    assert told(unguarded, unguarded.root)["state"] == "connected"
    assert told(unguarded, unguarded.root, **only_jupyters_files(unguarded))["state"] == "connected"


def test_the_token_in_jupyters_own_file_is_enough(told: Told, hub: Hub, only_jupyters_files: Without) -> None:
    status = told(hub, hub.root, **only_jupyters_files(hub))
    assert (status["state"], status["told"]) == ("connected", [])
    assert status["projects"][0]["project_id"] in {info["project_id"] for info in hub.projects()}


def test_what_is_named_in_the_code_comes_before_what_is_found(script: Script, hub: Hub, guarded: Hub) -> None:
    code = f"import tasktree_jupyter as tt\ntt.connect({hub.url!r}, {TOKEN!r})\n" + EMIT.format(project="named")
    out, err = script(code, guarded, guarded.root, TASKTREE_CONNECTION_FILE=str(guarded.connection_file)).rest()
    assert out.strip() == hub.url.replace("http", "ws"), err
    assert "named" in {info["project_id"] for info in hub.projects()}


def test_the_environments_token_goes_with_the_url_that_is_named(script: Script, hub: Hub, tmp_path: Path) -> None:
    code = CONNECT.format(url=hub.url, token=None)
    out, err = script(code, hub, tmp_path / "elsewhere", JUPYTER_TOKEN=TOKEN).rest()
    assert json.loads(out) == [True, None, None], err
