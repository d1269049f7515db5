"""Who may do what, the same for every handler and socket.

Jupyter's identity provider says who somebody is, the server's authorizer whether that one may `read`, `write` or
`delete` on the resource `tasktree`. A kernel shows the secret of the connection file instead; it opens the socket
alone.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, Literal

from jupyter_core.utils import ensure_async

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    _Base = JupyterHandler
else:
    _Base = object

RESOURCE = "tasktree"
SCHEME = "TaskTree"

Action = Literal["read", "write", "delete"]

_SECRET_ACTIONS = frozenset({"read", "write"})


def new_secret() -> str:
    """Return a secret for one life of a server: 32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


class AuthMixin(_Base):
    """For handlers that inherit from `JupyterHandler` too."""

    auth_resource = RESOURCE
    _has_secret = False

    def accept_secret(self, secret: str) -> bool:
        """Return whether the request shows the kernel's secret, and remember it.

        Only the socket calls this. Compared in constant time, so that how long a refusal takes tells nothing.
        """
        scheme, _, shown = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return False
        self._has_secret = hmac.compare_digest(shown.strip().encode(), secret.encode())
        return self._has_secret

    @property
    def knows_who(self) -> bool:
        """Whether the request is authenticated, by Jupyter's login or by the secret."""
        return self._has_secret or self.current_user is not None

    async def is_allowed(self, action: Action) -> bool:
        """Return whether the user may do this now: asked each time, since an authorizer may change its mind."""
        if self._has_secret:
            return action in _SECRET_ACTIONS
        user: Any = self.current_user
        if user is None:
            return False
        return bool(await ensure_async(self.authorizer.is_authorized(self, user, action, RESOURCE)))
