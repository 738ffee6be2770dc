"""Every setting, in one class; the only module that reads the environment.

A value comes from, first to last: the command line, a variable such as `PROMO_GRPC__LISTEN`, a TOML file (`--config` or
`PROMO_CONFIG`), the default. docs/reference/settings.md is generated from this module.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from promo.client.address import checked_address
from promo_server.operator_error import OperatorError
from promo_server.secret_values import BootstrapKey, parse_bootstrap_keys, parse_master_secret
from promo_server.store_url import EMBEDDED, check_store_url

Address = Annotated[str, AfterValidator(checked_address)]
AddressOrNone = Annotated[str, AfterValidator(lambda text: checked_address(text) if text else text)]
"""An empty text stands for no address."""


def default_state_dir() -> Path:
    """Return `$XDG_STATE_HOME/promo`, or `~/.local/state/promo`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "promo"


class _Group(BaseModel):
    """A group of settings; a name that does not exist is refused, so that no typing error goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GrpcSettings(_Group):
    """The public port."""

    listen: Address = Field("127.0.0.1:50600", description="Address of the public gRPC port; port 0 takes a free one.")
    tls_certificate: Path | None = Field(None, description="PEM file with the certificate chain; with it TLS is on.")
    tls_private_key: Path | None = Field(None, description="PEM file with the private key of `tls_certificate`.")
    tls_client_ca: Path | None = Field(
        None,
        description="PEM file with the authorities of client certificates; with it every client must show one.",
    )
    max_message_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest request, in bytes; a larger one is refused before it is read.",
    )
    max_concurrent_calls: int = Field(
        4096,
        ge=1,
        description="Calls in progress; more are refused at once, and those of one key beyond three quarters.",
    )
    default_deadline_ms: int = Field(
        10_000,
        ge=1,
        description="Milliseconds that a call may take when its caller set no deadline.",
    )
    worker_threads: int = Field(0, ge=0, le=1024, description="Threads of the data plane; 0 takes one per core.")
    drain_seconds: float = Field(
        10.0,
        ge=0,
        description="Seconds that calls in progress may take to finish when the server stops.",
    )

    @model_validator(mode="after")
    def _tls_is_complete(self) -> GrpcSettings:
        if (self.tls_certificate is None) != (self.tls_private_key is None):
            raise ValueError("tls_certificate and tls_private_key belong together; set both or none")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_private_key")
        return self


class HttpSettings(_Group):
    """The REST API, which runs in processes of its own."""

    listen: AddressOrNone = Field(
        "127.0.0.1:50680",
        description="Address of the REST API; port 0 takes a free one, an empty text turns it off.",
    )
    processes: int = Field(1, ge=1, le=64, description="Processes that share the address, one core each.")
    max_body_bytes: int = Field(
        1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest request body, in bytes.",
    )
    read_seconds: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Seconds within which the head of a request must arrive, and as many again for its body.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks, with commas, of proxies whose X-Forwarded-For tells the caller's address.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _trusted_proxies_are_networks(cls, value: str) -> str:
        for text in filter(None, map(str.strip, value.split(","))):
            ip_network(text)
        return value


class PunchhSettings(_Group):
    """The webhook of Punchh, which runs in a process of its own when `config` is given."""

    config: Path | None = Field(
        None,
        description="TOML file of the adapter, as `promo-punchh` takes it; its `listen`, and of `engine` all but the "
        "key, do not count here. Absent: off.",
    )
    listen: Address = Field("127.0.0.1:50620", description="Address of the webhook; port 0 takes a free one.")


class StoreSettings(_Group):
    """The store, where everything that happens is decided."""

    url: str = Field(
        EMBEDDED,
        # It may have a password. `promo doctor` shows the rest of it.
        repr=False,
        description="`embedded:` starts the bundled Valkey; else the URL of one: "
        "redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH?db=DATABASE.",
    )
    partitions: int = Field(
        64,
        ge=1,
        le=255,
        description="Partitions of the key space. Fixed when the store is first used; it cannot change afterwards.",
    )
    poll_interval_ms: int = Field(
        200,
        ge=10,
        le=1000,
        description="Milliseconds between looks for changed definitions and keys; bounds how long a revoked key works.",
    )
    timeout_ms: int = Field(
        2000,
        ge=50,
        le=60_000,
        description="Milliseconds to wait for an answer; a call that has less time left waits no longer than that.",
    )
    idempotency_hours: int = Field(
        24,
        ge=1,
        le=24 * 30,
        description="Hours for which the answer to a request_id is kept and repeated.",
    )
    publication_days: int = Field(
        400,
        ge=1,
        le=3650,
        description="Days for which the source_id of a publication is known, so that a repeat returns the same code.",
    )
    rollback_days: int = Field(
        100,
        ge=1,
        le=3650,
        description="Days for which a redemption can be rolled back; later it is refused with ROLLBACK_TOO_LATE.",
    )
    ledger_hours: int = Field(
        24,
        ge=0,
        description="Hours for which the ledger stays in the store after the archive has it.",
    )
    ledger_entries: int = Field(
        1_000_000,
        ge=1000,
        description="Archived entries that a partition of the ledger keeps at most, however young they are.",
    )

    _url_is_usable = field_validator("url")(check_store_url)


class EmbeddedSettings(_Group):
    """The bundled store; only read when `store.url` is `embedded:`."""

    server_path: Path | None = Field(
        None,
        description="valkey-server or redis-server 7+ to run instead of the bundled one.",
    )
    append_fsync: Literal["always", "everysec", "no"] = Field(
        "always",
        description="When a write reaches the disk: before it is acknowledged, every second, or when the system likes.",
    )
    max_memory_bytes: int = Field(
        0,
        ge=0,
        description="Memory at which writes are refused, in bytes; nothing is ever evicted. 0 sets no limit.",
    )
    start_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds until a store that does not answer counts as failed; loading its data does not count.",
    )


class SqlSettings(_Group):
    """The database of definitions, and the archive of what happened."""

    url: SecretStr | None = Field(
        None,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, which needs promo-core[postgresql]. "
        "Absent: SQLite in `state_dir`.",
    )


class CodesSettings(_Group):
    """The secret that wraps every layout's key."""

    master_secret: SecretStr | None = Field(
        None,
        description="32 bytes in base64 or hex (openssl rand -hex 32). Absent: made once, in `state_dir`/master.key.",
    )

    @field_validator("master_secret")
    @classmethod
    def _master_secret_has_32_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_master_secret(value.get_secret_value())
        return value


