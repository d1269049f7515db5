"""The same tree as HTML and as text: what it says, and that content in it stays content."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest

from tasktree_jupyter.display import html, text
from tasktree_jupyter.display.glyphs import COLOURS, GLYPHS

Grower = Any

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</summary></details></div><h1>out</h1>",
    "<!--",
    "</pre><b>",
    "&lt;b&gt; &amp;",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J\r\x00\x7f",
    "safe\u202egnp.exe\u2066\u200f\u061c\ufeff",
    "line\nbreak\r\n\ttab\u2028\u2029\x85",
    "javascript:alert(1)",
    "Z" + "\u0301" * 5_000,
)


class Page(HTMLParser):
    """The elements of a page, each with its attributes and the text in it."""

    VOID = frozenset({"br", "hr", "img", "meta", "link", "input"})

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.comments: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_decl(self, decl: str) -> None:
        self.comments.append(decl)


def hostile_tree(grower: Grower) -> Grower:
    grower.update(HOSTILE[0].replace("\x00", ""), title="run", status="running")
    root = HOSTILE[0]
    for number, words in enumerate(HOSTILE):
        grower.update(
            f"{number}{words[:200]}".translate(dict.fromkeys((*range(32), *range(127, 160)))),
            parent_id=root,
            title=words,
            message=words,
            agent=words,
            kind=words,
            status=("failed", "running", "ready")[number % 3],
            error={"type": words, "message": words, "traceback": words},
            params={words: words},
            metrics={words: 1.5},
            dependencies=[root],
        )
    return grower


def is_safe(shown: str) -> bool:
    return not any(unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\n\u200c\u200d" for each in shown)


def test_no_content_becomes_markup(grower: Grower) -> None:
    page = Page(html.render(hostile_tree(grower).bundle(HOSTILE[0])))
    assert page.open == []
    assert page.comments == []
    assert {tag for tag, _ in page.elements} <= {"div", "span", "b", "bdi", "details", "summary", "pre", "code"}
    for _, attributes in page.elements:
        assert set(attributes) <= {"style", "title", "open"}
        style = attributes.get("style") or ""
        assert "url" not in style
        assert "expression" not in style
    for words in HOSTILE[:7]:
        assert words in page.text
    assert is_safe(page.text)


def test_no_content_reaches_a_terminal_as_control(grower: Grower) -> None:
    shown = text.render(hostile_tree(grower).bundle(HOSTILE[0]))
    assert is_safe(shown)
    assert "<script>alert(1)</script>" in shown
    assert "red" in shown
    assert "\x1b" not in shown
    assert "safe�gnp.exe" in shown
    assert all(len(line) <= 4 * text.MAX_COLUMNS + 1 for line in shown.splitlines())


@pytest.mark.parametrize("words", HOSTILE)
def test_a_hostile_title_or_project_is_text_where_nothing_has_happened_too(grower: Grower, words: str) -> None:
    bundle = grower.bundle(None, title=words, project_id=words)
    page = Page(html.render(bundle))
    assert {tag for tag, _ in page.elements} <= {"div", "pre", "span"}
    assert is_safe(page.text)
    assert is_safe(text.render(bundle))


def test_the_waiting_state_says_what_to_do() -> None:
    bundle = {
        "nodes": [],
        "omitted": {},
        "at": 0,
        "mission_id": None,
        "title": "churn.ipynb",
        "project_id": "p",
        "ended": False,
    }
    shown = text.render(bundle)
    assert shown.splitlines()[0] == "Waiting for the first task in churn.ipynb"
    lines = [line.strip() for line in shown.splitlines()[2:]]
    assert len(lines) == 3
    compile("\n".join(line[4:] for line in shown.splitlines()[2:]), "pasted", "exec")
    page = Page(html.render(bundle))
    assert "Waiting for the first task in churn.ipynb" in page.text
    assert all(line in page.text for line in lines)


def test_text_shows_the_tree_its_sums_and_why_it_failed(grower: Grower) -> None:
    grower.update("m", title="Grid search", status="running", timestamp="2026-01-31T14:00:00.000000Z")
    grower.update("m/1", parent_id="m", title="load data", status="completed", message="1.2 M rows")
    grower.update("m/2", parent_id="m", title="fit", status="running", expected=12_000)
    error = {"type": "ValueError", "message": "Input X contains NaN."}
    grower.update("m/2/1", parent_id="m/2", title="fit 1", status="failed", progress=0.625, error=error, attempt=3)
    grower.update(
        "m/2/2", parent_id="m/2", title="fit 2", status="running", progress=0.4, message="fold 2", agent="w-1"
    )
    grower.update("m/3", parent_id="m", title="report", status="ready", dependencies=["m/2", "m/1", "m/9"])
    assert text.render(grower.bundle("m")).replace("\u202f", " ").splitlines() == [
        "◐ Grid search  2/12 002  2:11  1 running  1 failed",
        "├─ ✓ load data  100 %  1.2 M rows",
        "├─ ◐ fit  1/12 000  11.0 s  1 running  1 failed",
        "│  ├─ ✕ fit 1  failed  62 %  ↻ 2  ValueError: Input X contains NaN.",
        "│  └─ ◐ fit 2  40 %  11.0 s  [w-1]  fold 2",
        "└─ ○ report  after fit, load data and 1 more",
        "as of 2026-01-31 14:02:11 UTC",
    ]


def test_text_is_bounded_and_says_what_it_leaves_out(grid_search: Any) -> None:
    shown = text.render(grid_search(20_000).bundle("m"), max_lines=30, max_columns=60).splitlines()
    assert len(shown) <= 34
    assert all(len(line) <= 60 for line in shown)
    assert sum("✕" in line and "fit" in line for line in shown) >= 20, "what failed comes first"
    assert any(line.startswith("│  └─ … ") and "completed" in line for line in shown)


def test_html_shows_the_tree_its_sums_and_why_it_failed(grower: Grower) -> None:
    grower.update("m", title="Grid search", status="running")
    grower.update("m/2", parent_id="m", title="fit", status="running", expected=12_000)
    error = {
        "type": "ValueError",
        "message": "Input X contains NaN.",
        "traceback": 'File "a.py", line 1\nValueError: …',
    }
    grower.update("m/2/1", parent_id="m/2", title="fit 1", status="failed", error=error, params={"C": 0.1})
    page = Page(html.render(grower.bundle("m")))
    assert sum(tag == "details" and "open" in attributes for tag, attributes in page.elements) == 2
    assert 'File "a.py", line 1' in page.text
    shown = page.text.replace("\u202f", " ")
    for words in ("✕ fit 1 ValueError: Input X contains NaN.", "◐ fit ✕ 1 failed", "1/12 000", "C 0.1"):
        assert words in shown
    assert "as of 2026-01-31 14:02:11 UTC" in shown


def test_html_is_bounded_and_says_what_it_leaves_out(grid_search: Any) -> None:
    source = html.render(grid_search(20_000).bundle("m"))
    assert len(source) < 250_000
    assert "… " in Page(source).text
    assert "completed" in Page(source).text.rsplit("… ", 1)[1]


@pytest.mark.parametrize("status", sorted(GLYPHS))
def test_a_status_has_a_shape_of_its_own_and_a_colour_seen_on_white_and_on_black(status: str) -> None:
    assert [other for other, glyph in GLYPHS.items() if glyph == GLYPHS[status]] == [status]
    assert min(contrast(COLOURS[status], "#ffffff"), contrast(COLOURS[status], "#111111")) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    darker, lighter = sorted(luminance(each) + 0.05 for each in (one, other))
    return lighter / darker


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_bar_is_the_progress_and_never_more(grower: Grower) -> None:
    grower.update("m", title="run", status="running", expected=10)
    grower.update("m/1", parent_id="m", title="a", status="completed")
    grower.update("m/2", parent_id="m", title="b", status="failed")
    grower.update("m/3", parent_id="m", title="c", status="running", progress=0.5)
    source = html.render(grower.bundle("m"))
    first_bar = source.split("vertical-align:middle", 1)[1].split("</span></span>", 1)[0]
    widths = [float(part.split("%", 1)[0]) for part in first_bar.split('style="width:')[1:]]
    assert widths == [10.0, 10.0, 5.0]
