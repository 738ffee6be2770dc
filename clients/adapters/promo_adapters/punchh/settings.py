"""Every setting of the Punchh adapter.

A value comes from, first to last: the command line, a variable such as `PROMO_PUNCHH_WEBHOOK__SECRET`, a TOML file, the
default. A secret is given by a variable or by the name of a file that holds it, never on the command line.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from promo.client import Tls
from promo.client.address import checked_address

Address = Annotated[str, AfterValidator(checked_address)]
AuthMode = Literal["basic", "bearer", "hmac-sha1", "hmac-sha256"]


class SettingsError(Exception):
    """Settings that cannot be used; the text says which and why, without their values."""


class _Group(BaseModel):
    """A group of settings; a name that does not exist is refused, so that no typing error goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _secret(value: SecretStr | None, file: Path | None, name: str) -> str:
    """Return a secret from its variable or its file."""
    if value is not None:
        return value.get_secret_value()
    if file is None:
        raise SettingsError(
            f"{name} is missing; set its PROMO_PUNCHH_ variable, or {name}_file to a file that holds it"
        )
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise SettingsError(f"{name}_file: {file}: {reason}") from None
    if not text:
        raise SettingsError(f"{name}_file: {file} is empty")
    return text


def _sent_secret(value: SecretStr | None, file: Path | None, name: str) -> str:
    """Return a secret that is sent in a header."""
    text = _secret(value, file, name)
    if not (text.isascii() and text.isprintable()):
        raise SettingsError(f"{name} has characters that no key has; copy it again")
    return text


class EngineSettings(_Group):
    """The engine that hands out codes."""

    target: Address = Field("127.0.0.1:50600", description="Address of the engine's gRPC port.")
    tls: bool = Field(default=False, description="Whether that port speaks TLS.")
    tls_ca: Path | None = Field(None, description="PEM of the authorities to trust instead of the system's.")
    key: SecretStr | None = Field(None, description="API key `id:token` with the role publisher.")
    key_file: Path | None = Field(None, description="File that holds the API key.")

    def transport_security(self) -> Tls | bool:
        """Return how the port is called. Raises SettingsError."""
        if self.tls_ca is None:
            return self.tls
        try:
            return Tls(root_certificates=self.tls_ca.read_bytes())
        except OSError as error:
            raise SettingsError(f"engine.tls_ca: {self.tls_ca}: {error.strerror}") from None

    def api_key(self) -> str:
        """Return the API key. Raises SettingsError."""
        return _sent_secret(self.key, self.key_file, "engine.key")


