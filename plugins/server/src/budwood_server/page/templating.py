"""Templates of the page. Values are always escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from budwood_server.page.assets import find_url
from budwood_server.page.formatting import FILTERS
from budwood_server.page.navigation import Navigation
from budwood_server.page.notices import find_notice

FOLDER: Final = Path(__file__).with_name("templates")


def create_environment(navigation: Navigation) -> Environment:
    """Create the environment of all templates."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(asset=find_url, navigation=navigation, visit=None)
    return environment


def render(request: Request, template: str, values: Mapping[str, Any]) -> str:
    """Return the text of a template."""
    environment: Environment = request.app.state.templates
    notice = find_notice(request.query_params.get("notice"))
    text: str = environment.get_template(template).render({"request": request, "notice": notice, **values})
    return text