class AuthSettings(_Group):
    """Keys that exist from the first start, for automation."""

    bootstrap_project: str = Field(
        "default",
        min_length=1,
        max_length=128,
        description="Name of the project that exists from the first start.",
    )
    bootstrap_keys: SecretStr | None = Field(
        None,
        description="Admin keys of that project, as id:token[,id:token]. Absent: one is made on the first start, "
        "in `state_dir`/admin.key.",
    )

    @field_validator("bootstrap_keys")
    @classmethod
    def _bootstrap_keys_are_pairs(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_bootstrap_keys(value.get_secret_value())
        return value

    def parsed_keys(self) -> tuple[BootstrapKey, ...]:
        """Return the pairs of `bootstrap_keys`."""
        return parse_bootstrap_keys(self.bootstrap_keys.get_secret_value()) if self.bootstrap_keys else ()


class LimitsSettings(_Group):
    """What one caller may ask for."""

    calls_per_second: int = Field(
        0,
        ge=0,
        description="Calls per second of one key, over all servers; a batch counts as its requests, 0 sets no limit.",
    )
    unknown_codes: int = Field(
        100,
        ge=0,
        description="Unknown codes that one customer may try within the window; one key, which serves many, may try a "
        "hundred times as many. 0 sets no limit.",
    )
    unknown_codes_window_seconds: int = Field(
        60,
        ge=1,
        le=86_400,
        description="Seconds of that window.",
    )
    failed_authentications: int = Field(
        20,
        ge=1,
        description="Refused keys that one address may pile up before it is refused unheard, over gRPC and REST alike; "
        "one is forgiven a second.",
    )
    connections: int = Field(10_000, ge=1, description="Open connections; more are not accepted.")
    connections_per_address: int = Field(
        2_500,
        ge=1,
        description="Open connections of one address, or of one IPv6 network (/64).",
    )
    calls_per_connection: int = Field(1024, ge=1, description="Calls in progress on one connection.")


class TelemetrySettings(_Group):
    """Logs, metrics and health."""

    listen: Address = Field("127.0.0.1:50601", description="Address of the HTTP port with /metrics and /healthz.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for collectors; `auto` asks whether a terminal reads.",
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="PROMO_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Folder of everything that this server keeps: embedded store, SQLite, generated keys. Mode 0700.",
    )
    grpc: GrpcSettings = Field(default_factory=GrpcSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    punchh: PunchhSettings = Field(default_factory=PunchhSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    embedded: EmbeddedSettings = Field(default_factory=EmbeddedSettings)
    sql: SqlSettings = Field(default_factory=SqlSettings)
    codes: CodesSettings = Field(default_factory=CodesSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    limits: LimitsSettings = Field(default_factory=LimitsSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)

    @field_validator("state_dir")
    @classmethod
    def _state_dir_is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` passes: it asks the other sources itself, to know where each value came from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class ClientSettings(BaseSettings):
    """What a command needs to call a server; read from the environment only."""

    model_config = SettingsConfigDict(env_prefix="PROMO_", env_ignore_empty=True, frozen=True, extra="ignore")

    key: SecretStr | None = Field(
        None,
        description="Key of commands that call a server, as id:token. Absent: the generated one in `state_dir`.",
    )
    target: Address | None = Field(None, description="Address that commands call. Absent: `grpc.listen`.")
    tls: bool = Field(default=False, description="Commands call with TLS.")
    tls_ca: Path | None = Field(None, description="PEM file with the authorities to trust instead of the system's.")


class SettingsError(OperatorError):
    """Settings that cannot be used; the text names the setting, where it came from and what is wrong."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and where each value that is no default came from (`grpc.listen` -> `PROMO_GRPC__LISTEN`)."""

    settings: Settings
    origins: dict[str, str]


def load(config: Path | None = None, overrides: dict[str, Any] | None = None) -> LoadedSettings:
    """Return the settings in force: `overrides` (of the command line), the environment, the file, the defaults."""
    named = config or (Path(text) if (text := os.environ.get("PROMO_CONFIG")) else None)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if named is not None:
        _merge(values, _read_file(named), origins, lambda path: f"{named} ({path})")
    _merge(values, EnvSettingsSource(Settings)(), origins, environment_name)
    _merge(values, overrides or {}, origins, lambda path: f"command line ({path})")
    try:
        return LoadedSettings(Settings(**values), origins)
    except ValidationError as error:
        raise SettingsError("; ".join(_problem(detail, origins) for detail in error.errors())) from None


def environment_name(path: str) -> str:
    """Return the variable that sets `path`: `PROMO_GRPC__LISTEN` for `grpc.listen`."""
    return "PROMO_" + path.replace(".", "__").upper()


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML ({error})") from None


def _merge(
    into: dict[str, Any],
    values: dict[str, Any],
    origins: dict[str, str],
    origin: Callable[[str], str],
    prefix: str = "",
) -> None:
    """Put `values` over `into`, group by group, and note the origin of each."""
    for name, value in values.items():
        path = prefix + name
        if isinstance(value, dict):
            group = into.setdefault(name, {})
            if isinstance(group, dict):
                _merge(group, value, origins, origin, f"{path}.")
                continue
        into[name] = value
        origins[path] = origin(path)


def _problem(detail: ErrorDetails, origins: dict[str, str]) -> str:
    """Return one problem in a line; never the value, which may be a secret."""
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{origins.get(path, path)}: there is no setting of this name"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{origins.get(path, environment_name(path))}: {message[:1].lower()}{message[1:]}"
