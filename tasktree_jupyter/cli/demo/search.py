"""A grid search: load data, fit many models, evaluate the best, report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import tasktree_jupyter as tt
from tasktree_jupyter.cli.demo import failures
from tasktree_jupyter.cli.demo.cast import Cast, fail_with
from tasktree_jupyter.cli.demo.stage import Pool, Story

TITLE: Final = "Grid search"
MEAN_SECONDS: Final = 1.2
_FOLDS: Final = 5
_LOADING: Final = (
    ("read warehouse.events", "1.2 M rows"),
    ("join customers", "1.2 M rows, 31 columns"),
    ("drop leaking columns", "26 columns left"),
    ("split", "960 k to train, 240 k to test"),
)
_EVALUATING: Final = ("roc curve", "calibration", "confusion matrix", "permutation importance")
_REPORTING: Final = ("tables", "figures", "model card", "upload")


def story(cast: Cast) -> Story:
    """Return the whole run as a story."""
    loads = 4 if cast.tasks >= 20 else 0
    evaluations = min(16, cast.tasks // 20)
    reports = min(8, cast.tasks // 40)
    groups = 4 if cast.tasks == 5 else 5
    fits = cast.tasks - groups - loads - evaluations - reports
    search = _Search(cast)
    with tt.task(TITLE, kind="search", params={"estimator": "RandomForest", "cv": _FOLDS}, tags=["demo"]) as run:
        tt.emit("orchestrator_started", status="running", a2amcp_enabled=False)
        run.log(f"{fits} candidates, {_FOLDS} folds each")
        cast.later("load", "load data", expected=max(1, loads))
        cast.later("fit", "fit", ["load"], expected=fits)
        if groups == 5:
            cast.later("evaluate", "evaluate", ["fit"], expected=max(1, evaluations))
        cast.later("report", "report", ["evaluate" if groups == 5 else "fit"], expected=max(1, reports))
        yield from _load(cast, loads)
        tt.snapshot("before tuning", note="data is loaded, nothing is fitted", tags=["demo"])
        yield from search.fit(fits)
        if groups == 5:
            yield from _phase(cast, "evaluate", evaluations, _EVALUATING, f"best auc {search.best:.3f}")
        yield from _phase(cast, "report", reports, _REPORTING, "churn-report.html")
        run.update(message=f"best auc {search.best:.3f}", metrics={"best_auc": search.best})
        tt.emit("orchestrator_stopped", status="stopped")


def _load(cast: Cast, steps: int) -> Story:
    with tt.task("load data", id="load") as load:
        for title, message in _LOADING[:steps]:
            with tt.task(title) as step:
                yield cast.seconds(0.8)
                step.update(message=message)
        if not steps:
            yield cast.seconds(0.8)
        load.update(message="1.2 M rows from warehouse.events")


def _phase(cast: Cast, name: str, steps: int, titles: tuple[str, ...], message: str) -> Story:
    with tt.task(name, id=name) as phase:
        for number in range(steps):
            round_ = number // len(titles)
            with tt.task(titles[number % len(titles)] + (f" {round_ + 1}" if round_ else ""), agent="worker-1"):
                yield cast.seconds(0.5)
        if not steps:
            yield cast.seconds(0.6)
        phase.update(message=message)


class _Search:
    """The fits: what they know of each other."""

    def __init__(self, cast: Cast) -> None:
        self.best = 0.0
        self._cast = cast
        self._group: tt.Task | None = None
        self._mark = 0

    def fit(self, number: int) -> Story:
        self._mark = 1000 if number >= 2000 else number // 2
        with tt.task("fit", id="fit", expected=number) as group:
            self._group = group
            yield Pool(self._cast.workers, self._fits(number))
            self._cast.tell_agents()

    def _fits(self, number: int) -> Iterator[Any]:
        for each in range(1, number + 1):
            yield partial(self._fit, each)

    def _fit(self, number: int, worker: int) -> Story:
        cast, agent, goes = self._cast, f"worker-{worker}", self._cast.fails()
        error = cast.chance.choice((failures.nan_in_input, failures.nan_in_input, failures.fold_timeout))
        trouble = None if goes == "well" else error
        params = {
            "max_depth": cast.chance.choice((3, 5, 7, 9, 12, 16)),
            "min_samples": cast.chance.choice((2, 4, 6, 8)),
            "imputer": None if trouble is failures.nan_in_input else cast.chance.choice(("median", "mean")),
        }
        title = f"fit {number}"
        cast.at_work(agent, title)
        if trouble is not None and goes == "late":
            yield from self._attempt(title, number, agent, params, trouble)
            yield cast.seconds(0.4)
            params["imputer"] = params["imputer"] or "median"
            trouble = None
        yield from self._attempt(title, number, agent, params, trouble)
        cast.at_work(agent, None)
        cast.done += 1
        if cast.done == self._mark:
            tt.snapshot(f"first {cast.done:,}".replace(",", " "), tags=["demo"])

    def _attempt(self, title: str, number: int, agent: str, params: dict[str, Any], trouble: Any) -> Story:
        cast = self._cast
        seconds = cast.seconds(MEAN_SECONDS)
        auc = min(0.945, cast.chance.gauss(0.9, 0.018))
        breaks = cast.chance.randrange(1, _FOLDS) if trouble is not None else None
        with tt.task(title, id=f"fit {number}", agent=agent, params=params) as fit:
            for fold in range(1, _FOLDS + 1):
                yield seconds / _FOLDS
                if fold == breaks:
                    fit.log(f"fold {fold} failed", level="error")
                    fail_with(fit, trouble(), progress=(fold - 1) / _FOLDS)
                    return
                if fold == _FOLDS:
                    fit.update(message=f"auc {auc:.3f}", metrics={"auc": round(auc, 4), "fit_s": round(seconds, 2)})
                elif cast.detailed:
                    so_far = round(auc - 0.02 * (_FOLDS - fold) / _FOLDS, 4)
                    message = f"fold {fold}/{_FOLDS} · auc {so_far:.3f}"
                    fit.update(progress=fold / _FOLDS, message=message, metrics={"auc": so_far})
            if cast.chance.random() < 0.05:
                fit.log("converged early", level="debug")
        self._better(auc)

    def _better(self, auc: float) -> None:
        if auc > self.best and self._group is not None:
            self.best = round(auc, 4)
            self._group.update(message=f"best auc {auc:.3f}", metrics={"best_auc": self.best})
