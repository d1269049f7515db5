"""A bounded picture, in JSON, of any object: what a reader of the tree wants to see of it, and no more.

Libraries are recognised by what their objects' types offer, so none is imported here. An object that fails to show
itself is shown as that.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from tasktree_jupyter.core.shape import MAX_INTEGER

_REPR: Final = 500
_ROWS: Final = 5
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NAMED: Final = (type, FunctionType, BuiltinFunctionType, MethodType)


class Picture:
    """Makes one value's picture; use it once.

    Args:
        depth: levels of nesting; what lies deeper is shown as text.
        items: entries of one array or object.
        text: characters of one string.
        size: characters of the whole, about.
        cut: cut plain arrays, objects and the whole too; otherwise only what isn't JSON is cut, and `overrun` is set.
    """

    def __init__(self, depth: int, items: int, text: int, size: int, *, cut: bool) -> None:
        self.overrun = False
        self._depth = depth
        self._items = items
        self._text = text
        self._left = size
        self._cut = cut
        self._above: set[int] = set()

    def of(self, value: Any) -> Any:
        """Return the picture."""
        return self._of(value, self._depth)

    def _of(self, value: Any, depth: int) -> Any:
        self._left -= 2
        if self._left < 0:
            self.overrun = True
            return "…"
        try:
            return self._simple(value) if _is_simple(value) else self._nested(value, depth)
        except Exception as error:
            return self._string(_failed(value, error))

    def _simple(self, value: Any) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Enum):
            return self._of(value.value, 1)
        if isinstance(value, str):
            return self._string(str.__str__(value))
        if isinstance(value, int):
            return self._integer(int(value))
        if isinstance(value, float):
            return self._float(float(value))
        if isinstance(value, datetime):
            return self._string(_instant(value))
        if isinstance(value, (date, time)):
            return value.isoformat()
        return self._float(value.total_seconds())

    def _integer(self, value: int) -> int | str:
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        # More than 4300 digits raise, and nobody reads them.
        return str(value) if value.bit_length() <= 1024 else f"an integer of {value.bit_length()} bits"

    def _float(self, value: float) -> float | str:
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value

    def _string(self, text: str) -> str:
        if len(text) > self._text:
            text = f"{text[: self._text]}… ({len(text) - self._text} more characters)"
        if not text.isprintable():
            text = _SURROGATE.sub("\ufffd", text)
        self._left -= len(text)
        if self._left < 0 and self._cut:
            return "…"
        return text

    def _nested(self, value: Any, depth: int) -> Any:
        if id(value) in self._above:
            return "<cycle>"
        if depth == 0:
            return self._string(_bounded_repr(value) if self._cut else f"<deeper than {self._depth} levels>")
        self._above.add(id(value))
        try:
            return self._open(value, depth - 1)
        finally:
            self._above.discard(id(value))

    def _open(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if isinstance(value, Mapping):
            return self._object(value.items(), len(value), depth, plain=kind is dict)
        if isinstance(value, (list, tuple)):
            return self._array(value, len(value), depth, plain=True)
        if isinstance(value, (set, frozenset)):
            return self._array(_in_order(value), len(value), depth, plain=False)
        if isinstance(value, range):
            return repr(value)
        if isinstance(value, os.PathLike):
            return self._string(os.fsdecode(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"{bytes(value[:40])!r}{'…' if len(value) > 40 else ''} ({len(value)} bytes)"
        if isinstance(value, BaseException):
            return {"type": kind.__qualname__, "message": self._string(_text(value))}
        if isinstance(value, _NAMED):
            return self._string(f"{value.__module__}.{value.__qualname__}")
        if isinstance(value, ModuleType):
            return self._string(value.__name__)
        fields = _fields(value)
        if fields is not None:
            return self._object(fields, len(fields), depth, plain=False)
        return self._foreign(value, depth)

    def _object(self, items: Iterable[tuple[Any, Any]], count: int, depth: int, *, plain: bool) -> dict[str, Any]:
        most = self._items if self._cut or not plain else count
        shown: dict[str, Any] = {}
        for key, item in islice(items, most):
            shown[self._key(key)] = self._of(item, depth)
            if self.overrun:
                break
        if count > most:
            shown["…"] = f"{count - most} more"
        return shown

    def _key(self, key: Any) -> str:
        if isinstance(key, Enum):
            key = key.value
        return self._string(key if isinstance(key, str) else _bounded(_text(key)))

    def _array(self, items: Iterable[Any], count: int, depth: int, *, plain: bool) -> list[Any]:
        most = self._items if self._cut or not plain else count
        shown = []
        for item in islice(items, most):
            shown.append(self._of(item, depth))
            if self.overrun:
                break
        if count > most:
            shown.append(f"… {count - most} more")
        return shown

    def _foreign(self, value: Any, depth: int) -> Any:
        """Show numpy's, pandas', torch's and their likes' objects, known by the names on their types."""
        kind = type(value)
        if hasattr(kind, "to_dict") and hasattr(kind, "iloc"):
            return self._frame(value, depth) if hasattr(kind, "columns") else self._many(value, depth)
        if hasattr(kind, "dtype") and hasattr(kind, "shape"):
            shape = tuple(value.shape)
            if shape == () or (hasattr(kind, "numel") and value.numel() == 1):
                item = value.item()
                # numpy's long double is its own item, and a nanosecond date's item is a bare number.
                strange = type(item) is kind or str(value.dtype).startswith(("datetime64", "timedelta64"))
                return self._string(_bounded(_text(value))) if strange else self._of(item, depth)
            return self._many(value, depth)
        return self._string(_bounded_repr(value))

    def _many(self, value: Any, depth: int) -> Any:
        shape = tuple(value.shape)
        count = 1
        for length in shape:
            count *= int(length)
        kind = type(value)
        if count <= self._items and kind.__module__.startswith(("numpy", "pandas")):
            return self._array(value.tolist(), len(value), depth, plain=False)
        return self._string(f"{kind.__name__}(shape={shape}, dtype={value.dtype})")

    def _frame(self, value: Any, depth: int) -> dict[str, Any]:
        columns = [self._key(column) for column in islice(value.columns, self._items)]
        head = value.iloc[:_ROWS, : self._items].to_dict("records")
        return {
            "rows": len(value),
            "columns": columns,
            "head": self._array(head, len(head), depth, plain=False),
        }


def _is_simple(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, Enum, date, time, timedelta))


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _fields(value: Any) -> list[tuple[str, Any]] | None:
    """Return the fields of a record: a dataclass, a model of pydantic, a struct of msgspec, a class of attrs."""
    kind = type(value)
    if dataclasses.is_dataclass(value):
        names: Iterable[str] = [field.name for field in dataclasses.fields(value) if field.repr]
    elif hasattr(kind, "__pydantic_validator__"):
        names = [name for name, field in kind.model_fields.items() if field.repr]
    elif hasattr(kind, "__struct_fields__"):
        names = kind.__struct_fields__
    elif hasattr(kind, "__attrs_attrs__"):
        names = [attribute.name for attribute in kind.__attrs_attrs__ if attribute.repr]
    else:
        return None
    return [(name, getattr(value, name, None)) for name in names]


def _in_order(values: set[Any] | frozenset[Any]) -> Iterable[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=_bounded_repr)


def _text(value: Any) -> str:
    return _shown(value, str)


def _bounded_repr(value: Any) -> str:
    return _bounded(_shown(value, repr))


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    try:
        return show(value)
    except Exception as error:
        return _failed(value, error)


def _bounded(text: str) -> str:
    return text if len(text) <= _REPR else f"{text[:_REPR]}…"


def _failed(value: Any, error: Exception) -> str:
    return f"<{type(value).__qualname__}, which can't be shown: {type(error).__qualname__}>"
