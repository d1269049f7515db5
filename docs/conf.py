"""How the documentation is built: `python3 tests/run.py docs`, or `sphinx-build -n -W docs docs/_build`.

It reads the installed package, so the reference is that of the code. Nothing is fetched from a network.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tasktree_jupyter import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "TaskTree for Jupyter"
author = "The TaskTree contributors"
copyright = "The TaskTree contributors, BSD-3-Clause"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_ext.docstrings", "_ext.generated"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

# The pages are read on code hosts too: plain Markdown, and few directives.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

nitpicky = True
nitpick_ignore_regex = [
    # No other project's inventory is fetched, so what isn't ours can't be linked: the standard library, pandas.
    ("py:.*", r"(collections|contextlib|contextvars|datetime|pandas|pd|types|typing|asyncio|anywidget|IPython)\..*"),
    ("py:.*", r"(Any|Callable|Iterable|Iterator|AsyncIterator|Mapping|NamedTuple|Sequence|Self|datetime|DataFrame)"),
    ("py:.*", r"([A-Z][A-Za-z]*(Error|Warning)|Exception|BaseException|TracebackType)"),
    ("py:.*", r"(None|bool|bytes|dict|float|frozenset|int|list|object|optional|set|str|tuple|type)"),
    # Type variables, and classes that aren't part of the notebook API.
    ("py:.*", r"(.*\.)?[A-Z]"),
    ("py:.*", r"tasktree_jupyter\.(client|core|display)\..*"),
    ("py:.*", r"(Project|Mission|Session|TreeWidget)"),
]
suppress_warnings = [
    # Examples of JSON are cut short by "…".
    "misc.highlighting_failure",
]

default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False

highlight_language = "none"

html_theme = "furo"
html_title = "TaskTree for Jupyter"
html_static_path = ["_static"]
html_css_files = ["tasktree.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
