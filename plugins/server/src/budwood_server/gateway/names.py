"""The names of models that clients use, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from budwood.names import normalise
from budwood.types import ModelDetails, ModelRules
from budwood_server.settings import ModelRoute
from budwood_server.web.problems import Problem, ProblemError

MAX_CACHED: Final = 4096
"""The number of names whose meaning is kept."""

MAX_NAMES: Final = 5
"""The number of names that an error suggests."""

NO_RULES: Final = ModelRules.model_construct()
"""Those of a model of which nothing is known."""


class ResolvedModel(NamedTuple):
    """
    What a name stands for.

    Attributes:
        name: The one name under which allow-lists, usage and budgets know it: a public name, or ``provider/model``.
        options: Options of the call: the model, and its fallbacks and routing if it has any.
        provider: The first instance that is asked.
        api: The API whose parameters it takes unchanged: ``"openai"``, ``"anthropic"``, or empty.
        rules: What the catalog says about the model.
    """

    name: str
    options: Mapping[str, Any]
    provider: str
    api: str
    rules: ModelRules = NO_RULES


class ModelNames:
    """
    Resolves names of models.

    Args:
        routes: The public names of the settings.
        providers: The configured providers.
        find_details: Returns what is known about a model, by ``provider/model``.
        list_known: Lists the known models of a provider, without its name.
        vendor_names: Whether names of vendors' models can be used.
    """

    def __init__(
        self,
        routes: Mapping[str, ModelRoute],
        providers: Sequence[str],
        find_details: Callable[[str], ModelDetails],
        list_known: Callable[[str], Collection[str]],
        *,
        vendor_names: bool,
    ) -> None:
        self._routes = routes
        self._providers = tuple(providers) if vendor_names else ()
        self._find_details = find_details
        self._known = {provider: frozenset(list_known(provider)) for provider in self._providers}
        self._resolved: dict[str, ResolvedModel] = {}

    def resolve(self, name: str, *, param: str = "model") -> ResolvedModel:
        """
        Return what a name stands for.

        Args:
            name: The name.
            param: The field that has it, for errors.

        Raises:
            ProblemError: No model has the name, or several providers have it; the hint has similar names.
        """
        found = self._resolved.get(name)
        if found is None:
            found = self._resolve(name, param)
            if len(self._resolved) >= MAX_CACHED:
                self._resolved.clear()
            self._resolved[name] = found
        return found

    def list(self) -> Iterator[str]:
        """List the public names that are not hidden, and then the known models of vendors as ``provider/model``."""
        yield from (name for name, route in self._routes.items() if not route.hidden)
        for provider, models in self._known.items():
            yield from (f"{provider}/{model}" for model in sorted(models))

    def _resolve(self, name: str, param: str) -> ResolvedModel:
        if route := self._routes.get(name):
            return self._make(name, route.to_options())
        provider, separator, model = name.partition("/")
        if separator and model:
            for known in self._providers:
                if normalise(known) == normalise(provider):  # one name for allow-lists, usage and budgets
                    address = f"{known}/{model}"
                    return self._make(address, {"model": address})
        owners = [provider for provider, models in self._known.items() if name in models]
        if len(owners) == 1:
            address = f"{owners[0]}/{name}"
            return self._make(address, {"model": address})
        raise self._not_found(name, [f"{owner}/{name}" for owner in owners], param)

    def _make(self, name: str, options: Mapping[str, Any]) -> ResolvedModel:
        details = self._find_details(options["model"])
        return ResolvedModel(name, options, details.provider, details.api, details.rules)

    def _not_found(self, name: str, addresses: Sequence[str], param: str) -> ProblemError:
        if addresses:
            message, names = f"Several providers have the model {name!r}.", addresses
        else:
            message = f"The model {name!r} does not exist, or is not configured here."
            names = get_close_matches(name, [*self.list(), *(model for each in self._known.values() for model in each)])
        shown = ", ".join(dict.fromkeys(names[:MAX_NAMES]))
        hint = f"Use one of: {shown}." if shown else "GET /v1/models lists the models."
        if self._providers and "/" not in name:
            hint += f" A model that is not listed is named with its provider: {self._providers[0]}/{name}."
        return ProblemError(Problem(status=404, message=message, code="model_not_found", param=param, hint=hint))
