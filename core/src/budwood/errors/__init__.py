"""
Every exception that Budwood raises, in one tree.

* BudwoodError
  . ConfigurationError
    - CredentialError
  . PluginError
    - PluginNotFoundError
    - PluginConflictError
    - PluginLoadError
    - PluginInvalidError
    - PluginIncompatibleError
    - PluginDisabledError
    - PluginFaultError
  . UnsupportedError
  . PromptError
  . StructuredOutputError
  . ToolLoopError
  . BudgetExceededError
  . CacheMissError
  . ProviderError
    - AuthenticationError
    - PermissionDeniedError
    - NotFoundError
    - InvalidRequestError
      > UnsupportedParameterError
      > ContextLengthError
    - ContentFilterError
    - RateLimitError
    - QuotaExhaustedError
    - CapacityError
    - ServerError
    - ConnectionFailedError
    - RequestTimeoutError
    - BadResponseError
      > ResponseTooLargeError
    - StreamInterruptedError
    - JobFailedError
    - BatchItemError

Each class has one cause. The message says what happened, the hint what to do; `str()` returns both.
All errors can be pickled, and none contains a secret.
"""

from budwood.errors.base import (
    BudgetExceededError,
    BudwoodError,
    CacheMissError,
    ConfigurationError,
    CredentialError,
    PromptError,
    StructuredOutputError,
    ToolLoopError,
    UnsupportedError,
)
from budwood.errors.plugins import (
    PluginConflictError,
    PluginDisabledError,
    PluginError,
    PluginFaultError,
    PluginIncompatibleError,
    PluginInvalidError,
    PluginLoadError,
    PluginNotFoundError,
)
from budwood.errors.providers import (
    AuthenticationError,
    BadResponseError,
    BatchItemError,
    CapacityError,
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    StreamInterruptedError,
    UnsupportedParameterError,
)

__all__ = [
    "AuthenticationError",
    "BadResponseError",
    "BatchItemError",
    "BudgetExceededError",
    "BudwoodError",
    "CacheMissError",
    "CapacityError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextLengthError",
    "CredentialError",
    "InvalidRequestError",
    "JobFailedError",
    "NotFoundError",
    "PermissionDeniedError",
    "PluginConflictError",
    "PluginDisabledError",
    "PluginError",
    "PluginFaultError",
    "PluginIncompatibleError",
    "PluginInvalidError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PromptError",
    "ProviderError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "StreamInterruptedError",
    "StructuredOutputError",
    "ToolLoopError",
    "UnsupportedError",
    "UnsupportedParameterError",
]
