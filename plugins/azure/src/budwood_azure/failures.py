"""
What Azure's errors mean besides what OpenAI's do. Verdicts of the content filter are read by the family.

Source: Microsoft's documentation, "Azure OpenAI quotas and limits" and "Troubleshoot errors".
"""

from __future__ import annotations

import re
from typing import Final

from budwood.errors import AuthenticationError, CapacityError, NotFoundError, ProviderError, RateLimitError

_NO_CAPACITY: Final = re.compile(
    r"(?:HTTP 429: )?(?:The )?system is (?:currently )?experiencing high demand", re.IGNORECASE
)
"""How the message of a 429 begins that is not about one's own quota. Its code is that of all others."""


def refined(error: ProviderError) -> ProviderError:
    """Tell one's own quota from the vendor's lack of capacity, and say what helps on Azure."""
    if type(error) is RateLimitError and _NO_CAPACITY.match(error.message):
        return _lacking_capacity(error)
    if isinstance(error, NotFoundError) and error.code == "DeploymentNotFound":
        error.hint = "A model is named by its deployment here: azure/DEPLOYMENT. Check its name and base_url."
    elif isinstance(error, NotFoundError):
        error.hint = "Check base_url, api_version and form in the settings, and the deployment's name."
    elif isinstance(error, AuthenticationError):
        error.hint = "Check that the key is of this resource, or the token's scope and role."
    return error


def _lacking_capacity(error: RateLimitError) -> CapacityError:
    return CapacityError(
        f"The vendor is overloaded: {error.message.removeprefix('HTTP 429: ')}",
        status=error.status,
        code=error.code,
        param=error.param,
        request_id=error.request_id,
        retry_after=error.retry_after,
        retryable=error.retryable,
    )
