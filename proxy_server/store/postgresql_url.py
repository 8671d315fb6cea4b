"""Translates PostgreSQL URLs as hosts give them: from libpq's parameters to the driver's."""

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from proxy_server.errors import StoreUnusable

_CONNECT_SECONDS = 3.0

# parameters that the driver reads from a URL, with libpq's meaning
_DRIVERS = {
    *("host", "port", "dbname", "user", "password", "passfile", "service"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("target_session_attrs", "krbsrvname", "gsslib"),
}
# parameters sent to the server when a connection begins
_SERVERS = {"application_name", "options"}
# the values of these parameters that ask for nothing more than what happens anyway
_MET: Mapping[str, set[str]] = {
    "channel_binding": {"disable", "prefer"},
    "client_encoding": {"utf8", "utf-8", "unicode", "auto"},
    "gssencmode": {"disable", "prefer"},
    "gssdelegation": {"0"},
    "hostaddr": set(),
    "load_balance_hosts": {"disable"},
    "replication": {"false", "off", "no", "0"},
    "requirepeer": set(),
    "require_auth": set(),
    "sslcertmode": {"allow"},
    "sslcompression": {"0"},
    "sslcrldir": set(),
    "sslsni": {"1"},
}
# Tuning only: these are dropped, with a remark that they have no effect.
_IDLE = {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"} | {
    "tcp_user_timeout"
}
# spellings of `sslmode` in drivers of other languages
_SSL_OF_OTHERS = {"true": "require", "1": "require", "false": "disable", "0": "disable"} | {
    "no-verify": "require"
}


class PostgresqlUrl(NamedTuple):
    """The arguments for the driver's `connect`.

    pooled: whether the URL says that a pooler is in front of the database; None if it does not say.
    remarks: sentences about parameters whose effect may surprise the operator.
    """

    dsn: str
    arguments: dict[str, Any]
    pooled: bool | None
    remarks: list[str]


def parsed(url: str) -> PostgresqlUrl:
    """Raises StoreUnusable for a parameter that cannot be honored; the error names only that."""
    address, _, query = url.partition("?")
    given = _parameters(query)
    remarks: list[str] = []
    pooled = _flag(given.pop("pgbouncer", ""))
    _translate(given)
    arguments: dict[str, Any] = {"timeout": _seconds(given.pop("connect_timeout", ""))}
    if name := given.pop("fallback_application_name", ""):
        given.setdefault("application_name", name)
    if given.get("channel_binding") == "require":
        del given["channel_binding"]
        remarks.append(_verify_in_its_place(given))
    if given.get("sslrootcert") == "system":
        arguments["ssl"] = _trusting_the_system(given)
    for name in _IDLE & set(given):
        del given[name]
        remarks.append(f"The parameter {name} in DATABASE_URL has no effect.")
    for name, value in list(given.items()):
        if name in _MET and value.lower() in _MET[name]:
            del given[name]
        elif name not in _DRIVERS | _SERVERS:
            raise StoreUnusable(_refusal(name))
    arguments["server_settings"] = {name: given.pop(name) for name in _SERVERS & set(given)}
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return PostgresqlUrl(f"{address}?{rest}" if rest else address, arguments, pooled, remarks)


def _parameters(query: str) -> dict[str, str]:
    """Parsed as libpq does: a plus is a plus, and the last of two counts."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs if value}


def _translate(given: dict[str, str]) -> None:
    if (other := given.pop("ssl", "")) and "sslmode" not in given:
        given["sslmode"] = other
    if mode := given.get("sslmode", ""):
        given["sslmode"] = _SSL_OF_OTHERS.get(mode.lower(), mode)


def _verify_in_its_place(given: dict[str, str]) -> str:
    """The driver has no channel binding: verify the server's certificate instead."""
    given["sslmode"] = "verify-full"
    given.setdefault("sslrootcert", "system")
    return (
        "The parameter channel_binding=require in DATABASE_URL is not supported: instead, "
        "the server must have a certificate for its name (sslmode=verify-full) that "
        + (
            "this system trusts."
            if given["sslrootcert"] == "system"
            else "sslrootcert vouches for."
        )
    )


def _trusting_the_system(given: dict[str, str]) -> ssl.SSLContext:
    """As in libpq, the host name must match: anybody can get a certificate for another host."""
    del given["sslrootcert"]
    if given.pop("sslmode", "verify-full") != "verify-full":
        raise StoreUnusable("DATABASE_URL: sslrootcert=system works only with sslmode=verify-full.")
    context = ssl.create_default_context()
    certificate, key = given.pop("sslcert", ""), given.pop("sslkey", None)
    if certificate:
        context.load_cert_chain(certificate, key, given.pop("sslpassword", ""))
    return context


def _seconds(text: str) -> float:
    """libpq's timeout: missing and 0 mean the default, which here is not to wait forever."""
    if not text.lstrip("-").isdigit():
        if text:
            raise StoreUnusable("DATABASE_URL: connect_timeout must be a number of seconds.")
        return _CONNECT_SECONDS
    return float(text) if int(text) > 0 else _CONNECT_SECONDS


def _flag(text: str) -> bool | None:
    return None if not text else text.lower() in ("true", "1", "yes", "on")


def _refusal(name: str) -> str:
    if name not in _MET:
        return f"DATABASE_URL: the parameter {name} is unknown: leave it out."
    allowed = ", ".join(sorted(_MET[name]))
    end = f"leave it out, or set it to one of: {allowed}." if allowed else "leave it out."
    return f"DATABASE_URL: the parameter {name} asks for what is not supported: {end}"
