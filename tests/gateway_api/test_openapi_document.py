"""Random requests to a gateway that runs, whose replies must be as its OpenAPI document says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.gateway_api.document import refine
from tests.gateway_api.vendor import CompleteVendor
from tests.plugins.server.serving import ServeProcess

SEED = 16
ACCOUNTS = "^/api/(?!auth/logout|auth/password|auth/login|telemetry|audit|config)"
"""What accounts may do besides logging out, and what is not the same with a key."""

SETTINGS = """
[providers.vendor]
plugin = "openai"
base_url = "{origin}/v1"
api_key = "vendor-key"

[providers.plain]
plugin = "openai-compatible"
base_url = "{origin}/v1"
offers = ["moderation"]

[options]
retries = 0

[server]
files_provider = "vendor"

[server.models]
fast = "vendor/gpt-4.1-mini"
plain = "plain/small"
demo = "offline/extractive"

[server.responses]
retention = 1
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway in front of a server in place of OpenAI.
    """
    folder = tmp_path_factory.mktemp("gateway")
    with CompleteVendor() as vendor, ServeProcess(folder, settings=SETTINGS.format(origin=vendor.origin)) as served:
        yield served


def log_in(gateway):
    """
    Return the access token of a new account, an administrator.
    """
    body = {"name": "ann", "password": "correct horse battery"}
    headers = {"authorization": f"Bearer {gateway.create_key(scopes={'admin'})}"}
    created = httpx.post(f"{gateway.url}/api/accounts", json={**body, "role": "admin"}, headers=headers)
    assert created.status_code == 201, created.text
    return httpx.post(f"{gateway.url}/api/auth/login", json=body).json()["access_token"]


@pytest.mark.parametrize(
    ("paths", "scopes", "examples"),
    [("^/v1/", {"infer"}, 40), ("^/(?!v1/)", {"admin", "telemetry"}, 15), (ACCOUNTS, None, 10)],
    ids=["v1", "key", "account"],
)
def test_replies_are_documented(gateway, tmp_path, paths, scopes, examples):
    """
    No request makes the gateway fail, and each reply has a status, a type and a form that the document lists.
    """
    document = Path(tmp_path, "openapi.json")
    document.write_text(json.dumps(refine(httpx.get(f"{gateway.url}/openapi.json").json())), "utf-8")
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(document), "--url", gateway.url]
    options = {
        "--header": f"Authorization: Bearer {log_in(gateway) if scopes is None else gateway.create_key(scopes=scopes)}",
        "--include-path-regex": paths,
        "--exclude-path": "/api/telemetry/follow",  # it sends events until the client leaves
        "--checks": ",".join(CHECKS),
        "--phases": "examples,coverage,fuzzing",
        "--max-examples": str(examples),
        "--seed": str(SEED),
        "--generation-database": "none",
        "--suppress-health-check": "all",
        "--warnings": "off",
    }
    arguments = [part for option in options.items() for part in option]
    run = subprocess.run(
        [*command, *arguments, "--continue-on-failure", "--no-color"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert gateway.process.poll() is None
