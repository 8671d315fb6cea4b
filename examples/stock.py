"""A server of the Model Context Protocol, over stdio; `examples/clerk.py` starts it."""

from mcp.server.mcpserver import MCPServer

PIECES = {"chair": 12, "lamp": 3, "table": 0}

server = MCPServer("stock")


@server.tool()
def in_stock(item: str) -> int:
    """How many pieces of an item there are: chairs, lamps or tables."""
    return PIECES.get(item.lower().rstrip("s"), 0)


if __name__ == "__main__":
    server.run("stdio")
