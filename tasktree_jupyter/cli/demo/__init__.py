"""`jupyter tasktree demo`: a believable run of any size, for a first look, for screenshots and for benchmarks.

```python
from tasktree_jupyter.cli.demo import play

played = play(tasks=500, rate=0, seed=1, project="screenshots")
```
"""

from tasktree_jupyter.cli.demo.playing import MOST_TASKS, SHAPES, Played, play

__all__ = ["MOST_TASKS", "SHAPES", "Played", "play"]
