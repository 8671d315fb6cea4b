"""Generated from `protos/` by `make proto`; nothing here is written by hand.

The methods that raise NotImplementedError are gRPC's defaults of a service. `calls.servicer`
overrides all of the proxy's, which a test holds; the API's are served by Centrifugo, not here.
"""
