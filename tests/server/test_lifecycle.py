"""Starting, stopping, silence, and what is kept over a restart."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tasktree_jupyter.core.connection_file import file_name
from tasktree_jupyter.server.connection_file import VARIABLE, ConnectionFile, describe
from tests.server.clients import WAIT, Connect, Plain, Rest, update


async def start(extension: Any, jp_serverapp: Any) -> Path:
    """Do what Jupyter does once the server runs; return the connection file's path."""
    await extension._start_jupyter_server_extension(jp_serverapp)
    return Path(jp_serverapp.runtime_dir) / file_name(os.getpid(), platform.node())


def a_dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


async def test_the_connection_file_is_written_for_its_owner_alone(extension: Any, jp_serverapp: Any) -> None:
    path = await start(extension, jp_serverapp)

    content = json.loads(path.read_text())

    assert os.environ[VARIABLE] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert content["version"] == 1
    assert content["pid"] == os.getpid()
    assert content["base_url"] == jp_serverapp.base_url
    assert content["root_dir"] == str(jp_serverapp.root_dir)
    assert content["secret"] == extension.secret
    assert content["secret"] != jp_serverapp.identity_provider.token
    assert content["unix_socket"] is None
    assert f"http://127.0.0.1:{jp_serverapp.port}{jp_serverapp.base_url}" in content["urls"]


async def test_what_it_says_opens_the_socket(extension: Any, jp_serverapp: Any, connect: Connect) -> None:
    content = json.loads((await start(extension, jp_serverapp)).read_text())

    client = await connect(headers={"Authorization": f"TaskTree {content['secret']}"})

    assert client.welcome["op"] == "welcome"


async def test_stopping_takes_the_file_and_the_variable_away(extension: Any, jp_serverapp: Any) -> None:
    path = await start(extension, jp_serverapp)

    await extension.stop_extension()

    assert not path.exists()
    assert VARIABLE not in os.environ


async def test_files_of_dead_servers_are_cleaned_up_and_no_others(extension: Any, jp_serverapp: Any) -> None:
    runtime = Path(jp_serverapp.runtime_dir)
    dead = a_dead_pid()
    here = describe(jp_serverapp, "x")["host"]
    kept = {
        "tasktree-1.json": {"pid": 1, "host": here},
        "tasktree-7.json": {"pid": dead, "host": "another-machine"},
        "jpserver-3.json": {"pid": dead, "host": here},
    }
    for name, content in kept.items():
        (runtime / name).write_text(json.dumps(content))
    (runtime / file_name(dead, here)).write_text(json.dumps({"pid": dead, "host": here}))

    await start(extension, jp_serverapp)

    assert not (runtime / file_name(dead, here)).exists()
    assert all((runtime / name).exists() for name in kept)


@pytest.mark.parametrize(
    ("settings_", "urls"),
    [
        ({"ip": "127.0.0.1"}, ["http://127.0.0.1:8888/u/"]),
        ({"ip": "localhost"}, ["http://localhost:8888/u/", "http://127.0.0.1:8888/u/"]),
        ({"ip": "0.0.0.0"}, ["http://127.0.0.1:8888/u/"]),
        ({"ip": ""}, ["http://127.0.0.1:8888/u/"]),
        ({"ip": "::"}, ["http://[::1]:8888/u/", "http://127.0.0.1:8888/u/"]),
        ({"ip": "10.1.2.3"}, ["http://10.1.2.3:8888/u/"]),
        ({"ip": "fe80::1"}, ["http://[fe80::1]:8888/u/"]),
        ({"ip": "127.0.0.1", "certfile": "/c.pem"}, ["https://127.0.0.1:8888/u/"]),
        ({"ip": "", "sock": "/run/j.sock"}, ["http://localhost/u/"]),
    ],
)
def test_the_urls_are_those_that_this_machine_reaches(settings_: dict[str, str], urls: list[str]) -> None:
    class Server:
        ip, port, base_url, certfile, sock, root_dir = "localhost", 8888, "/u/", "", "", "/home/u"

    for name, value in settings_.items():
        setattr(Server, name, value)

    content = describe(Server(), "secret")  # type: ignore[arg-type]

    assert content["urls"] == urls
    assert content["unix_socket"] == (Server.sock or None)
    assert content["ca_file"] is None


def test_with_tls_on_all_addresses_the_machines_name_comes_too() -> None:
    class Server:
        ip, port, base_url, certfile, sock, root_dir = "0.0.0.0", 8888, "/", "/c.pem", "", "/home/u"

    urls = describe(Server(), "secret")["urls"]  # type: ignore[arg-type]

    assert urls[0] == "https://127.0.0.1:8888/"
    assert len(urls) == 2


