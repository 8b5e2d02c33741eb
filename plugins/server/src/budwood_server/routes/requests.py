"""A request whose key is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood_server.access.file_ids import MARK, translate_file_ids
from budwood_server.gateway.plan import CallPlan, add_tags, plan_call
from budwood_server.gateway.prompts import render_prompt
from budwood_server.gateway.request_options import FIELD
from budwood_server.web.problems import Problem, ProblemError, reject_unsupported

if TYPE_CHECKING:
    from budwood import AsyncClient
    from budwood_server.access.keys import ApiKey
    from budwood_server.access.ownership import Ownership
    from budwood_server.database import Database
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.gateway.prompts import PromptCall, RenderedPrompt
    from budwood_server.web.exchange import Exchange
    from budwood_server.web.forms import Form
    from budwood_server.worker import Worker

PROMPT_TAG: Final = "prompt"
"""The tag of a call with the version of its prompt."""


class Request(NamedTuple):
    """
    A request whose key is known.

    Attributes:
        exchange: The HTTP request and its reply.
        key: The key with which it was sent.
        configuration: The configuration that it keeps to its end.
        worker: The state of the process: database, owners of files and so on.
    """

    exchange: Exchange
    key: ApiKey
    configuration: Configuration
    worker: Worker

    async def read_json(self) -> dict[str, Any]:
        """Read the body, which must be a JSON object; see `Exchange.read_json`."""
        server = self.configuration.server
        return await self.exchange.read_json(server.max_body, server.body_timeout)

    @asynccontextmanager
    async def read_form(self, values: Iterable[str] = ()) -> AsyncIterator[Form]:
        """
        Read the body, which must be a form; see `budwood_server.web.forms.read_form`.

        Args:
            values: The fields that are numbers or booleans.
        """
        from budwood_server.web.forms import parse_values, read_form  # most workers get no forms

        server = self.configuration.server
        async with read_form(self.exchange, server.max_upload, server.body_timeout) as form:
            parse_values(form.fields, (*values, FIELD))
            if isinstance(options := form.fields.get(FIELD), dict):
                parse_values(options, tuple(options))
            yield form

    @property
    def client(self) -> AsyncClient:
        """The client for calls about files and jobs, which are recorded with the key."""
        return self.configuration.client_without_model(self.key)

    @property
    def ownership(self) -> Ownership:
        """
        Who owns files and batches.

        Raises:
            ProblemError: The server has no database.
        """
        from budwood_server.access.ownership import Ownership  # most requests concern no stored object

        return Ownership(self.database)

    @property
    def database(self) -> Database:
        """
        The database.

        Raises:
            ProblemError: The server has none.
        """
        if self.worker.database is None:
            message = "This server has no database, so it cannot keep files and batches."
            raise ProblemError(Problem(status=503, message=message, type="server_error", code="no_database"))
        return self.worker.database

    async def client_of_creator(self, data: Mapping[str, Any]) -> AsyncClient:
        """
        Return the client with which an object was created, whose key pays for what it costs.

        Args:
            data: What is kept about the object: ``key`` is the id of the key, and ``model`` the name of the model.
        """
        key, services = self.key, self.worker.services
        if services is not None and key.id != data["key"]:
            stored = await services.keys.store.load(data["key"])
            key = key if stored is None else stored.key
        return self.configuration.client_for(key, self.configuration.names.resolve(data["model"]))

    def plan(self, body: dict[str, Any]) -> CallPlan:
        """
        Return what the request asks for.

        Raises:
            ProblemError: See `plan_call`; or it names a prompt, which only chats have.
        """
        plan = plan_call(self.exchange, self.configuration, self.key, body)
        if plan.prompt is not None:
            raise reject_unsupported(plan.prompt.name_field, f"{self.exchange.path} takes no prompt by its name")
        return plan

    def check_objects(self, body: Mapping[str, Any]) -> None:
        """
        Check that the body names no object of the vendor's account, unless the settings allow it.

        Raises:
            ProblemError: It names one.
        """
        if not self.configuration.server.vendor_objects:
            from budwood_server.access.vendor_objects import refuse_vendor_objects  # most servers allow it

            refuse_vendor_objects(body)

    async def prepare(self, body: dict[str, Any]) -> CallPlan:
        """
        Return what the request asks for, with the ids of files in its body translated for the vendor.

        Files are at one provider, so others are no fallbacks then.

        Raises:
            ProblemError: See `plan_call`, and `budwood_server.access.file_ids.translate_file_ids`.
        """
        plan = self.plan(body)
        await self.translate_files(plan, body)
        return plan

    async def prepare_chat(self, body: dict[str, Any]) -> tuple[CallPlan, RenderedPrompt | None]:
        """
        Return what the request for a chat asks for as `prepare` does, and the prompt that it names.

        Raises:
            ProblemError: See `prepare`, and `budwood_server.gateway.prompts.render_prompt`.
        """
        plan = plan_call(self.exchange, self.configuration, self.key, body)
        await self.translate_files(plan, body)
        return plan, None if plan.prompt is None else await self.render(plan, plan.prompt)

    async def render(self, plan: CallPlan, prompt: PromptCall) -> RenderedPrompt:
        """
        Return the prompt that the request names. The reply and the records of the call tell its version.

        Raises:
            ProblemError: See `budwood_server.gateway.prompts.render_prompt`; or the server has no database.
        """
        services = self.worker.services
        if services is None:
            message = "This server has no database, so it has no prompts."
            raise ProblemError(Problem(status=503, message=message, type="server_error", code="no_database"))
        rendered = await render_prompt(services.prompts, prompt)
        self.exchange.headers.append((b"x-budwood-prompt", rendered.version.encode()))
        add_tags(plan, PROMPT_TAG, rendered.version)
        return rendered

    async def translate_files(self, plan: CallPlan, body: dict[str, Any]) -> None:
        """
        Translate the ids of files in a body for the vendor of a plan; see `prepare`.

        Raises:
            ProblemError: See `budwood_server.access.file_ids.translate_file_ids`.
        """
        if not self.exchange.may_contain(MARK):  # the usual case
            return
        if await translate_file_ids(body, lambda: self.ownership, self.key.owner, plan.provider) and plan.fallbacks:
            plan.fallbacks = [model for model in plan.fallbacks if model.partition("/")[0] == plan.provider]
            plan.options["fallbacks"] = plan.fallbacks
