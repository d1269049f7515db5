"""Jupyter's login, switched off: what `--IdentityProvider.token=` without a password does."""

from __future__ import annotations

from jupyter_server.auth.identity import IdentityProvider
from traitlets import Unicode


class OpenLogin(IdentityProvider):
    """Has no token, whatever the configuration of the usual one says."""

    token = Unicode("")
    auth_enabled = False
