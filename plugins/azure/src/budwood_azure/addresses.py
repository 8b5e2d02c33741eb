"""
The three forms of Azure's addresses.

Source: Microsoft's documentation, "Azure OpenAI in Azure AI Foundry Models REST API reference" and its API life cycle;
which operations stand below a deployment is from OpenAI's Python library 3.52, ``lib/azure.py``.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Form = Literal["deployments", "v1", "foundry"]
"""``…/openai/deployments/NAME/…?api-version=…``, ``…/openai/v1/…``, or ``…/models/…?api-version=…``."""

_OF_A_DEPLOYMENT: Final = frozenset(
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
"""What stands below a deployment in the oldest form; all else stands beside it."""

_OPERATION = re.compile(r"/(?:chat/completions|completions|embeddings|responses)$")
_DEPLOYMENT = re.compile(r"^(?P<root>.*?)/openai/deployments/(?P<name>[^/]+)$")


class AzureAddress(NamedTuple):
    """
    What an address says.

    Attributes:
        root: Scheme and host, and what a gateway puts before Azure's own path.
        form: Which of the forms its path is of; None where it has no path.
        deployment: The deployment that it names.
        api_version: The version in its query.
    """

    root: str
    form: Form | None = None
    deployment: str | None = None
    api_version: str | None = None

    def url(self, path: str, model: str | None, form: Form, api_version: str | None) -> str:
        """
        Return the address of an operation.

        Args:
            path: Such as ``/chat/completions``.
            model: The deployment, where the address names none of its own.
            form: The form to write.
            api_version: The version, for the forms that need one.
        """
        query = f"?{urlencode({'api-version': api_version})}" if api_version else ""
        if form == "v1":
            return f"{self.root}/openai/v1{path}{query}"
        if form == "foundry":
            return f"{self.root}/models{path}{query}"
        deployment = self.deployment or model
        if path in _OF_A_DEPLOYMENT and deployment:
            return f"{self.root}/openai/deployments/{quote(deployment, safe='')}{path}{query}"
        return f"{self.root}/openai{path}{query}"


def understood(url: str) -> AzureAddress:
    """Take an address apart: an endpoint, what Azure's portal shows as target, or something between."""
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
