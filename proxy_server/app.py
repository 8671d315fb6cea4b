"""The whole service: built in order, serving, drained, and closed in reverse."""

import asyncio
import gc
import uuid
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from proxy_server import telemetry
from proxy_server.access.channels import Channels
from proxy_server.access.limits import AddressLimiter, CallLimiter, Places, Shares
from proxy_server.access.signatures import Signer
from proxy_server.access.visitors import Visitors
from proxy_server.answers.again import Again
from proxy_server.answers.checkpoints import Checkpoints
from proxy_server.answers.generation import Services
from proxy_server.answers.heartbeat import Heartbeat
from proxy_server.answers.history import History
from proxy_server.answers.indexing import Indexing
from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.answers.pacing import Pacing
from proxy_server.answers.retention import Retention
from proxy_server.answers.supervisor import Supervisor
from proxy_server.answers.sweeps import sweep_deleted_conversations, sweep_unused_uploads
from proxy_server.answers.takeover import Takeover
from proxy_server.answers.titles import Titles
from proxy_server.calls.door import Door, Threshold
from proxy_server.calls.methods import Methods
from proxy_server.calls.servicer import Servicer
from proxy_server.chat import Chat, Library, Uploads
from proxy_server.chat.checks import Checks
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import ServerApi, server_api
from proxy_server.errors import StoreUnavailable
from proxy_server.responders.choice import may_retry
from proxy_server.responders.python.watchdog import Watchdog
from proxy_server.responders.responder import Responder
from proxy_server.setting_conflicts import HEARTBEAT_SECONDS
from proxy_server.settings import Settings
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from proxy_server.store.turns import Turns
from proxy_server.store.uploads import UploadLimits
from proxy_server.store.versions import Versions
from proxy_server.store.visitors_uploads import VisitorsRoom
from proxy_server.store.waiting import Waiting
from proxy_server.who_answers import card_of, responder_of

_GARBAGE_OBJECTS = 10_000
# How long a drain waits for publications that Centrifugo has not acknowledged.
_FLUSH_SECONDS = 3.0

log = structlog.get_logger()


