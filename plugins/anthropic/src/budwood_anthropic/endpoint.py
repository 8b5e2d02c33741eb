"""An endpoint with Anthropic's API: addresses, headers and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from budwood.contracts import PluginContext
from budwood.errors import ProviderError
from budwood.providing import BaseProvider, encode_json, parse_object
from budwood.types import Adaptation, Capability, Credential, HTTPCall, HTTPReply, RateLimits, ReplyHead
from budwood_anthropic.errors import make_error, make_error_in_success, parse_error, parse_request_id_in_body
from budwood_anthropic.limits import parse_limits
from budwood_anthropic.settings import AnthropicSettings

JSON_HEADERS: Final = {"content-type": "application/json", "accept": "application/json"}


class AnthropicEndpoint(BaseProvider):
    """
    Anthropic's API without its operations.

    Args:
        settings: The settings of this instance.
        context: What the core passes to the plugin besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset()

    def __init__(self, settings: AnthropicSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._headers = {**JSON_HEADERS, "anthropic-version": settings.version, **settings.headers}

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the header with the key."""
        key = credential.secret.get_secret_value()
        bearer = self._settings.authentication == "bearer"
        header = {"authorization": f"Bearer {key}"} if bearer else {"x-api-key": key}
        return call.with_headers(header)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify an error reply."""
        error = make_error(reply, parse_error(reply))
        error.request_id = error.request_id or parse_request_id_in_body(reply)
        return error

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Parse the ``anthropic-ratelimit-…`` headers of a reply."""
        return parse_limits(head.headers, self._context.clock.time())

    def _call(self, method: str, path: str) -> HTTPCall:
        """Return a call without a body."""
        return HTTPCall(method=method, url=self._settings.base_url + path, headers=self._add_betas())

    def _post(
        self,
        path: str,
        body: Mapping[str, Any],
        betas: tuple[str, ...] = (),
        adaptations: tuple[Adaptation, ...] = (),
        version: str | None = None,
    ) -> HTTPCall:
        headers = self._add_betas(betas)
        return HTTPCall(
            method="POST",
            url=self._settings.base_url + path,
            headers={**headers, "anthropic-version": version} if version else headers,
            body=encode_json(body),
            adaptations=adaptations,
        )

    def _add_betas(self, more: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the headers, with the beta features of the settings and of the request."""
        betas = dict.fromkeys((*self._settings.betas, *more))
        return {**self._headers, "anthropic-beta": ",".join(betas)} if betas else self._headers

    def _parse(self, reply: HTTPReply) -> dict[str, Any]:
        """Parse a JSON object; raise the error if it reports one."""
        body = parse_object(reply)
        if body.get("error"):
            raise make_error_in_success(reply.head, body)
        return body
