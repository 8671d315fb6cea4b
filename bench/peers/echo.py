"""The echo peer: a proxy endpoint that returns every call's data."""

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from proxy_server.pb import proxy_pb2, proxy_pb2_grpc


class Echo(proxy_pb2_grpc.CentrifugoProxyServicer):
    async def RPC(self, request: Any, _: Any) -> Any:  # noqa: N802 -- the name of the call
        return proxy_pb2.RPCResponse(result=proxy_pb2.RPCResult(data=request.data))


async def serve(port: int) -> None:
    server = grpc.aio.server()
    proxy_pb2_grpc.add_CentrifugoProxyServicer_to_server(Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
