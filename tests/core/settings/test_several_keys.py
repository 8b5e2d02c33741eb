"""Several keys of one provider, from every source of settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from budwood import Client, Settings
from budwood.errors import ConfigurationError
from budwood_testing import FakeClock, ScriptedTransport
from tests.core.settings.test_invalid import get_full_text

SECRET = "sk-the-secret-of-this-test"


@pytest.fixture
def list_keys(tmp_path):
    """
    Return the keys of a client, by their label, that loads its settings from the given sources.
    """

    def read(model="openai/gpt-4o", *, explicit=None, api_key=None, dotenv="", file="", user="", **environment):
        for name, text in ((".env", dotenv), ("budwood.toml", file), ("user.toml", user)):
            tmp_path.joinpath(name).write_text(text, "utf-8")
        settings = Settings.load(explicit, folder=tmp_path, environment=environment, user_file=tmp_path / "user.toml")
        with Client(
            model, settings=settings, api_key=api_key, transport=ScriptedTransport(), clock=FakeClock()
        ) as client:
            endpoint = client._engine.endpoints.get(model.partition("/")[0])
        if endpoint.pool is not None:
            credentials = [key.lease.credential for key in endpoint.pool.keys]
        else:
            credentials = [endpoint.credential] if endpoint.credential is not None else []
        return {credential.label: credential.secret.get_secret_value() for credential in credentials}

    return read


THREE = {"key-1": "a-key", "key-2": "b-key", "key-3": "c-key"}
FILE = "[providers.openai]\napi_key = ['a-key', 'b-key', 'c-key']"
TABLES = """
[[providers.openai.keys]]
secret = "a-key"
[[providers.openai.keys]]
secret = "b-key"
[[providers.openai.keys]]
secret = "c-key"
"""


@pytest.mark.parametrize(
    "sources",
    [
        {"api_key": ["a-key", "b-key", "c-key"]},
        {"api_key": ("a-key", "b-key", "c-key")},
        {"explicit": {"providers": {"openai": {"api_key": ["a-key", "b-key", "c-key"]}}}},
        {"explicit": {"providers": {"openai": {"api_key": [SecretStr("a-key"), "b-key", "c-key"]}}}},
        {"file": FILE},
        {"user": TABLES},
        {"OPENAI_API_KEYS": "a-key,b-key,c-key"},
        {"OPENAI_API_KEYS": " a-key, b-key ,\nc-key, "},
        {"OPENAI_API_KEYS": '["a-key", "b-key", "c-key"]'},
        {"dotenv": "OPENAI_API_KEYS=a-key,b-key,c-key"},
        {"BUDWOOD_PROVIDERS__OPENAI__API_KEYS": "a-key,b-key,c-key"},
        {"BUDWOOD_PROVIDERS__OPENAI__API_KEY": '["a-key", "b-key", "c-key"]'},
        {"BUDWOOD_PROVIDERS__OPENAI__KEYS": '[{"secret": "a-key"}, {"secret": "b-key"}, {"secret": "c-key"}]'},
    ],
)
def test_every_source_can_list_keys(sources, list_keys):
    """
    As a list, as tables, or separated by commas in the plural of a variable.
    """
    assert list_keys(**sources) == THREE


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"OPENAI_API_KEYS": "a-key,b-key", "OPENAI_API_KEY": "c-key"}, {"key-1": "a-key", "key-2": "b-key"}),
        (
            {"BUDWOOD_PROVIDERS__OPENAI__API_KEY": "c-key", "BUDWOOD_PROVIDERS__OPENAI__API_KEYS": "a-key,b-key"},
            {"key-1": "a-key", "key-2": "b-key"},
        ),
        ({"OPENAI_API_KEYS": "a-key,b-key", "BUDWOOD_PROVIDERS__OPENAI__API_KEY": "c-key"}, {"default": "c-key"}),
        ({"OPENAI_API_KEY": "c-key", "file": FILE}, {"default": "c-key"}),
        ({"OPENAI_API_KEYS": "a-key,b-key", "file": "[providers.openai]\napi_key = 'c-key'"},
         {"key-1": "a-key", "key-2": "b-key"}),
        ({"dotenv": "OPENAI_API_KEYS=a-key,b-key", "OPENAI_API_KEY": "c-key"}, {"default": "c-key"}),
        ({"api_key": "c-key", "OPENAI_API_KEYS": "a-key,b-key", "user": TABLES}, {"default": "c-key"}),
        ({"api_key": ["c-key"], "file": FILE}, {"key-1": "c-key"}),
        ({"file": TABLES, "user": "[providers.openai]\napi_key = 'c-key'"}, THREE),
        ({"file": "[providers.openai]\napi_key = 'c-key'", "user": TABLES}, {"default": "c-key"}),
    ],
)  # fmt: skip
def test_one_source_counts(sources, expected, list_keys):
    """
    Keys of several sources are never mixed. Of one source, the plural of a variable takes precedence.
    """
    assert list_keys(**sources) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"GEMINI_API_KEY": "g-key", "GOOGLE_API_KEYS": "a-key,b-key"}, {"key-1": "a-key", "key-2": "b-key"}),
        ({"GEMINI_API_KEYS": "a-key", "GOOGLE_API_KEYS": "c-key,b-key"}, {"key-1": "a-key"}),
    ],
)
def test_each_variable_of_the_vendor_has_a_plural(variables, expected, list_keys):
    """
    Of several, the first counts.
    """
    assert list_keys("gemini/gemini-2.5-pro", **variables) == expected


def test_presets_have_plurals_too(list_keys):
    """
    As their singulars, they are for the instance of the preset's name.
    """
    assert list_keys("mistral/small", MISTRAL_API_KEYS="a-key,b-key") == {"key-1": "a-key", "key-2": "b-key"}


ENDPOINT = "[providers.azure]\nendpoint = 'https://res.openai.azure.com'\n"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (
            {"file": ENDPOINT + "token = 't'", "AZURE_OPENAI_API_KEYS": "a-key,b-key"},
            {"key-1": "a-key", "key-2": "b-key"},
        ),
        ({"file": ENDPOINT + "api_key = ['a-key', 'b-key']", "AZURE_OPENAI_AD_TOKEN": "t"}, {}),
        ({"file": ENDPOINT, "AZURE_OPENAI_AD_TOKEN": "t", "AZURE_OPENAI_API_KEYS": "a-key,b-key"}, {}),
    ],
)
def test_keys_and_other_ways_to_authenticate_exclude_each_other(sources, expected, list_keys):
    """
    A token of a source of higher precedence removes all keys, and keys remove the token.
    """
    assert list_keys("azure/gpt-4o", **sources) == expected


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"api_key": []}, "[providers.openai]: the list of keys is empty"),
        ({"keys": []}, "the list of keys is empty"),
        ({"api_key": [SECRET, 7]}, "api_key[1] must be a text; got int"),
        ({"api_key": [{"secret": SECRET}]}, "api_key[0] must be a text; got dict"),
        ({"api_key": SECRET, "keys": [{"secret": "b-key"}]}, "api_key and keys are both set"),
        ({"api_key": [SECRET, "b-key", SECRET]}, "key-1 and key-3 are the same key"),
        ({"api_key": [SECRET, " "]}, "the key 2 of 2 is blank"),
        ({"api_key": ["b-key", f"{SECRET}\n"]}, "the API key 'key-2' begins or ends with white space"),
        ({"api_key": [f" {SECRET}", "b-key"]}, "the API key begins or ends with white space"),
        ({"keys": [{"secret": SECRET, "label": "key-2"}, {"secret": "b-key"}]}, "two keys have the label 'key-2'"),
        ({"keys": [{"secret": SECRET, "label": SECRET}]}, "the key 1 of 1 is part of its label or group"),
        ({"keys": [{"secret": SECRET, "label": " "}]}, "keys.0.label"),
        ({"keys": [{"secret": SECRET, "lable": "a"}]}, "unknown key 'keys.0.lable'"),
        ({"keys": [{"label": "a"}]}, "'keys.0.secret' is missing"),
        ({"keys": [{"secret": 5}]}, "keys.0.secret"),
        ({"keys": SECRET}, "'keys'"),
        ({"keys": [{"secret": SECRET, "limits": {"requests_per_minute": 0}}]}, "keys.0.limits.requests_per_minute"),
        (
            {
                "keys": [
                    {"secret": SECRET, "group": "a", "limits": {"concurrency": 2}},
                    {"secret": "b-key", "group": "a", "limits": {"concurrency": 3}},
                ]
            },
            "the keys of the group 'a' have different limits",
        ),
        ({"group": "a", "api_key": SECRET}, "unknown key 'group'"),
    ],
)
def test_bad_keys_are_errors_at_construction_that_do_not_show_them(section, message, list_keys):
    """
    The error names the section and the place of the key.
    """
    with pytest.raises(ConfigurationError) as caught:
        list_keys(explicit={"providers": {"openai": section}})

    assert message in str(caught.value)
    assert SECRET not in get_full_text(caught.value)


@pytest.mark.parametrize("value", [",", " , ,", "[]", '[""]'])
@pytest.mark.parametrize("variable", ["OPENAI_API_KEYS", "BUDWOOD_PROVIDERS__OPENAI__API_KEYS"])
def test_a_variable_without_a_key_is_an_error(variable, value, list_keys):
    """
    It was set on purpose, so that another source is not used in its place.
    """
    with pytest.raises(ConfigurationError, match=f"{variable} contains no key"):
        list_keys(**{variable: value})


@pytest.mark.parametrize("api_key", [b"sk-the-secret", 7, {"a": 1}])
def test_a_key_of_another_type_is_an_error_that_does_not_show_it(api_key, list_keys):
    """
    A key is a text, several are a list of texts.
    """
    with pytest.raises(ConfigurationError, match="api_key= must be a text") as caught:
        list_keys(api_key=api_key)

    assert "the-secret" not in get_full_text(caught.value)


@pytest.mark.parametrize(
    ("backup", "groups"),
    [
        ({}, ["azure#2/team", "azure#2/team", "azure#2/key-3"]),
        ({"label": "west"}, ["azure#west/team", "azure#west/team", "azure#west/key-3"]),
        ({"group": "team"}, ["team", "team", "team"]),
        ({"keys": [{"secret": "d-key", "group": "team"}, {"secret": "e-key"}]}, ["team", "azure#2/key-2"]),
        ({"api_key": "d-key", "group": "team"}, ["team"]),
    ],
)
def test_keys_of_a_backup_have_quotas_of_their_own_unless_their_table_names_a_group(backup, groups):
    """
    Azure's quota is per region; inherited keys of one group still share the one of the backup.
    """
    keys = [{"secret": "a-key", "group": "team"}, {"secret": "b-key", "group": "team"}, {"secret": "c-key"}]
    section = {"endpoint": "https://a.example", "keys": keys, "backups": [{"endpoint": "https://b.example", **backup}]}

    with Client("azure/gpt-4o", settings={"providers": {"azure": section}}, transport=ScriptedTransport()) as client:
        first, second = client._engine.endpoints.list_all()

    assert [key.group.name for key in first.pool.keys] == ["team", "team", "azure/key-3"]
    assert [key.group.name for key in second.pool.keys] == groups


def test_a_single_key_has_no_pool():
    """
    Also in a list: programs with one key do not pay for several.
    """
    for api_key in ("a-key", ["a-key"]):
        with Client("openai/gpt-4o", api_key=api_key, transport=ScriptedTransport()) as client:
            assert client._engine.endpoints.get("openai").pool is None
