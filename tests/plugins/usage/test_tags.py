"""Records of calls with tags."""

from __future__ import annotations

import pytest

from budwood.types import CallFilter, RequestFinished

TARGET = {"provider": "acme", "model": "large"}
EVERYTHING = CallFilter()


def record(observer, *tags):
    """
    Record a call with each of some tags, and write them.
    """
    for number, each in enumerate(tags):
        observer.observe(
            RequestFinished(
                call=str(number),
                service="chat",
                **TARGET,
                seconds=1.0,
                attempts=(),
                response=None,
                error=None,
                prompt="",
                tags=each,
            )
        )
    observer.flush()


def test_client_records_the_tags_of_its_calls(observer, ask, scripted):
    """
    A record has those of the call and of the view; other calls have an empty dictionary.
    """
    client = ask(observer)
    for _ in range(2):
        scripted.reply(200, {"choices": [{"message": {"role": "assistant", "content": "Hi"}}]})

    client.view(tags={"team": "a"}).ask("Hi", tags={"user": "ada"})
    client.ask("Hi")
    observer.flush()

    assert [each.tags for each in observer.calls(EVERYTHING)] == [{}, {"team": "a", "user": "ada"}]


def test_values_are_kept_whole(observer):
    """
    Only what no store accepts is replaced.
    """
    tags = {"a.b-c_1": "x" * 512, "quotes": "'\"\\{}$.", "unicode": "é😀", "empty": ""}

    record(observer, {**tags, "strange": "a\0\ud800"})

    [found] = observer.calls(EVERYTHING)
    assert found.tags == {**tags, "strange": "a\N{REPLACEMENT CHARACTER}?"}
    for name, value in tags.items():
        assert len(observer.calls(CallFilter(tags={name: value}))) == 1
    assert len(observer.calls(CallFilter(tags={"strange": "a\0\ud800"}))) == 1


def test_filter_needs_all_tags(observer):
    """
    A call without one of them, or with another value, is not selected.
    """
    record(observer, {"user": "ada", "team": "a"}, {"user": "ada"}, {"user": "bob", "team": "a"}, {})

    def find(**tags):
        return [each.call for each in observer.calls(CallFilter(tags=tags))]

    assert find(user="ada") == ["1", "0"]
    assert find(user="ada", team="a") == ["0"]
    assert find(missing="x") == []
    assert len(find()) == 4
    [totals] = observer.totals((), CallFilter(tags={"team": "a"}))
    assert totals.calls == 2


def test_calls_are_grouped_by_a_tag(observer):
    """
    Calls without it are a group of their own, whose value is None.
    """
    record(observer, {"user": "ada", "team": "a"}, {"user": "ada"}, {"user": "bob"}, {})

    groups = observer.totals(("tag:user", "tag:team"), EVERYTHING)

    assert {each.group: each.calls for each in groups} == {
        (None, None): 1,
        ("ada", None): 1,
        ("ada", "a"): 1,
        ("bob", None): 1,
    }


@pytest.mark.parametrize("name", ["", "a'b", 'a"b', "a b", "x" * 65, "' OR 1=1 --"])
def test_names_that_no_tag_can_have_are_errors(observer, name):
    """
    They reach no statement.
    """
    record(observer, {})

    with pytest.raises(ValueError, match="cannot be the name of a tag"):
        observer.totals((f"tag:{name}",), EVERYTHING)
    with pytest.raises(ValueError, match="cannot be the name of a tag"):
        observer.calls(CallFilter(tags={name: "x"}))


def test_tags_that_are_not_texts_do_not_block_others(observer):
    """
    An observer may receive any event; such a call is dropped and counted.
    """
    record(observer, {"user": object()}, {"user": "ada"})

    assert [each.tags for each in observer.calls(EVERYTHING)] == [{"user": "ada"}]
    assert observer.dropped() == 1
