"""Write generated logs with what Python makes of them, one JSON object a line: `{"events", "state", "nodes"}`, in the
form of tests/vectors. The same numbers give the same lines everywhere.

    python -m tests.core.generate COUNT FIRST_SEED
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from tests.core.canonical import fold, outcome
from tests.core.sequences import random_log


def lines(count: int, first_seed: int) -> Iterator[str]:
    """Yield a line for each seed from `first_seed`."""
    for seed in range(first_seed, first_seed + count):
        events = random_log(seed)
        yield json.dumps({"events": events, **outcome(fold(events))})


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]), int(sys.argv[2])):
        print(line)
