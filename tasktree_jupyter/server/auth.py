"""Who may do what, the same for every handler and socket.

Jupyter's identity provider says who somebody is, the server's authorizer whether that one may `read`, `write` or
`delete` on the resource `tasktree`, and of which project: the resource says it (`Resource`). A kernel shows the secret
of the connection file instead; it opens the socket alone, and there all projects.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, Literal

from jupyter_core.utils import ensure_async
from jupyter_server.auth import AllowAllAuthorizer
from tornado import web

from tasktree_jupyter.server.logs import tell

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    _Base = JupyterHandler
else:
    _Base = object

RESOURCE = "tasktree"
SCHEME = "TaskTree"

Action = Literal["read", "write", "delete"]

_SECRET_ACTIONS = frozenset({"read", "write"})


class Resource(str):
    """The string `tasktree`, so that an authorizer that knows nothing of projects needn't. Its `project_id` says which
    project is asked about; None: none in particular (the socket, the list, messages without project).
    """

    project_id: str | None

    def __new__(cls, project_id: str | None = None) -> Resource:
        """Make the resource that is asked about."""
        made = super().__new__(cls, RESOURCE)
        made.project_id = project_id
        return made


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

    @property
    def unrestricted(self) -> bool:
        """Whether every question would be answered by yes, as far as reading goes: then none needs to be asked."""
        return self._has_secret or type(self.authorizer) is AllowAllAuthorizer

    @property
    def who(self) -> str:
        """Whom this request counts for. With Jupyter's own token everybody is a new, nameless user each time: all of
        those are one, and so are all kernels.
        """
        if self._has_secret:
            return "kernels"
        provider = self.identity_provider
        if not provider.auth_enabled:
            return "anybody"
        shown, token = provider.get_token(self) or "", getattr(provider, "token", "") or ""
        if token and hmac.compare_digest(shown.encode(), token.encode()):
            return "token"
        user: Any = self.current_user
        return f"user {getattr(user, 'username', user)}"

    async def is_allowed(self, action: Action, project_id: str | None = None) -> bool:
        """Return whether the user may do this now: asked each time, since an authorizer may change its mind.

        One that fails allows nothing.
        """
        if self._has_secret:
            return action in _SECRET_ACTIONS
        user: Any = self.current_user
        if user is None:
            return False
        try:
            answer = self.authorizer.is_authorized(self, user, action, Resource(project_id))
            return bool(await ensure_async(answer))
        except web.HTTPError:
            return False
        except Exception as error:
            tell(self.log, "authorizer.failed", "The authorizer failed, so nothing is allowed", error=error)
            return False
