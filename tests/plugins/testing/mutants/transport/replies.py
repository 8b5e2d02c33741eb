"""Transports that change replies and errors."""

from budwood.types import ReplyHead
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport


class TestChangesCaseOfHeaders(Correct):
    caught_by = ("test_head_has_lower_case_names_and_all_values",)

    class Mutant(ModifyingTransport):
        def head(self, head):
            return ReplyHead(head.status, {name.title(): value for name, value in head.headers.items()})


class TestTruncatesHeaders(Correct):
    caught_by = ("test_many_and_long_headers_are_read",)

    class Mutant(ModifyingTransport):
        def head(self, head):
            return ReplyHead(head.status, {name: value[:8000] for name, value in head.headers.items()})


class TestReportsInformationalResponse(Correct):
    caught_by = ("test_informational_responses_are_skipped",)

    class Mutant(ModifyingTransport):
        def head(self, head):
            return ReplyHead(100, head.headers)


class TestLosesByte(Correct):
    caught_by = (
        "test_chunked_body_is_decoded",
        "test_reply_split_at_any_byte_is_read",
        "test_chunks_are_returned_as_they_arrive",
        "test_body_without_a_length_ends_with_the_connection",
        "test_body_of_exactly_the_limit_is_read",
        "test_ca_file_setting_is_trusted",
        "test_ca_file_from_the_environment_is_trusted",
        "test_verification_can_be_disabled",
        "test_client_certificate_is_sent",
        "test_proxy_from_the_environment_is_used",
        "test_proxy_setting_takes_precedence",
        "test_no_proxy_excludes_hosts",
    )

    class Mutant(ModifyingTransport):
        def chunk(self, data):
            return data[1:]


class TestRaisesValueError(Correct):
    caught_by = (
        "test_unsupported_encoding_is_an_error",
        "test_decompression_bomb_is_rejected",
        "test_body_with_too_large_a_length_is_not_read",
        "test_endless_body_is_stopped_at_the_limit",
        "test_truncated_body_is_a_connection_error",
        "test_missing_reply_is_a_connection_error",
        "test_invalid_http_is_a_connection_error",
        "test_refused_connection_names_the_address",
        "test_unknown_host_is_named",
        "test_errors_hide_all_secrets",
        "test_untrusted_server_is_rejected",
        "test_certificate_of_another_host_is_rejected",
        "test_missing_client_certificate_is_reported",
        "test_unreadable_certificate_files_are_named",
        "test_server_without_tls_is_reported",
        "test_proxy_rejects_a_tunnel",
        "test_proxy_rejects_a_plain_request",
        "test_key_is_not_sent_to_the_proxy_of_a_tunnel",
        "test_unreachable_proxy_is_named",
        "test_interrupt_ends_a_blocked_read",
    )

    class Mutant(ModifyingTransport):
        def error(self, error):
            return ValueError(str(error))


class TestErrorIncludesKey(Correct):
    caught_by = ("test_errors_hide_all_secrets", "test_invalid_http_is_a_connection_error")

    class Mutant(ModifyingTransport):
        def call(self, call):
            self.last = call
            return call

        def error(self, error):
            error.request = dict(self.last.headers)
            return error
