"""An MCP server that can be made to die."""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("mortal")


@server.tool()
def pid() -> int:
    """Of its process."""
    return os.getpid()


@server.tool()
def die() -> str:
    """At once."""
    os._exit(1)


if __name__ == "__main__":
    server.run("stdio")
