"""Check a key by the cheapest request of its provider, as `budwood.hooks.ProviderSpec` describes it."""

from __future__ import annotations

from typing import Final

from budwood.contracts import RemoteProvider
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.service import Service
from budwood.engine.pipeline.steps import send_call
from budwood.engine.services import MODELS, send_request
from budwood.errors import UnsupportedError
from budwood.hooks import MODELS_CHECK
from budwood.types import Capability, HTTPCall

KEY_CHECK: Final = Service(
    name="key check",
    capability=Capability.MODELS,
    protocol=RemoteProvider,
    refusal="does not support checking keys",
)


def check_key(call: Call) -> Flow[None]:
    """
    Send the request that checks the key of an endpoint. A model in the same process has no key.

    Raises:
        CredentialError: There is no key. Nothing was sent.
        UnsupportedError: The provider has no such request. Nothing was sent.
        ProviderError: The server rejects the key, or cannot be reached.
    """
    endpoint = call.target.endpoint
    if endpoint.local is not None:
        return
    endpoint.check_credential()
    if endpoint.key_check == MODELS_CHECK:
        yield from send_request(call, MODELS, None)
    elif endpoint.key_check:
        request = HTTPCall(method="GET", url=endpoint.key_check, headers={"accept": "application/json"})
        yield from send_call(call, KEY_CHECK, request)
    else:
        raise UnsupportedError(
            f"{endpoint.name}: there is no request that checks a key without cost.",
            hint="Send a short prompt to check the key.",
        )
