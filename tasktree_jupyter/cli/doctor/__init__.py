"""`jupyter tasktree doctor`: every step between a notebook's code and the tree on the page, checked one by one."""
