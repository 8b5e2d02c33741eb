"""
What developers and CI run. ``nox -l`` lists the sessions, ``nox -s NAME`` runs one, what follows ``--`` is passed on.

Nothing here knows the name of a plugin: every folder with a ``pyproject.toml`` under ``plugins/`` is a distribution.
One whose requirements are gigabytes says ``heavy = true`` in its ``[tool.budwood]``; only ``local_models`` installs it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nox

nox.needs_version = ">=2025.10.14"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"  # uv, which nox prefers, does not read the configuration of pip
nox.options.error_on_missing_interpreters = False  # in CI too: a machine has the Pythons that it has
nox.options.download_python = "never"


def is_heavy(file: Path) -> bool:
    """Tell whether a distribution is left out of the environments that need it not."""
    tool = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]
    return bool(tool.get("budwood", {}).get("heavy"))


PLUGINS: Final = {
    f"./{file.parent.as_posix()}": is_heavy(file) for file in sorted(Path("plugins").glob("*/pyproject.toml"))
}
HEAVY: Final = [folder for folder, heavy in PLUGINS.items() if heavy]
DISTRIBUTIONS: Final = ["./core", *(folder for folder, heavy in PLUGINS.items() if not heavy)]
PROJECTS: Final = ["pyproject.toml", *(f"{folder}/pyproject.toml" for folder in DISTRIBUTIONS)]
TESTED: Final = ["tests/core", "tests/plugins", "tests/faults", "tests/reports", "tests/e2e"]
IN_PARALLEL: Final = ["--numprocesses=auto", "--maxprocesses=8"]  # each process imports and collects on its own
DEMO: Final = Path("docs/examples/demo.py").resolve()

BUILD: Final = ["build", "editables", "hatchling"]  # in each environment: tests build throw-away distributions too
LINT: Final = ["ruff==0.17.5"]  # pinned: with every rule selected, a new release is a new set of rules
TYPES: Final = [
    "hypothesis",
    "mypy==2.4.1",
    "pytest>=9",
    "socksio",
    "trustme>=1.2",
    "types-docutils",
    "types-jsonschema",
]
PRICES: Final = ["genai-prices==0.2.3"]  # pinned: the catalog's facts are what this release says
UVLOOP: Final = ["uvloop==0.23.0; sys_platform != 'win32'"]  # there is none for Windows
TEST: Final = [
    *PRICES,
    *UVLOOP,
    "anthropic>=2",  # this one, google-genai, groq, ollama and openai: the vendors' own clients, to agree with
    "bpe-openai",  # brings OpenAI's vocabularies, which tiktoken would download
    "coverage>=7.10",
    "google-genai>=3",
    "groq>=1.7",
    "h2",  # with hypercorn: HTTP/2, and a server of it
    "hypercorn>=0.18",
    "hypothesis",
    "jsonschema",
    "ollama>=0.6",
    "openai>=3",
    "openapi-schema-validator",  # with referencing and pyyaml: the vendors' published contracts
    "pproxy>=2.7",  # with proxy.py: proxies that nobody here wrote; socksio speaks to one of them
    "proxy.py>=2.4.10",
    "pytest>=9",
    "pytest-xdist>=3.8",
    "pyyaml",
    "referencing",
    "socksio",
    "trustme>=1.2",  # certificates for servers on loopback
]
PYTHONS: Final = ["3.11", "3.12", "3.13"]
OTHER_PYTHONS: Final = [version for version in PYTHONS if version != f"{sys.version_info[0]}.{sys.version_info[1]}"]
LOCAL_MODELS: Final = ["torch==2.13.0"]  # pinned: the newest release that comes without gigabytes of CUDA
SERVERS: Final = ["llama-cpp-python[server]==0.3.36", "gguf", "numpy"]  # pinned: a new release compiles anew


def install_checkout(session: nox.Session, *others: str, heavy: bool = False) -> None:
    """Install our distributions, editable, and what else the session needs."""
    session.install(*BUILD, *others)
    session.install(*editable(*DISTRIBUTIONS, *(HEAVY if heavy else ())))


def editable(*folders: str) -> list[str]:
    """List pip's arguments that install folders as links to their sources."""
    return ["--no-build-isolation", *(argument for folder in folders for argument in ("--editable", folder))]


def enter_checkout(session: nox.Session) -> str:
    """
    Return the Python of the environment that most sessions share, and put its programs first in PATH.

    It holds our distributions, editable, and what any test needs besides. When these requirements change, it is made
    again. Its sessions have no environment of their own (``python=False``), which saves the installation in each.
    """
    folder = Path(".nox", "checkout").resolve()
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    session.env["PATH"] = os.pathsep.join([str(scripts), os.environ["PATH"]])
    requirements = list(dict.fromkeys([*BUILD, *LINT, *TYPES, *TEST]))
    projects = [Path(project).read_text(encoding="utf-8") for project in PROJECTS]
    made_of = folder / "made-of.txt"  # written last: an installation that was interrupted is made again
    contents = "\n".join([sys.version, *requirements, *DISTRIBUTIONS, *projects])
    if not made_of.is_file() or made_of.read_text(encoding="utf-8") != contents:
        session.run(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(folder), external=True)
        session.run(python, "-m", "pip", "install", *requirements, external=True, silent=True)
        session.run(python, "-m", "pip", "install", *editable(*DISTRIBUTIONS), external=True, silent=True)
        made_of.write_text(contents, encoding="utf-8")
    return python


def pytest(session: nox.Session, python: str, *folders: str, options: Sequence[str] = ()) -> None:
    """Run pytest on these folders, with these options, or instead on what the command line names under tests/."""
    named = any(argument.startswith("tests/") for argument in session.posargs)
    session.run(python, "-m", "pytest", *(() if named else (*folders, *options)), *session.posargs, external=True)


