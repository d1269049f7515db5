"""How the documentation is built: `python3 tests/run.py docs`, or `sphinx-build -n -W docs docs/_build`.

It reads the installed package, so the reference is that of the code. Nothing is fetched from a network.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tasktree_jupyter import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "TaskTree for Jupyter"
author = "The TaskTree contributors"
copyright = "The TaskTree contributors, BSD-3-Clause"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

# The pages are read on code hosts too: plain Markdown, and few directives.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

nitpicky = True
nitpick_ignore_regex = [
    # No other project's inventory is fetched, so what isn't ours can't be linked.
    ("py:.*", r"(collections|contextlib|contextvars|datetime|pandas|types|typing|asyncio|anywidget|IPython)\..*"),
    ("py:.*", r"(Any|Callable|Iterable|Iterator|AsyncIterator|Mapping|NamedTuple|Sequence|Self|datetime|DataFrame)"),
    ("py:.*", r"(ImportError|KeyError|LookupError|RuntimeError|TimeoutError|TypeError|ValueError|UserWarning)"),
    ("py:.*", r"(None|bool|bytes|dict|float|frozenset|int|list|object|optional|set|str|tuple|type)"),
]
suppress_warnings = [
    # Examples of JSON are cut short by "…".
    "misc.highlighting_failure",
]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = "TaskTree for Jupyter"
html_static_path = ["_static"]
html_css_files = ["tasktree.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
