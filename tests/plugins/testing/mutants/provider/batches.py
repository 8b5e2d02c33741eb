"""Providers with defects in batches."""

from dataclasses import replace

from budwood.types import BatchLimits, BatchLineResult
from budwood.wire.uploads import read_body
from budwood_openai_compatible import OpenAIBatches
from tests.plugins.testing.mutants.provider.correct import Correct


def change_lines(change):
    """
    Create a provider that changes the lines of its batches.
    """

    class Mutant(OpenAIBatches):
        def encode_batch_line(self, line_id, call):
            return change(super().encode_batch_line(line_id, call))

    return Mutant


def change_results(change):
    """
    Create a provider that changes the results of its batches.
    """

    class Mutant(OpenAIBatches):
        def decode_batch_line(self, line):
            return change(super().decode_batch_line(line))

    return Mutant


class TestTakesNoRequests(Correct):
    caught_by = ("test_batch_limits_are_positive",)

    class Mutant(OpenAIBatches):
        def batch_limits(self, model):
            return BatchLimits(requests=0, bytes=100)


class TestEndsLine(Correct):
    caught_by = ("test_batch_line_contains_id_and_request",)
    Mutant = change_lines(lambda line: (*line, b"\n"))


class TestOmitsRequest(Correct):
    caught_by = ("test_batch_line_contains_id_and_request",)
    Mutant = change_lines(lambda line: (line[0], b"{}", line[-1]))


class TestCountsLines(Correct):
    caught_by = ("test_encoding_a_batch_line_is_deterministic",)

    class Mutant(OpenAIBatches):
        lines = 0

        def encode_batch_line(self, line_id, call):
            self.lines += 1
            return (*super().encode_batch_line(line_id, call), b" " * self.lines)


class TestReadsFiles(Correct):
    caught_by = ("test_files_of_a_batch_line_are_not_read",)

    class Mutant(OpenAIBatches):
        def encode_batch_line(self, line_id, call):
            return super().encode_batch_line(line_id, replace(call, body=read_body(call.body)))


class TestChangesIds(Correct):
    caught_by = ("test_line_of_a_result_is_decoded",)
    Mutant = change_results(lambda result: replace(result, id=result.id.upper()))


class TestFailsExpiredRequests(Correct):
    caught_by = ("test_line_of_an_expired_request_has_no_reply",)
    Mutant = change_results(lambda result: result if result.reply else replace(result, status="failed"))


class TestFailsForOtherLines(Correct):
    caught_by = ("test_any_line_of_a_result_is_handled",)

    class Mutant(OpenAIBatches):
        def decode_batch_line(self, line):
            assert line.startswith(b'{"')
            return super().decode_batch_line(line)


class TestAcceptsLinesWithoutId(Correct):
    caught_by = ("test_line_without_id_is_an_error",)

    class Mutant(OpenAIBatches):
        def decode_batch_line(self, line):
            try:
                return super().decode_batch_line(line)
            except (LookupError, TypeError, ValueError):
                return BatchLineResult(id="", status="failed")
