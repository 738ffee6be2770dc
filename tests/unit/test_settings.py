from __future__ import annotations

import base64
from pathlib import Path

import pytest

from promo_server import settings as module
from promo_server.settings import SettingsError, load

SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(module.os.environ):
        if name.startswith("PROMO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_defaults_need_no_setting_at_all(tmp_path: Path) -> None:
    loaded = load()
    assert loaded.origins == {}
    assert loaded.settings.store.url == "embedded:"
    assert loaded.settings.state_dir == tmp_path / "promo"
    assert loaded.settings.grpc.listen == "127.0.0.1:50600"


def test_command_line_beats_environment_beats_file_beats_default(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    config = tmp_path / "promo.toml"
    config.write_text('[grpc]\nlisten = "file:1"\nworker_threads = 1\ndrain_seconds = 1\nmax_concurrent_calls = 7\n')
    monkeypatch.setenv("PROMO_GRPC__LISTEN", "env:2")
    monkeypatch.setenv("PROMO_GRPC__WORKER_THREADS", "2")
    loaded = load(config, {"grpc": {"listen": "flag:3"}})
    grpc = loaded.settings.grpc
    assert (grpc.listen, grpc.worker_threads, grpc.max_concurrent_calls) == ("flag:3", 2, 7)
    assert grpc.default_deadline_ms == 10_000
    assert loaded.origins["grpc.listen"] == "command line (grpc.listen)"
    assert loaded.origins["grpc.worker_threads"] == "PROMO_GRPC__WORKER_THREADS"
    assert loaded.origins["grpc.max_concurrent_calls"] == f"{config} (grpc.max_concurrent_calls)"
    assert "grpc.default_deadline_ms" not in loaded.origins


def test_promo_config_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "promo.toml"
    config.write_text('[auth]\nbootstrap_project = "shop"\n')
    monkeypatch.setenv("PROMO_CONFIG", str(config))
    assert load().settings.auth.bootstrap_project == "shop"


@pytest.mark.parametrize("name", ["PROMO_GRPC__LISTNE", "PROMO_STORE__URLS"])
def test_misspelt_variable_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x:1")
    with pytest.raises(SettingsError, match=f"^{name}: there is no setting of this name$"):
        load()


def test_misspelt_group_in_the_file_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "promo.toml"
    config.write_text("[grcp]\nlisten = 'a:1'\n")
    with pytest.raises(SettingsError, match="there is no setting of this name"):
        load(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMO_GRPC__LISTEN", "no-port"),
        ("PROMO_GRPC__WORKER_THREADS", "-1"),
        ("PROMO_STORE__URL", "http://x"),
        ("PROMO_STORE__PARTITIONS", "0"),
        ("PROMO_EMBEDDED__APPEND_FSYNC", "sometimes"),
        ("PROMO_TELEMETRY__LOG_LEVEL", "loud"),
        ("PROMO_GRPC__TLS_CERTIFICATE", "/cert.pem"),
    ],
)
def test_value_out_of_range_is_refused_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=r"PROMO_[A-Z_]+: "):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMO_CODES__MASTER_SECRET", "far-too-short-but-secret"),
        ("PROMO_AUTH__BOOTSTRAP_KEYS", "admin:far-too-sh"[:14]),
        ("PROMO_AUTH__BOOTSTRAP_KEYS", "no-colon-but-secret-text"),
    ],
)
def test_refused_secret_is_never_quoted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert name in str(caught.value)
    assert value.partition(":")[2] or value not in str(caught.value)
    assert value not in str(caught.value)


