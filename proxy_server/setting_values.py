"""Parses settings of several values from the environment."""

import json
import re
from urllib.parse import urlsplit

from pydantic import SecretStr

_LEAST_SECRET = 16
_LAST_PORT = 65_535


def address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise ValueError("give host:port")
    return value


def address_or_off(value: str) -> str:
    return value if value == "off" else address(value)


def long_secrets(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not value or any(len(secret.get_secret_value()) < _LEAST_SECRET for secret in value):
        raise ValueError(f"give at least one secret of at least {_LEAST_SECRET} characters")
    return value


def credential(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < _LEAST_SECRET:
        raise ValueError(f"give at least {_LEAST_SECRET} characters")
    return value


def json_object(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('give a JSON object, such as {"temperature": 0.2}')
    return found


def headers(value: object) -> object:
    """A JSON object, or `Name: value, …`."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return json_object(value)
    pairs = [
        re.split("[:=]", pair, maxsplit=1) for pair in re.split("[,\n]", value) if pair.strip()
    ]
    if any(len(pair) == 1 for pair in pairs):
        raise ValueError("give a JSON object, or Name: value, …")
    return {name.strip(): content.strip() for name, content in pairs}


def places_by_name(value: object) -> object:
    """`name=place, …`, each name once."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    named = {name.strip(): place.strip() for name, _, place in pairs}
    if len(named) < len(pairs) or not all((*named, *named.values())):
        raise ValueError("give name=package.module:attribute or name=https://…, each name once")
    return named


def comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def tags(value: tuple[str, ...]) -> tuple[str, ...]:
    """Names of tags, or one word that switches the default ones on or off."""
    if value in (("off",), ("false",), ("0",), ("no",), ("none",)):
        return ()
    if value in (("on",), ("true",), ("1",), ("yes",)):
        return ("think", "thinking")
    return tuple(tag.strip("<>") for tag in value)


def shown_name(responder: str) -> str:
    """A one-word name of the responder: a module's name, or the last segment of a route's path."""
    if "://" not in responder:
        return responder.partition(":")[0].rpartition(".")[2]
    try:
        return urlsplit(responder).path.rstrip("/").rpartition("/")[2] or "route"
    except ValueError:
        return "route"
