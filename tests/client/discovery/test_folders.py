"""A script belongs to the one running server whose root folder holds it. Among several, none is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.discovery.conftest import Told
from tests.client.hub import Hub


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Hub]]:
    """Servers of one user: two of a folder, and one without TaskTree of a folder in it."""
    folder = tmp_path_factory.mktemp("servers")
    root, runtime = folder / "work", folder / "runtime"
    roots = {"one": root, "other": root, "without": root / "plain"}
    hubs = {name: Hub(folder / name, root=its, runtime=runtime) for name, its in roots.items()}
    for name, hub in hubs.items():
        hub.start(extension=name != "without", wait=False)
    for hub in hubs.values():
        hub.wait_started()
    yield hubs
    for hub in hubs.values():
        hub.stop()


@pytest.fixture
def one(servers: dict[str, Hub]) -> Hub:
    """The one server of its folder, now that the other has ended."""
    servers["other"].stop()
    return servers["one"]


def test_between_two_servers_of_a_folder_none_is_guessed(told: Told, servers: dict[str, Hub]) -> None:
    """The first test of this file: those after it want the other one ended."""
    one, other = servers["one"], servers["other"]
    status = told(one, one.root)
    assert (status["state"], status["code"]) == ("local", "ambiguous")
    (text,) = status["told"]
    assert one.url.replace("http", "ws") in text
    assert other.url.replace("http", "ws") in text
    assert "connect(url, token)" in text


def test_the_server_of_the_folder_is_found(told: Told, one: Hub) -> None:
    status = told(one, one.root / "scripts")
    assert (status["server"], status["told"]) == (one.url.replace("http", "ws"), [])


def test_a_program_from_elsewhere_belongs_to_the_folder_it_is_started_in(told: Told, one: Hub, tmp_path: Path) -> None:
    assert told(one, tmp_path / "bin", cwd=one.root)["server"] == one.url.replace("http", "ws")
    assert told(one, tmp_path / "bin")["state"] == "local"


def test_a_folder_reached_by_a_link_is_the_same_folder(told: Told, one: Hub, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(one.root)
    assert told(one, link / "linked")["state"] == "connected"


def test_the_innermost_server_is_meant_also_where_it_has_no_tasktree(told: Told, servers: dict[str, Hub]) -> None:
    without = servers["without"]
    status = told(without, without.root)
    assert (status["state"], status["code"], status["projects"][0]["waiting"]) == ("local", "absent", 0)
    assert [text for text in status["told"] if "tasktree_jupyter isn't installed or enabled there" in text]
