"""What the LLM and the embedding model have in common: arguments, clients and serialization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_serializer,
    model_validator,
)
from llama_index.core.schema import BaseComponent

from budwood import AsyncClient, Client, ClientPair, ConfigurationError
from budwood.names import did_you_mean
from budwood.providing.addresses import hide_secrets

OBSERVERS: Final = "budwood_observers"
"""The key in the payload of a component's events for the observers that its client reports to."""

_NOT_PICKLED: Final = frozenset({"api_key", "client", "async_client", "callback_manager", "rate_limiter"})
"""Secrets, and what belongs to this process."""

_OTHER_ARGUMENTS: Final = {
    "api_base": "Pass base_url=….",
    "additional_kwargs": "Pass options={…}.",
    "cache": "It is an argument of a client: pass client=Client(…, cache=…).",
    "observers": "It is an argument of a client: pass client=Client(…, observers=…).",
}
"""What replaces arguments of other integrations and of clients."""


class BudwoodComponent(BaseComponent):
    """A component of LlamaIndex that sends its requests with Budwood's clients."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    options: dict[str, Any] = Field(
        default_factory=dict, description="Further options of each call; see the guide “Ask models” of Budwood."
    )
    client: Client | None = Field(default=None, description="The client of blocking methods.", exclude=True, repr=False)
    async_client: AsyncClient | None = Field(
        default=None, description="The client of async methods.", exclude=True, repr=False
    )
    api_key: SecretStr | list[SecretStr] | None = Field(
        default=None, description="The key, or several, for the provider of the model.", exclude=True, repr=False
    )
    base_url: str | None = Field(default=None, description="The address of the provider.", repr=False)

    _clients: ClientPair = PrivateAttr()

    def model_post_init(self, context: object, /) -> None:
        """
        Prepare the clients, which are created when they are used.

        Raises:
            ConfigurationError: A client was passed together with a key or an address.
        """
        super().model_post_init(context)
        keys = [each.get_secret_value() for each in self.api_key] if isinstance(self.api_key, list) else None
        key = self.api_key.get_secret_value() if isinstance(self.api_key, SecretStr) else keys
        self._clients = ClientPair(
            self._get_model(),
            client=self.client,
            async_client=self.async_client,
            api_key=key,
            base_url=self.base_url,
        )

    def close(self) -> None:
        """Close the clients that this object has created; the next call creates new ones. Others stay open."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the clients that this object has created; see `close`."""
        await self._clients.aclose()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle, without secrets and clients: these are created again, with keys of settings."""
        fields = {name: value for name, value in self.__dict__.items() if name not in _NOT_PICKLED}
        return {
            "__dict__": fields | {"base_url": _without_credentials(self.base_url)},
            "__pydantic_fields_set__": self.model_fields_set - _NOT_PICKLED,
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a copy that shares the clients."""
        memo = {} if memo is None else memo
        memo.update({id(client): client for client in (self.client, self.async_client)})
        return super().__deepcopy__(memo)

    @field_serializer("base_url")
    def _serialize_base_url(self, base_url: str | None) -> str | None:
        return _without_credentials(base_url)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_arguments(cls, data: object) -> object:
        known = cls.model_fields.keys() | {"class_name"}
        unknown = [name for name in data if name not in known] if isinstance(data, Mapping) else []
        if unknown:
            name = unknown[0]
            options = f"Options of calls belong into options=: {cls.__name__}(options={{{name!r}: …}})."
            similar = did_you_mean(name, cls.model_fields)
            hint = _OTHER_ARGUMENTS.get(name) or (f"{similar} {options}" if similar else options)
            raise ConfigurationError(f"{cls.__name__} has no argument {name!r}.", hint=hint)
        return data

    def to_payload(self) -> dict[str, Any]:
        """Return what events say about this component, with the observers of its client, and without secrets."""
        payload: dict[str, Any] = super().to_payload()  # type: ignore[misc] # of the LLM or the embedding model
        return {**payload, OBSERVERS: self._clients.observer_ids()}

    def _get_model(self) -> str | None:
        raise NotImplementedError

    def _make_options(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a call. Those of the call come before those of this object; None is not set."""
        own = {**self.options, **self._get_defaults(), "model": self._get_model()}
        return {name: value for name, value in {**own, **call}.items() if value is not None}

    def _get_defaults(self) -> dict[str, Any]:
        return {}


def _without_credentials(url: str | None) -> str | None:
    return None if url is None else hide_secrets(url)
