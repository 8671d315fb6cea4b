"""Chooses the responder by the settings, and describes the models for clients."""

from collections.abc import Callable

from msgspec import UNSET

from proxy_server.protocol.requests import Model
from proxy_server.responders.choice import Choice
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.model.openai_responses import OpenAIResponses
from proxy_server.responders.python.responder import PythonResponder
from proxy_server.responders.responder import Responder
from proxy_server.responders.routes.address import is_route
from proxy_server.responders.routes.route import RouteResponder, TimeLimits
from proxy_server.settings import Card, Settings

# Titles are requested beside the answers of users.
_SPARE_CONNECTIONS = 10
_APIS: dict[str, Callable[[Server], Responder]] = {
    "chat": OpenAIChat,
    "responses": OpenAIResponses,
}


def responder_of(settings: Settings) -> Responder:
    """The responder that the settings name; raises ResponderUnusable."""
    named = {name: _own(settings, place) for name, place in settings.responders.items()}
    usual = _own(settings, settings.responder) if settings.responder else _model(settings)
    return Choice(named, usual) if named else usual


def _own(settings: Settings, place: str) -> Responder:
    """The operator's own responder that a setting names; raises ResponderUnusable."""
    if not is_route(place):
        return PythonResponder(place)
    return RouteResponder(
        place,
        [secret.get_secret_value() for secret in settings.responder_secrets],
        TimeLimits(settings.first_token_seconds, settings.idle_seconds),
        connections=settings.max_generations,
        reasoning_tags=settings.reasoning_tags,
        file_bytes=settings.context_file_bytes,
    )


def card_of(name: str, settings: Settings) -> Model:
    """What clients are told about a model."""
    card = settings.model_cards.get(name, Card())
    return Model(name, card.input, card.title or UNSET)


def _model(settings: Settings) -> Responder:
    return _APIS[settings.openai_api](
        Server(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key.get_secret_value(),
            connections=settings.max_generations + _SPARE_CONNECTIONS,
            first_token_seconds=settings.first_token_seconds,
            idle_seconds=settings.idle_seconds,
            system_prompt=settings.system_prompt,
            max_output_tokens=settings.max_output_tokens,
            options=settings.model_options,
            headers=settings.openai_headers,
            reasoning_tags=settings.reasoning_tags,
            file_bytes=settings.context_file_bytes,
        )
    )
