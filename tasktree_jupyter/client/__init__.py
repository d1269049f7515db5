"""The kernel's side: find the server, number and send events, subscribe. It never blocks or raises into user code."""
