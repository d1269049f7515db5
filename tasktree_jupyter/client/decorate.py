"""Functions that are tasks, or find theirs: `@task` on functions, coroutines and generators, and `wrap`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tasktree_jupyter.client.task import Task

F = TypeVar("F", bound=Callable[..., Any])


def decorate(template: Task, function: F) -> F:
    """Return `function` with each call a new task like `template`, titled by the function's name unless it has a title.

    A generator's task lasts from its first step to its end; it is the current task only while the generator itself
    runs.
    """
    title = getattr(function, "__name__", None) or type(function).__name__
    run: Callable[..., Any]

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run(*args: Any, **kwargs: Any) -> Any:
            async with template.again(title):
                return await function(*args, **kwargs)

    elif inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            return _async_steps(template.again(title), function(*args, **kwargs))

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            return _steps(template.again(title), function(*args, **kwargs))

    else:

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with template.again(title):
                return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def wrap(function: F) -> F:
    """Return `function`, to be called on any thread as if it were called here: its tasks find their parent."""
    context = copy_context()

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        # A context can be entered once at a time; a pool calls from many threads.
        return context.copy().run(function, *args, **kwargs)

    return run  # type: ignore[return-value]


def _steps(task: Task, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    task.open()
    try:
        step: Callable[[], Any] = functools.partial(next, generator)
        while True:
            with task.as_current():
                try:
                    value = step()
                except StopIteration as stop:
                    result = stop.value
                    break
            try:
                sent = yield value
            except GeneratorExit:
                with task.as_current():
                    generator.close()
                raise
            except BaseException as error:
                step = functools.partial(generator.throw, error)
            else:
                step = functools.partial(generator.send, sent)
    except BaseException as error:
        task.close(error)
        raise
    task.close(None)
    return result


async def _async_steps(task: Task, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    task.open()
    try:
        step: Callable[[], Any] = generator.__anext__
        while True:
            with task.as_current():
                try:
                    value = await step()
                except StopAsyncIteration:
                    break
            try:
                sent = yield value
            except GeneratorExit:
                with task.as_current():
                    await generator.aclose()
                raise
            except BaseException as error:
                step = functools.partial(generator.athrow, error)
            else:
                step = functools.partial(generator.asend, sent)
    except BaseException as error:
        task.close(error)
        raise
    task.close(None)
