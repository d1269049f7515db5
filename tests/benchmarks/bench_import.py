"""What `import tasktree_jupyter` costs a kernel, and what the first use of each part adds.

    python -m tests.benchmarks.bench_import

Milliseconds, the best of some runs, each in a new interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys

RUNS = 7
STEPS = {
    "import tasktree_jupyter": "import tasktree_jupyter as tt",
    "then tt.task": "tt.task",
    "then tt.emit": "tt.emit",
    "then tt.view": "tt.view",
}
PROGRAM = """
import json, sys, time
steps = json.loads(sys.argv[1])
spent = {}
for name, code in steps.items():
    began = time.perf_counter()
    exec(code)
    spent[name] = (time.perf_counter() - began) * 1000
print(json.dumps(spent))
"""


def measure() -> dict[str, float]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(STEPS)]
    spent: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return spent


def main() -> None:
    runs = [measure() for _ in range(RUNS)]
    for name in STEPS:
        print(f"{name:28} {min(run[name] for run in runs):8.1f} ms")


if __name__ == "__main__":
    main()
