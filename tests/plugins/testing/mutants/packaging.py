"""A correct distribution, and broken ones; a fixture writes them."""

import re
import sys
from typing import ClassVar

import pytest

from budwood_testing import PackagingSuite

SOURCE = """
from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.hooks import {spec}, hookimpl

{begin}


class Settings(BaseModel):
    model_config = ConfigDict(extra="{extra}")

    api_key: {key} | None = None


@hookimpl
def {hook}():
    return [
        {spec}(
            name="{name}",
            settings=lambda: Settings,
            build=lambda *_: None,
            requires_api={api},
            summary="{summary}",
            {also}
        )
    ]
"""
FIELDS = ("begin", "extra", "key", "api", "summary", "name", "hook", "spec", "also")
METADATA = """Metadata-Version: 2.4
Name: {distribution}
Version: 1.0
Summary: A mutant.
{headers}
{requires}

A mutant for tests.
"""


class Correct(PackagingSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    caught_by: ClassVar = ()
    group: ClassVar = "budwood.caches"
    hook: ClassVar = "budwood_caches"
    spec: ClassVar = "CacheSpec"
    also: ClassVar = ""
    begin: ClassVar = ""
    extra: ClassVar = "forbid"
    key: ClassVar = "SecretStr"
    api: ClassVar = "(2, 0)"
    summary: ClassVar = "A mutant."
    typed: ClassVar = True
    headers: ClassVar = ("Requires-Python: >=3.11", "License-Expression: MIT", "License-File: LICENSE")
    requires: ClassVar = ("budwood>=0.1,<0.2",)
    licence: ClassVar = ("licenses/LICENSE",)
    more: ClassVar = {}

    def __init_subclass__(cls):
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__.removeprefix("Test")).lower()
        cls.entry_point = cls.name
        cls.distribution = f"budwood-{cls.name}"
        cls.package = f"mutant_{cls.name.replace('-', '_')}"

    @classmethod
    def write(cls, site):
        """
        Write the files of the installed distribution.
        """
        info = f"{cls.distribution.replace('-', '_')}-1.0.dist-info"
        fields = {field: getattr(cls, field) for field in FIELDS}
        requires = "\n".join(f"Requires-Dist: {requirement}" for requirement in cls.requires)
        files = {
            f"{cls.package}/__init__.py": SOURCE.format(**fields),
            f"{info}/METADATA": METADATA.format(
                distribution=cls.distribution, headers="\n".join(cls.headers), requires=requires
            ).replace("\n\n\n", "\n\n"),
            f"{info}/entry_points.txt": f"[{cls.group}]\n{cls.entry_point} = {cls.package}\n",
            **({f"{cls.package}/py.typed": ""} if cls.typed else {}),
            **{f"{info}/{name}": "Do as you like.\n" for name in cls.licence},
            **cls.more,
        }
        files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        for name, text in files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory):
    """
    The folder in which all distributions are installed.
    """
    folder = tmp_path_factory.mktemp("site")
    for kind in (*Correct.__subclasses__(), *MediaHandlerDistribution.__subclasses__()):
        kind.write(folder)
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))


class TestCorrect(Correct):
    pass


class TestWithoutPlugin(Correct):
    caught_by = ("test_entry_points_are_valid",)
    group = "budwood.cache"


class TestInvalidEntryPointName(Correct):
    caught_by = ("test_entry_points_are_valid",)


TestInvalidEntryPointName.entry_point = "Shouting.Entry_Point"


class TestMissingHook(Correct):
    caught_by = ("test_plugins_can_be_loaded",)
    group = "budwood.storages"


class TestOtherName(Correct):
    caught_by = ("test_plugins_can_be_loaded",)


TestOtherName.name = "some-other-name"


class MediaHandlerDistribution(Correct):
    """
    A distribution with a media handler.
    """

    group: ClassVar = "budwood.media_handlers"
    hook: ClassVar = "budwood_media_handlers"
    spec: ClassVar = "MediaHandlerSpec"
    also: ClassVar = 'media_types=("text/x-note",)'


class TestMediaTypes(MediaHandlerDistribution):
    pass


TestMediaTypes.entry_point = "media-types text/x-note"


