"""What the gallery shows: a line here is another state that axe looks at, or another picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

THEMES = ("light", "dark", "contrast", "none", "none-dark", "forced", "forced-dark")
"""JupyterLab's three themes; a page that has none of its variables, light and dark; the system's own high contrast."""

PARTS: tuple[str, ...] = ("tree", "table", "failures", "agents", "events")
"""The parts of a view, as `labextension/src/view/parts.ts` lists them."""

VIEWS = (
    *PARTS,
    "details",
    "details-running",
    "details-run",
    "searching",
    "nothing-found",
    "cell",
    "cell-details",
    "panel",
    "panel-details",
)
"""As `labextension/tests/gallery/views.tsx` makes them."""


ACTS: dict[str, tuple[str, ...]] = {
    "": (),
    "sorted": ("[role=columnheader][data-column='metrics.auc']",),
    "columns": (".tt-table-tools > .tt-link[aria-expanded]",),
    "attention": (".tt-attention-chip",),
    "attention-all": (".tt-attention-chip", ".tt-attention-all"),
    "failure": (".tt-failure-head >> nth=0",),
    "event": (".tt-event >> nth=2",),
    "json": (".tt-fold-toggle:has-text('JSON')",),
}
"""What somebody does before a state is looked at: clicks on these, one after the other."""


@dataclass(frozen=True)
class State:
    """One view of some data, as wide and as large as it is looked at after an act. `zoom` 2: at 200 %."""

    view: str
    data: str = "tasks-1000"
    theme: str = "light"
    width: int = 900
    height: int = 0
    zoom: int = 1
    act: str = ""

    @property
    def pixels(self) -> tuple[int, int]:
        return self.width, self.height or 460

    def __str__(self) -> str:
        zoom = "" if self.zoom == 1 else f"-{self.zoom}00%"
        act = f"-{self.act}" if self.act else ""
        return f"{self.view}-{self.data}-{self.theme}-{self.width}{zoom}{act}"


WHOLE = ("tasks-12", "tasks-10000", "busy", "ended", "failed", "stale", "runs", "hostile", "stored")
"""Data of which there are tasks to show."""

BARE = ("empty", "connecting", "refused", "absent", "gone", "offline", "catching-up", "no-storage", "losses")
"""Data of which a view says how far it may be believed, if there is any."""

LOOKED_AT = tuple(
    dataclasses.replace(state, height=state.height or 400)
    for state in (
        *(State("tree", data) for data in WHOLE),
        *(State(part, data) for part in PARTS[1:] for data in ("tasks-1000", "busy", "failed", "hostile")),
        *(State("details", data) for data in ("failed", "stale", "hostile")),
        *(State("tree", data, width=420) for data in BARE),
        *(
            State("panel", data, width=240)
            for data in ("runs", "broken", "stale", "hostile", "empty", "absent", "offline")
        ),
        *(State(view, theme="dark") for view in VIEWS if view not in PARTS),
        *(State(part, width=240) for part in PARTS),
        State("panel-details", width=480, zoom=2),
        State("table", act="columns"),
        State("table", act="sorted", theme="dark"),
        State("tree", "troubled", act="attention-all"),
        State("failures", "failed", act="failure"),
        State("events", act="event"),
        State("details", "failed", height=1200, act="json"),
        State("tree", "busy", "forced"),
        State("details", "failed", "forced-dark"),
    )
)
"""What axe goes over with every rule."""

COLOURED = tuple(
    State(view, data, theme, height=480)
    for theme in THEMES[:5]
    for view, data in (
        *((part, "stale") for part in PARTS),
        ("panel-details", "busy"),
        ("details", "no-storage"),
        ("panel", "offline"),
    )
)
"""What axe looks at the contrast of, in each theme."""

PICTURES = (
    *(State(part, "tasks-1000", width=width) for part in PARTS for width in (240, 900)),
    *(State(part, "tasks-1000", "dark", 420) for part in PARTS),
    *(State("tree", data) for data in ("tasks-12", "tasks-10000", "failed", "stale", "hostile", "stored", "runs")),
    State("tree", "tasks-100000", "dark", 1400),
    *(State("tree", data, width=420, height=200) for data in ("empty", "refused", "offline", "no-storage", "losses")),
    State("tree", "tasks-1000", "contrast"),
    State("tree", "tasks-1000", "none", 420),
    State("tree", "tasks-1000", "none-dark", 420),
    State("tree", "busy", "forced", 420),
    State("tree", "tasks-1000", width=900, zoom=2),
    State("details", "failed"),
    State("details", "failed", "dark", 420, 640),
    State("details-running", "busy", "contrast"),
    State("details-run", "tasks-1000", "forced-dark"),
    State("searching"),
    State("cell", "tasks-12", "dark"),
    State("cell-details", "failed"),
    State("panel", "tasks-1000", width=240, height=800),
    State("panel", "runs", "dark", 240, 800),
    State("panel", "broken", width=240, height=800),
    State("panel", "stale", width=240, height=800),
    State("panel-details", "tasks-1000", width=320, height=800),
    State("panel", "absent", width=240, height=400),
    State("table", height=300, act="sorted"),
    State("table", theme="dark", width=420, act="columns"),
    State("tree", "troubled", width=420, height=500, act="attention-all"),
    State("failures", "failed", act="failure"),
    State("events", "busy", "dark", act="event"),
    State("details", "failed", width=700, height=1100),
    State("nothing-found", width=420, height=240),
)
"""What is compared with the pictures in this folder."""
