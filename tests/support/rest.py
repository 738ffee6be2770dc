"""Calls the REST API as others do: over HTTP, one connection a call."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
from typing import Any

from support.server_process import KEY

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        """Key of an error."""
        return str(self.body["key"])


class RestCaller:
    """Calls one address with one API key, "id:token"."""

    def __init__(self, address: str, key: str = KEY) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.key = key

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The headers with the key."""
        key_id, _, token = self.key.partition(":")
        return {"X-App-Id": key_id, "X-App-Token": token}

    def get(self, path: str, **headers: str) -> Answer:
        """Get a path."""
        return self.send("GET", path, None, {**self.credentials, **headers})

    def post(self, path: str, body: Any = None, *, content_type: str = JSON, **headers: str) -> Answer:
        """Post a JSON document, or text or bytes as they are."""
        raw = body if isinstance(body, str | bytes | None) else json.dumps(body)
        return self.send("POST", path, raw, {"Content-Type": content_type, **self.credentials, **headers})

    def send(self, method: str, path: str, body: str | bytes | None, headers: dict[str, str]) -> Answer:
        """Send exactly this."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
            lowered = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lowered, json.loads(text) if text else None)
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send bytes, whatever they are, and return all that comes back before the connection ends."""
        with socket.create_connection((self.host, self.port), timeout=30) as connection:
            connection.sendall(data)
            received = b""
            while True:
                try:
                    piece = connection.recv(65_536)
                except ConnectionResetError:
                    return received
                if not piece:
                    return received
                received += piece
