"""The event log: one interface, one engine a file."""
