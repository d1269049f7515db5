"""What nobody should write into a field, and everybody may: one list for every way in and every way out."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

TEXTS = {
    "script": "<script>document.title='owned'</script>",
    "image": '"><img src=x onerror="window.owned=1">',
    "attribute": "' onmouseover='window.owned=1' x='",
    "closing": "</summary></details></div></pre></style></title><h1>out</h1><!--",
    "entity": "&lt;b&gt; &amp; &#x3c;i&#x3e;",
    "address": "javascript:window.owned=1",
    "markdown": "[x](javascript:window.owned=1) ![y](https://evil.example/z.png) `code` # head",
    "template": "{{constructor.constructor('window.owned=1')()}} ${window.owned=1} %s %n {0.__class__}",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "c1": "\x9b2J \x9d0;title\x9c \x85 \x00 \x7f \x08\x08 \r over",
    "override": "safe\u202egnp.exe \u2066\u2067\u2068 \u200f\u061c\ufeff",
    "breaks": "line\nbreak\r\n\ttab\u2028\u2029",
    "surrogates": "half \ud800 and \udfff",
    "prototype": "__proto__",
    "constructor": "constructor",
    "zalgo": "Z" + "\u0301" * 2000,
    "long": "x" * 10_000,
    "one word": "W" * 300 + "\u00a0" * 300,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 漢字",
    "rtl": "שלום עולם مرحبا بالعالم 123",
}


def values(words: str) -> dict[str, Any]:
    """JSON that has the text as key and value, at several depths."""
    return {words: words, "list": [words, [words]], "__proto__": {words: 1}, "constructor": {"prototype": {words: 2}}}


def id_of(words: str) -> str:
    """The text as an id may be: without control characters, and short."""
    return "".join(each for each in words if unicodedata.category(each) != "Cc")[:200] or "x"


def events(words: str, number: int) -> list[dict[str, Any]]:
    """Events of every type that the fold knows, with the text in every field that takes a text."""
    node_id = f"{number} {id_of(words)}"
    changes = {
        "parent_id": f"root {id_of(words)}",
        "title": words,
        "kind": words,
        "message": words,
        "agent": words,
        "trigger": words,
        "reason": words,
        "status": ("failed", "running", "ready")[number % 3],
        "error": {"type": words, "message": words, "traceback": f"{words}\n{words}"},
        "params": values(words),
        "metrics": {words: 1.5, "nan": "NaN", "inf": "-Infinity"},
        "inputs": values(words),
        "outputs": [words, values(words)],
        "links": {words: words, "named": {"title": words, "url": words, "href": words}},
        "source": {"notebook": words, "cell_id": words, "host": words, "kernel_id": words},
        "tags": [words],
        "dependencies": [id_of(words)],
        words: values(words),
    }
    changes = {key: value for key, value in changes.items() if key != "node_id"}
    return [
        {"type": "node_update", "data": {"node_id": f"root {id_of(words)}", "changes": {"title": words}, words: words}},
        {"type": "node_update", "data": {"node_id": node_id, "changes": changes}},
        {"type": "task_status_changed", "data": {"task_id": node_id, "status": "running", words: words}},
        {
            "type": "state_transition",
            "data": {"from": words, "to": "failed", "context": {"node_id": node_id, "trigger": words, "reason": words}},
        },
        {"type": "state_transition", "data": {"from": words, "to": id_of(words), "context": values(words)}},
        {
            "type": "mission_snapshot",
            "data": {"snapshot_id": f"s{number} {id_of(words)}", "name": words, "note": words, "tags": [words]},
        },
        {"type": "coordination_update", "data": {"active_agents": 1, "agents": {words: values(words)}}},
        {"type": "orchestrator_started", "data": {"status": "running", words: words}},
        {"type": "orchestrator_error", "data": {"error": words, words: words}},
        {"type": "node_log", "data": {"node_id": node_id, "level": "error", "message": words}},
        {"type": "my.own", "data": values(words)},
    ]


def unsafe(shown: str, allowed: str = "\n") -> set[str]:
    """The characters in what is shown that could move a cursor, or reorder, hide or cover what stands around them."""
    joiners = "\u200c\u200d"
    return {
        each
        for each in shown
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each not in allowed + joiners
    } | set(re.findall("[\u0300-\u036f]{5}", shown))
