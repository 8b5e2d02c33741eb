"""The methods of both clients that send nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.contracts import Observer
    from budwood.engine import AskOptions, ClientEngine, ClientOptions
    from budwood.types import Capability, EndpointState, KeyState, ModelDetails


class ClientStates:
    """The methods of clients that send nothing: what they know of models, endpoints and keys."""

    _engine: ClientEngine

    def capabilities(self, model: str | None = None) -> frozenset[Capability]:
        """Return what a model can do. Nothing is sent."""
        return self._engine.capabilities(model)

    def model(self, model: str | None = None) -> ModelDetails:
        """Return what is known about a model: capabilities, rules, limits, prices, shutdown date. Nothing is sent."""
        return self._engine.model_details(model)

    def labelled(self, label: str) -> Self:
        """Return a view of this client that sets the label of all its calls; see `view`."""
        from budwood.client.views import check_label, make_view

        return make_view(self, label=check_label(label), budgets=None, options={})

    def view(
        self,
        *,
        label: str | None = None,
        tags: Mapping[str, str] | None = None,
        budgets: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """
        Return a view of this client that sets defaults of all its calls.

        It shares everything with this client, which you close; closing the view changes nothing. Its defaults are
        parsed here, so that its calls cost no more than those of the client: keep a view that is used often. A view of
        a view has the defaults of both; where both set one, the newer applies.

        Args:
            label: The label, for budgets and observers.
            tags: Dimensions for observers, to which calls add theirs, as in `budwood.AskOptions`.
            budgets: Budgets by name, as in ``[budgets.NAME]``, in addition to those of the client. ``per="client"``
                counts the calls of this view and of its own views.
            **options: Options of a client; see `budwood.settings.Options`.

        Raises:
            ConfigurationError: A default is not valid, or the client has a budget of the same name.
        """
        from budwood.client.views import make_view

        return make_view(self, label=label, tags=tags, budgets=budgets, options=options)

    def check(self, **options: Unpack[AskOptions]) -> None:
        """
        Check that a call can be sent. The options are those of `ask`.

        The provider of the model must be installed, its key must be configured, and all options must be valid. Nothing
        is sent, so it remains unknown whether the vendor accepts the key and the model.

        Raises:
            ConfigurationError: The model or an option is invalid; `CredentialError` if the key is missing.
            PluginError: The provider cannot be used.
        """
        self._engine.check(options)

    def endpoints(self, provider: str | None = None) -> list[EndpointState]:
        """
        Return the state of the endpoints that are configured or were used so far. Nothing is sent.

        Those of the client's model and its fallbacks are configured, each with its backups. All clients of the process
        with equal settings share the state.

        Args:
            provider: Only the endpoint of this provider instance and its backups.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        return self._engine.endpoint_states(provider)

    def keys(self, provider: str | None = None) -> list[KeyState]:
        """
        Return the state of the keys of the same endpoints. It contains neither keys nor hashes of them.

        Several keys of an endpoint are shared by all clients of the process with equal settings and keys; of a single
        key, the state is what this client knows.

        Args:
            provider: Only the keys of this provider instance and its backups.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        return self._engine.key_states(provider)

    def observers(self) -> tuple[str | Observer, ...]:
        """Return the observers of the client: the names of those that it created, and the objects that were passed."""
        return self._engine.listed_observers

    def reset_keys(self, provider: str | None = None) -> None:
        """
        Use keys again that were rejected, or whose quota was exhausted.

        Limited keys rest until their rate limit resets.

        Args:
            provider: Only the keys of this provider instance and its backups; by default those of all endpoints that
                are configured or were used so far.

        Raises:
            PluginError: The provider does not exist or cannot be used.
        """
        self._engine.reset_keys(provider)
