"""``budwood batch run`` with ordinary calls, in a separate process."""

from __future__ import annotations

import json

import pytest

from tests.plugins.cli.batch_run_server import CountingServer, ShuffledServer, use

pytestmark = pytest.mark.one_python


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """
    Run the commands in a new folder.
    """
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    """
    A vendor that answers in upper case.
    """
    with CountingServer() as running:
        use(running, monkeypatch)
        yield running


def read(path):
    """
    Return the rows of an output.
    """
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def texts(path):
    """
    Return the texts of an output.
    """
    return [row.get("text") for row in read(path)]


def test_plain_texts_are_prompts(budwood, folder, server):
    """
    Each line of a text is a prompt, except blank ones; line endings of Windows and a byte order mark do not count.
    """
    (folder / "prompts.txt").write_bytes('\ufeffone\r\n\r\n  two: "2"\nthree'.encode())

    run = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl")

    assert (run.returncode, run.stdout) == (0, "out.jsonl\n"), run.stderr
    assert texts(folder / "out.jsonl") == ["ONE", '  TWO: "2"', "THREE"]
    assert run.stderr.splitlines()[-1] == "3 replies, 0 errors, cost unknown"
    assert not list(folder.glob("*.partial"))


def test_json_lines_have_options_of_their_own(budwood, folder, server):
    """
    JSON texts, prompts with options and OpenAI's form can be mixed; ids are kept.
    """
    lines = [
        '"one"',
        '{"prompt": "two", "max_tokens": 5}',
        '{"custom_id": "c", "body": {"messages": [{"role": "user", "content": "three"}], "model": "other"}}',
    ]
    (folder / "requests.jsonl").write_text("\n".join(lines))

    run = budwood("batch", "run", "requests.jsonl", "-q", "--max-tokens", "9", "-t", "0.5", "--seed", "7", "-s", "Be.")

    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert (run.returncode, run.stderr) == (0, "")
    assert [(row["index"], row.get("custom_id"), row["text"]) for row in rows] == [
        (0, None, "ONE"),
        (1, None, "TWO"),
        (2, "c", "THREE"),
    ]
    sent = {request["messages"][-1]["content"]: request for request in server.requests}
    assert [sent[name]["max_tokens"] for name in ("one", "two", "three")] == [9, 5, 9]
    assert [sent[name]["model"] for name in ("one", "two", "three")] == ["tiny", "tiny", "other"]
    assert {(each["temperature"], each["seed"]) for each in server.requests} == {(0.5, 7)}
    assert {each["messages"][0]["content"] for each in server.requests} == {"Be."}


@pytest.mark.parametrize(
    "example",
    [
        ("prompts", '{"prompt": "a"}\n"b"\n', ["A", "B"]),
        ("prompts", "7\n{\n", ["7", "{"]),
        ("prompts.txt", '"quoted"\nplain\n', ['"QUOTED"', "PLAIN"]),
        ("prompts.txt", '{"prompt": "a"}\n', ["A"]),
    ],
)
def test_the_form_is_found(budwood, folder, server, example):
    """
    A file whose name does not say what its lines are is JSON if its first line is a JSON object or text.
    """
    name, content, expected = example
    (folder / name).write_text(content)

    assert budwood("batch", "run", name, "-o", "out.jsonl").returncode == 0
    assert texts(folder / "out.jsonl") == expected


def test_the_form_can_be_passed(budwood, folder, server):
    """
    With `--input-format text`, lines that look like JSON are prompts.
    """
    (folder / "lines.jsonl").write_text('{"prompt": "a"}\n')

    assert budwood("batch", "run", "lines.jsonl", "--input-format", "text", "-o", "out.jsonl").returncode == 0
    assert texts(folder / "out.jsonl") == ['{"PROMPT": "A"}']


def test_standard_input_can_be_continued(budwood, folder, server):
    """
    `-` reads prompts from a pipe. The same ones again send nothing.
    """
    for _ in range(2):
        run = budwood("batch", "run", "-", "-o", "out.jsonl", "--json", stdin="one\ntwo\n")
        assert json.loads(run.stdout) == {
            "output": "out.jsonl",
            "requests": 2,
            "succeeded": 2,
            "failed": 0,
            "cost": None,
        }
        assert run.stderr == ""

    assert sorted(server.prompts) == ["one", "two"]


