"""The whole service: built in order, waiting, drained, and closed in reverse."""

import asyncio
import gc
import uuid
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from proxy_server import telemetry
from proxy_server.access.channels import Channels
from proxy_server.access.signatures import Signer
from proxy_server.access.visitors import Visitors
from proxy_server.answers.generation import Generation
from proxy_server.answers.history import History
from proxy_server.answers.runner import Runner
from proxy_server.answers.takeover import Takeover
from proxy_server.answers.titles import Titles
from proxy_server.calls.methods import Methods, PromptRules
from proxy_server.calls.servicer import Servicer
from proxy_server.delivery.announcer import Announcer
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import server_api
from proxy_server.errors import StoreUnavailable
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from proxy_server.responders.openai_chat import OpenAIChat
from proxy_server.settings import Settings
from proxy_server.store.conversations import Conversations
from proxy_server.store.database import Store
from proxy_server.store.leases import Leases
from proxy_server.store.migrate import migrate
from proxy_server.store.outbox import Outbox
from proxy_server.store.turns import Limits, Turns

_SERVICE = "centrifugal.centrifugo.proxy.CentrifugoProxy"
_GARBAGE_OBJECTS = 10_000
_FLUSH_SECONDS = 3.0

log = structlog.get_logger()


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until `stop` is set, then lets running answers end within the grace time."""
    async with AsyncExitStack() as stack:
        store = Store(settings.database_url)
        stack.push_async_callback(store.close)
        await migrate(store)

        signer = Signer([secret.get_secret_value() for secret in settings.signing_secrets])
        channels = Channels(settings.channel_namespace, signer)
        api = server_api(
            settings.centrifugo_api_url, settings.centrifugo_api_key.get_secret_value()
        )
        stack.push_async_callback(api.close)
        publisher = Publisher(api)
        stack.push_async_callback(publisher.close)
        responder = OpenAIChat(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value(),
            connections=settings.max_generations + 10,
            first_token_seconds=settings.first_token_seconds,
            idle_seconds=settings.idle_seconds,
            system_prompt=settings.system_prompt,
            max_output_tokens=settings.max_output_tokens,
        )
        stack.push_async_callback(responder.close)

        leases = Leases(store, f"runner-{uuid.uuid4()}", settings.lease_seconds)
        limits = Limits(settings.generations_per_user, settings.prompts_per_minute)
        history = History(store, settings.context_characters)
        conversations = Conversations(store)
        announcer = Announcer(publisher, channels)
        runner = Runner(
            leases=leases,
            outbox=Outbox(store),
            takeover=Takeover(api, announcer, leases, channels),
            generation=lambda assignment: Generation(
                assignment,
                responder=responder,
                publisher=publisher,
                leases=leases,
                channels=channels,
                history=history,
                seconds=settings.generation_seconds,
                most_bytes=settings.max_answer_bytes,
                pause=runner.pause,
                alive=runner.alive,
            ),
            announcer=announcer,
            titles=(
                Titles(responder, conversations, announcer) if settings.titles == "model" else None
            ),
            max_generations=settings.max_generations,
            max_waiting=settings.max_waiting,
            coalesce_seconds=settings.coalesce_seconds,
            checkpoint_seconds=settings.checkpoint_seconds,
        )
        methods = Methods(
            namespace=settings.rpc_namespace,
            rules=PromptRules(settings.allowed_models, settings.max_prompt_bytes),
            channels=channels,
            turns=Turns(store, leases, limits),
            conversations=conversations,
            runner=runner,
            publisher=publisher,
            announcer=announcer,
            api=api,
        )
        servicer = Servicer(
            credential=settings.grpc_credential.get_secret_value(),
            visitors=Visitors(signer),
            channels=channels,
            methods=methods,
        )
        server, healthy = _grpc_server(settings, servicer)
        runner.begin()
        await healthy.set(_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        stack.push_async_callback(server.stop, 1)
        if settings.metrics_listen != "off":
            telemetry.serve(settings.metrics_listen)
        # What was made so far lives as long as the process: without this, each collection of
        # garbage walks through all of it, which was a third of the CPU time of an answer.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        log.info("ready", grpc=settings.grpc_listen)

        await stop.wait()
        for name in ("", _SERVICE):
            await healthy.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        await runner.drain(settings.shutdown_grace_seconds)
        await publisher.drain(_FLUSH_SECONDS)
        with suppress(StoreUnavailable):
            await runner.forget_published()
        log.info("stopped")


def _grpc_server(
    settings: Settings, servicer: Servicer
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    proxy_pb2_grpc.add_CentrifugoProxyServicer_to_server(servicer, server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection(
        (
            proxy_pb2.DESCRIPTOR.services_by_name["CentrifugoProxy"].full_name,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        ),
        server,
    )
    bind = partial(server.add_insecure_port, settings.grpc_listen)
    if settings.grpc_tls_cert:
        pair = (
            Path(settings.grpc_tls_key).read_bytes(),
            Path(settings.grpc_tls_cert).read_bytes(),
        )
        credentials = grpc.ssl_server_credentials([pair])
        bind = partial(server.add_secure_port, settings.grpc_listen, credentials)
    bind()
    return server, healthy
