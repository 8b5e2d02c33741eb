"""Providers with defects in services of several requests."""

import uuid
from dataclasses import replace

from budwood.errors import BadResponseError, ProviderError, UnsupportedError
from budwood.types import FileInfo, JobState
from budwood_openai_compatible import OpenAIBatches
from tests.plugins.testing.mutants.provider.correct import Correct


def change_calls(method, change):
    """
    Create a provider that changes the calls of a method.
    """

    def run(self, *arguments):
        steps = getattr(OpenAIBatches, method)(self, *arguments)
        try:
            call = next(steps)
            while True:
                reply = yield change(self, call)
                call = steps.send(reply)
        except StopIteration as end:
            return end.value

    return type("Mutant", (OpenAIBatches,), {method: run})


def change_result(method, change):
    """
    Create a provider that changes the result of a method.
    """

    def run(self, *arguments):
        return change((yield from getattr(OpenAIBatches, method)(self, *arguments)))

    return type("Mutant", (OpenAIBatches,), {method: run})


class TestReturnsReply(Correct):
    caught_by = ("test_steps_end_with_a_result",)
    Mutant = change_result("get_file", lambda info: info.raw)


class TestReadsUpload(Correct):
    caught_by = ("test_steps_end_with_a_result",)

    class Mutant(OpenAIBatches):
        def submit_batch(self, batch):
            batch.path.read_bytes()
            return (yield from super().submit_batch(batch))


class TestURLWithoutScheme(Correct):
    caught_by = ("test_calls_of_steps_are_valid",)
    Mutant = change_calls("list_files", lambda _, call: replace(call, url="acme.example/files"))


class TestKeyInURL(Correct):
    caught_by = ("test_calls_of_steps_are_valid",)
    Mutant = change_calls(
        "poll_video",
        lambda self, call: replace(call, url=f"{call.url}?key={self._settings.api_key.get_secret_value()}"),
    )


class TestRandomName(Correct):
    caught_by = ("test_calls_of_steps_are_deterministic",)
    Mutant = change_calls("submit_video", lambda _, call: replace(call, url=f"{call.url}?{uuid.uuid4()}"))


class TestModifiesJob(Correct):
    caught_by = ("test_arguments_of_steps_are_not_modified",)

    class Mutant(OpenAIBatches):
        def poll_batch(self, job):
            job.data["polled"] = True
            return (yield from super().poll_batch(job))


class TestCannotBeClosed(Correct):
    caught_by = ("test_steps_can_be_closed_early",)

    class Mutant(OpenAIBatches):
        def submit_video(self, request):
            try:
                return (yield from super().submit_video(request))
            finally:
                yield self._get("/videos")


class TestHidesError(Correct):
    caught_by = ("test_error_in_steps_is_raised",)

    class Mutant(OpenAIBatches):
        def list_files(self):
            try:
                return (yield from super().list_files())
            except ProviderError:
                return ()


class TestHidesSecondError(Correct):
    caught_by = ("test_error_in_steps_is_raised",)

    class Mutant(OpenAIBatches):
        def submit_batch(self, batch):
            file_id = yield from self._upload_lines(batch.path)
            try:
                return self._decode_batch((yield self._post("/batches", {"input_file_id": file_id})))
            except ProviderError:
                return JobState(id=file_id, status="running")


class TestReplacesError(Correct):
    caught_by = ("test_error_in_steps_is_raised",)

    class Mutant(OpenAIBatches):
        def delete_file(self, file_id):
            try:
                yield from super().delete_file(file_id)
            except ProviderError:
                raise RuntimeError("not deleted") from None


class TestRepeatsForever(Correct):
    caught_by = ("test_error_in_steps_is_raised",)

    class Mutant(OpenAIBatches):
        def delete_file(self, file_id):
            while True:
                try:
                    yield from super().delete_file(file_id)
                except ProviderError:
                    continue
                return


class TestInventsJob(Correct):
    caught_by = ("test_unreadable_reply_in_steps_is_an_error", "test_error_body_in_steps_is_raised")

    class Mutant(OpenAIBatches):
        def poll_video(self, job):
            yield self._get(f"/videos/{job.id}")
            return JobState(id=job.id, status="running")


class TestRepeatsSubmission(Correct):
    caught_by = ("test_submission_is_not_repeated",)
    Mutant = change_calls("submit_video", lambda _, call: replace(call, repeatable=True))


class TestOmitsReason(Correct):
    caught_by = ("test_state_of_a_job_is_decoded",)
    Mutant = change_result("poll_batch", lambda state: state.model_copy(update={"error": None}))


class TestNeverEnds(Correct):
    caught_by = ("test_state_of_a_job_is_decoded",)
    Mutant = change_result("poll_video", lambda state: state.model_copy(update={"status": "running"}))


class TestLosesData(Correct):
    caught_by = ("test_job_is_fetched_from_its_saved_reference",)
    Mutant = change_result("poll_batch", lambda state: state.model_copy(update={"data": {"files": (1, 2)}}))


class TestListsOnePage(Correct):
    caught_by = ("test_all_pages_of_files_are_listed",)

    class Mutant(OpenAIBatches):
        def list_files(self):
            reply = yield self._get("/files")
            return tuple(FileInfo(id=row["id"]) for row in self._object(reply, "data")["data"])


class TestOmitsSize(Correct):
    caught_by = ("test_file_is_decoded",)
    Mutant = change_result("get_file", lambda info: info.model_copy(update={"size": None}))


class TestUploadsNoFile(Correct):
    caught_by = ("test_uploaded_content_is_sent",)
    Mutant = change_calls(
        "upload_file", lambda _, call: call if isinstance(call.body, bytes) else replace(call, body=b"")
    )


class TestReadsDownload(Correct):
    caught_by = ("test_download_is_written_to_the_target",)

    class Mutant(OpenAIBatches):
        def download_file(self, file_id, target):
            yield self._get(f"/files/{file_id}/content")


class TestRefusesWithoutHint(Correct):
    caught_by = ("test_unsupported_method_is_refused_before_sending",)

    class Mutant(OpenAIBatches):
        def cancel_video(self, job):
            raise UnsupportedError("No.")


class TestErrorIncludesKey(Correct):
    caught_by = ("test_errors_of_steps_do_not_contain_the_key",)

    class Mutant(OpenAIBatches):
        def get_file(self, file_id):
            yield self._get(f"/files/{file_id}")
            raise BadResponseError(f"Cannot read this with {self._settings.api_key.get_secret_value()}.")
