"""The REST interface (docs/protocol.md, "REST"), for curl, CI and people without a WebSocket: a file a resource."""
