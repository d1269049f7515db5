"""Where the server is, and which notebook or script this is. Nothing is guessed: what isn't known is left open.

In this order (docs/discovery.md):

1. what `connect(url, token)` named, and nothing else then;
2. the connection file that the server put into the environment (`connection_file`);
3. the single-user server that JupyterHub's variables name (`hub`);
4. the one running server of this user whose root folder holds the script, or the working folder (`running`);
5. none: the tree lives in this process.
"""

from tasktree_jupyter.client.discovery.connection_file import VARIABLE
from tasktree_jupyter.client.discovery.identity import Identity, identity
from tasktree_jupyter.client.discovery.search import Discovery
from tasktree_jupyter.client.discovery.server import Server, Trouble, server_at

__all__ = ["VARIABLE", "Discovery", "Identity", "Server", "Trouble", "identity", "server_at"]