@nox.session
def demo(session: nox.Session) -> None:
    """Make a dataset from our own documentation, with the offline provider, in a new folder under demo-output/."""
    install_checkout(session)
    Path("demo-output").mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-%H%M%S-"), dir="demo-output")
    session.run("python", str(DEMO), folder)


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """Run the tests with the Python that runs nox, in a process for each processor."""
    pytest(session, enter_checkout(session), *TESTED, options=[*IN_PARALLEL, "--dist=worksteal", "-m", "not mutants"])


@nox.session(python=False)
def mutants(session: nox.Session) -> None:
    """Run the test kit's suites against plugins that are broken on purpose, each of which a test must catch."""
    pytest(
        session,
        enter_checkout(session),
        "tests/plugins/testing",
        options=["-m", "mutants", "-o", "faulthandler_timeout=900"],
    )  # a process for each file


@nox.session(python=OTHER_PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run with every other Python that is present the tests of what may differ there."""
    install_checkout(session, *TEST)
    options = [*IN_PARALLEL, "--dist=worksteal", "-m", "not mutants and not real_server and not one_python"]
    pytest(session, "python", *TESTED, options=options)


@nox.session(python=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and list the lines that they leave out."""
    python = enter_checkout(session)
    session.run(python, "-m", "coverage", "erase", external=True)
    session.run(python, "-m", "coverage", "run", "-m", "pytest", *TESTED, *session.posargs, external=True)
    session.run(python, "-m", "coverage", "combine", external=True)
    session.run(python, "-m", "coverage", "report", external=True)


@nox.session(python=False)
def contract(session: nox.Session) -> None:
    """Hold what we send and decode against the vendors' published contracts and recorded traffic."""
    pytest(session, enter_checkout(session), "tests/contract")


@nox.session(python=False)
def cases(session: nox.Session) -> None:
    """Run the scripts that each repeat a fault which users reported; they lie beside the checkout."""
    session.run(enter_checkout(session), "tests/reports/scripts.py", *session.posargs, external=True)


@nox.session
def catalog(session: nox.Session) -> None:
    """Write the catalog's prices and limits anew, from the pinned release of genai-prices."""
    session.install(*PRICES)
    session.run("python", "core/catalog/update.py")


@nox.session
def local_models(session: nox.Session) -> None:
    """Run a tiny model inside the process, with torch and transformers as they are."""
    install_checkout(session, *LOCAL_MODELS, *TEST, heavy=True)
    session.env["BUDWOOD_TEST_LOCAL_MODELS"] = "yes"  # where something is missing, they fail
    pytest(session, "python", "tests/plugins/transformers")


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Check README.md and docs/: the code in them runs as printed."""
    pytest(session, enter_checkout(session), "tests/docs")


@nox.session(python=False)
def reference(session: nox.Session) -> None:
    """Write docs/reference/plugins.md from the docstrings; pass --check to see that it is up to date."""
    session.run(enter_checkout(session), "docs/reference/generate.py", *session.posargs, external=True)


@nox.session(python=False)
def new_plugins(session: nox.Session) -> None:
    """Write a plugin of each kind with `budwood plugins new`, install it, and run its tests and linters."""
    pytest(session, enter_checkout(session), "tests/new_plugins")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*LINT)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Check types, strictly, over the core and all plugins."""
    session.run(enter_checkout(session), "-m", "mypy", *session.posargs, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, and write docs/benchmarks; ``-- --quick`` takes the short form, which CI runs."""
    session.install(*DISTRIBUTIONS, *UVLOOP)  # not editable, since that makes every import look in more folders
    session.run("python", "-m", "tests.benchmarks.run", *session.posargs)


@nox.session
def profile(session: nox.Session) -> None:
    """Print where the CPU time of one call goes."""
    session.install(*DISTRIBUTIONS, *UVLOOP)
    session.run("python", "-m", "tests.benchmarks.profiling", *session.posargs)


@nox.session
def tokens(session: nox.Session) -> None:
    """Measure how far the estimate of tokens is from what four vocabularies count."""
    session.install("./core", "django==5.2.19", "quicktok-v1==0.4.0")  # pinned: the figures of the guide are of these
    session.run("python", "tests/benchmarks/tokens.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all distributions into dist/, install the wheels outside the checkout, and run the demo there."""
    session.install(*BUILD)
    shutil.rmtree("dist", ignore_errors=True)
    for folder in [*DISTRIBUTIONS, *HEAVY]:  # the sdist first, then the wheel from it
        session.run("python", "-m", "build", "--no-isolation", "--outdir", "dist", folder)
    heavy = tuple(f"budwood_{Path(folder).name.replace('-', '_')}-" for folder in HEAVY)
    wheels = [wheel for wheel in sorted(Path("dist").glob("*.whl")) if not wheel.name.startswith(heavy)]
    core, *plugins = [str(wheel.resolve()) for wheel in wheels]

    with tempfile.TemporaryDirectory(prefix="budwood-wheels-") as elsewhere, session.chdir(elsewhere):
        session.run("python", "-m", "venv", "venv")
        scripts = Path("venv", "Scripts" if os.name == "nt" else "bin").resolve()
        python = str(scripts / "python")
        path = os.pathsep.join([str(scripts), os.environ["PATH"]])
        session.run(python, "-m", "pip", "install", "--quiet", f"{core}[all]", *plugins, external=True)
        session.run(python, "-I", str(DEMO), "output", env={"PATH": path}, external=True)


@nox.session
def servers(session: nox.Session) -> None:
    """Install into .nox/servers the real servers that tests start; llama.cpp is compiled, which takes minutes."""
    session.install(*SERVERS)
    session.run("python", "-c", "import gguf, llama_cpp.server.app")
