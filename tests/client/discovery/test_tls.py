"""A server whose certificate nobody knows: signed by a private authority, or by itself, for whatever name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from tasktree_jupyter.server.connection_file import describe
from tests.client.conftest import Run
from tests.client.discovery.conftest import TELL
from tests.client.hub import TOKEN, Hub


class Papers(NamedTuple):
    authority: Path
    certificate: Path
    hub: Hub


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    """A server with a certificate for 127.0.0.1 of a private authority, which `ca_file` tells its kernels."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = Papers(folder / "authority.pem", folder / "certificate.pem", Hub(folder / "hub"))
    authority.cert_pem.write_to_path(str(files.authority))
    issued.private_key_and_cert_chain_pem.write_to_path(str(files.certificate))
    files.hub.start(f"--ServerApp.certfile={files.certificate}", f"--TaskTreeExtension.ca_file={files.authority}")
    yield files
    files.hub.stop()


def with_file(tmp_path: Path, hub: Hub, **changes: Any) -> str:
    """A copy of the connection file with other words."""
    assert hub.connection_file is not None
    content = json.loads(hub.connection_file.read_text("utf-8"))
    file = tmp_path / "tasktree-1.json"
    file.write_text(json.dumps(content | changes), "utf-8")
    return str(file)


def fingerprint(certfile: Path, ca_file: str = "") -> str | None:
    class Server:
        ip, port, base_url, sock, root_dir = "127.0.0.1", 8888, "/", "", "/home/u"

    Server.certfile = str(certfile)  # type: ignore[attr-defined]
    found: str | None = describe(Server(), "s", ca_file)["certificate"]  # type: ignore[arg-type]
    return found


def told(run: Run, hub: Hub, **environment: str) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(run(TELL, hub, **environment)[0])
    return status


def test_the_trait_tells_kernels_whom_to_trust(run: Run, papers: Papers) -> None:
    status = told(run, papers.hub)
    assert (status["state"], status["told"]) == ("connected", [])
    assert status["server"].startswith("wss://127.0.0.1:")


def test_without_the_trait_kernels_trust_the_servers_own_certificate(run: Run, papers: Papers, tmp_path: Path) -> None:
    """Under any name: certificates are hardly ever made out to a loopback address."""
    url = f"https://localhost:{papers.hub.port}/"
    pinned = with_file(tmp_path, papers.hub, ca_file=None, certificate=fingerprint(papers.certificate), urls=[url])
    assert told(run, papers.hub, TASKTREE_CONNECTION_FILE=pinned)["server"] == url.replace("https", "wss")


def test_another_certificate_than_the_servers_own_is_not_trusted(run: Run, papers: Papers, tmp_path: Path) -> None:
    other = with_file(tmp_path, papers.hub, ca_file=None, certificate="0" * 64)
    status = told(run, papers.hub, TASKTREE_CONNECTION_FILE=other)
    assert (status["flushed"], status["code"]) == (False, "certificate")
    assert "isn't the one that its connection file names" in status["reason"]


def test_a_certificate_of_an_unknown_authority_is_not_trusted(run: Run, papers: Papers, tmp_path: Path) -> None:
    unknown = with_file(tmp_path, papers.hub, ca_file=None)
    status = told(run, papers.hub, TASKTREE_CONNECTION_FILE=unknown)
    assert (status["flushed"], status["code"]) == (False, "certificate")
    assert "isn't trusted" in status["reason"]
    trusting = told(run, papers.hub, TASKTREE_CONNECTION_FILE=unknown, SSL_CERT_FILE=str(papers.authority))
    assert trusting["state"] == "connected"


def test_a_certificate_for_another_name_is_not_trusted(run: Run, papers: Papers, tmp_path: Path) -> None:
    file = with_file(tmp_path, papers.hub, urls=[f"https://localhost:{papers.hub.port}/"])
    assert told(run, papers.hub, TASKTREE_CONNECTION_FILE=file)["code"] == "certificate"


@pytest.mark.parametrize("ca_file", ["authority", "missing", None])
def test_connect_takes_a_ca_file(run: Run, papers: Papers, tmp_path: Path, ca_file: str | None) -> None:
    given = {"authority": str(papers.authority), "missing": str(tmp_path / "missing.pem"), None: None}[ca_file]
    code = f"""
import json, time
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.1)
url, timeout = "https://127.0.0.1:{papers.hub.port}/", {20 if ca_file == "authority" else 0.1}
connected = tt.connect(url, {TOKEN!r}, ca_file={given!r}, timeout=timeout)
until = time.monotonic() + 20
while not connected and tt.status()["code"] is None and time.monotonic() < until:
    time.sleep(0.02)
print(json.dumps([connected, tt.status()["code"], tt.status()["reason"]]))
"""
    connected, why, reason = json.loads(run(code)[0])
    assert (connected, why) == ((True, None) if ca_file == "authority" else (False, "certificate"))
    if ca_file == "missing":
        assert "missing.pem" in reason


def test_the_certificate_in_the_file_is_the_servers_and_is_left_out_where_an_authority_is_named(
    papers: Papers, tmp_path: Path
) -> None:
    found = fingerprint(papers.certificate)
    assert found is not None
    assert len(found) == 64
    assert fingerprint(papers.certificate, str(papers.authority)) is None
    assert fingerprint(tmp_path / "missing.pem") is None
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    assert fingerprint(tmp_path / "key.pem") is None
