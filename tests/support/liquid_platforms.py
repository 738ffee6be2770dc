"""Enough of Braze's and CleverTap's templates to render real ones: they call the REST API while they render."""

from __future__ import annotations

import http.client
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from liquid import Environment, RenderContext, TokenStream
from liquid.ast import Node
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, Token

BRAZE_SECONDS = 2.0
"""Braze inserts nothing that comes later."""
CLEVERTAP_SECONDS = 5.0

Call = Callable[[str, str, Mapping[str, str], str | None], tuple[int, Any]]


class Wire:
    """Makes the calls of a platform, and remembers them."""

    def __init__(self, seconds: float, agent: str) -> None:
        self.seconds = seconds
        self.agent = agent
        self.sent: list[tuple[str, str, str | None]] = []
        self.statuses: list[int] = []

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, Any]:
        """Return status and answer, JSON where it is JSON. Redirects are not followed."""
        parts = urllib.parse.urlsplit(url)
        self.sent.append((method, url, body))
        connection = http.client.HTTPConnection(parts.netloc, timeout=self.seconds)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, {"User-Agent": self.agent, **headers})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        self.statuses.append(response.status)
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text


class Braze:
    """Renders messages for recipients, Connected Content included."""

    def __init__(self) -> None:
        self.wire = Wire(BRAZE_SECONDS, "Braze Sender 0123456789abcdef")
        self._liquid = Environment()
        self._liquid.add_filter("url_param_escape", lambda value: urllib.parse.quote(str(value), safe=""))
        call = self.wire.call

        class ConnectedContentTag(Tag):
            name = "connected_content"
            block = False

            def parse(self, stream: TokenStream) -> Node:
                token = stream.current
                stream.next()
                text = stream.current.value if stream.current.kind == TOKEN_EXPRESSION else ""
                return ConnectedContent(token, text, call)

        self._liquid.add_tag(ConnectedContentTag)

    def render(self, template: str, **variables: Any) -> str:
        """Return the message for one recipient; `user` has the profile."""
        return self._liquid.from_string(_standard(template)).render(**variables)


class ConnectedContent(Node):
    """{% connected_content URL :option value ... %}."""

    def __init__(self, token: Token, text: str, call: Call) -> None:
        super().__init__(token)
        self._text = text
        self._call = call

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Make the call and keep its answer."""
        del buffer
        known = {**context.globals, **context.locals}

        def fill(match: re.Match[str]) -> str:
            return str(context.env.from_string("{{" + _names(match[1]) + "}}").render(**known))

        filled = re.sub(r"\{\{((?:[^{}]|\$\{[^}]*\})+)\}\}", fill, self._text)
        url, _, rest = filled.strip().partition("\n")
        options = dict(re.findall(r":(\w+)[ \t]*([^\n]*)", rest))
        method = options.get("method", "get").strip().upper()
        kind = options.get("content_type", "application/x-www-form-urlencoded").strip()
        body = options.get("body")
        if body is not None and kind == "application/json" and not body.lstrip().startswith("{"):
            # What is written like a form is sent as a flat object of texts.
            body = json.dumps(dict(urllib.parse.parse_qsl(body.strip(), keep_blank_values=True)))
        headers = {**json.loads(options.get("headers", "{}")), "Content-Type": kind, "Accept": kind}
        status, answer = self._call(method, url.strip(), headers, body)
        if isinstance(answer, dict) and 200 <= status < 300:
            answer = {**answer, "__http_status_code__": status}
        context.assign(options.get("save", "connected").strip(), answer)
        return 0


def _standard(template: str) -> str:
    """Return a Braze template in standard Liquid; Connected Content keeps its own form."""

    def plain_tag(match: re.Match[str]) -> str:
        text = match[1]
        if text.strip().startswith("connected_content"):
            return match[0]
        return "{%" + _names(re.sub(r"\{\{((?:[^{}]|\$\{[^}]*\})+)\}\}", r"\1", text)) + "%}"

    tagged = re.sub(r"\{%(.*?)%\}", plain_tag, template, flags=re.DOTALL)
    pieces = re.split(r"(\{%.*?%\})", tagged, flags=re.DOTALL)
    return "".join(piece if piece.startswith("{%") else _names(piece) for piece in pieces)


def _names(text: str) -> str:
    """Return the text with `campaign.${id}` and `${id}` as names of standard Liquid."""
    return re.sub(r"\$\{(\w+)\}", r'user["\1"]', re.sub(r"(\w+)\.\$\{(\w+)\}", r'\1["\2"]', text))


class CleverTap:
    """Renders messages whose Linked Content is fetched first, five minutes' answers kept."""

    def __init__(self) -> None:
        self.wire = Wire(CLEVERTAP_SECONDS, "CleverTap")
        self._kept: dict[str, Any] = {}

    def render(self, template: str, content: Mapping[str, Any], parameters: Mapping[str, str], **known: Any) -> str:
        """Return the message for one recipient; an answer that is none shows the template's default."""
        linked = self._fetch(content, parameters)
        return Environment().from_string(template).render(Linked={content["name"]: linked}, **known)

    def _fetch(self, content: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
        url = content["url"].replace("{{host}}", parameters["host"])
        for name, value in parameters.items():
            url = url.replace("{{" + name + "}}", urllib.parse.quote(value, safe=""))
        if url not in self._kept:
            headers = {name: _filled(value, parameters) for name, value in content["headers"].items()}
            status, answer = self.wire.call(content["method"], url, headers, None)
            if status != 200:
                return {}
            self._kept[url] = answer
        return {label: _at(self._kept[url], path) for label, path in content["labels"].items()}


def _filled(text: str, parameters: Mapping[str, str]) -> str:
    for name, value in parameters.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document