@pytest.mark.parametrize("output", [(), ("-o", "-"), ("-o", "out.jsonl")])
def test_the_order_is_that_of_the_input(budwood, folder, monkeypatch, output):
    """
    Replies that arrive in reverse order are written in the order of the requests, in a file and in a pipe.
    """
    (folder / "prompts.txt").write_text("".join(f"p{number}\n" for number in range(16)))

    with ShuffledServer(16) as server:
        use(server, monkeypatch)
        run = budwood("batch", "run", "prompts.txt", "--concurrency", "16", *output)

    lines = (folder / "out.jsonl").read_text() if "out.jsonl" in output else run.stdout
    assert [json.loads(line)["text"] for line in lines.splitlines()] == [f"P{number}" for number in range(16)]


def test_errors_are_in_their_places(budwood, folder, server):
    """
    A failed request is a row with its error and status 7; only `--retry-failed` sends it again.
    """
    (folder / "prompts.txt").write_text("one\ntwo\nthree\n")
    server.rejected = {"two"}

    failed = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl")
    rows = read(folder / "out.jsonl")
    again = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl")
    sent = len(server.requests)
    server.rejected = frozenset()
    retried = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl", "--retry-failed")

    assert (failed.returncode, again.returncode, sent) == (7, 7, 3)
    assert "1 of 3 requests failed" in failed.stderr
    assert "--retry-failed" in failed.stderr
    error = rows[1]["error"]
    assert [error[name] for name in ("type", "message", "status", "retryable")] == [
        "InvalidRequestError",
        "HTTP 400: No.",
        400,
        False,
    ]
    assert error["hint"].startswith("Correct the request")
    assert rows[1]["attempts"][0]["status"] == 400
    assert retried.returncode == 0
    assert "2/3 requests" in retried.stderr
    assert server.prompts[3:] == ["two"]
    assert texts(folder / "out.jsonl") == ["ONE", "TWO", "THREE"]


def test_a_limit_sends_the_first_requests(budwood, folder, server):
    """
    Without it, the same command sends the others.
    """
    (folder / "prompts.txt").write_text("one\ntwo\nthree\n")

    budwood("batch", "run", "prompts.txt", "-o", "out.jsonl", "--limit", "2")
    limited = texts(folder / "out.jsonl")
    budwood("batch", "run", "prompts.txt", "-o", "out.jsonl", "--limit", "1")
    budwood("batch", "run", "prompts.txt", "-o", "out.jsonl")

    assert limited == ["ONE", "TWO"]
    assert texts(folder / "out.jsonl") == ["ONE", "TWO", "THREE"]
    assert sorted(server.prompts) == ["one", "three", "two"]


def test_requests_that_are_added_are_sent(budwood, folder, server):
    """
    A file that has grown continues; one that has changed, has become shorter, or has other options does not.
    """
    prompts = folder / "prompts.txt"
    prompts.write_text("one\ntwo\n")
    command = ("batch", "run", "prompts.txt", "-o", "out.jsonl")
    budwood(*command)
    prompts.write_text("one\ntwo\nthree\n")
    assert budwood(*command).returncode == 0
    rows = (folder / "out.jsonl").read_bytes()

    prompts.write_text("one\nTWO\nthree\n")
    changed = budwood(*command)
    prompts.write_text("one\n")
    shorter = budwood(*command)
    prompts.write_text("one\ntwo\nthree\n")
    other = budwood(*command, "-s", "Be brief.")

    assert [run.returncode for run in (changed, shorter, other)] == [2, 2, 2]
    assert "request 2 has changed" in changed.stderr
    assert "the last 2 requests of them are no longer in the input" in shorter.stderr
    assert "the system prompt or another option has changed" in other.stderr
    assert "--force" in changed.stderr
    assert ((folder / "out.jsonl").read_bytes(), len(server.requests)) == (rows, 3)


