"""What all components have in common: the model, and the clients that ask it."""

from __future__ import annotations

from typing import Any, Final, Self

from langchain_core.load.serializable import Serializable
from langchain_core.utils import from_env, secret_from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from budwood import AsyncClient, Client, ConfigurationError
from budwood_langchain.own_clients import OwnClients

KEY_VARIABLE: Final = "BUDWOOD_API_KEY"
"""The environment variable with the key of a component; the providers' own variables also work."""


class BudwoodComponent(Serializable):
    """
    A component of LangChain that asks models with clients of Budwood.

    Clients that you pass keep their backups, keys, cache, budgets and observers, and you close them. Otherwise the
    component creates its own at their first use, from ``budwood.toml`` and the environment, and closes them in the end.
    Serialized and pickled components contain neither clients nor keys.

    Attributes:
        model: ``provider/model``; by default that of the client or the settings.
        client: The client of blocking calls. Without an ``async_client``, async calls run with it in threads.
        async_client: The client of async calls.
        api_key: The key for the provider of ``model``; by default ``BUDWOOD_API_KEY``, or that of the settings.
        base_url: The address of the provider of ``model``.
        options: Further options of calls, such as ``{"label": "chains", "budget": 0.5}``; see `budwood.AskOptions`.
            Arguments that are no fields are added.
    """

    model: str | None = Field(default_factory=from_env("BUDWOOD_MODEL", default=None))
    client: Client | None = Field(default=None, exclude=True, repr=False)
    async_client: AsyncClient | None = Field(default=None, exclude=True, repr=False)
    api_key: SecretStr | None = Field(default_factory=secret_from_env(KEY_VARIABLE, default=None))
    base_url: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _own_clients: OwnClients = PrivateAttr(default_factory=OwnClients)

    @model_validator(mode="before")
    @classmethod
    def _collect_options(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Move arguments that are no fields into the options, whose names Budwood checks when a call starts."""
        fields = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
        further = {name: value for name, value in values.items() if name not in fields}
        if not further:
            return values
        known = {name: value for name, value in values.items() if name in fields}
        return {**known, "options": {**values.get("options", {}), **further}}

    @model_validator(mode="after")
    def _check_clients(self) -> Self:
        unused = sorted({"api_key", "base_url"} & self.model_fields_set)
        if unused and (self.client or self.async_client):
            raise ConfigurationError(
                f"{' and '.join(unused)} cannot be passed together with a client.",
                hint=f"Pass {' and '.join(unused)} to the client instead.",
            )
        return self

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: LangChain can save the component. Clients are not saved."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return the package, from which LangChain loads saved components."""
        return ["budwood_langchain"]

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The fields that are saved as the name of an environment variable."""
        return {"api_key": KEY_VARIABLE}

    def get_client(self) -> Client:
        """
        Return the client of blocking calls: the one that was passed, or else the component's own.

        Raises:
            ConfigurationError: Only an async client was passed, or the settings are invalid.
        """
        if self.client is not None:
            return self.client
        if self.async_client is not None:
            raise ConfigurationError(
                f"This {type(self).__name__} has only an async_client.",
                hint="Pass client=… as well, or call its async methods.",
            )
        return self._own_clients.get(lambda: Client(**self._client_arguments()))

    def get_async_client(self) -> AsyncClient | None:
        """
        Return the client of async calls: the one that was passed, or else the component's own.

        It is None if only a blocking client was passed: that has to be used in a thread, so that its settings hold.
        """
        if self.async_client is not None or self.client is not None:
            return self.async_client
        return self._own_clients.get_async(lambda: AsyncClient(**self._client_arguments()))

    def get_address(self, model: str | None = None) -> str:
        """Return ``provider/model`` of a call; by default that of the component, its client or the settings."""
        address = model or self.model
        if address is None:
            details = (self.client or self.async_client or self.get_client()).model()
            address = f"{details.provider}/{details.model}"
        return address

    def close(self) -> None:
        """Close the component's own clients. The next call creates new ones."""
        self._own_clients.close()

    async def aclose(self) -> None:
        """Close the component's own clients. The next call creates new ones."""
        await self._own_clients.aclose()

    def _client_arguments(self) -> dict[str, Any]:
        key = None if self.api_key is None else self.api_key.get_secret_value()
        return {"model": self.model, "api_key": key, "base_url": self.base_url}

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out clients and the key, so that a pickle contains no secret."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "client": None, "async_client": None, "api_key": None}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restore a pickle. The key is read from the environment again."""
        super().__setstate__(state)
        self.__dict__["api_key"] = secret_from_env(KEY_VARIABLE, default=None)()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the component. The copy shares the clients."""
        memo = {} if memo is None else memo
        memo.update({id(client): client for client in (self.client, self.async_client) if client is not None})
        return super().__deepcopy__(memo)
