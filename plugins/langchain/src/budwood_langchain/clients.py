"""What all components have in common: the model, and the clients that ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from langchain_core.load.serializable import Serializable
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils import from_env, secret_from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_serializer, model_validator

from budwood import AsyncClient, Client, ClientPair
from budwood.providing.addresses import hide_secrets
from budwood_langchain.arguments import read_arguments

KEY_VARIABLE: Final = "BUDWOOD_API_KEY"
"""The environment variable with the key of a component; the providers' own variables also work."""

MARK: Final = "budwood_observers"
"""The key in the metadata of a run for the observers that its client reports to."""

ASYNC_MARK: Final = "budwood_async_observers"
"""The same for async runs, which have both: their client may be another one."""

_NOT_PICKLED: Final = ("client", "async_client", "api_key")


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
    base_url: str | None = Field(default=None, repr=False)
    options: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _clients: ClientPair = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _collect_options(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Move arguments that are no fields into the options, whose names Budwood checks when a call starts."""
        values = read_arguments(values)
        fields = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
        further = {name: value for name, value in values.items() if name not in fields}
        if not further:
            return values
        known = {name: value for name, value in values.items() if name in fields}
        return {**known, "options": {**values.get("options", {}), **further}}

    @field_serializer("base_url")
    def _hide_secrets(self, base_url: str | None) -> str | None:
        """Return the address without credentials."""
        return None if base_url is None else hide_secrets(base_url)

    def model_post_init(self, context: object, /) -> None:
        """
        Prepare the clients, which are created when they are used.

        Raises:
            ConfigurationError: A client was passed together with a key or an address.
        """
        super().model_post_init(context)
        self._clients = self._make_clients()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields that are shown, without the long profile that LangChain derives from the model."""
        return (each for each in super().__repr_args__() if each[0] != "profile")

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

    @property
    def lc_attributes(self) -> dict[str, str]:
        """The address without credentials."""
        return {} if self.base_url is None else {"base_url": hide_secrets(self.base_url)}

    def get_client(self) -> Client:
        """
        Return the client of blocking calls: the one that was passed, or else the component's own.

        Raises:
            ConfigurationError: Only an async client was passed, or the settings are invalid.
        """
        return self._clients.blocking

    def get_async_client(self) -> AsyncClient:
        """
        Return the client of async calls: the one that was passed, or else the component's own.

        If only a blocking client was passed, it is one that uses that client in threads, so that its settings apply.
        """
        return self._clients.asynchronous

    def get_address(self, model: str | None = None) -> str:
        """Return ``provider/model`` of a call; by default that of the component, its client or the settings."""
        address = model or self.model
        if address is None:
            details = self._clients.describe()
            address = f"{details.provider}/{details.model}"
        return address

    def close(self) -> None:
        """Close the component's own clients. The next call creates new ones."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the component's own clients. The next call creates new ones."""
        await self._clients.aclose()

    def _mark_async(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Add the observers of async calls to the metadata of a run."""
        return {**(metadata or {}), ASYNC_MARK: self._clients.async_observer_ids()}

    def _mark_async_config(self, config: RunnableConfig | None) -> RunnableConfig:
        complete = ensure_config(config)
        return {**complete, "metadata": self._mark_async(complete.get("metadata"))}

    def _make_clients(self) -> ClientPair:
        is_set = (self.client is None and self.async_client is None) or "api_key" in self.model_fields_set
        key = self.api_key.get_secret_value() if self.api_key is not None and is_set else None
        return ClientPair(
            self.model, client=self.client, async_client=self.async_client, api_key=key, base_url=self.base_url
        )

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out clients, the key, and credentials in the address, so that a pickle contains no secret."""
        state = super().__getstate__()
        fields = {**state["__dict__"], **dict.fromkeys(_NOT_PICKLED), **self.lc_attributes}
        return {**state, "__dict__": fields, "__pydantic_fields_set__": self.model_fields_set.difference(_NOT_PICKLED)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restore a pickle. The key is read from the environment again."""
        super().__setstate__(state)
        self.__dict__["api_key"] = secret_from_env(KEY_VARIABLE, default=None)()
        self._clients = self._make_clients()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the component. The copy shares the clients."""
        memo = {} if memo is None else memo
        memo.update({id(client): client for client in (self.client, self.async_client) if client is not None})
        return super().__deepcopy__(memo)
