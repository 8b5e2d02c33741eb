from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.one_python

LOST = {"BUDWOOD_CACHES__LOST__PLUGIN": "redis", "BUDWOOD_CACHES__LOST__URL": "redis://127.0.0.1:1/0"}
"""The settings of a cache in a server that does not exist."""

PROMPT = "What gives the fruit?\n\n<passage>The shoot gives the fruit.</passage>"


@pytest.fixture
def asked(budwood, tmp_path):
    """
    A cache in a file, with one reply that was found once.
    """
    tmp_path.joinpath("budwood.toml").write_text(
        'cache = ["memory", "sqlite"]\nmodel = "offline/extractive"\n'
        '[options]\ncache_namespace = "team"\n[caches.sqlite]\npath = "replies.sqlite3"\n',
        "utf-8",
    )
    for _ in range(2):
        assert budwood("ask", PROMPT).stdout == "The shoot gives the fruit.\n"
    return tmp_path


def key_of(budwood) -> str:
    """
    Return the key that a list shows.
    """
    return budwood("cache", "list").stdout.splitlines()[1].split()[0]


def test_counts_of_a_cache_are_shown(budwood, asked):
    """
    By namespace, across processes.
    """
    (row,) = json.loads(budwood("cache", "stats", "--json").stdout)

    assert (row["namespace"], row["entries"], row["hits"], row["misses"]) == ("team", 1, 1, 1)
    assert "50.0%" in budwood("cache", "stats").stdout


def test_entries_are_listed_and_shown_by_a_part_of_their_key(budwood, asked):
    """
    A list contains nothing of the reply.
    """
    listed = budwood("cache", "list").stdout

    assert "extractive" in listed
    assert "shoot" not in listed
    assert budwood("cache", "show", key_of(budwood)).stdout.endswith("\n\nThe shoot gives the fruit.\n")


def test_an_unknown_key_is_an_error(budwood, asked):
    """
    It says where to find the keys.
    """
    run = budwood("cache", "show", "nothing")

    assert run.returncode == 2
    assert "`budwood cache list` shows the keys" in run.stderr


def test_a_namespace_is_cleared(budwood, asked):
    """
    Only its entries are removed, and without a choice nothing is.
    """
    unclear = budwood("cache", "clear")
    unconfirmed = budwood("cache", "clear", "--namespace", "team")
    other = budwood("cache", "clear", "--namespace", "tea", "--yes")
    cleared = budwood("cache", "clear", "--namespace", "team", "--yes")

    assert (unconfirmed.returncode, unconfirmed.stderr.splitlines()[-1]) == (2, "hint: Pass --yes.")
    assert (unclear.returncode, "--all" in unclear.stderr) == (2, True)
    assert other.stderr == "removed 0 entries\n"
    assert cleared.stderr == "removed 1 entry\n"
    assert budwood("ask", PROMPT, "--cache", "only").returncode == 1


def test_entries_can_be_moved_to_another_cache(budwood, asked):
    """
    An exported entry answers after its import.
    """
    budwood("cache", "export", "replies.jsonl")
    budwood("cache", "clear", "--all", "--yes")

    run = budwood("cache", "import", "replies.jsonl")

    assert run.stderr == "imported 1 entry\n"
    assert budwood("ask", PROMPT, "--cache", "only").stdout == "The shoot gives the fruit.\n"
    assert budwood("cache", "export", "-").stdout == asked.joinpath("replies.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b'{"key": 1, "fresh_until": null, "expires": "x", "content": 1}',
        b'{"key": "team:1", "fresh_until": null, "expires": null, "content": []}',
        b'{"key": "team:1", "fresh_until": NaN, "expires": null, "content": {}}',
        b'{"key": "team:1", "fresh_until": null, "expires": 1e400, "content": {}}',
        b'{"key": "1", "fresh_until": null, "expires": null, "content": {}}',
    ],
)
def test_a_file_that_is_no_export_is_an_error(budwood, asked, line):
    """
    The error names the line.
    """
    asked.joinpath("replies.jsonl").write_bytes(line + b"\n")
    run = budwood("cache", "import", "replies.jsonl")

    assert run.returncode == 2
    assert "replies.jsonl, line 1" in run.stderr
    assert "team" in budwood("cache", "list").stdout  # the others can still be read


def test_a_failed_export_leaves_the_old_file(budwood, asked):
    """
    The file is written as the entries are read, and replaces the old one at the end.
    """
    asked.joinpath("replies.jsonl").write_text("old", "utf-8")

    run = budwood("cache", "export", "replies.jsonl", "--cache", "lost", **LOST)

    assert run.returncode == 1
    assert asked.joinpath("replies.jsonl").read_text("utf-8") == "old"
    assert [path.name for path in asked.glob("*jsonl*")] == ["replies.jsonl"]


def test_a_lost_server_is_an_error_that_names_its_settings(budwood, asked):
    """
    It says what to check.
    """
    run = budwood("cache", "stats", "--cache", "lost", **LOST)

    assert run.returncode == 1
    assert run.stderr.endswith(
        "Connection refused.\nhint: Check [caches.lost] in the settings, or pass --cache NAME.\n"
    )


def test_a_prompt_is_answered_without_a_lost_cache(budwood, asked):
    """
    A note says once that the cache could not be used, so that the user learns why each prompt is sent.
    """
    run = budwood("ask", PROMPT, BUDWOOD_CACHE="lost", **LOST)

    assert run.stdout == "The shoot gives the fruit.\n"
    assert run.stderr.startswith("note: the cache 'lost' could not be read: Redis: ")
    assert run.stderr.count("\n") == 1


def test_expired_entries_are_pruned(budwood, asked):
    """
    There are none here.
    """
    assert budwood("cache", "prune").stderr == "removed 0 entries\n"


def test_without_a_cache_there_is_an_error(budwood, tmp_path):
    """
    It says how to choose one.
    """
    nothing = budwood("cache", "list")
    memory = budwood("cache", "list", "--cache", "memory")

    assert (nothing.returncode, "--cache NAME" in nothing.stderr) == (3, True)
    assert (memory.returncode, "lasts only as long as its client" in memory.stderr) == (2, True)


def test_the_mode_of_the_cache_is_chosen_for_one_prompt(budwood, asked):
    """
    An unknown mode is an error that lists them.
    """
    wrong = budwood("ask", PROMPT, "--cache", "maybe")

    assert json.loads(budwood("ask", PROMPT, "--json").stdout)["cached"] is True
    assert json.loads(budwood("ask", PROMPT, "--json", "--cache", "off").stdout)["cached"] is False
    assert (wrong.returncode, "off, refresh and only" in wrong.stderr) == (2, True)
