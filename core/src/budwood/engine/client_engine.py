"""The engine of a client: chat, and the other services of providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from budwood.contracts.tags import merge_tags
from budwood.engine.chat.option_types import AskOptions, CompletionOptions, ServiceOptions
from budwood.engine.chat.options import (
    convert_error,
    override,
    parse_completion_options,
    parse_extra,
    parse_service_options,
)
from budwood.engine.chat.prompts import Content, Prompt, parse_contents, parse_prompt
from budwood.engine.drivers.effects import Flow
from budwood.engine.endpoints.endpoint import Endpoint, Target
from budwood.engine.file_engine import FileEngine
from budwood.engine.streamed import StreamedReply
from budwood.errors import PromptError
from budwood.types import Capability, Message

if TYPE_CHECKING:
    from budwood.types import (
        BudgetState,
        EmbeddingResponse,
        EndpointState,
        KeyState,
        ModelDetails,
        ModelInfo,
        ModerationResponse,
        TokenCount,
    )


class ClientEngine(FileEngine):
    """The state of a client, and all its operations as flows."""

    def embed(self, texts: tuple[str, ...], dimensions: int | None, options: ServiceOptions) -> Flow[EmbeddingResponse]:
        """Embed texts, in one request."""
        from budwood.engine import services
        from budwood.types import EmbeddingRequest

        parsed = parse_service_options(options, self.options)
        call = self._call(parsed)
        extra = parse_extra(options.get("extra"))
        try:
            request = EmbeddingRequest(model=call.target.model, texts=texts, dimensions=dimensions, extra=extra)
        except ValidationError as error:
            raise convert_error(error) from None
        return services.embed(call, request)

    def moderate(self, contents: tuple[Content, ...], options: ServiceOptions) -> Flow[ModerationResponse]:
        """Classify contents in one request, by default with the vendor's moderation model."""
        from budwood.engine import services
        from budwood.types import ModerationRequest

        parsed = parse_service_options(options, self.options)
        target = self.endpoints.find(self._address(parsed.model))
        target = target if parsed.model else Target(target.endpoint, "")
        call = self._new_call(target, parsed.options, cache=self._cache_for(parsed))
        self._set_account(call, parsed.label, parsed.budget)
        call.tags = merge_tags(self.tags, parsed.tags)
        request = ModerationRequest(
            model=target.model or None,
            contents=parse_contents(contents),
            extra=parse_extra(options.get("extra")),
        )
        return services.moderate(call, request)

    def complete(self, prompt: str, options: CompletionOptions, *, streamed: bool = False) -> StreamedReply:
        """Complete a text."""
        from budwood.engine import services

        if not isinstance(prompt, str):
            raise PromptError(f"The prompt is of the type {type(prompt).__name__}.", hint="Pass a text.")
        parsed = parse_completion_options(options, self.options)
        call = self._call(parsed, streamed=streamed)
        request = parsed.request(call.target.model, (Message.user(prompt),))
        if call.budgets:
            from budwood.engine.budgets.client_budgets import limit_output  # few programs have budgets

            request = limit_output(call, call.target, request)
        return StreamedReply(services.complete(call, request), call)

    def models(self, provider: str | None) -> Flow[tuple[ModelInfo, ...]]:
        """List the models of a provider."""
        from budwood.engine import services

        return services.list_models(self._new_call(Target(self._provider(provider), ""), self.options))

    def check_key(self, provider: str | None) -> Flow[None]:
        """Check the key of a provider by a request that costs nothing."""
        from budwood.engine.key_checks import check_key

        return check_key(self._new_call(Target(self._provider(provider), ""), self.options))

    def pull(self, model: str | None, timeout: float, idle_timeout: float) -> Flow[None]:
        """Have a server download a model, and emit its progress."""
        from budwood.engine import services

        target = self.endpoints.find(self._address(model))
        options = override(self.options, {"timeout": timeout, "idle_timeout": idle_timeout})
        return services.pull(self._new_call(target, options, streamed=True))

    def count_tokens(self, prompt: Prompt, options: AskOptions, *, offline: bool) -> Flow[TokenCount]:
        """Count the tokens of a request; with ``offline``, without a request to the vendor."""
        from budwood.engine import services

        parsed = self._parse(options)
        call = self._call(parsed)
        messages = yield from self._read(call, parse_prompt(prompt, system=parsed.system), parsed)
        return (yield from services.count_tokens(call, parsed.request(call.target.model, messages), offline=offline))

    def read_budgets(self) -> Flow[tuple[BudgetState, ...]]:
        """Return what is spent and left of the budgets that outlive a call."""
        from budwood.engine.budgets.client_budgets import read_budgets  # few programs have budgets

        return read_budgets(self.budgets, self.endpoints.find_limiter, self.clock)

    def capabilities(self, model: str | None) -> frozenset[Capability]:
        """Return the capabilities of a model."""
        return self.endpoints.find(self._address(model)).capabilities()

    def model_details(self, model: str | None) -> ModelDetails:
        """Return all known details of a model."""
        from budwood.engine.accounting.details import details_of

        return details_of(self.endpoints.find(self._address(model)), self.clock.time())

    def endpoint_states(self, provider: str | None) -> list[EndpointState]:
        """Return the state of the endpoints of a provider, or of all that are configured or were used so far."""
        from budwood.engine.endpoints.reports import describe_endpoint

        now = self.clock.monotonic()
        return [describe_endpoint(endpoint, now) for endpoint in self._known_endpoints(provider)]

    def key_states(self, provider: str | None) -> list[KeyState]:
        """Return the state of the keys of a provider, or of all endpoints that are configured or were used so far."""
        from budwood.engine.endpoints.reports import describe_keys

        now = self.clock.monotonic()
        return [state for endpoint in self._known_endpoints(provider) for state in describe_keys(endpoint, now)]

    def reset_keys(self, provider: str | None) -> None:
        """Use keys again that were rejected or exhausted."""
        for endpoint in self._known_endpoints(provider):
            for keys in (endpoint.pool, endpoint.key_record):
                if keys is not None:
                    keys.restore()

    def _known_endpoints(self, provider: str | None) -> list[Endpoint]:
        if provider is not None:
            endpoint = self.endpoints.get(provider)
            return [endpoint, *endpoint.backups]
        for model in (self.model, *self.options.fallbacks):
            if model is not None:
                self.endpoints.find(model)
        return self.endpoints.list_all()
