"""Calls from Centrifugo: the gRPC server, its proxy calls, and the table of RPC methods.

Imports `chat` and the rooms below it. Its public parts: `Door`, `Servicer`, `Methods`.
"""
