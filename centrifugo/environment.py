"""The environment of a Centrifugo with config.json: its secrets, and what differs per process."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Settings that are not in config.json, because they are secret or differ from run to run."""

    api_key: str
    grpc_credential: str
    proxy_endpoint: str = "grpc://127.0.0.1:50051"
    port: int = 8000
    grpc_api_port: int = 10000

    def variables(self) -> dict[str, str]:
        return {
            "CENTRIFUGO_HTTP_API_KEY": self.api_key,
            "CENTRIFUGO_GRPC_API_KEY": self.api_key,
            "CENTRIFUGO_HTTP_SERVER_PORT": str(self.port),
            "CENTRIFUGO_GRPC_API_PORT": str(self.grpc_api_port),
            # one proxy for calls and subscriptions, and one of the connect kind
            "CENTRIFUGO_PROXIES_AI_ENDPOINT": self.proxy_endpoint,
            "CENTRIFUGO_PROXIES_AI_GRPC_CREDENTIALS_VALUE": self.grpc_credential,
            "CENTRIFUGO_CLIENT_PROXY_CONNECT_ENDPOINT": self.proxy_endpoint,
            "CENTRIFUGO_CLIENT_PROXY_CONNECT_GRPC_CREDENTIALS_VALUE": self.grpc_credential,
        }
