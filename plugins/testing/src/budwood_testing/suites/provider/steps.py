"""Tests of services of several requests: files, videos, background replies and batches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from budwood.errors import BudwoodError, ProviderError, UnsupportedError
from budwood.types import FileInfo, HTTPCall, HTTPReply, JobRef, JobState, JobStatus, ReplyHead
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import check_error, error_of
from budwood_testing.suites.provider.bench import Bench, as_bytes
from budwood_testing.suites.provider.media_requests import check_call, check_secrecy, check_unsupported
from budwood_testing.suites.provider.replies import HTML
from budwood_testing.suites.provider.step_methods import (
    FILES,
    METHODS,
    StepMethod,
    drive,
    run_to_error,
)
from budwood_testing.suites.provider.under_test import SECRET, ProviderUnderTest

_MESSAGE: Final = "The shelf is full."
_REASON: Final = "The film tore."
_STATUSES: Final[tuple[JobStatus, ...]] = ("queued", "running", "succeeded", "failed")
_IDEMPOTENCY: Final = re.compile("idempoten", re.IGNORECASE)

every_method = pytest.mark.parametrize("name", METHODS)
jobs_of = pytest.mark.parametrize("name", [name for name in METHODS if name.startswith("poll_")])
submissions = pytest.mark.parametrize("name", [name for name in METHODS if name.startswith("submit_")])
downloads = pytest.mark.parametrize("name", ["download_file", "fetch_video"])


class StepTests(ProviderUnderTest):
    """Methods that return `Steps` do no I/O, end, and raise what goes wrong."""

    @every_method
    def test_steps_end_with_a_result(self, bench: Bench, folder: Path, name: str) -> None:
        """A method asks for one request after the other, and returns its result after the last reply, without I/O."""
        method = _claimed(bench, name)
        replies = method.replies(bench)
        arguments = method.arguments(bench, folder)
        calls, result = drive(bench, method, arguments, replies)

        assert len(calls) == len(replies), (
            f"{name}() sent {len(calls)} requests, but its example has {len(replies)} replies"
        )
        assert isinstance(result, method.result), f"{name}() returned a {type(result).__name__}"

    @every_method
    def test_calls_of_steps_are_valid(self, bench: Bench, folder: Path, name: str) -> None:
        """Each call has an upper-case method and a URL with a scheme, and no key."""
        for call in _calls(bench, folder, name):
            check_call(call)
            check_secrecy(bench, call)

    @every_method
    def test_calls_of_steps_are_deterministic(self, bench: Bench, build: Build, folder: Path, name: str) -> None:
        """The same arguments and replies give the same calls, also from another instance."""
        method = _claimed(bench, name)
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        calls = [drive(bench, method, arguments, replies)[0] for _ in range(2)]
        other, _ = drive(bench, method, arguments, replies, provider=build().implementation)

        assert calls[0] == calls[1] == other

    @every_method
    def test_arguments_of_steps_are_not_modified(self, bench: Bench, folder: Path, name: str) -> None:
        """A method does not modify its arguments."""
        method = _claimed(bench, name)
        arguments = method.arguments(bench, folder)
        before = repr(arguments)
        drive(bench, method, arguments, method.replies(bench))

        assert repr(arguments) == before

    @every_method
    def test_steps_can_be_closed_early(self, bench: Bench, folder: Path, name: str) -> None:
        """A method that is abandoned at any of its requests ends: it yields no further call, and raises nothing."""
        method = _claimed(bench, name)
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        for place in range(len(replies)):
            steps = method.start(bench, arguments)
            call = next(steps)
            for reply in replies[:place]:
                call = steps.send(method.as_http(reply, call))
            steps.close()  # RuntimeError if the generator yields again

    @every_method
    @pytest.mark.parametrize("status", [400, 404, 503])
    def test_error_in_steps_is_raised(self, bench: Bench, folder: Path, name: str, status: int) -> None:
        """
        An error at any of the requests is raised, as it is or as another `BudwoodError`; no result hides it.

        A method may send further requests after an error, but must raise it if they fail as well.
        """
        method = _claimed(bench, name)
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        for place in range(len(replies)):
            error = make_error(bench, method, status)
            raised = run_to_error(bench, method, arguments, replies[:place], error)

            assert raised is not None, (
                f"{name}() returned a result although request {place + 1} failed: raise the error"
            )
            assert isinstance(raised, BudwoodError), (
                f"{name}() raised {raised!r} in place of the error of request {place + 1}"
            )
            assert raised is error or _MESSAGE in str(raised) or raised.__cause__ is error

    @every_method
    def test_unreadable_reply_in_steps_is_an_error(self, bench: Bench, folder: Path, name: str) -> None:
        """A reply that is HTML, empty or other JSON is a `ProviderError`."""
        method = _claimed(bench, name)
        if not method.has_data:
            pytest.skip("the method reads no reply")
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        bodies = (HTML, b"", b"[]", b"null", b'{"half') + (() if method.may_be_empty else (b"{}",))
        for body in bodies:
            with pytest.raises(ProviderError) as caught:
                drive(bench, method, arguments, [*replies[:-1], body])
            check_error(caught.value)

    @every_method
    def test_error_body_in_steps_is_raised(self, bench: Bench, folder: Path, name: str) -> None:
        """An error body with status 200 is raised, or is the error of a job that has failed."""
        method = _claimed(bench, name)
        if not method.has_data:
            pytest.skip("the method reads no reply")
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        body = bench.optional_body(bench.examples.error_with_status_200(_MESSAGE), "error_with_status_200")
        try:
            _, result = drive(bench, method, arguments, [*replies[:-1], as_bytes(body)])
        except ProviderError as error:
            check_error(error)
        else:
            assert isinstance(result, JobState), f"{name}() returned a result for an error: raise it"
            assert (result.status, result.error) == ("failed", _MESSAGE)

    @submissions
    def test_submission_is_not_repeated(self, bench: Bench, folder: Path, name: str) -> None:
        """The call that creates a job is not `repeatable`, unless it has an idempotency key: it would be paid twice."""
        call = _calls(bench, folder, name)[-1]

        assert call.method != "GET", "the last call of a submission creates the job"
        assert not call.repeatable or any(map(_IDEMPOTENCY.search, call.headers)), (
            f"{name}() would create the job twice after an ambiguous failure: set repeatable=False, or add the header "
            "of the vendor's idempotency keys"
        )

    @jobs_of
    @pytest.mark.parametrize("status", _STATUSES)
    def test_state_of_a_job_is_decoded(self, bench: Bench, folder: Path, name: str, status: JobStatus) -> None:
        """Each state of a job is decoded; that of a failed one has the vendor's reason and does not raise."""
        method = _claimed(bench, name)
        reason = _REASON if status == "failed" else None
        asked = JobState(id="job-77", status=status, error=reason)
        replies = bench.examples.job(name, asked)
        if replies is None:
            pytest.skip(f"the examples have no job that is {status}")
        _, state = drive(bench, method, method.arguments(bench, folder), replies)

        assert state.id == "job-77"
        assert state.status == status or (state.status, status) == ("running", "queued")  # some vendors know no queue
        assert reason is None or reason in (state.error or ""), "the state of a failed job has no error: set it"

    @jobs_of
    def test_job_is_fetched_from_its_saved_reference(self, bench: Bench, folder: Path, name: str) -> None:
        """The result of a job is fetched by a reference that was saved as JSON, with the data of the last state."""
        method = _claimed(bench, name)
        fetch = METHODS[name.replace("poll_", "fetch_")]
        job = fetch.finished_job(bench, folder)
        saved = JobRef.model_validate_json(job.model_dump_json())

        assert saved == job, "the data of a JobState do not survive JSON: use texts, numbers, lists and dictionaries"
        _, result = drive(bench, fetch, (saved, *fetch.arguments(bench, folder)[1:]), fetch.replies(bench, saved))
        assert fetch.content_of(result) == fetch.content
        assert method.kind == job.kind

    def test_all_pages_of_files_are_listed(self, bench: Bench, folder: Path) -> None:
        """`list_files` returns the files of all pages, in order, with their names and sizes."""
        method = _claimed(bench, "list_files")
        _, files = drive(bench, method, (), method.replies(bench))

        assert [file.id for file in files] == [file.id for file in FILES]
        assert [(file.name, file.size) for file in files] == [(file.name, file.size) for file in FILES]

    @pytest.mark.parametrize("name", ["upload_file", "get_file"])
    def test_file_is_decoded(self, bench: Bench, folder: Path, name: str) -> None:
        """The id, the name and the size of a file are those of the reply."""
        method = _claimed(bench, name)
        _, info = drive(bench, method, method.arguments(bench, folder), method.replies(bench))
        file = FILES[0]

        assert isinstance(info, FileInfo)
        assert (info.id, info.name, info.size, info.ready) == (file.id, file.name, file.size, True)

    def test_uploaded_content_is_sent(self, bench: Bench, folder: Path) -> None:
        """The content of an upload is sent, from memory and from a file, and the file is not read by the provider."""
        method = _claimed(bench, "upload_file")
        for arguments in method.uploads(folder):
            calls, _ = drive(bench, method, arguments, method.replies(bench))

            assert any(method.holds_upload(call) for call in calls)

    @downloads
    def test_download_is_written_to_the_target(self, bench: Bench, folder: Path, name: str) -> None:
        """A download has `reply_to`, so that it is written while it arrives; it is not read into memory."""
        method = _claimed(bench, name)
        target = method.arguments(bench, folder)[-1]

        assert [call.reply_to for call in _calls(bench, folder, name)][-1] == target

    @every_method
    def test_unsupported_method_is_refused_before_sending(self, bench: Bench, folder: Path, name: str) -> None:
        """A method that the vendor does not have raises UnsupportedError with a hint, before its first call."""
        bench.claims(METHODS[name].capability)
        arguments = METHODS[name].arguments(bench, folder)
        try:
            next(METHODS[name].start(bench, arguments))
        except UnsupportedError as error:
            check_unsupported(error)
        except StopIteration:
            pytest.fail(f"{name}() sends nothing: send a request, or raise UnsupportedError")

    @every_method
    def test_errors_of_steps_do_not_contain_the_key(self, bench: Bench, folder: Path, name: str) -> None:
        """An error that a method raises for a reply that it cannot read does not contain the key."""
        method = _claimed(bench, name)
        replies, arguments = method.replies(bench), method.arguments(bench, folder)
        error = error_of(lambda: drive(bench, method, arguments, [*replies[:-1], HTML]), BudwoodError, name)

        assert SECRET not in error


def _claimed(bench: Bench, name: str) -> StepMethod:
    """Return a method; skip the test unless the provider has it, and can do what it does."""
    method = METHODS[name]
    bench.claims(method.capability)
    method.check_supported(bench)
    return method


def _calls(bench: Bench, folder: Path, name: str) -> Sequence[HTTPCall]:
    method = _claimed(bench, name)
    return drive(bench, method, method.arguments(bench, folder), method.replies(bench))[0]


def make_error(bench: Bench, method: StepMethod, status: int) -> ProviderError:
    """Return the provider's error for a status, as the engine raises it in a method."""
    body = bench.body(bench.examples.error(status, _MESSAGE), "error", method.capability)
    error: Any = bench.provider.error(HTTPReply(ReplyHead(status, {}), as_bytes(body)))
    assert isinstance(error, ProviderError)
    return error
