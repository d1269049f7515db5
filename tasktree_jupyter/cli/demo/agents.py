"""A team of agents with a question: plan, research in parallel, write, review."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import tasktree_jupyter as tt
from tasktree_jupyter.cli.demo import failures
from tasktree_jupyter.cli.demo.cast import Cast, fail_with
from tasktree_jupyter.cli.demo.stage import Pool, Story

TITLE: Final = "Which city should the next store open in?"
MEAN_SECONDS: Final = 2.0
_STEPS: Final = ("search", "read", "take notes")
_TOPICS: Final = (
    "rents",
    "competition",
    "footfall",
    "demographics",
    "delivery routes",
    "wages",
    "local taxes",
    "opening hours",
)
_FIXED: Final = 4
"""The run itself, plan, research and answer."""


def story(cast: Cast) -> Story:
    """Return the whole run as a story."""
    # A question with its steps has four nodes; what is left over are questions that need none.
    left = cast.tasks - _FIXED
    questions, simple = divmod(left, 1 + len(_STEPS)) if left >= 8 else (0, left)
    with tt.task(TITLE, kind="agents", tags=["demo"], inputs={"budget": "2 h", "cities": 12}) as run:
        tt.emit("orchestrator_started", status="running", a2amcp_enabled=True)
        cast.later("plan", "plan")
        cast.later("research", "research", ["plan"], expected=questions * len(_STEPS) + simple)
        cast.later("answer", "answer", ["research"])
        with tt.task("plan", id="plan", agent="planner") as plan:
            yield cast.seconds(1.5)
            plan.update(message=f"{questions + simple} questions", outputs=list(_TOPICS[: questions + simple]))
        tt.snapshot("the plan", tags=["demo"])
        with tt.task("research", id="research") as research:
            yield Pool(min(cast.workers, 6), _questions(cast, questions, simple))
            cast.tell_agents()
            research.update(message=f"{cast.done} of {questions + simple} questions answered")
        with tt.task("answer", id="answer", agent="writer") as answer:
            yield cast.seconds(2.0)
            answer.update(status="review", message="the reviewer reads it", agent="reviewer")
            yield cast.seconds(1.5)
            answer.update(status="completed", message="Utrecht", outputs={"city": "Utrecht", "confidence": 0.72})
        run.update(message="Utrecht")
        tt.emit("orchestrator_stopped", status="stopped")


def _questions(cast: Cast, questions: int, simple: int) -> Iterator[Any]:
    for number in range(questions + simple):
        topic = _TOPICS[number % len(_TOPICS)]
        title = topic if number < len(_TOPICS) else f"{topic}, city {number // len(_TOPICS) + 1}"
        yield partial(_question, cast, title, number < questions)


def _question(cast: Cast, title: str, has_steps: bool, worker: int) -> Story:
    agent, goes = f"researcher-{worker}", cast.fails()
    cast.at_work(agent, title)
    with tt.task(title, agent=agent, expected=len(_STEPS) if has_steps else None) as question:
        for name in _STEPS if has_steps else ():
            with tt.task(name, kind="tool") as step:
                yield cast.seconds(MEAN_SECONDS / 3)
                if name == "search" and goes == "badly":
                    fail_with(step, failures.no_answer())
                elif cast.detailed:
                    pages = cast.chance.randrange(2, 30)
                    step.update(message=f"{pages} pages", metrics=cast.spent(agent, pages * 310))
        if not has_steps:
            yield cast.seconds(MEAN_SECONDS)
            if goes == "badly":
                fail_with(question, failures.no_answer())
        if goes == "late":
            question.log("asked again with other words", level="warning")
        if goes != "badly":
            cast.done += 1
            question.update(message=f"{cast.chance.randrange(1, 9)} sources")
    cast.at_work(agent, None)