def test_a_file_that_another_server_has_written_meanwhile_stays(tmp_path: Path) -> None:
    class Server:
        ip, port, base_url, certfile, sock, root_dir = "", 8888, "/", "", "", "/home/u"

    file = ConnectionFile(tmp_path, logging.getLogger())
    file.write(Server(), "ours")  # type: ignore[arg-type]
    file.path.write_text(json.dumps({"secret": "theirs"}))

    file.remove()

    assert file.path.exists()
    assert VARIABLE not in os.environ


def test_machines_that_share_the_folder_leave_each_others_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named servers in containers on one home: the server is process 7 in each of them."""

    class Server:
        ip, port, base_url, certfile, sock, root_dir = "", 8888, "/", "", "", "/home/u"

    files = {}
    for machine in ("jupyter-ada", "jupyter-ada--b"):
        monkeypatch.setattr(platform, "node", lambda machine=machine: machine)
        files[machine] = file = ConnectionFile(tmp_path, logging.getLogger())
        file.remove_stale()
        file.write(Server(), f"of {machine}")  # type: ignore[arg-type]

    def written() -> set[tuple[str, str]]:
        return {(each["host"], each["secret"]) for each in (json.loads(p.read_text()) for p in tmp_path.iterdir())}

    assert written() == {(machine, f"of {machine}") for machine in files}
    files["jupyter-ada--b"].remove()
    assert written() == {("jupyter-ada", "of jupyter-ada")}
    files["jupyter-ada"].remove()
    assert list(tmp_path.iterdir()) == []


async def test_stopping_tells_everyone_to_come_back(connect: Connect, plain: Plain, extension: Any) -> None:
    client, simple = await connect(), await plain()
    await client.publish("p", update("a", title="A"))
    await simple.next()

    await asyncio.wait_for(extension.stop_extension(), WAIT)

    assert await client.closed() == 4000
    assert await simple.closed() == 4000


async def test_after_stopping_nothing_is_opened_again(connect: Connect, rest: Rest, extension: Any) -> None:
    await connect()
    await extension.stop_extension()

    status, body = await rest("GET", "projects")

    assert (status, body["message"]) == (503, "The server is stopping")
    with pytest.raises(HTTPClientError) as refused:
        await connect()
    assert refused.value.code == 503


async def test_what_was_acknowledged_outlives_a_restart(
    connect: Connect, rest: Rest, extension: Any, jp_serverapp: Any
) -> None:
    client = await connect()
    before = await client.publish("p", update("a", title="A"), source="k", seq=1)
    await extension.stop_extension()
    await start(extension, jp_serverapp)

    _, state = await rest("GET", "projects", "p", "state")
    again = await (await connect()).publish("p", update("a", title="A"), source="k", seq=1)

    assert (state["epoch"], state["offset"]) == (before["epoch"], 1)
    assert (again["duplicates"], again["upto"]) == (1, 1)


class TestSilence:
    """Page-level pings: who doesn't answer is cut off."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"ping_interval": 0.1}

    async def test_who_doesnt_answer_is_closed_with_4003(self, connect: Connect, extension: Any) -> None:
        client = await connect()

        assert await client.closed() == 4003
        assert extension.manager.number_of_connections == 0

    async def test_who_answers_stays_and_the_server_answers_too(self, connect: Connect) -> None:
        client = await connect()
        loop = asyncio.get_running_loop()
        begun = loop.time()

        while loop.time() - begun < 0.6:
            await client.send({"op": "ping"})
            assert (await client.next())["op"] == "pong"
            await asyncio.sleep(0.03)

        assert (await client.ask("watch"))["op"] == "projects"

    async def test_a_plain_client_has_nothing_to_answer(self, plain: Plain, connect: Connect) -> None:
        simple = await plain("p")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(simple.ws.read_message(), 0.5)

        await simple.send({"project_id": "p", **update("a", title="A")})

        assert (await simple.next())["data"]["node_id"] == "a"


class TestUnwritableFolder:
    """A folder that can't be used: memory, and everybody is told."""

    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> Path:
        (tmp_path / "file").write_text("no folder")
        return tmp_path / "file" / "logs"

    async def test_projects_live_in_memory_and_it_says_so(
        self, rest: Rest, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, version = await rest("GET", "version")
        client = await connect()
        await client.publish("p", update("a", title="A"))

        assert version["storage"]["engine"] == "memory"
        assert "memory" in version["storage"]["promise"]
        assert "kept" in version["storage"]["banner"]
        assert any("keeps its logs in memory" in record.message for record in caplog.records)
        assert (await client.follow("p"))[-1]["op"] == "live"
