"""Writes the Python stubs of promo.v1, typed, as package promo.v1."""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from protogen import descriptors

INIT = '"""Generated stubs of the promo.v1 contract; made by scripts/proto, never edited."""\n'


def write(
    proto: Path,
    output: Path,
    files: list[descriptor_pb2.FileDescriptorProto],
) -> list[Path]:
    """Return the paths written: messages for every file, RPC stubs for services.

    Proto path is Python path (promo/v1/x.proto becomes promo.v1.x_pb2), so the
    generated imports work as they are. google.* is not generated: it comes from
    googleapis-common-protos and protobuf.
    """
    package = output / descriptors.PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    names = [file.name for file in files]
    services = [file.name for file in files if file.service]
    common = [
        *descriptors.include_options(proto),
        *(f"--plugin={name}={Path(sys.executable).parent / name}" for name in PLUGINS),
    ]
    descriptors.run([*common, f"--python_out={output}", f"--mypy_out=quiet:{output}", *names])
    descriptors.run([*common, f"--grpc_python_out={output}", f"--mypy_grpc_out=quiet:{output}", *services])
    (package / "__init__.py").write_text(INIT, encoding="utf-8")
    expected = [package / "__init__.py"]
    for name in names:
        stem = package / Path(name).stem
        endings = ["_pb2.py", "_pb2.pyi"]
        if name in services:
            endings += ["_pb2_grpc.py", "_pb2_grpc.pyi"]
        expected += [stem.with_name(stem.name + ending) for ending in endings]
    return expected


PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
