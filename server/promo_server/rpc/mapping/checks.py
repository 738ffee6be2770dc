"""Collects what is wrong with a request, so that a caller hears everything at once."""

from __future__ import annotations

from collections.abc import Mapping

from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.domain.paging import DEFAULT_PAGE_SIZE, MAXIMUM_PAGE_SIZE, Page, decode_token

_METADATA_ENTRIES = 64
_METADATA_KEY_BYTES = 64
_METADATA_VALUE_BYTES = 1024
_REQUEST_ID_BYTES = 128


class Checks:
    """The violations of one request."""

    def __init__(self) -> None:
        """Begin with none."""
        self._violations: list[Violation] = []

    def add(self, field: str, problem: str) -> None:
        """Note that a field is wrong."""
        self._violations.append(Violation(field, problem))

    def finish(self) -> None:
        """Refuse the request when anything was noted."""
        if self._violations:
            raise FieldsInvalidError(tuple(self._violations))

    def text(self, field: str, value: str, maximum: int, *, required: bool = False) -> str:
        """Return a text of at most `maximum` bytes."""
        if required and not value:
            self.add(field, "is required")
        elif len(value.encode()) > maximum:
            self.add(field, f"has more than {maximum} bytes")
        elif "\x00" in value:
            self.add(field, "contains a NUL character")
        return value

    def number(self, field: str, value: int, minimum: int, maximum: int) -> int:
        """Return a number within bounds."""
        if not minimum <= value <= maximum:
            self.add(field, f"must be {minimum} to {maximum}, is {value}")
        return value

    def metadata(self, field: str, value: Mapping[str, str]) -> dict[str, str]:
        """Return caller-defined entries."""
        if len(value) > _METADATA_ENTRIES:
            self.add(field, f"has more than {_METADATA_ENTRIES} entries")
            return {}
        for key, entry in value.items():
            self.text(f"{field} key", key, _METADATA_KEY_BYTES, required=True)
            self.text(f"{field}.{key[:_METADATA_KEY_BYTES]}", entry, _METADATA_VALUE_BYTES)
        return dict(value)

    def request_id(self, value: str) -> str:
        """Return a request id, which may be empty."""
        return self.text("request_id", value, _REQUEST_ID_BYTES)

    def page(self, list_name: str, scope: str, size: int, token: str) -> Page:
        """Return the page that is asked for; refuse a token of another list at once."""
        if size:
            self.number("page_size", size, 1, MAXIMUM_PAGE_SIZE)
        self.finish()
        return Page(size or DEFAULT_PAGE_SIZE, decode_token(list_name, scope, token))