class App:
    """The service as an async context manager: inside it, `chat` answers.

    Entering raises ResponderUnusable or StoreUnusable if the settings cannot work.
    responder: what makes the answers; by default, the one that the settings name.
    centrifugo: its server API; by default, the one that the settings name.
    """

    chat: Chat
    store: Store
    turns: Turns
    supervisor: Supervisor

    def __init__(
        self,
        settings: Settings,
        *,
        responder: Responder | None = None,
        centrifugo: ServerApi | None = None,
    ) -> None:
        self._settings = settings
        self._responder = responder
        self._centrifugo = centrifugo
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._build(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def serve(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then lets running answers end within the grace time."""
        settings = self._settings
        async with self, AsyncExitStack() as stack:
            door = Door(
                self._servicer(),
                Threshold(
                    listen=settings.grpc_listen,
                    credential=settings.grpc_credential.get_secret_value(),
                    certificate=settings.grpc_tls_cert,
                    key=settings.grpc_tls_key,
                    most_calls=settings.max_calls,
                ),
            )
            await door.open()
            stack.push_async_callback(door.close)
            if settings.metrics_listen != "off":
                telemetry.serve(settings.metrics_listen)
            # What was created so far lives as long as the process: without freezing, each garbage
            # collection walks through all of it, which was a third of the CPU time of an answer.
            gc.collect()
            gc.freeze()
            gc.set_threshold(_GARBAGE_OBJECTS)
            log.info("ready", grpc=settings.grpc_listen)

            await stop.wait()
            await door.say_closing()
            await self.supervisor.drain(settings.shutdown_grace_seconds)
            await self._publisher.drain(_FLUSH_SECONDS)
            with suppress(StoreUnavailable):
                await self._relay.forget_arrived()
            log.info("stopped")

    async def _build(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        # first, because its author is waiting for errors from here
        responder = self._responder or responder_of(settings)
        stack.push_async_callback(responder.close)
        if settings.own_python:
            watchdog = Watchdog()
            watchdog.begin()
            stack.callback(watchdog.close)
        self.store = Store(settings.database_url, synchronous=settings.sqlite_synchronous)
        stack.push_async_callback(self.store.close)
        await migrate(self.store)

        self._signer = Signer([secret.get_secret_value() for secret in settings.signing_secrets])
        self._channels = Channels(settings.channel_namespace, self._signer)
        api = self._centrifugo or server_api(
            settings.centrifugo_api_url, settings.centrifugo_api_key.get_secret_value()
        )
        stack.push_async_callback(api.close)
        self._publisher = Publisher(api)
        stack.push_async_callback(self._publisher.close)

        leases = Leases(self.store, f"runner-{uuid.uuid4()}", settings.lease_seconds)
        limits = Limits(settings.generations_per_user, settings.prompts_per_minute)
        self.turns = turns = Turns(self.store, leases, limits)
        waiting = Waiting(self.store, leases, limits, settings.waiting_seconds)
        self.versions = versions = Versions(self.store, leases, limits)
        announcements = Announcements(self._publisher, self._channels)
        self._relay = OutboxRelay(
            self.store, announcements, api, self._channels, lease_seconds=settings.lease_seconds
        )
        stack.push_async_callback(self._relay.close)
        self.supervisor = Supervisor(
            services=Services(
                responder=responder,
                publisher=self._publisher,
                turns=turns,
                waiting=waiting,
                leases=leases,
                channels=self._channels,
                history=History(self.store, settings.context_characters),
                checkpoints=self.make_checkpoints(leases),
                heartbeat=Heartbeat(leases),
                pacing=Pacing(settings.coalesce_seconds),
                seconds=settings.generation_seconds,
                most_bytes=settings.max_answer_bytes,
            ),
            relay=self._relay,
            takeover=Takeover(api, announcements, turns, leases, self._channels),
            again=Again(
                partial(may_retry, responder),
                api=api,
                versions=versions,
                channels=self._channels,
                announcements=announcements,
            ),
            waiting=waiting,
            announcements=announcements,
            titles=self._titles(responder, turns, announcements),
            places=Places(
                settings.max_generations + settings.max_waiting,
                Shares(one=settings.user_share, visitors=settings.visitors_share),
            ),
            slots=settings.max_generations,
            checkpoint_seconds=settings.checkpoint_seconds,
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )
        stack.push_async_callback(self.supervisor.close)
        checks = Checks(self._channels, self._publisher, api)
        self.chat = Chat(
            models=settings.allowed_models,
            store=self.store,
            turns=turns,
            waiting=waiting,
            versions=versions,
            channels=self._channels,
            supervisor=self.supervisor,
            relay=self._relay,
            checks=checks,
            announcements=announcements,
        )
        self.library = Library(
            store=self.store,
            turns=turns,
            channels=self._channels,
            checks=checks,
            supervisor=self.supervisor,
            relay=self._relay,
            announcements=announcements,
        )
        self.supervisor.begin()
        retention = Retention(
            self.store,
            self._relay,
            days=settings.retention_days,
            visitors_days=settings.visitors_retention_days,
        )
        for background in (
            Indexing(self.store).begin(),
            retention.begin(),
            sweep_unused_uploads(self.store),
            sweep_deleted_conversations(self.store),
        ):
            stack.push_async_callback(background.close)

    def make_checkpoints(self, leases: Leases) -> Checkpoints:
        """Stores the progress of answers; left out in tests."""
        return Checkpoints(leases)

    def _titles(self, responder: Responder, turns: Turns, announcements: Announcements) -> Titles:
        """An operator's Python is never asked for titles: it may have side effects."""
        settings = self._settings
        asks = settings.titles == "model" and not settings.responder
        return Titles(
            self.store,
            turns,
            self._relay,
            announcements,
            model=responder if asks else None,
            without=settings.responders,
        )

    def _servicer(self) -> Servicer:
        settings = self._settings
        addresses = AddressLimiter(
            visitors_per_minute=settings.visitors_per_address,
            prompts_per_minute=settings.prompts_per_address,
        )
        return Servicer(
            model=settings.allowed_models[0],
            visitors=Visitors(self._signer),
            channels=self._channels,
            limiter=CallLimiter(
                at_once=settings.calls_at_once,
                per_second=settings.calls_per_second,
                most=settings.max_calls,
                file_bytes=settings.file_bytes_per_second,
            ),
            addresses=addresses,
            proxies=settings.trusted_proxies,
            methods=Methods(
                self.chat,
                Uploads(
                    self.store,
                    UploadLimits(settings.max_upload_bytes, settings.max_uploads_bytes),
                    VisitorsRoom(self.store, settings.visitors_uploads_bytes),
                    settings.upload_types,
                ),
                self.library,
                addresses,
                namespace=settings.rpc_namespace,
                max_prompt_bytes=settings.max_prompt_bytes,
                models=[card_of(name, settings) for name in settings.allowed_models],
            ),
        )
