"""Runs protoc and reads the descriptors, comments included, of promo.v1."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PACKAGE = "promo/v1"


class ProtocError(RuntimeError):
    """protoc refused its input; it has printed why."""


def run(arguments: list[str]) -> None:
    """Run protoc, raising ProtocError unless it succeeds."""
    if protoc.main(["protoc", *arguments]) != 0:
        raise ProtocError(" ".join(arguments))


def sources(proto: Path) -> list[str]:
    """Return the import paths of the files of promo.v1, sorted."""
    return sorted(path.relative_to(proto).as_posix() for path in (proto / PACKAGE).glob("*.proto"))


def include_options(proto: Path) -> list[str]:
    """Return protoc's search path: ours, the vendored imports, protobuf's own."""
    own = resources.files("grpc_tools") / "_proto"
    return [f"-I{proto}", f"-I{proto / 'third_party'}", f"-I{own}"]


def load(proto: Path, scratch: Path) -> list[descriptor_pb2.FileDescriptorProto]:
    """Return the files of promo.v1 with their comments, in order of name.

    `scratch` is a file that protoc may write.
    """
    run(
        [
            *include_options(proto),
            "--include_source_info",
            f"--descriptor_set_out={scratch}",
            *sources(proto),
        ],
    )
    parsed = descriptor_pb2.FileDescriptorSet.FromString(scratch.read_bytes())
    return sorted(parsed.file, key=lambda file: file.name)


def comments(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Return the comment before each element, by its path in the descriptor."""
    return {
        tuple(location.path): location.leading_comments.strip()
        for location in file.source_code_info.location
        if location.leading_comments
    }