def test_force_starts_again(budwood, folder, server):
    """
    It deletes the results, after the options were checked.
    """
    (folder / "prompts.txt").write_text("one\n")
    command = ("batch", "run", "prompts.txt", "-o", "out.jsonl")
    budwood(*command)

    wrong = budwood(*command, "--force", "-O", "top_p", "hot")
    kept = texts(folder / "out.jsonl")
    again = budwood(*command, "--force", "-s", "Be brief.")

    assert (wrong.returncode, kept, again.returncode) == (2, ["ONE"], 0)
    assert len(server.requests) == 2


def test_an_output_of_another_program_is_kept(budwood, folder, server):
    """
    A file without results of this command is replaced only with `--force`, and the input never.
    """
    (folder / "prompts.txt").write_text("one\n")
    (folder / "out.jsonl").write_text('{"index": 0, "text": "mine"}\n')

    foreign = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl")
    same = budwood("batch", "run", "prompts.txt", "-o", "./prompts.txt", "--force")

    assert (foreign.returncode, same.returncode) == (2, 2)
    assert "has no results of this command" in foreign.stderr
    assert "is the file with the requests" in same.stderr
    assert (folder / "prompts.txt").read_text() == "one\n"
    assert server.requests == []


@pytest.mark.parametrize("status", [401, 404])
def test_errors_of_all_requests_end_the_run(budwood, folder, server, status):
    """
    A wrong key or model stops the run before every request fails, and its result is not stored.
    """
    (folder / "prompts.txt").write_text("".join(f"p{number}\n" for number in range(50)))
    server.rejected, server.status = frozenset(f"p{number}" for number in range(50)), status

    failed = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl", "--concurrency", "2")
    sent = len(server.requests)
    server.rejected = frozenset()

    assert failed.returncode == {401: 4, 404: 6}[status]
    assert "0 of 50 requests have results" in failed.stderr
    assert sent <= 3
    assert not (folder / "out.jsonl").exists()
    assert budwood("batch", "run", "prompts.txt", "-o", "out.jsonl").returncode == 0
    assert len(read(folder / "out.jsonl")) == 50


def test_a_schema_applies_to_all_requests(budwood, folder, server):
    """
    `parsed` has the value; a reply that does not satisfy the schema is an error in its place.
    """
    server.say = lambda body: '{"n": 3}' if "three" in body["messages"][-1]["content"] else "none"
    (folder / "schema.json").write_text(
        '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
    )
    (folder / "prompts.txt").write_text("three\nfour\n")

    run = budwood("batch", "run", "prompts.txt", "-o", "out.jsonl", "--schema", "schema.json", "-O", "repairs", "0")

    first, second = read(folder / "out.jsonl")
    assert run.returncode == 7
    assert first["parsed"] == {"n": 3}
    assert second["error"]["type"] == "StructuredOutputError"


def test_the_budget_is_that_of_all_requests(budwood, folder, server):
    """
    Requests for which nothing is left are not sent: status 5, and a higher budget continues.
    """
    (folder / "budwood.toml").write_text('[models."local/*"]\nprices = { input = 1, output = 1000 }\n')
    (folder / "prompts.txt").write_text("".join(f"p{number}\n" for number in range(6)))
    command = ("batch", "run", "prompts.txt", "-o", "out.jsonl", "--max-tokens", "10", "--concurrency", "3")

    stopped = budwood(*command, "--budget", "0.02")
    stored = len(read(folder / "out.jsonl"))
    continued = budwood(*command, "--budget", "10")

    assert stopped.returncode == 5, stopped.stderr
    assert 0 < stored < 6
    assert "higher --budget" in stopped.stderr
    assert continued.returncode == 0, continued.stderr
    assert texts(folder / "out.jsonl") == [f"P{number}" for number in range(6)]
    assert len(server.requests) == 6


def test_lines_of_json_are_printed_or_written(budwood, folder, server):
    """
    `--jsonl` is how results are printed anyway, without progress. With a file it is an error.
    """
    (folder / "prompts.txt").write_text("one\n")

    printed = budwood("batch", "run", "prompts.txt", "--jsonl")
    written = budwood("batch", "run", "prompts.txt", "--jsonl", "-o", "out.jsonl")

    assert (json.loads(printed.stdout)["text"], printed.stderr) == ("ONE", "")
    assert written.returncode == 2
    assert "the file has lines of JSON" in written.stderr
    assert not (folder / "out.jsonl").exists()
