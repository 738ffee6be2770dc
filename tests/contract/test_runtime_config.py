from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from promo_server.data_plane import runtime_config
from promo_server.settings import GrpcSettings, Settings

CRATES = Path(__file__).parents[2] / "codegen_ext" / "crates"


def fields(crate: str, struct: str) -> set[str]:
    """The fields of a configuration struct, which refuses any other."""
    source = (CRATES / crate / "src" / "config.rs").read_text(encoding="utf-8")
    body = re.search(rf"pub struct {struct} \{{(.*?)^\}}", source, re.DOTALL | re.MULTILINE)
    assert body is not None
    return set(re.findall(r"^    pub (\w+):", body[1], re.MULTILINE))


def document(**grpc: object) -> dict[str, Any]:
    settings = Settings(grpc=GrpcSettings(**grpc))  # type: ignore[arg-type]
    return runtime_config(settings, "unix:///s", bytes(32), Path("/c"))


def test_every_field_of_the_data_plane_that_is_set_exists_there() -> None:
    config = document(tls_certificate="/c.pem", tls_private_key="/k.pem", tls_client_ca="/a.pem")
    assert set(config["engine"]) == fields("engine", "EngineConfig")
    assert set(config["edge"]) == fields("edge", "EdgeConfig") - {"reuse_port"}
    assert set(config["edge"]["limits"]) == fields("edge", "Limits")
    assert set(config["edge"]["tls"]) == fields("edge", "TlsConfig")


def test_tls_is_off_without_a_certificate() -> None:
    assert document()["edge"]["tls"] is None
