"""The domain, pure: events, the fold, the protocol. No Jupyter, no sockets, no files, no clock of its own."""
