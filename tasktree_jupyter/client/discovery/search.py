"""The search for the server, done again at each attempt: it may have restarted on another port, with another secret."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from typing import Final

from tasktree_jupyter.client.discovery import connection_file, hub, running
from tasktree_jupyter.client.discovery.connection_file import VARIABLE, Content
from tasktree_jupyter.client.discovery.identity import Identity, working_folder
from tasktree_jupyter.client.discovery.server import Server, Trouble, server_at
from tasktree_jupyter.core.sanitise import without_surrogates

_CONNECT: Final = "name one: tasktree_jupyter.connect(url, token)"
_NONE: Final = Trouble(
    "none", f"no TaskTree server was found; start Jupyter with tasktree_jupyter installed, or {_CONNECT}"
)


class Discovery:
    """Where the server is.

    A server is *promised* where the user named it, or the environment says that there is one: then events wait for it,
    also while it is away. One that is only found by its folder promised nothing: see `give_up`.

    Args:
        who: this process, or the one that it belongs to; None: only what the environment names is found.
    """

    def __init__(self, who: Identity | None = None) -> None:
        self._who = who
        self._named: Server | None = None
        self._file = os.environ.get(VARIABLE) or None
        self._is_kept = self._file is not None or hub.prefix(os.environ) is not None
        self._injected = self._file is not None
        self._read: Content | None = None
        self._root_dir: str | None = None
        self.trouble = _NONE
        """Why `find` returned nothing."""
        self._expects = self._is_kept or bool(self._by_folder())

    @property
    def expects_server(self) -> bool:
        """Whether there is, or was, a server; if not, events needn't wait for one."""
        return self._named is not None or self._expects

    @property
    def promised(self) -> bool:
        """Whether events should wait for the server for as long as it takes."""
        return self._named is not None or self._is_kept

    @property
    def place(self) -> str | None:
        """Return which server it is, by what stays the same when it restarts; None: that isn't known.

        Names of folders that are no UTF-8 are shown as such: it is written down.
        """
        place: str | None = without_surrogates(self._place())
        return place

    def _place(self) -> str | None:
        if self._named is not None:
            return f"url {self._named.url}"
        if self._read is not None and isinstance(self._read.get("root_dir"), str):
            return f"folder {self._read['root_dir']} on {self._read.get('host')}"
        if hub.prefix(os.environ) is not None:
            return f"hub {os.environ.get('JUPYTERHUB_API_URL')} {hub.prefix(os.environ)}"
        return f"folder {self._root_dir} on {platform.node()}" if self._root_dir is not None else None

    def name(self, url: str, token: str | None, ca_file: str | None) -> Server:
        """Use this server from now on.

        Raises:
            ValueError: the URL isn't `http(s)://` or `ws(s)://`, or carries a token.
        """
        token = token or os.environ.get("JUPYTER_TOKEN")
        self._named = server_at(url, f"token {token}" if token else None, ca_file)
        return self._named

    def find(self) -> list[Server]:
        """Return the ways to the server, the best first; empty while it can't be found, and `trouble` says why."""
        if self._named is not None:
            return [self._named]
        found: list[Server] = []
        if self._file is not None:
            found = self._by_file(self._file)
        if self._is_hubs():
            found += hub.ways(os.environ)
        if not found and (self._read is None or not self._injected):
            found = self._by_folder()
        if not found and self._injected and self.trouble.code in ("none", "gone", "unreachable"):
            self.trouble = self._without_it()
        return found

    def _without_it(self) -> Trouble:
        """Return why the server that started this can't be reached."""
        content = connection_file.read(self._file) if self._file is not None else None
        if content is not None and connection_file.is_elsewhere(content):
            return Trouble("unreachable", f"the server runs on {content.get('host')} and listens only there")
        return Trouble("gone", f"the server that wrote {self._file} has ended, and no other is its successor")

    def welcomed(self) -> None:
        """The server has answered: from now on it is waited for."""
        self._is_kept = self._expects = True

    def give_up(self, trouble: Trouble) -> bool:
        """Return whether to go on without a server, this being the trouble with the one that was found by its folder.

        A Jupyter server whose folder this is by chance may have no TaskTree, or nothing to do with this process.
        """
        if self._named is not None or self._is_kept:
            return False
        self._expects = False
        self.trouble = trouble
        return True

    def _by_file(self, path: str) -> list[Server]:
        here = connection_file.read(path)
        if here is not None:
            self._read = here
        root_dir = (self._read or {}).get("root_dir")
        after = connection_file.successor(path, root_dir) if isinstance(root_dir, str) else None
        return [server for content in (here, after) if content is not None for server in connection_file.ways(content)]

    def _is_hubs(self) -> bool:
        """Return whether JupyterHub's variables may name the server meant: not where another one wrote the file."""
        base_url = hub.prefix(os.environ)
        return base_url is not None and (self._read is None or self._read.get("base_url") == base_url)

    def _by_folder(self) -> list[Server]:
        self.trouble = _NONE
        if self._who is None:
            return []
        servers = running.running_servers()
        for folder in self._folders(self._who):
            found = running.around(folder, servers)
            if len(found) == 1:
                return self._take(found[0])
            if found:
                shown = ", ".join(each.shown for each in found)
                self.trouble = Trouble("ambiguous", f"several Jupyter servers serve {folder}: {shown}; {_CONNECT}")
                return []
        return []

    def _take(self, found: running.Running) -> list[Server]:
        if found.password:
            self.trouble = Trouble(
                "no_access",
                f"the Jupyter server at {found.shown} asks for a password and has left no connection file of TaskTree: "
                f"start it again with tasktree_jupyter installed, or {_CONNECT}",
            )
            return []
        self._root_dir = found.root_dir
        if found.path is not None:
            self._file = found.path
            self._read = connection_file.read(found.path)
        return found.ways

    def _folders(self, who: Identity) -> Iterator[str]:
        """The script's folder, else the one it was started in: a program that is installed elsewhere works on that."""
        if who.path is not None:
            yield os.path.dirname(who.path)
        folder = working_folder()
        if folder is not None:
            yield folder
