"""Live task trees for Jupyter."""

from __future__ import annotations

from tasktree_jupyter._version import __version__ as __version__