def test_secrets_are_hidden_in_the_text_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMO_CODES__MASTER_SECRET", SECRET)
    monkeypatch.setenv("PROMO_AUTH__BOOTSTRAP_KEYS", "admin:abcdefghijklmnopqrstuvwxyz")
    monkeypatch.setenv("PROMO_SQL__URL", "postgresql+asyncpg://u:sql-word@h/d")
    monkeypatch.setenv("PROMO_STORE__URL", "redis://u:store-word@h")
    settings = load().settings
    assert [key.pair for key in settings.auth.parsed_keys()] == ["admin:abcdefghijklmnopqrstuvwxyz"]
    text = repr(settings) + repr(settings.auth.parsed_keys())
    assert not any(secret in text for secret in (SECRET, "abcdefghijklmnopqrstuvwxyz", "sql-word", "store-word"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://store",
        "redis://store:6379/",
        "redis://user:p%40%2Fss@store:6379/3",
        "rediss://:word@[::1]:6380/0",
        "unix:///run/store.sock",
        "unix:///run/store.sock?db=2",
    ],
)
def test_url_of_a_store_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PROMO_STORE__URL", url)
    assert load().settings.store.url == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hidden@",
        "redis://:hidden@h:99999",
        "redis://:hidden@h:0",
        "redis://:hidden@h:port",
        "redis://user:hid/hidden@h:6379",
        "redis://user:12/hidden@h:6379",
        "redis://user:hid#hidden@h:6379",
        "redis://user:hid?hidden@h:6379",
        "redis://user:hidden@h:6379/x",
        "redis://user:hidden@h:6379?db=1",
        "redis://user:hidden@h:6379?db=x",
        "redis://h/0?password=hidden",
        "redis://user:hidden@h 1/0",
        "redis://user:hidden@[::1/0",
        f"redis://user:hidden@{'h' * 64}",
        "rediss://user:hidden@h#insecure",
        "rediss://user:hidden@h?ssl_cert_reqs=none",
        "unix://user:hidden@/run/store.sock",
        "unix:///run/store.sock?password=hidden",
        "unix:///run/store.sock?db=hidden",
        "unix://",
    ],
)
def test_url_that_no_store_has_is_refused_and_never_quoted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PROMO_STORE__URL", url)
    with pytest.raises(SettingsError, match=r"^PROMO_STORE__URL: must be embedded:, redis://") as caught:
        load()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["PROMO_GRPC__LISTEN", "PROMO_HTTP__LISTEN", "PROMO_TELEMETRY__LISTEN"])
@pytest.mark.parametrize("address", ["host", "host:", ":1", "host:65536", "host:99999", "::1:1", "a b:1"])
def test_address_is_host_and_port(monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> None:
    monkeypatch.setenv(name, address)
    with pytest.raises(SettingsError, match=f"^{name}: must be host:port, the port 0 to 65535"):
        load()
    for right in ("host:0", "[::1]:65535", "0.0.0.0:1"):
        monkeypatch.setenv(name, right)
        load()


def test_only_rest_can_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMO_HTTP__LISTEN", "")
    assert load().settings.http.listen == ""
    monkeypatch.setenv("PROMO_GRPC__LISTEN", "")
    with pytest.raises(SettingsError, match="must be host:port"):
        load()


def test_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml: cannot be read"):
        load(tmp_path / "missing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("grpc = = 1")
    with pytest.raises(SettingsError, match=r"broken\.toml: is not TOML"):
        load(broken)


@pytest.mark.parametrize("count", ["1", "255"])
def test_a_store_has_1_to_255_partitions(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("PROMO_STORE__PARTITIONS", count)
    assert load().settings.store.partitions == int(count)


@pytest.mark.parametrize("count", ["0", "256"])
def test_no_other_number_of_partitions_is_taken(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("PROMO_STORE__PARTITIONS", count)
    with pytest.raises(SettingsError, match=r"^PROMO_STORE__PARTITIONS: input should be"):
        load()


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "10.0.0.0/8, ::1"):
        monkeypatch.setenv("PROMO_HTTP__TRUSTED_PROXIES", text)
        assert load().settings.http.trusted_proxies == text
    monkeypatch.setenv("PROMO_HTTP__TRUSTED_PROXIES", "proxy.example")
    with pytest.raises(SettingsError, match=r"^PROMO_HTTP__TRUSTED_PROXIES: .*does not appear to be"):
        load()