class WebhookSettings(_Group):
    """What Punchh calls."""

    path: str = Field(
        "/v1/connectors/punchh/webhook",
        pattern=r"^/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*$",
        description="Path of the webhook. It is signed, so no proxy may change it.",
    )
    auth: AuthMode = Field("hmac-sha256", description="How Punchh authenticates, as chosen in its Webhooks Manager.")
    username: str = Field("", description="User name of `basic`.")
    client: str = Field("", description="Client that the `hmac` modes send as x-pch-key.")
    secret: SecretStr | None = Field(None, description="Password, token or HMAC secret.")
    secret_file: Path | None = Field(None, description="File that holds the secret.")
    max_body_bytes: int = Field(1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="Largest body that is taken.")
    body_seconds: float = Field(
        10.0, gt=0, le=14, description="How long the head of a request, and its body, may take to arrive."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.auth == "basic" and not self.username:
            raise ValueError("auth = basic needs a username")
        if self.auth.startswith("hmac") and not self.client:
            raise ValueError(f"auth = {self.auth} needs the client that Punchh sends as x-pch-key")
        return self

    def shared_secret(self) -> str:
        """Return the secret. Raises SettingsError."""
        return _secret(self.secret, self.secret_file, "webhook.secret")


class PublishRule(_Group):
    """Which Punchh reward or coupon brings a code of which campaign; every condition that is given must hold."""

    event: Literal["rewards", "coupons"] = Field(description="Family of the event.")
    campaign_id: int | None = Field(None, description="Punchh's campaign; for coupons its coupon campaign.")
    campaign_name: str | None = Field(None, description="Its name, which a recurring campaign keeps while ids change.")
    redeemable_id: int | None = Field(None, description="Punchh's redeemable.")
    campaign: str = Field(min_length=1, description="Id or name of our campaign whose next code the guest gets.")

    @model_validator(mode="after")
    def _conditional(self) -> Self:
        if self.campaign_id is None and self.campaign_name is None and self.redeemable_id is None:
            raise ValueError("needs campaign_id, campaign_name or redeemable_id")
        return self


class BrazeSettings(_Group):
    """Where events are passed on to."""

    endpoint: str = Field(pattern=r"^https?://[!-~]+$", description="REST endpoint of the Braze cluster.")
    key: SecretStr | None = Field(None, description="REST API key with the permission users.track.")
    key_file: Path | None = Field(None, description="File that holds the REST API key.")
    batch_objects: int = Field(
        75, ge=1, le=75, description="Attributes and events in one request; 50 on MAU contracts."
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long Braze may take to answer.")
    first_wait_seconds: float = Field(1.0, gt=0, description="Wait after the first failed request; then it doubles.")
    longest_wait_seconds: float = Field(300.0, gt=0, description="Where the wait stops growing.")
    attempts: int = Field(300, ge=1, description="Failed requests after which an object becomes a dead letter.")
    event_names: dict[str, str] = Field(
        default_factory=dict,
        description="Names of Braze events that differ from the vendor adapter's, by ours.",
    )

    def api_key(self) -> str:
        """Return the REST API key. Raises SettingsError."""
        return _sent_secret(self.key, self.key_file, "braze.key")


class ProcessingSettings(_Group):
    """How stored events are worked off."""

    guest_wait_seconds: float = Field(
        6 * 3600.0,
        ge=0,
        description="How long an event waits for the guest's external id before it becomes a dead letter.",
    )
    first_wait_seconds: float = Field(1.0, gt=0, description="Wait after the engine failed once; then it doubles.")
    longest_wait_seconds: float = Field(300.0, gt=0, description="Where the wait stops growing.")
    attempts: int = Field(300, ge=1, description="Failed attempts after which an event becomes a dead letter.")
    keep_days: float = Field(30.0, ge=1, description="How long what was done is kept; repeats are recognised so long.")


class Settings(BaseSettings):
    """The settings."""

    model_config = SettingsConfigDict(
        env_prefix="PROMO_PUNCHH_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    listen: Address = Field("127.0.0.1:50620", description="Address of the webhook; port 0 takes a free one.")
    database: Path = Field(description="SQLite file of everything that came in and goes out; one per adapter.")
    engine: EngineSettings = EngineSettings()
    webhook: WebhookSettings
    braze: BrazeSettings | None = Field(None, description="Without it nothing is passed on.")
    processing: ProcessingSettings = ProcessingSettings()
    publish: tuple[PublishRule, ...] = Field((), description="First rule that fits wins; without one no code is given.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` passes, which has asked the environment itself."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def load(file: Path | None, overrides: dict[str, Any]) -> Settings:
    """Return the settings in force: `overrides` (of the command line), the environment, the file, the defaults.

    Raises SettingsError.
    """
    values: dict[str, Any] = {}
    if file is not None:
        _merge(values, _read(file))
    _merge(values, EnvSettingsSource(Settings)())
    _merge(values, overrides)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_problem, error.errors()))) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML ({error})") from None


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    """Put `values` over `into`, group by group."""
    for name, value in values.items():
        group = into.get(name)
        if isinstance(value, dict) and isinstance(group, dict):
            _merge(group, value)
        else:
            into[name] = value


def _problem(detail: ErrorDetails) -> str:
    """Return one problem in a line; never the value, which may be a secret."""
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{path}: there is no setting of this name"
    if detail["type"] == "missing":
        return f"{path}: is missing; set it in the file of --config"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{path}: {message[:1].lower()}{message[1:]}"
