"""The Jupyter server extension: it owns the state and serves it on Jupyter's own port and login."""
