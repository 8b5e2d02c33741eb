"""Temporary distributions: real metadata and modules, in a folder that is on the path for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from textwrap import dedent

import pytest

from budwood.hooks import PROVIDER
from budwood.names import normalise
from budwood.plugins import Instances, Registry, take_inventory
from budwood.settings import Settings

COUNTED = (
    "from pathlib import Path\nwith Path(__file__).with_suffix('.imports').open('a') as count:\n    count.write('.')\n"
)

DESCRIBES = """
from pydantic import BaseModel, SecretStr
from budwood.hooks import ProviderSpec, hookimpl


class Settings(BaseModel):
    model_config = {{"extra": "forbid"}}

    api_key: SecretStr | None = None
    base_url: str = "http://default"
    colour: str = "green"
    offers: frozenset[str] = frozenset()  # a preset may set it


class Thing:
    capabilities = frozenset()

    def __init__(self, settings, context):
        self.settings = settings
        self.context = context

    def models(self):
        return ()

    def stream(self, request):
        return iter(())


@hookimpl
def budwood_providers():
    return [
        ProviderSpec(
            name=name,
            settings=lambda: Settings,
            build=Thing,
            requires_api={api},
            summary="Made for a test.",
            environment={{"api_key": ("ACME_KEY", "ACME_OLD_KEY")}},
        )
        for name in {names}
    ]
"""


def format_source(*names, api=(2, 0)):
    """
    Return the source of a valid module that describes providers with these names.
    """
    return DESCRIBES.format(names=list(names), api=api)


@dataclass(frozen=True)
class InstalledDistribution:
    """
    A distribution in a folder of the test.
    """

    name: str
    version: str
    folder: Path
    module: str

    @property
    def label(self):
        """
        The name of the distribution in messages.
        """
        return f"{self.name} {self.version}"

    @property
    def imports(self):
        """
        How often its module was executed, in any process.
        """
        count = self.folder.joinpath(*self.module.split(".")).with_suffix(".imports")
        return len(count.read_text()) if count.exists() else 0


@pytest.fixture
def site(tmp_path, monkeypatch):
    """
    A folder on the path, whose modules are removed from `sys.modules` after the test.
    """
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def write_source():
    """
    Return the source of a valid module that describes providers with these names.
    """
    return format_source


@pytest.fixture
def make_distribution(site):
    """
    Write a distribution: its metadata, its entry points and its module.
    """

    def make(
        name="acme-plugin",
        *,
        plugins: Iterable[str] = ("acme",),
        source: str | None = None,
        version="1.2.3",
        group="budwood.providers",
        requires: Iterable[str] = (),
        folder: Path = site,
    ):
        module = "made_" + normalise(name).replace("-", "_")
        created = InstalledDistribution(name, version, folder, module)
        (folder / f"{module}.py").write_text(COUNTED + dedent(source or format_source(*plugins)), "utf-8")
        metadata = folder / f"{normalise(name).replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}", "utf-8")
        entries = "".join(f"{plugin} = {module}\n" for plugin in plugins)
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{entries}", "utf-8")
        importlib.invalidate_caches()
        return created

    return make


@pytest.fixture
def inventory_of(site):
    """
    Read only the distributions in certain folders, by default the folder of the test.
    """
    return lambda *folders: take_inventory(distributions(path=[str(folder) for folder in folders or (site,)]))


@pytest.fixture
def load(inventory_of):
    """
    Load a provider with only the distributions of the test installed.
    """

    def load_provider(name, *, distribution=None, disabled=()):
        return Registry(disabled, inventory_of()).load(PROVIDER, name, distribution=distribution)

    return load_provider


@pytest.fixture
def registered():
    """
    List the modules that pluggy has registered for a registry.
    """
    return lambda registry: [plugin.__name__ for plugin in registry._manager.get_plugins()]


@pytest.fixture
def instances(inventory_of, clock, tmp_path):
    """
    Make the instances of a program from settings and an environment, with only the distributions of the test installed.
    """

    def make(explicit=None, **environment):
        settings = Settings.load(explicit, environment=environment, user_file=tmp_path / "none.toml")
        return Instances(settings, Registry(settings.disabled, inventory_of()), clock)

    return make
