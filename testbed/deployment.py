"""A whole deployment on loopback: Centrifugo, a model server, replicas of the proxy server."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import httpx

from centrifugo.environment import Environment
from testbed import parts
from testbed.client import Client, Json
from testbed.ports import free_port
from testbed.process import Process

API_KEY = "api-key-of-the-testbed"
CREDENTIAL = "credential-of-the-testbed"
# a long answer has a long record
_ANSWER_SECONDS = 30
SIGNING_SECRET = "signing-secret-of-the-testbed"


@dataclass(kw_only=True)
class Deployment:
    """A context manager that starts the parts and ends those that still run.

    folder: for logs and SQLite's file.
    replicas: with more than one, nginx spreads Centrifugo's calls over them; with none, the caller
        starts what `server` returns.
    settings: of the proxy servers; these override the defaults here.
    api_link, model_link: ports of testbed.link.Link objects to go through; their targets are
        `api_port` and `model_port`.
    module: what each replica runs in place of the server's main module, with its arguments.
    """

    folder: Path
    replicas: int = 1
    engine: Literal["memory", "redis"] = "memory"
    database: Literal["sqlite", "postgresql"] = "sqlite"
    api: Literal["grpc", "http"] = "grpc"
    settings: Mapping[str, str] = field(default_factory=dict)
    centrifugo_settings: Mapping[str, str] = field(default_factory=dict)
    api_link: int | None = None
    model_link: int | None = None
    module: str = "proxy_server"

    port: int = field(default_factory=free_port)
    grpc_api_port: int = field(default_factory=free_port)
    door_port: int = field(default_factory=free_port)
    model_port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)
    database_port: int = field(default_factory=free_port)

    centrifugo: Process = field(init=False)
    model: Process = field(init=False)
    servers: list[Process] = field(init=False)
    redis: Process | None = field(init=False, default=None)
    postgresql: Process | None = field(init=False, default=None)
    balancer: Process | None = field(init=False, default=None)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    @property
    def api_port(self) -> int:
        return self.grpc_api_port if self.api == "grpc" else self.port

    @property
    def server_settings(self) -> dict[str, str]:
        api_port = self.api_link or self.api_port
        api = {"grpc": f"grpc://127.0.0.1:{api_port}", "http": f"http://127.0.0.1:{api_port}/api"}
        database = {
            "sqlite": f"sqlite:///{self.folder}/conversations.db",
            "postgresql": f"postgresql://postgres@127.0.0.1:{self.database_port}/postgres",
        }
        return {
            "GRPC_CREDENTIAL": CREDENTIAL,
            "CENTRIFUGO_API_URL": api[self.api],
            "CENTRIFUGO_API_KEY": API_KEY,
            "SIGNING_SECRETS": SIGNING_SECRET,
            "DATABASE_URL": database[self.database],
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.model_link or self.model_port}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "test",
            "METRICS_LISTEN": "off",
            **self.settings,
        }

    async def connect(self, **data: str) -> Client:
        """A visitor's connection; a new visitor's unless `token` is given."""
        return await Client.connect(self.url, dict[str, Json | str](data))

    def server(self, number: int = 1, **settings: str) -> Process:
        """A replica that is not started yet, optionally with other settings.

        Without a balancer, Centrifugo calls number 1.
        """
        at_the_door = self.replicas <= 1 and number == 1
        port = self.door_port if at_the_door else free_port()
        return parts.proxy_server(
            port,
            self.server_settings | settings,
            self.folder,
            number=number,
            module=self.module,
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.engine == "redis":
                self.redis = stack.enter_context(parts.redis(self.redis_port, self.folder))
            if self.database == "postgresql":
                data = stack.enter_context(tempfile.TemporaryDirectory(prefix="postgresql-"))
                self.postgresql = stack.enter_context(
                    parts.postgresql(self.database_port, Path(data))
                )
            self.model = stack.enter_context(parts.model(self.model_port, self.folder))
            self.centrifugo = stack.enter_context(
                parts.centrifugo(self.port, self._centrifugo_environment(), self.folder)
            )
            self.servers = [self.server(number) for number in range(1, self.replicas + 1)]
            for server in self.servers:
                stack.enter_context(server)
            if self.replicas > 1:
                ports = [server.port for server in self.servers]
                self.balancer = stack.enter_context(
                    parts.grpc_balancer(self.door_port, ports, self.folder)
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _centrifugo_environment(self) -> dict[str, str]:
        redis = {
            "CENTRIFUGO_ENGINE_TYPE": "redis",
            "CENTRIFUGO_ENGINE_REDIS_ADDRESS": f"redis://127.0.0.1:{self.redis_port}",
        }
        return {
            **Environment(
                api_key=API_KEY,
                grpc_credential=CREDENTIAL,
                proxy_endpoint=f"grpc://127.0.0.1:{self.door_port}",
                port=self.port,
                grpc_api_port=self.grpc_api_port,
            ).variables(),
            **(redis if self.engine == "redis" else {}),
            **self.centrifugo_settings,
        }

    async def sent(self, mark: str) -> list[Json]:
        """What the model server sent for a prompt; see testbed.model_server."""
        return await self._told("sent", mark=mark)

    async def asked(self, **mark: str) -> list[Json]:
        """The requests to the model server: all, or those for a prompt with that `mark`."""
        return await self._told("asked", **mark)

    async def _told(self, path: str, **parameters: str) -> list[Json]:
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS) as http:
            answer = await http.get(f"http://127.0.0.1:{self.model_port}/{path}", params=parameters)
        found: list[Json] = answer.json()
        return found
