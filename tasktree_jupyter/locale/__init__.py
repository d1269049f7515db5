"""The languages TaskTree speaks besides English, one catalogue each: `<language>/LC_MESSAGES/tasktree_jupyter.json`.

JupyterLab finds them by the entry point `jupyterlab.locale`. It offers a language, though, only where a *language pack*
for it is installed; so this package is also a pack (entry point `jupyterlab.languagepack`), of nothing but TaskTree's
words.
Two packs of one name exclude each other: where JupyterLab's own is installed, its module is what stands here.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def _pack(language: str) -> ModuleType:
    try:
        return importlib.import_module(f"jupyterlab_language_pack_{language}")
    except ImportError:
        return sys.modules[__name__]


zh_CN = _pack("zh_CN")