class TestOtherMediaTypes(MediaHandlerDistribution):
    caught_by = ("test_plugins_can_be_loaded",)


TestOtherMediaTypes.entry_point = "other-media-types text/x-note text/x-memo"


class TestMediaTypesOnlyInSpec(MediaHandlerDistribution):
    caught_by = ("test_plugins_can_be_loaded",)


class TestModelsOnlyInSpec(Correct):
    caught_by = ("test_plugins_can_be_loaded",)
    group = "budwood.tokenizers"
    hook = "budwood_tokenizers"
    spec = "TokenizerSpec"
    also = 'models=("acme/*",)'


class TestMisspeltGroup(Correct):
    caught_by = ("test_entry_points_are_valid",)
    more = {
        "budwood_misspelt_group-1.0.dist-info/entry_points.txt": (
            "[budwood.caches]\nmisspelt-group = mutant_misspelt_group\n"
            "[budwood.tokeniser]\nother = mutant_misspelt_group\n"
        )
    }


class TestUnsupportedAPI(Correct):
    caught_by = ("test_plugins_can_be_loaded",)
    api = "(9, 0)"


class TestAcceptsUnknownSettings(Correct):
    caught_by = ("test_specs_are_complete",)
    extra = "ignore"


class TestPlainKey(Correct):
    caught_by = ("test_specs_are_complete",)
    key = "str"


class TestWithoutSummary(Correct):
    caught_by = ("test_specs_are_complete",)
    summary = ""


class TestDoesNotRequireBudwood(Correct):
    caught_by = ("test_budwood_requirement_has_both_bounds",)
    requires = ("pydantic>=2",)


class TestWithoutUpperBound(Correct):
    caught_by = ("test_budwood_requirement_has_both_bounds",)
    requires = ("budwood>=0.1",)


class TestWithoutLicenceFile(Correct):
    caught_by = ("test_metadata_is_complete",)
    licence = ()


class TestWithoutLicence(Correct):
    caught_by = ("test_metadata_is_complete",)
    headers = ("Requires-Python: >=3.11",)


class TestWithoutPythonRequirement(Correct):
    caught_by = ("test_metadata_is_complete",)
    headers = ("License-Expression: MIT", "License-File: LICENSE")


class TestWithoutTypes(Correct):
    caught_by = ("test_packages_have_py_typed",)
    typed = False


class TestInstallsTests(Correct):
    caught_by = ("test_wheel_installs_only_its_own_packages",)
    more = {"tests_of_mutants/__init__.py": ""}


class TestRaises(Correct):
    caught_by = ("test_import_succeeds_without_output",)
    begin = "raise RuntimeError('not today')"


class TestPrints(Correct):
    caught_by = ("test_import_succeeds_without_output",)
    begin = "print('Thank you for using this plugin!')"


class TestImportsHeavyPackage(Correct):
    caught_by = ("test_import_loads_no_heavy_packages",)
    begin = "import ollama"


class TestImportsAnotherPlugin(Correct):
    caught_by = ("test_import_loads_no_other_plugin",)
    begin = "import budwood_groq"


class TestUsesNetwork(Correct):
    caught_by = ("test_import_does_no_io",)
    begin = "import socket; socket.getaddrinfo('127.0.0.1', 80)"


class TestWritesFile(Correct):
    caught_by = ("test_import_does_no_io",)
    begin = "import os; open(os.devnull, 'w').close()"


class TestStartsThread(Correct):
    caught_by = ("test_import_does_no_io",)
    begin = "import threading; e = threading.Event(); threading.Thread(target=e.wait, daemon=True).start()"


class TestReadsEnvironment(Correct):
    caught_by = ("test_import_does_not_change_the_process",)
    begin = "import os; KEY = os.environ.get('ACME_API_KEY')"


class TestChangesEnvironment(Correct):
    caught_by = ("test_import_does_not_change_the_process",)
    begin = "import os; os.environ['TOKENIZERS_PARALLELISM'] = 'false'"


class TestConfiguresLogging(Correct):
    caught_by = ("test_import_does_not_change_the_process",)
    begin = "import logging; logging.basicConfig()"
