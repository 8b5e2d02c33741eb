"""What a request asks for: the model, the client of its key, and the options of the call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from budwood_server.gateway.configuration import make_namespace
from budwood_server.gateway.names import NO_RULES
from budwood_server.gateway.prompts import PromptCall, take_prompt
from budwood_server.gateway.request_options import CLIENT, FIELD, PREFIX, read_request_options
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from budwood import AsyncClient
    from budwood.types import Adaptation, ModelRules
    from budwood_server.access.keys import ApiKey
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.gateway.names import ResolvedModel
    from budwood_server.web.exchange import Exchange

MAX_TAGS: Final = 12
MAX_TAG_NAME: Final = 64
MAX_TAG_VALUE: Final = 512
_NOT_IN_TAGS: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(slots=True)
class CallPlan:
    """
    What a request asks for.

    Attributes:
        configuration: The configuration of the request.
        key: The key with which it was sent.
        client: The client with the defaults of the key.
        name: The name of the model, as allow-lists, usage and budgets know it.
        provider: The instance that is asked first; ``api`` is the API whose parameters it takes unchanged.
        options: Options of the call: model, fallbacks, label and so on.
        rules: What the catalog says about the model.
        fallbacks: The models that are asked if the first one fails.
        on_unsupported: What to do with a field that cannot be translated: ``"adapt"``, ``"warn"`` or ``"error"``.
        adaptations: What was changed before the call.
        prompt: The prompt that the request names, or None.
    """

    configuration: Configuration
    key: ApiKey
    client: AsyncClient
    name: str
    provider: str
    api: str
    options: dict[str, Any]
    on_unsupported: str
    rules: ModelRules = NO_RULES
    fallbacks: Sequence[str] = ()
    adaptations: list[Adaptation] = field(default_factory=list)
    prompt: PromptCall | None = None

    def leave_out(self, field_name: str, reason: str) -> None:
        """
        Leave out a field of the request that cannot be translated for the model.

        Raises:
            ProblemError: The request wants an error instead.
        """
        from budwood.types import Adaptation

        if self.on_unsupported == "error":
            raise reject(
                f"The field {field_name!r} is not supported by {self.name}: {reason}.",
                param=field_name,
                code="unsupported_field",
                hint="Remove it, or set on_unsupported to 'adapt' to have it left out.",
            )
        self.adaptations.append(Adaptation(parameter=field_name, action="dropped", reason=reason))

    @property
    def model(self) -> str:
        """The vendor's name of the model that is asked first."""
        address: str = self.options["model"]
        return address.partition("/")[2]

    def keep_api(self) -> None:
        """Leave out the fallbacks to other APIs, which could not answer in the form that the request asks for."""
        if self.fallbacks:
            find = self.configuration.client.model
            self.fallbacks = [model for model in self.fallbacks if find(model).api == self.api]
            self.options["fallbacks"] = self.fallbacks


def plan_call(exchange: Exchange, configuration: Configuration, key: ApiKey, body: dict[str, Any]) -> CallPlan:
    """
    Resolve the model of a request, and read the options of Budwood.

    Takes ``model`` and ``budwood`` out of the body.

    Raises:
        ProblemError: The model is missing, does not exist or is not allowed, or an option is not valid.
    """
    name = body.pop("model", None)
    if not isinstance(name, str) or not name:
        raise reject("The field 'model' must be the name of a model.", param="model", code="missing_model")
    headers, extra = exchange.headers_with(PREFIX), body.pop(FIELD, None)
    return plan_model(configuration, key, name, read_request_options(headers, extra, list_allowed(configuration, key)))


def list_allowed(configuration: Configuration, key: ApiKey) -> frozenset[str]:
    """Return the options that requests with a key may set."""
    return key.request_options if key.request_options is not None else configuration.server.request_options


def plan_model(configuration: Configuration, key: ApiKey, name: str, requested: dict[str, Any]) -> CallPlan:
    """
    Return the plan of a call to a model.

    Args:
        configuration: The configuration of the request.
        key: Its key.
        name: The name of the model.
        requested: The options that it sets: `read_request_options`.

    Raises:
        ProblemError: The model does not exist or is not allowed.
    """
    resolved = resolve_allowed(configuration, key, name)
    options = {"model": resolved.options["model"]}  # the client has the rest
    prompt = take_prompt(requested) if requested else None
    if requested:
        _apply(requested, options, configuration, key)
    return CallPlan(
        configuration,
        key,
        configuration.client_for(key, resolved),
        resolved.name,
        resolved.provider,
        resolved.api,
        options,
        options.get("on_unsupported") or configuration.settings.options.on_unsupported,
        resolved.rules,
        options.get("fallbacks", resolved.options.get("fallbacks", configuration.settings.options.fallbacks)),
        prompt=prompt,
    )


def add_tags(plan: CallPlan, field_name: str, field_value: object) -> None:
    """
    Add a field of a request to the dimensions of telemetry. What is no text is left out, and long texts are cut.

    Args:
        plan: The plan of the call.
        field_name: The field, such as ``"user"``. Names of a key's own tags are others.
        field_value: Its value: a text, or an object of texts (``metadata``), whose tags are ``metadata.NAME``. Those
            beyond `MAX_TAGS` are left out.
    """
    found: dict[str, str] = plan.options.setdefault("tags", {})
    rows = field_value.items() if isinstance(field_value, Mapping) else (("", field_value),)
    for inner, value in rows:
        name = f"{field_name}.{inner}" if inner else field_name
        if isinstance(value, str) and value and len(found) < MAX_TAGS:
            found[_NOT_IN_TAGS.sub("_", name)[:MAX_TAG_NAME]] = value[:MAX_TAG_VALUE]


def resolve_allowed(configuration: Configuration, key: ApiKey, name: str, *, param: str = "model") -> ResolvedModel:
    """
    Return what a name stands for, if the key may use it.

    Args:
        configuration: Knows the names.
        key: The key of the request.
        name: The name.
        param: The field that has it, for errors.

    Raises:
        ProblemError: No model has the name, or the key may not use it.
    """
    resolved = configuration.names.resolve(name, param=param)
    if not key.allows_model(resolved.name):
        raise ProblemError(
            Problem(
                status=403,
                message=f"This key may not use the model {resolved.name!r}.",
                type="permission_error",
                code="model_not_allowed",
                param=param,
                hint="GET /v1/models lists the models that it may use.",
            )
        )
    return resolved


def _apply(requested: dict[str, Any], options: dict[str, Any], configuration: Configuration, key: ApiKey) -> None:
    """Add the options of a request to those of its model."""
    if (names := requested.pop("fallbacks", None)) is not None:
        models = [resolve_allowed(configuration, key, name, param="fallbacks").options for name in names]
        options["fallbacks"] = [each for model in models for each in (model["model"], *model.get("fallbacks", ()))]
    if (namespace := requested.pop("cache_namespace", None)) is not None:
        options["cache_namespace"] = make_namespace(configuration.server, key, namespace)
    if (client := requested.pop(CLIENT, None)) is not None:
        options["tags"] = {CLIENT: client}
    if requested.get("cache") == "only" and not configuration.settings.cache:
        raise reject(
            "This server has no cache, so that it has no reply to send.",
            param=f"{FIELD}.cache",
            code="no_cache",
            hint="Leave out the option, or ask the operator to set cache.",
        )
    options.update(requested)
