"""The command line: settings, logging, signals."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

import structlog
import uvloop
from pydantic import ValidationError

from proxy_server.errors import ResponderUnusable, StoreUnavailable, StoreUnusable
from proxy_server.settings import Settings

if TYPE_CHECKING:
    from proxy_server.app import App


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="centrifugo-llm",
        description="Serves Centrifugo's proxy calls. Settings are environment variables.",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="restart when a file of your responder changes (for development)",
    )
    arguments = parser.parse_args()
    try:
        settings = Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        sys.exit(f"The server cannot start with these settings:\n{_problems(error)}")
    _configure_logging(settings)
    if arguments.reload:
        sys.exit(_reload(settings))
    uvloop.run(_run(settings))


def _reload(settings: Settings) -> int:
    from proxy_server.reloading import serve_and_reload

    try:
        return serve_and_reload(settings.own_python, settings.shutdown_grace_seconds)
    except ResponderUnusable as error:
        sys.exit(f"The server cannot run: {error}")


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, _interrupted, stop)
    try:
        await _app()(settings).serve(stop)
    except (OSError, ResponderUnusable, StoreUnusable) as error:
        sys.exit(f"The server cannot run: {error}")
    except StoreUnavailable as error:
        sys.exit(
            f"The server cannot run: the database is not available ({error}): check that it runs, "
            "and DATABASE_URL"
        )


def _interrupted(stop: asyncio.Event) -> None:
    """A second Ctrl-C skips the drain: the next server closes what is left."""
    if stop.is_set():
        os._exit(128 + signal.SIGINT)
    stop.set()


def _app() -> "type[App]":
    """Imports the service's modules, which is most of the startup time."""
    # imports make no garbage, and looking for it would take a sixth of the time
    gc.disable()
    from proxy_server.app import App

    gc.freeze()
    gc.enable()
    return App


def _problems(error: ValidationError) -> str:
    return "\n".join(
        "  " + ": ".join((*places, problem["msg"].removeprefix("Value error, ")))
        for problem in error.errors(include_input=False)
        for places in [[str(place).upper() for place in problem["loc"]]]
    )


def _configure_logging(settings: Settings) -> None:
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level.upper())
        ),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    main()
