"""
Refine errors in OpenAI's form with what is specific to Azure.

Source: Microsoft's documentation, "Azure OpenAI quotas and limits" and "Troubleshoot errors".
"""

from __future__ import annotations

import re
from typing import Final

from budwood.errors import AuthenticationError, CapacityError, NotFoundError, ProviderError, RateLimitError

_NO_CAPACITY: Final = re.compile(
    r"(?:HTTP 429: )?(?:The )?system is (?:currently )?experiencing high demand", re.IGNORECASE
)
"""The start of the message of a 429 that is about Azure's capacity. Its code does not differ from other 429s."""


def refine_error(error: ProviderError) -> ProviderError:
    """Distinguish Azure's lack of capacity from the caller's quota, and replace hints by those for Azure."""
    if type(error) is RateLimitError and _NO_CAPACITY.match(error.message):
        return _to_capacity_error(error)
    if isinstance(error, NotFoundError) and error.code == "DeploymentNotFound":
        error.hint = "Pass the name of the deployment as the model: azure/DEPLOYMENT. Check that name and base_url."
    elif isinstance(error, NotFoundError):
        error.hint = "Check base_url, api_version and form in the settings, and the name of the deployment."
    elif isinstance(error, AuthenticationError):
        error.hint = "Check that the key belongs to this resource, or that the token has the right scope and role."
    return error


def _to_capacity_error(error: RateLimitError) -> CapacityError:
    return CapacityError(
        f"The vendor is overloaded: {error.message.removeprefix('HTTP 429: ')}",
        status=error.status,
        code=error.code,
        param=error.param,
        request_id=error.request_id,
        retry_after=error.retry_after,
        retryable=error.retryable,
    )
