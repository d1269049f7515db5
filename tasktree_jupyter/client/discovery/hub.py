"""The single-user server that JupyterHub's variables name. Kernels, terminals and scripts of that server inherit them.

`JUPYTERHUB_SERVICE_URL` is where the server was told to listen, so it leads there from the same machine or container;
`JUPYTERHUB_PUBLIC_URL` (JupyterHub 5, where it is configured) leads there through the proxy, from anywhere.
`JUPYTERHUB_API_TOKEN` may access that server (the scope `access:servers!server` of the role "server").
`JUPYTERHUB_HOST`, `JUPYTERHUB_API_URL` and `JUPYTERHUB_BASE_URL` lead to the Hub, not to the user's server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from tasktree_jupyter.client.discovery.server import Server, reachable, server_at


def prefix(environment: Mapping[str, str]) -> str | None:
    """Return the base URL of the single-user server, None where these variables name none.

    A service that the Hub runs has them too, but its prefix is its own.
    """
    if environment.get("JUPYTERHUB_SERVICE_NAME") or not environment.get("JUPYTERHUB_API_TOKEN"):
        return None
    return environment.get("JUPYTERHUB_SERVICE_PREFIX") or None


def ways(environment: Mapping[str, str]) -> list[Server]:
    """Return the ways to the single-user server, the best first."""
    base_url = prefix(environment)
    if base_url is None:
        return []
    authorization = f"token {environment['JUPYTERHUB_API_TOKEN']}"
    urls = [*_local_urls(environment, base_url), environment.get("JUPYTERHUB_PUBLIC_URL") or ""]
    found: list[Server] = []
    for url in filter(None, urls):
        with contextlib.suppress(ValueError):
            found.append(server_at(url, authorization))
    return found


def _local_urls(environment: Mapping[str, str], base_url: str) -> list[str]:
    # With the Hub's internal TLS the server takes connections of the Hub and its proxy only, by their certificates.
    if environment.get("JUPYTERHUB_SSL_CERTFILE"):
        return []
    try:
        parts = urlsplit(environment.get("JUPYTERHUB_SERVICE_URL") or "")
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return []
    if not parts.scheme:
        return []
    return [f"{parts.scheme}://{host}{port}{base_url}" for host in reachable(parts.hostname or "")]
