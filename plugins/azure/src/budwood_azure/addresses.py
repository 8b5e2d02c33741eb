"""
Parse and build Azure's addresses, which have three forms.

Source: Microsoft's documentation, "Azure OpenAI in Azure AI Foundry Models REST API reference" and its API life cycle;
the operations below a deployment are from OpenAI's Python library 3.52, ``lib/azure.py``.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Form = Literal["deployments", "v1", "foundry"]
"""``…/openai/deployments/NAME/…?api-version=…``, ``…/openai/v1/…``, or ``…/models/…?api-version=…``."""

_DEPLOYMENT_OPERATIONS: Final = frozenset(
    {
        "/completions",
        "/chat/completions",
        "/embeddings",
        "/audio/transcriptions",
        "/audio/translations",
        "/audio/speech",
        "/images/generations",
        "/images/edits",
    }
)
"""Operations whose path contains the deployment in the oldest form."""

_OPERATION = re.compile(r"/(?:chat/completions|completions|embeddings|responses|images/\w+|audio/\w+|videos|files)$")
_DEPLOYMENT = re.compile(r"^(?P<root>.*?)/openai/deployments/(?P<name>[^/]+)$")


class AzureAddress(NamedTuple):
    """
    A parsed address.

    Attributes:
        root: Scheme and host, and the path that a gateway adds before Azure's own path.
        form: The form of its path; None without a path.
        deployment: The deployment in its path.
        api_version: The version in its query.
    """

    root: str
    form: Form | None = None
    deployment: str | None = None
    api_version: str | None = None

    def url(self, path: str, model: str | None, form: Form, api_version: str | None) -> str:
        """
        Return the URL of an operation.

        Args:
            path: Such as ``/chat/completions``.
            model: The deployment, used if the address does not contain one.
            form: The form of the URL.
            api_version: The version, for the forms that require one.
        """
        query = f"?{urlencode({'api-version': api_version})}" if api_version else ""
        if form == "v1":
            return f"{self.root}/openai/v1{path}{query}"
        if form == "foundry":
            return f"{self.root}/models{path}{query}"
        deployment = self.deployment or model
        if path in _DEPLOYMENT_OPERATIONS and deployment:
            return f"{self.root}/openai/deployments/{quote(deployment, safe='')}{path}{query}"
        return f"{self.root}/openai{path}{query}"


def parse_address(url: str) -> AzureAddress:
    """Parse an endpoint, the target that Azure's portal shows, or a part of it."""
    parts = urlsplit(url)
    version = next(iter(parse_qs(parts.query).get("api-version", ())), None)
    path = _OPERATION.sub("", re.sub("/{2,}", "/", parts.path).rstrip("/"))
    host = f"{parts.scheme}://{parts.netloc}"
    if match := _DEPLOYMENT.match(path):
        return AzureAddress(host + match["root"], "deployments", unquote(match["name"]), version)
    for ending, form in _ENDINGS:
        if path.endswith(ending):
            return AzureAddress(host + path.removesuffix(ending), form, None, version)
    return AzureAddress(host + path, None, None, version)


_ENDINGS: Final[tuple[tuple[str, Form | None], ...]] = (
    ("/openai/deployments", "deployments"),
    ("/openai/v1", "v1"),
    ("/models", "foundry"),
    ("/openai", None),
)
