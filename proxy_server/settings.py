"""One frozen settings object, built from the environment; no other module reads that."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from proxy_server.setting_conflicts import conflicts
from proxy_server.setting_values import (
    address,
    address_or_off,
    comma_separated,
    credential,
    headers,
    json_object,
    long_secrets,
    places_by_name,
    shown_name,
    tags,
)

_Seconds = Annotated[float, Field(gt=0)]
_Days = Annotated[float, Field(ge=0)]
_Share = Annotated[float, Field(gt=0, le=1)]
_Count = Annotated[int, Field(ge=1)]
_Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(comma_separated)]
_Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_separated)]
_Json = Annotated[dict[str, Any], NoDecode, BeforeValidator(json_object)]
_Headers = Annotated[dict[str, str], NoDecode, BeforeValidator(headers)]
_Places = Annotated[dict[str, str], NoDecode, BeforeValidator(places_by_name)]
# Centrifugo accepts replies of at most 4 MB, and has no setting for that
_MOST_BYTES = 3_000_000


class Card(BaseModel):
    """What clients are told about a model besides its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str | None = None
    input: tuple[str, ...] = ("text", "image")


_Cards = Annotated[dict[str, Card], NoDecode, BeforeValidator(json_object)]


class Settings(BaseSettings):
    """Every setting with its default; the environment variable is the name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    grpc_listen: Annotated[str, AfterValidator(address)] = Field(
        "127.0.0.1:50051", description="Address for Centrifugo's proxy calls"
    )
    grpc_credential: Annotated[SecretStr, AfterValidator(credential)] = Field(
        SecretStr(""),
        description="Secret that Centrifugo must send as metadata `x-centrifugo-credential`; if "
        "not set, the server listens on loopback only",
    )
    grpc_tls_cert: str = Field("", description="File of TLS certificates; reloaded when changed")
    grpc_tls_key: str = Field("", description="File of its private key")

    centrifugo_api_url: str = Field(
        "grpc://127.0.0.1:10000",
        description="Centrifugo's server API: grpc://, grpcs://, http://…/api or https://…/api",
        pattern=r"^(grpcs?|https?)://",
    )
    centrifugo_api_key: SecretStr = Field(SecretStr(""), description="Key of that API")
    channel_namespace: str = Field("ai", description="Namespace of the channels", min_length=1)
    rpc_namespace: str = Field("ai", description="Namespace of the RPC methods", min_length=1)
    signing_secrets: Annotated[_Secrets, AfterValidator(long_secrets)] = Field(
        description="Secrets that sign conversation ids and visitors' tokens, comma separated; the "
        "first signs, all are accepted; at least 16 characters each",
    )

    database_url: str = Field(
        "sqlite:///data/conversations.db",
        description="sqlite:///path or postgresql://user:password@host/name, as your host gives it",
        pattern=r"^(sqlite|postgres(ql)?)://",
        repr=False,
    )
    sqlite_synchronous: Literal["full", "normal"] = Field(
        "full",
        description="With `full`, accepted prompts and finished answers survive a power cut; with "
        "`normal`, the last may be lost, and no prompt waits for the disk",
    )

    retention_days: _Days = Field(
        0, description="Days to keep a conversation after its last answer; 0 is forever"
    )
    visitors_retention_days: _Days = Field(0, description="The same for anonymous visitors")
    openai_api_key: SecretStr = Field(SecretStr("none"), description="Key of the model's provider")
    openai_base_url: str = Field(
        "https://api.openai.com/v1",
        description="URL of any OpenAI-compatible server",
        pattern=r"^https?://",
    )
    openai_api: Literal["chat", "responses"] = Field(
        "chat",
        description="The API to use: `chat` is /chat/completions, `responses` is /responses",
    )
    openai_model: str = Field("gpt-5-mini", description="The model, unless a prompt names another")
    openai_headers: _Headers = Field(
        {},
        description="Headers of each request to the model: a JSON object, or `Name: value, …`",
        repr=False,
    )
    model_options: _Json = Field(
        {},
        description="A JSON object merged into each request to the model: temperature, reasoning "
        "effort, routing, the provider's own tools",
    )
    reasoning_tags: Annotated[_Words, AfterValidator(tags)] = Field(
        ("think", "thinking"),
        description="Tags that mark reasoning at the beginning of a text; `off` for none",
    )
    models: _Words = Field((), description="Further models that prompts may name")
    model_cards: _Cards = Field(
        {},
        description="What `ai:models` says about models, if not the default: a JSON object by "
        'name, such as `{"gpt-5-mini": {"title": "Quick", "input": ["text"]}}`',
    )
    system_prompt: str = Field("", description="The system prompt of every conversation")
    context_characters: _Count = Field(
        32_000, description="How much of a conversation the model gets, newest messages first"
    )
    max_output_tokens: int = Field(0, ge=0, description="Limit per answer; 0 is the model's own")
    titles: Literal["prompt", "model"] = Field(
        "prompt", description="Titles are the first `prompt`, shortened, or written by the `model`"
    )
    responder: str = Field(
        "",
        description="Your own Python instead of the model, `package.module:attribute`, or your own "
        "route in any language, `https://…` (docs/responders.md)",
    )
    responders: _Places = Field(
        {},
        description="The same beside the model, for prompts that name them: "
        "`name=package.module:attribute, name=https://…`",
    )
    responder_secrets: _Secrets = Field(
        (),
        description="Secrets that sign requests to routes: each `whsec_` and base64 of at least 24 "
        "bytes, comma separated; all sign; only routes on this machine need none",
    )
    first_token_seconds: _Seconds = Field(60, description="How long the model may take to begin")
    idle_seconds: _Seconds = Field(30, description="How long the model may pause between tokens")
    generation_seconds: _Seconds = Field(600, description="How long a whole answer may take")
    waiting_seconds: _Seconds = Field(
        86_400,
        description="How long an answer waits for an approval, or for a tool that the client runs; "
        "then it is closed with nothing approved",
    )

    max_prompt_bytes: _Count = Field(
        48_000, le=_MOST_BYTES, description="Limit for one prompt, as UTF-8; 3,000,000 at most"
    )
    max_upload_bytes: _Count = Field(10_000_000, description="Limit for one uploaded file")
    max_uploads_bytes: _Count = Field(
        100_000_000, description="Limit for all files of one user, in all conversations"
    )
    visitors_uploads_bytes: _Count = Field(
        2_000_000_000, description="Limit for the files of all anonymous visitors together"
    )
    upload_types: _Words = Field(
        (
            *("image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf"),
            *("text/*", "application/json"),
        ),
        description="Types of files that are accepted; `image/*` is all images, `*/*` anything",
    )
    file_bytes_per_second: _Count = Field(
        2_000_000,
        description="What one user may upload and download per second on average; four times as "
        "much in a burst",
    )
    context_file_bytes: _Count = Field(
        20_000_000,
        description="How much of a conversation's files the model or a route gets, newest first",
    )
    max_answer_bytes: _Count = Field(
        500_000,
        le=_MOST_BYTES,
        description="Limit for one answer, as UTF-8; it ends there with the reason `length`; "
        "3,000,000 at most",
    )
    generations_per_user: _Count = Field(4, description="Answers of one user, running or queued")
    prompts_per_minute: _Count = Field(30, description="Prompts of one user per minute")
    calls_at_once: _Count = Field(8, description="Calls of one user in flight; more get a 429")
    calls_per_second: _Count = Field(
        10, description="Calls of one user per second on average; four times as many in a burst"
    )
    max_calls: _Count = Field(1000, description="Calls of this process in flight; more get a 503")
    trusted_proxies: Annotated[int, Field(ge=0)] = Field(
        0,
        description="How many of your proxies stand in front of Centrifugo and append to "
        "`X-Forwarded-For`, which it must pass on; 0: addresses are not known and not limited",
    )
    visitors_per_address: _Count = Field(
        30, description="New visitors per network address and minute"
    )
    prompts_per_address: _Count = Field(120, description="Prompts per network address and minute")
    user_share: _Share = Field(
        0.25, description="Share of the places for answers that one user or address may hold"
    )
    visitors_share: _Share = Field(
        0.9, description="Share of those places that all visitors together may hold"
    )
    max_generations: _Count = Field(1000, description="Answers of this process at once")
    max_waiting: int = Field(200, ge=0, description="Answers that may wait for such a place")

    coalesce_seconds: float = Field(
        0.04, ge=0, le=1, description="Minimum time between two publications of one answer"
    )
    checkpoint_seconds: _Seconds = Field(2, description="How often growing answers are stored")
    lease_seconds: _Seconds = Field(
        5, description="How long a replica may be silent before another takes its answers over"
    )
    shutdown_grace_seconds: float = Field(
        30, ge=0, description="How long running answers may go on after SIGTERM"
    )

    metrics_listen: Annotated[str, AfterValidator(address_or_off)] = Field(
        "127.0.0.1:9102", description="Address of /metrics for Prometheus; `off` for none"
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`, or `console` for a terminal"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`"
    )

    @model_validator(mode="after")
    def _can_work_together(self) -> "Settings":
        if found := list(conflicts(self)):
            raise ValueError("\n  ".join(found))
        return self

    @property
    def own_python(self) -> tuple[str, ...]:
        """The responders that are Python, not addresses of routes."""
        named = (self.responder, *self.responders.values())
        return tuple(place for place in named if place and "://" not in place)

    @property
    def allowed_models(self) -> tuple[str, ...]:
        """The models that prompts may name, each once, the default first."""
        usual = self.openai_model
        if self.responder:
            # OPENAI_MODEL does not answer here, so clients must not be told that it does
            usual = shown_name(self.responder)
        return tuple(dict.fromkeys((usual, *self.models, *self.responders)))
