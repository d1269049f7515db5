"""Finding the server, and saying which notebook or script this is, without guessing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.client import joining
from tasktree_jupyter.client.discovery import Discovery, Identity, Server, identity, server_at

ENDPOINT = "tasktree/ws/updates"


def write(path: Path, **changes: Any) -> Path:
    content = {
        "version": 1,
        "server": "0.1.0",
        "pid": os.getpid(),
        "host": platform.node(),
        "urls": ["http://127.0.0.1:8888/"],
        "base_url": "/",
        "unix_socket": None,
        "ca_file": None,
        "root_dir": "/home/u",
        "secret": "s",
    }
    path.write_text(json.dumps(content | changes), "utf-8")
    return path


def found(monkeypatch: pytest.MonkeyPatch, path: Path) -> Discovery:
    monkeypatch.setenv("TASKTREE_CONNECTION_FILE", str(path))
    return Discovery()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_without_a_connection_file_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASKTREE_CONNECTION_FILE", raising=False)
    assert not Discovery().expects_server
    assert Discovery().find() == []


def test_the_file_says_where_and_with_which_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(
        tmp_path / "tasktree-1.json", urls=["https://127.0.0.1:1/user/ada/", "https://h:2/user/ada/"], ca_file="/ca.pem"
    )
    first, second = found(monkeypatch, file).find()
    assert first == Server(f"wss://127.0.0.1:1/user/ada/{ENDPOINT}", "TaskTree s", ca_file="/ca.pem")
    assert second.url == f"wss://h:2/user/ada/{ENDPOINT}"


def test_a_unix_socket_is_used_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever listens on localhost must not get the secret."""
    file = write(tmp_path / "tasktree-1.json", unix_socket="/run/j.sock", urls=["http://localhost/b/"], base_url="/b/")
    (server,) = found(monkeypatch, file).find()
    assert (server.unix_socket, server.url) == ("/run/j.sock", f"ws://localhost/b/{ENDPOINT}")


def test_on_another_machine_nobody_on_localhost_gets_the_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A job on a cluster's node inherits the variable, and the home folder is shared."""
    away: dict[str, Any] = {"host": "login-node", "pid": dead_pid()}
    local = ["http://localhost:8888/", "http://127.0.0.1:8888/", "http://[::1]:8888/"]
    file = write(tmp_path / "tasktree-1.json", **away, urls=local)
    discovery = found(monkeypatch, file)
    assert (discovery.find(), discovery.trouble.code) == ([], "unreachable")
    assert "login-node" in discovery.trouble.text
    # What it emits is kept all the same, for that server.
    assert (discovery.promised, discovery.place) == (True, "folder /home/u on login-node")
    write(file, **away, urls=[*local, "http://10.1.2.3:8888/"])
    assert [each.url for each in discovery.find()] == [f"ws://10.1.2.3:8888/{ENDPOINT}"]


