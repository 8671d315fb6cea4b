"""From Centrifugo to us: the gRPC server, its calls, and the table of RPC methods.

Imports `chat`, `uploads` and what is below it. Its doors: `Door`, `Servicer`, `Methods`.
"""
