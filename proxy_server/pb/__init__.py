"""Generated from `protos/` by `make proto`; nothing here is written by hand.

The methods that raise NotImplementedError are gRPC's defaults of a service: `calls.servicer`
overrides all of the proxy's, and the API's are Centrifugo's to serve.
"""