def test_a_machine_whose_name_has_changed_is_the_same_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A laptop gets another name with another network; the server lives here, so it is here."""
    (server,) = found(monkeypatch, write(tmp_path / "tasktree-1.json", host="laptop.at.home")).find()
    assert server.url == f"ws://127.0.0.1:8888/{ENDPOINT}"


def test_the_file_is_read_again_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(tmp_path / "tasktree-1.json")
    discovery = found(monkeypatch, file)
    discovery.find()
    write(file, urls=["http://127.0.0.1:9999/"], secret="new")
    (server,) = discovery.find()
    assert (server.url, server.authorization) == (f"ws://127.0.0.1:9999/{ENDPOINT}", "TaskTree new")


@pytest.mark.parametrize(
    "content", ["", "no json", "[]", '{"version": 2}', '{"version": 1, "urls": [3, null, "x", "http://h:no/"]}']
)
def test_a_file_that_says_nothing_is_no_server_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "tasktree-1.json"
    file.write_text(content)
    discovery = found(monkeypatch, file)
    assert discovery.find() == []
    assert discovery.expects_server


def test_a_restarted_server_has_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(tmp_path / "tasktree-1.json")
    discovery = found(monkeypatch, file)
    discovery.find()
    file.unlink()
    write(tmp_path / "tasktree-2.json", urls=["http://127.0.0.1:2/"])
    write(tmp_path / "tasktree-3.json", root_dir="/another")
    (server,) = discovery.find()
    assert server.url == f"ws://127.0.0.1:2/{ENDPOINT}"


@pytest.mark.parametrize("changes", [{"pid": None}, {"host": "elsewhere"}, {"root_dir": "/another"}])
def test_what_is_not_its_successor_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, Any]
) -> None:
    file = write(tmp_path / "tasktree-1.json")
    discovery = found(monkeypatch, file)
    discovery.find()
    file.unlink()
    write(tmp_path / "tasktree-2.json", **{"pid": dead_pid()} if changes == {"pid": None} else changes)
    assert discovery.find() == []


def test_among_several_successors_none_is_guessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(tmp_path / "tasktree-1.json")
    discovery = found(monkeypatch, file)
    discovery.find()
    file.unlink()
    write(tmp_path / "tasktree-2.json")
    write(tmp_path / "tasktree-3.json")
    assert discovery.find() == []


def test_a_file_never_seen_has_no_successor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    discovery = found(monkeypatch, tmp_path / "tasktree-1.json")
    write(tmp_path / "tasktree-2.json")
    assert discovery.find() == []


def test_a_named_server_comes_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    discovery = found(monkeypatch, write(tmp_path / "tasktree-1.json"))
    discovery.name("http://hub/user/x", "t", None)
    (server,) = discovery.find()
    assert (server.url, server.authorization) == (f"ws://hub/user/x/{ENDPOINT}", "token t")


def test_the_environments_token_is_used_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "from the hub")
    assert Discovery().name("http://hub/", None, None).authorization == "token from the hub"


@pytest.mark.parametrize("url", ["localhost:8888", "ftp://x/", "http://", "", "http://h/?token=abc", "http://u:abc@h/"])
def test_a_wrong_url_is_refused_without_repeating_secrets(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|URL") as refused:
        server_at(url, None)
    assert "abc" not in str(refused.value)


def test_a_script_is_its_path(tmp_path: Path) -> None:
    file = tmp_path / "etl.py"
    file.write_text("from tasktree_jupyter.client.discovery import identity; print(*identity(), sep='|')")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, "etl.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"None|{file}|etl.py"


class Kernel:
    """ipykernel's application, as far as it is asked."""

    connection_file = "/run/user/1000/jupyter/runtime/kernel-0b1c-2d.json"

    @classmethod
    def initialized(cls) -> bool:
        return True

    @classmethod
    def instance(cls) -> type[Kernel]:
        return cls


def test_a_kernel_is_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("ipykernel.kernelapp")
    module.IPKernelApp = Kernel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", module)
    monkeypatch.setenv("TASKTREE_CONNECTION_FILE", "/x/tasktree-1.json")
    assert identity() == Identity("0b1c-2d", None, None)
    monkeypatch.setattr(Kernel, "connection_file", "/tmp/connection.json")
    assert identity().kernel_id is None


def test_a_kernel_of_another_program_is_its_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such a kernel's id no Jupyter server knows. VS Code says which notebook it is for."""
    module = type(sys)("ipykernel.kernelapp")
    module.IPKernelApp = Kernel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", module)
    monkeypatch.delenv("TASKTREE_CONNECTION_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert identity() == Identity("0b1c-2d", f"{tmp_path}/python", f"python in {tmp_path.name}")
    monkeypatch.setattr(sys.modules["__main__"], "__vsc_ipynb_file__", "/w/etl.ipynb", raising=False)
    assert identity() == Identity("0b1c-2d", "/w/etl.ipynb", "etl.ipynb")


def test_a_process_whose_folder_was_removed_is_somebody_too(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.mkdir('x'); os.chdir('x'); os.rmdir('../x')\n"
        "from tasktree_jupyter.client.discovery import Discovery, identity\n"
        "who = identity(); print(who.title, Discovery(who).find())"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    environment.pop("TASKTREE_CONNECTION_FILE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "python in / []"


# The environment of child processes


def test_a_child_reads_what_its_parent_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = joining.Parent("p", Identity(None, "/x.py", "x.py"), "m", "m/1")
    monkeypatch.setenv("TASKTREE_PARENT", joining.as_text(parent))
    assert joining.read_environment() == parent


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"project":3,"identity":{},"mission":"m","node":"n"}', "null"])
def test_what_is_no_parent_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TASKTREE_PARENT", text)
    assert joining.read_environment() is None


def test_the_environment_follows_the_open_tasks_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASKTREE_PARENT", raising=False)
    kept = joining.Environment()
    who = Identity(None, "/x.py", "x.py")
    names = ["a", "b", "c"]
    for name in names:
        kept.enter(name, joining.Parent(None, who, "m", name))

    def node() -> str | None:
        parent = joining.read_environment()
        return parent.node if parent else None

    assert node() == "c"
    kept.leave("b")
    assert node() == "c"
    kept.leave("c")
    assert node() == "a"
    kept.leave("never entered")
    kept.leave("a")
    assert node() is None
