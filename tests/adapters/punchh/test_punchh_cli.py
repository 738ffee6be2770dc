"""`promo-punchh` at the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.punchh_adapter import AdapterProcess

from promo_adapters.base.database import connect
from promo_adapters.base.queue import State, Verdict
from promo_adapters.punchh.settings import SettingsError, load
from promo_adapters.punchh.store import INBOX, SCHEMA

WEBHOOK = '[webhook]\nclient = "C"\nsecret = "SECRET"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "punchh.toml"
    file.write_text(text)
    return file


def test_help_has_a_whole_configuration_that_can_be_used(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "promo_adapters.punchh.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "database =" in line)
    last = next(number for number, line in enumerate(lines) if "ours" in line)
    settings = load(written(tmp_path, "\n".join(line.strip() for line in lines[first : last + 1])), {})
    assert settings.publish[0].campaign == "birthday-2026"
    assert settings.braze is not None


def test_the_command_line_wins_over_variables_and_these_over_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = written(tmp_path, f'database = "d"\nlisten = "127.0.0.1:1"\n{WEBHOOK}[engine]\ntarget = "a:1"\ntls = true\n')
    monkeypatch.setenv("PROMO_PUNCHH_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("PROMO_PUNCHH_ENGINE__KEY", "id:token")
    settings = load(file, {"engine": {"target": "b:2"}})
    assert (settings.listen, settings.engine.target, settings.engine.tls) == ("127.0.0.1:2", "b:2", True)
    assert settings.engine.api_key() == "id:token"
    assert "id:token" not in repr(settings)


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET\n")
    file = written(tmp_path, f'database = "d"\n[webhook]\nclient = "C"\nsecret_file = "{secret}"\n')
    assert load(file, {}).webhook.shared_secret() == "SECRET"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WEBHOOK, "database: is missing"),
        ('database = "d"\n', "webhook: is missing"),
        ('database = "d"\nlissten = "x"\n' + WEBHOOK, "lissten: there is no setting of this name"),
        ('database = "d"\n[webhook]\nsecret = "SECRET"\n', "needs the client"),
        ('database = "d"\n[webhook]\nauth = "basic"\nsecret = "SECRET"\n', "needs a username"),
        ('database = "d"\n[webhook]\nauth = "md5"\n', "webhook.auth"),
        ('database = "d"\n' + WEBHOOK + '[[publish]]\nevent = "rewards"\ncampaign = "x"\n', "needs campaign_id"),
        ('database = "d"\n' + WEBHOOK + '[braze]\nendpoint = "braze.com"\n', "braze.endpoint"),
        ('database = "d"\n' + WEBHOOK + '[braze]\nendpoint = "https://b"\nbatch_objects = 76\n', "braze.batch_objects"),
        ('database = "d"\n' + WEBHOOK + 'path = "/hook?business=6"\n', "webhook.path"),
        ('database = "d"\n' + WEBHOOK + 'path = "/{name}"\n', "webhook.path"),
        ('database = "d"\nlisten = "h:99999"\n' + WEBHOOK, "listen: must be host:port"),
        ('database = "d"\n' + WEBHOOK + '[engine]\ntarget = "h"\n', "engine.target: must be host:port"),
        ("database = ", "is not TOML"),
    ],
)
def test_wrong_settings_are_named_without_their_values(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, text), {})
    assert words in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_a_key_that_no_header_can_have_is_refused(tmp_path: Path) -> None:
    for group in ("engine", "braze"):
        endpoint = 'endpoint = "https://b"\n' if group == "braze" else ""
        file = written(tmp_path, f'database = "d"\n{WEBHOOK}[{group}]\n{endpoint}key = "SECRÉT"\n')
        settings = getattr(load(file, {}), group)
        with pytest.raises(SettingsError, match=rf"^{group}\.key has characters that no key has"):
            settings.api_key()


def test_a_start_without_what_it_needs_is_one_line(tmp_path: Path) -> None:
    adapter = AdapterProcess(tmp_path / "a", "127.0.0.1:1", None)
    del adapter.environment["PROMO_PUNCHH_WEBHOOK__SECRET"]
    done = adapter.command()
    assert done.returncode == 1
    assert done.stderr.startswith("promo-punchh: webhook.secret is missing")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_adapter_on_the_same_file_does_not_start(new_adapter: Callable[..., AdapterProcess]) -> None:
    adapter = new_adapter(None)
    adapter.environment["PROMO_PUNCHH_LISTEN"] = "127.0.0.1:0"
    done = adapter.command()
    assert done.returncode == 1
    assert "is in use by another adapter" in done.stderr


def test_dead_letters_are_listed_replayed_and_dropped(tmp_path: Path) -> None:
    adapter = AdapterProcess(tmp_path / "a", "127.0.0.1:1", None)
    assert "has never run" in adapter.command("status").stderr
    connection = connect(adapter.database)
    connection.executescript(SCHEMA)
    for key in ("c1:1", "c2:2", "c3:3"):
        verdict = Verdict(State.DEAD, "CODES_EXHAUSTED: none left")
        INBOX.put(connection, key=key, kind="rewards", subject="7", body=b"{}", now_ms=1, verdict=verdict)
    connection.close()
    assert adapter.command("dead-letters").stdout.splitlines()[0] == "inbox   c1:1  rewards: CODES_EXHAUSTED: none left"
    assert adapter.command("replay", "inbox").returncode == 1
    assert adapter.command("drop", "inbox").returncode == 1
    assert adapter.command("drop", "outbox", "--all").stdout == "0 will not be tried again\n"
    assert adapter.command("drop", "inbox", "c3:3").stdout == "1 will not be tried again\n"
    assert adapter.command("replay", "inbox", "c2:2").stdout == "1 will be tried again\n"
    assert json.loads(adapter.command("dead-letters", "--json").stdout)[0]["key"] == "c1:1"
    assert adapter.document("status")["inbox"] == {"pending": 1, "waiting": 0, "done": 1, "dead": 1}
    assert adapter.command("replay", "inbox", "--all").stdout == "1 will be tried again\n"
    assert adapter.command("dead-letters").stdout == "no dead letters\n"
    assert adapter.command("redemptions").stdout == "no redemptions\n"
