"""Transports that change replies and errors on their way."""

from budwood.types import ReplyHead
from tests.plugins.testing.mutants.transport.sound import Exchanging, Sound


class TestSpellsHeadersItsWay(Sound):
    caught_by = ("test_head_has_lower_case_names_and_all_values",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(head.status, {name.title(): value for name, value in head.headers.items()})


class TestCutsHeaders(Sound):
    caught_by = ("test_many_and_long_headers",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(head.status, {name: value[:8000] for name, value in head.headers.items()})


class TestTakesTheGreeting(Sound):
    caught_by = ("test_what_comes_before_the_reply_is_no_reply",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(100, head.headers)


class TestLosesAByte(Sound):
    caught_by = (
        "test_chunked_body_comes_whole",
        "test_reply_may_be_cut_at_every_byte",
        "test_pieces_come_as_they_are_sent",
        "test_body_that_ends_with_the_connection",
        "test_body_of_just_the_limit_is_read",
        "test_authority_of_the_settings_is_trusted",
        "test_authority_of_the_environment_is_trusted",
        "test_nothing_is_verified_where_that_is_wanted",
        "test_client_proves_who_it_is",
        "test_proxy_of_the_environment_is_used",
        "test_proxy_of_the_settings_goes_first",
        "test_no_proxy_stands_before_some_hosts",
    )

    class Mutant(Exchanging):
        def piece(self, data):
            return data[1:]


class TestSaysValueError(Sound):
    caught_by = (
        "test_another_encoding_is_a_bad_reply",
        "test_bomb_does_not_fill_the_memory",
        "test_body_announced_too_large_is_not_read",
        "test_endless_body_ends_at_the_limit",
        "test_cut_body_is_a_broken_connection",
        "test_no_reply_at_all_is_a_broken_connection",
        "test_what_is_not_http_is_a_broken_connection",
        "test_nobody_listens",
        "test_host_that_nobody_knows",
        "test_no_secret_is_in_any_error",
        "test_untrusted_server_is_not_asked",
        "test_other_name_is_not_trusted",
        "test_server_that_wants_to_know_who_asks",
        "test_files_that_cannot_be_read_are_named",
        "test_server_without_tls",
        "test_proxy_that_refuses_a_tunnel",
        "test_proxy_that_refuses_to_forward",
        "test_key_is_not_told_to_the_proxy_of_a_tunnel",
        "test_proxy_that_is_not_there",
        "test_another_thread_can_end_the_waiting",
    )

    class Mutant(Exchanging):
        def error(self, error):
            return ValueError(str(error))


class TestShowsTheKey(Sound):
    caught_by = ("test_no_secret_is_in_any_error", "test_what_is_not_http_is_a_broken_connection")

    class Mutant(Exchanging):
        def call(self, call):
            self.last = call
            return call

        def error(self, error):
            error.request = dict(self.last.headers)
            return error
