"""`%load_ext tasktree_jupyter`: `%tasktree` and `%%task`.

`%%task` runs its cell as IPython runs any other, with `await`, output of the last line and its own traceback: the first
line is turned into one that begins the task, and the task ends when the cell has.
"""

from __future__ import annotations

import ast
import getpass
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class

from tasktree_jupyter.client import api
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.task import Task, task
from tasktree_jupyter.display import ipython
from tasktree_jupyter.display.cells import TASK_MAGIC, cells_of
from tasktree_jupyter.display.view import View, view

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_USAGE: Final = """\
%tasktree status                        whether there is a server, and what waits for it
%tasktree view [PROJECT] [--follow]     show a run
%tasktree connect URL [--token [TOKEN]] use this Jupyter server; without TOKEN you are asked for it
%tasktree cells on|off                  whether each cell that is run is a task"""
_TASK_USAGE: Final = (
    '%%task "title" [--id ID] [--project PROJECT] [--agent AGENT] [--kind KIND] [--as NAME] [PARAM=VALUE …]'
)
_TASK_OPTIONS: Final = ("id", "project", "agent", "kind", "as")


def load(shell: InteractiveShell) -> None:
    """Register the magics; doing so again changes nothing."""
    ipython.attach(session())
    shell.register_magics(TaskTreeMagics)
    transforms = shell.input_transformers_cleanup
    if _begin_task not in transforms:
        transforms.append(_begin_task)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away; runs are still shown."""
    if _begin_task in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(_begin_task)
    for kind, name in (("line", "tasktree"), ("line", "task"), ("cell", "task")):
        shell.magics_manager.magics[kind].pop(name, None)
    api.configure(cells=False)


def _begin_task(lines: list[str]) -> list[str]:
    """Turn `%%task …` into a line that begins the task; a cell magic below it becomes a call, as at the top."""
    if not lines or not (lines[0].rstrip() == TASK_MAGIC or lines[0].startswith(f"{TASK_MAGIC} ")):
        return lines
    first = f"get_ipython().run_line_magic('task', {lines[0][len(TASK_MAGIC) :].strip()!r})\n"
    rest = lines[1:]
    if rest and rest[0].startswith("%%"):
        name, _, line = rest[0][2:].strip().partition(" ")
        rest = [f"get_ipython().run_cell_magic({name!r}, {line!r}, {''.join(rest[1:])!r})\n"]
    return [first, *rest]


@magics_class
class TaskTreeMagics(Magics):
    """The magics of `%load_ext tasktree_jupyter`."""

    shell: InteractiveShell

    @line_magic
    def tasktree(self, line: str) -> View | None:
        """Tell how things stand, show a run, choose a server, or make cells tasks.

        ::

          %tasktree status                        whether there is a server, and what waits for it
          %tasktree view [PROJECT] [--follow]     show a run
          %tasktree connect URL [--token [TOKEN]] use this Jupyter server; without TOKEN you are asked for it
          %tasktree cells on|off                  whether each cell that is run is a task

        A token given in the line stays in the history. Leave it out to be asked for it, or write `--token $variable`.
        """
        command, *words = _split(line) or ["status"]
        if command == "status" and not words:
            sys.stdout.write(_status())
        elif command == "view":
            return _view(words)
        elif command == "connect":
            sys.stdout.write(_connect(words))
        elif command == "cells" and len(words) == 1 and words[0] in ("on", "off"):
            api.configure(cells=words[0] == "on")
        else:
            raise UsageError(f"%tasktree {line.strip()}: that isn't one of\n{_USAGE}")
        return None

    @line_cell_magic
    def task(self, line: str, cell: str | None = None) -> None:
        """Run the cell as a task, a child of the one around it.

        ::

          %%task "Grid search" --agent worker-1 max_depth=3 imputer=median
          fit(...)

        Options: `--id`, `--project`, `--agent` and `--kind` are those of `tasktree_jupyter.task`; `--as NAME` gives the
        cell the task by that name, and `tasktree_jupyter.current()` has it anyway. `NAME=VALUE` are its params; values
        are Python literals, or else text.
        """
        made, name = _task(line)
        cells_of(session(), self.shell).begin(made)
        if name is not None:
            self.shell.user_ns[name] = made
        if cell is not None:
            self.shell.run_cell(cell)  # type: ignore[no-untyped-call]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line!r} can't be read: {error}") from None


def _status() -> str:
    now, settings = api.status(), session().settings
    told = [f"{now['state']}{f' to {server}' if (server := now['server']) else ''}"]
    if now["state"] == "local":
        told = ["no server: the tree lives in this process only"]
    if now["reason"]:
        told.append(f"reason: {now['reason']}")
    for project in now["projects"]:
        name = project["project_id"] or "this process"
        parts = [f"{project['waiting']} waiting", f"{project['dropped']} dropped"]
        told.append(f"project {name}: {', '.join(parts)}")
    told.append(f"cells are {'' if settings.cells else 'not '}tasks")
    return "\n".join(told) + "\n"


def _view(words: list[str]) -> View:
    names = [word for word in words if word != "--follow"]
    if len(names) > 1 or any(name.startswith("-") for name in names):
        raise UsageError(f"%tasktree view takes a project and --follow, not {' '.join(words)}\n{_USAGE}")
    try:
        return view(*names, follow="--follow" in words)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _connect(words: list[str]) -> str:
    url, token, ask = None, None, False
    while words:
        word = words.pop(0)
        if word == "--token":
            token = words.pop(0) if words and not words[0].startswith("-") else None
            ask = token is None
        elif url is None and not word.startswith("-"):
            url = word
        else:
            raise UsageError(f"%tasktree connect takes a URL and --token, not {word}\n{_USAGE}")
    if url is None:
        raise UsageError(f"%tasktree connect needs a URL\n{_USAGE}")
    try:
        connected = api.connect(url, getpass.getpass("Token: ") if ask else token)
        if not connected and token is None and not ask and session().connection.state == "refused":
            connected = api.connect(url, getpass.getpass(f"{api.status()['reason']}. Token: "))
    except ValueError as error:
        raise UsageError(str(error)) from None
    now = api.status()
    return f"Connected to {now['server']}\n" if connected else f"Not connected yet: {now['reason']}\n"


def _task(line: str) -> tuple[Task, str | None]:
    titles: list[str] = []
    options: dict[str, str] = {}
    params: dict[str, Any] = {}
    words = _split(line)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            option, given, value = word[2:].partition("=")
            if option not in _TASK_OPTIONS or not (given or words):
                raise UsageError(f"%%task doesn't know {word}, or it lacks a value\n{_TASK_USAGE}")
            options[option] = value if given else words.pop(0)
        elif titles and "=" in word:
            param, _, value = word.partition("=")
            params[param] = _literal(value)
        else:
            titles.append(word)
    if len(titles) > 1:
        raise UsageError(f'%%task takes one title; put it in quotes: "{" ".join(titles)}"\n{_TASK_USAGE}')
    name = options.pop("as") if "as" in options else None
    if name is not None and not name.isidentifier():
        raise UsageError(f"--as needs a name for a variable, not {name!r}\n{_TASK_USAGE}")
    fields: dict[str, Any] = {**options, "params": params or None}
    return task(titles[0] if titles else None, **fields), name


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
