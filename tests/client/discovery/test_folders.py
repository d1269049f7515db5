"""A script belongs to the one running server whose root folder holds it. Among several, none is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.discovery.conftest import Told
from tests.client.hub import Hub


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Hub]]:
    """Servers of one user: one of a folder, two of a folder in it, and one without TaskTree of another."""
    folder = tmp_path_factory.mktemp("servers")
    root, runtime = folder / "work", folder / "runtime"
    roots = {"outer": root, "inner": root / "project", "inner too": root / "project", "without": root / "plain"}
    hubs = {name: Hub(folder / name, root=its, runtime=runtime) for name, its in roots.items()}
    for name, hub in hubs.items():
        hub.start(extension=name != "without", wait=False)
    for hub in hubs.values():
        hub.wait_started()
    yield hubs
    for hub in hubs.values():
        hub.stop()


def test_the_server_of_the_folder_is_found(told: Told, servers: dict[str, Hub]) -> None:
    outer = servers["outer"]
    status = told(outer, outer.root / "scripts")
    assert (status["server"], status["told"]) == (outer.url.replace("http", "ws"), [])


def test_a_program_from_elsewhere_belongs_to_the_folder_it_is_started_in(
    told: Told, servers: dict[str, Hub], tmp_path: Path
) -> None:
    outer = servers["outer"]
    assert told(outer, tmp_path / "bin", cwd=outer.root)["server"] == outer.url.replace("http", "ws")
    assert told(outer, tmp_path / "bin")["state"] == "local"


def test_a_folder_reached_by_a_link_is_the_same_folder(told: Told, servers: dict[str, Hub], tmp_path: Path) -> None:
    outer = servers["outer"]
    link = tmp_path / "link"
    link.symlink_to(outer.root)
    assert told(outer, link / "linked")["state"] == "connected"


def test_a_server_without_tasktree_is_no_server(told: Told, servers: dict[str, Hub]) -> None:
    without = servers["without"]
    status = told(without, without.root)
    assert (status["state"], status["code"], status["projects"][0]["waiting"]) == ("local", "absent", 0)
    assert [text for text in status["told"] if "tasktree_jupyter isn't installed or enabled there" in text]


def test_between_two_servers_of_a_folder_none_is_guessed(told: Told, servers: dict[str, Hub]) -> None:
    """The last test of this file: it stops one of them."""
    one, other = servers["inner"], servers["inner too"]
    status = told(one, one.root)
    assert (status["state"], status["code"]) == ("local", "ambiguous")
    (text,) = status["told"]
    assert one.url.replace("http", "ws") in text
    assert other.url.replace("http", "ws") in text
    assert "connect(url, token)" in text

    other.stop()

    assert told(one, one.root)["server"] == one.url.replace("http", "ws")
