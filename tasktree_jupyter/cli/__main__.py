"""`python -m tasktree_jupyter.cli`, the same as `jupyter tasktree`."""

import sys

from tasktree_jupyter.cli.main import main

sys.exit(main())
