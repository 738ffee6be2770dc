from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from promo_server.cli.command import run
from promo_server.cli.command_error import CommandError
from promo_server.cli.failure import explain

SECRET = "0f" * 32


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PROMO_KEY", "PROMO_TARGET", "PROMO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROMO_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("PROMO_GRPC__LISTEN", "127.0.0.1:1")


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "promo serve" in capsys.readouterr().out
    assert run(["keys", "create", "--help"]) == 0
    assert "promo keys create --role checkout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "example"),
    [
        (["serve"], "promo serve --demo"),
        (["codes", "export"], "promo codes export SPRING -o codes.csv --resume"),
        (["orders", "replay"], "promo orders replay invoices.csv --campaign SPRING"),
        (["ledger", "verify"], "promo ledger verify"),
    ],
)
def test_help_of_every_command_has_an_example(
    command: list[str],
    example: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*command, "--help"]) == 0
    assert example in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["serve", "--once"], "add --demo"),
        (["serve", "--orders", "x.csv"], "add --demo"),
        (["serve", "--demo", "--orders", "none.csv"], "give another file"),
        (["codes", "export", "SPRING", "--resume"], "add --output codes.csv"),
        (["codes", "export", "SPRING", "--json"], "add --output codes.csv"),
        (["orders", "replay", "none.csv", "--campaign", "SPRING"], "give another file"),
        (["ledger", "verify"], "start it with promo serve"),
    ],
)
def test_command_that_cannot_go_on_says_in_one_line_what_to_do(
    arguments: list[str],
    advice: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(arguments) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert advice in errors[0]


def test_counts_and_shares_out_of_range_end_with_status_2() -> None:
    assert run(["codes", "export", "SPRING", "--count", "-1"]) == 2
    assert run(["orders", "replay", "x.csv", "--campaign", "SPRING", "--repeats", "101"]) == 2
    assert run(["orders", "replay", "x.csv", "--campaign", "SPRING", "--checkouts", "0"]) == 2


def test_unknown_command_and_option_end_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serv"]) == 2
    assert run(["keys", "create", "--role", "owner"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith('promo: unknown command "serv"')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "X"], "--customer is missing; see promo publish --help"),
        (["publish"], "CAMPAIGN is missing; see promo publish --help"),
        (["keys", "create", "--role"], "--role needs a value; see promo keys create --help"),
        (["campaigns", "list", "a", "b"], "a b: nothing more is expected here; see promo campaigns list --help"),
        (["keys", "create", "--rol", "x"], "unknown option: --rol. Did you mean --role?; see promo keys create --help"),
    ],
)
def test_what_is_not_understood_is_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err == f"promo: {said}\n"


def test_setting_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_STORE__PARTITIONS", "many")
    assert run(["doctor"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("promo: PROMO_STORE__PARTITIONS: ")


def test_command_without_any_key_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "list"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "promo: there is no key; set PROMO_KEY=id:token, or start a server here with: promo serve",
    ]


def test_command_beside_a_demonstration_says_where_its_key_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_STATE_DIR", str(tmp_path))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "admin.key").write_text("key_1:abcdefghijklmnopqrst\n")
    assert run(["keys", "list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("promo: there is no key; ")
    assert line.endswith(f"export PROMO_STATE_DIR={tmp_path}/demo")


def test_command_without_a_server_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_KEY", "admin:abcdefghijklmnopqrst")
    assert run(["keys", "list"]) == 1
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1
    assert "promo serve" in text


def test_doctor_makes_no_database(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "mistyped" / "promo.sqlite"
    monkeypatch.setenv("PROMO_SQL__URL", f"sqlite:///{file}")
    run(["doctor", "--json"])
    [check] = [check for check in json.loads(capsys.readouterr().out)["checks"] if check["check"] == "sql"]
    assert (check["result"], check["detail"]) == ("note", f"{file} is made on the first start")
    assert not file.parent.exists()


@pytest.mark.parametrize("command", [["store", "rebuild"], ["ledger", "verify"]])
def test_command_that_reads_a_database_makes_none(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "mistyped" / "promo.sqlite"
    monkeypatch.setenv("PROMO_SQL__URL", f"sqlite:///{file}")
    monkeypatch.setenv("PROMO_STORE__URL", "redis://127.0.0.1:1")
    assert run(command) == 1
    assert capsys.readouterr().err.startswith(f"promo: {file} does not exist; ")
    assert not file.parent.exists()


def test_address_of_no_server_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_KEY", "admin:abcdefghijklmnopqrst")
    right = "must be host:port, the port 0 to 65535; an IPv6 host stands in brackets"
    assert run(["keys", "list", "--target", "h:99999"]) == 1
    assert capsys.readouterr().err == f"promo: --target: {right}\n"
    monkeypatch.setenv("PROMO_TARGET", "h")
    assert run(["keys", "list"]) == 1
    assert capsys.readouterr().err == f"promo: PROMO_TARGET: {right}\n"


def test_doctor_shows_each_setting_with_its_origin_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_CODES__MASTER_SECRET", SECRET)
    monkeypatch.setenv("PROMO_STORE__URL", "redis://user:store-password@127.0.0.1:1/0")
    assert run(["doctor", "--json"]) == 1
    text = capsys.readouterr().out
    report = json.loads(text)
    settings = {entry["name"]: (entry["value"], entry["origin"]) for entry in report["settings"]}
    assert settings["codes.master_secret"] == ("***", "PROMO_CODES__MASTER_SECRET")
    assert settings["store.url"] == ("redis://***@127.0.0.1:1/0", "PROMO_STORE__URL")
    assert settings["store.partitions"] == ("64", "default")
    assert SECRET not in text
    assert "store-password" not in text


def test_doctor_fails_when_the_store_does_not_answer_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_STORE__URL", "redis://127.0.0.1:1/0")
    assert run(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (store,) = [check for check in report["checks"] if check["check"] == "store"]
    assert store["result"] == "failed"
    assert "PROMO_STORE__URL" in store["next_step"]
    assert report["ok"] is False


def test_doctor_of_a_machine_that_never_ran_a_server_finds_no_failure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMO_STATE_DIR", str(tmp_path / "none"))
    assert run(["doctor"]) == 0
    assert "valkey" in capsys.readouterr().out.lower()
    assert not (tmp_path / "none").exists()


def test_failure_is_one_line_whatever_it_is() -> None:
    assert explain(CommandError("one\n  two")) == "one two"
    assert explain(FileNotFoundError(2, "No such file or directory", "x.pem")) == "x.pem: No such file or directory"


_THREADS_AT_THE_END = """
import atexit, threading
from promo_server.cli.command import main
atexit.register(lambda: print([thread.name for thread in threading.enumerate()]))
main(["campaigns", "list"])
"""


def test_no_thread_of_grpc_is_left_to_the_end_of_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMO_KEY", f"a:{SECRET}")
    done = subprocess.run([sys.executable, "-c", _THREADS_AT_THE_END], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("promo: no server answers")
    assert (done.returncode, done.stdout) == (1, "['MainThread']\n")


_INTERRUPTED_IMPORT = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = ["campaigns", "list"]
{start}
"""


@pytest.mark.parametrize("module", ["cyclopts", "promo_server.cli.help_texts", "promo_server.cli.campaigns"])
@pytest.mark.parametrize(
    "start",
    [
        "from promo_server.cli import main; main()",
        "import runpy; runpy.run_module('promo_server.cli', run_name='__main__')",
    ],
)
def test_interrupt_while_modules_load_ends_quietly(module: str, start: str) -> None:
    script = _INTERRUPTED_IMPORT.format(module=module, start=start)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
