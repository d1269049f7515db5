"""How the kernels of this server end: Jupyter tells of what people did, its restarter of what happened.

Jupyter's events (`kernel_actions`) come from every kernel manager of Jupyter Server's kind, a gateway's too. A manager
that tells nothing costs nothing: then only the process itself, or its silence, shows that it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.processes import MemoryKills, exit_words
from tasktree_jupyter.server.sources import Ending

ACTIONS_SCHEMA = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"

_RESTARTER_EVENTS = ("restart", "dead")

_UNTIL_LISTED_SECONDS = 30.0

OnEnd = Callable[[str, int | None, Ending], None]


class KernelWatch:
    """Calls `on_end(kernel_id, pid, ending)` when a kernel's process has ended.

    `pid` is that of the process it has now; None: none, or nobody knows.
    """

    def __init__(self, kernel_manager: Any, on_end: OnEnd, logger: logging.Logger) -> None:
        self._kernel_manager = kernel_manager
        self._on_end = on_end
        self._logger = logger
        self._watched: dict[str, tuple[Any, Callable[[], None]]] = {}
        self._died: set[str] = set()
        self._memory_kills = MemoryKills()

    def listen(self, event_logger: Any) -> None:
        """Hear of what happens to kernels from now on."""
        event_logger.add_listener(schema_id=ACTIONS_SCHEMA, listener=self.on_action)
        for kernel_id in self.running():
            self._watch(kernel_id)

    def stop_listening(self, event_logger: Any) -> None:
        """Hear of it no more."""
        with contextlib.suppress(Exception):
            event_logger.remove_listener(schema_id=ACTIONS_SCHEMA, listener=self.on_action)
        for kernel_id in tuple(self._watched):
            self._forget(kernel_id)

    def running(self) -> list[str]:
        """The ids of the kernels that this server runs."""
        try:
            return list(self._kernel_manager.list_kernel_ids())
        except Exception:
            return []

    def will_tell(self, kernel_id: str) -> bool:
        """Whether Jupyter has still to say how this kernel ended: it leaves the list before that is said."""
        return kernel_id in self._watched

    def look(self) -> None:
        """Take note of what is told by nobody; call it every few seconds."""
        self._memory_kills.look()

    async def on_action(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Take one of Jupyter's events."""
        action, kernel_id = data.get("action"), data.get("kernel_id")
        if data.get("status") == "error" or not isinstance(kernel_id, str):
            return
        if action == "start":
            await self._watch_when_listed(kernel_id)
        elif action == "restart":
            if kernel_id in self._died:
                # The restarter's, after it died.
                self._died.discard(kernel_id)
            else:
                ending = Ending("cancelled", "kernel_restarted", "kernel restarted", now_us())
                self._on_end(kernel_id, _pid(self._kernel(kernel_id)), ending)
            await self._watch_when_listed(kernel_id)
        elif action == "shutdown":
            self._on_end(kernel_id, None, self._shutdown(kernel_id))
            self._forget(kernel_id)

    def _kernel(self, kernel_id: str) -> Any:
        return self._watched.get(kernel_id, (None, None))[0]

    def _shutdown(self, kernel_id: str) -> Ending:
        """Jupyter culls by shutting down, and says nothing else of it."""
        idle = self._idle_seconds(kernel_id)
        allowed = self._idle_seconds_allowed(kernel_id)
        if idle is not None and 0 < allowed <= idle:
            return Ending("cancelled", "kernel_culled", "kernel shut down after being idle", now_us())
        return Ending("cancelled", "kernel_shut_down", "kernel shut down", now_us())

    def _idle_seconds(self, kernel_id: str) -> float | None:
        last = getattr(self._kernel(kernel_id), "last_activity", None)
        if not isinstance(last, datetime):
            return None
        return (datetime.now(UTC) - last).total_seconds()

    def _idle_seconds_allowed(self, kernel_id: str) -> float:
        """After how long it is culled; 0: never."""
        allowed = getattr(self._kernel_manager, "cull_idle_timeout", 0)
        metadata = getattr(getattr(self._kernel(kernel_id), "kernel_spec", None), "metadata", None)
        if allowed and isinstance(metadata, dict):
            allowed = metadata.get("cull_idle_timeout", allowed)
        return float(allowed) if isinstance(allowed, (int, float)) else 0.0

    # The restarter

    async def _watch_when_listed(self, kernel_id: str) -> None:
        """A kernel says that it has started before its manager lists it."""
        until = asyncio.get_running_loop().time() + _UNTIL_LISTED_SECONDS
        while kernel_id not in self.running():
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(0.05)
        self._watch(kernel_id)

    def _watch(self, kernel_id: str) -> None:
        try:
            kernel = self._kernel_manager.get_kernel(kernel_id)
            if self._kernel(kernel_id) is kernel:
                return
            self._forget(kernel_id)
            callback = partial(self._found_dead, kernel_id)
            for event in _RESTARTER_EVENTS:
                kernel.add_restart_callback(callback, event)
            self._watched[kernel_id] = kernel, callback
        except Exception as error:
            tell(self._logger, "kernel.unwatched", "The kernel %s can't be watched", kernel_id, error=error)

    def _found_dead(self, kernel_id: str) -> None:
        """The restarter found it dead, and will start it again, or has given up."""
        code = _exit_code(self._kernel(kernel_id))
        words = exit_words(code, out_of_memory=self._memory_kills.lately)
        self._died.add(kernel_id)
        self._on_end(kernel_id, None, Ending("failed", "kernel_died", words, now_us()))

    def _forget(self, kernel_id: str) -> None:
        self._died.discard(kernel_id)
        kernel, callback = self._watched.pop(kernel_id, (None, None))
        if kernel is not None:
            with contextlib.suppress(Exception):
                for event in _RESTARTER_EVENTS:
                    kernel.remove_restart_callback(callback, event)


def _exit_code(kernel: Any) -> int | None:
    """What a local kernel's process ended with; None where its provisioner is of another kind."""
    process = getattr(getattr(kernel, "provisioner", None), "process", None)
    code = getattr(process, "returncode", None)
    return code if isinstance(code, int) else None


def _pid(kernel: Any) -> int | None:
    """The process that a kernel runs in now; None: there is none, or nobody knows."""
    pid = getattr(getattr(kernel, "provisioner", None), "pid", None)
    return pid if isinstance(pid, int) else None
