"""`jupyter tasktree …`: what a terminal asks a running server, one file a command (docs/cli.md)."""
