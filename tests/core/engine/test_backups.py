"""Which lists of backups are valid."""

import pytest

from budwood import ConfigurationError
from tests.core.engine.scripted_endpoints import make_settings, provider


@pytest.mark.parametrize(
    "backups",
    [
        [{"base_url": "http://one/v1"}],
        [{"limits": {"concurrency": 1}}],
        [{"base_url": "http://two/v1"}, {"base_url": "http://two/v1"}],
        [{"base_url": "http://two/v1", "label": "a"}, {"base_url": "http://five/v1", "label": "a"}],
        [{"base_url": "http://two/v1", "label": "3"}, {"base_url": "http://five/v1"}],
        [{"base_url": "http://two/v1", "label": "key-of-one"}],
        [{"base_url": "http://two/v1", "group": "key-of-one"}],
    ],
)
@pytest.mark.parametrize("key", ["key-of-one", ["key-of-one", "another-key"]])
def test_backups_differ_from_each_other(make_asker, backups, key):
    """
    Each has its own address and label, and neither its label nor its group is its key.
    """
    with pytest.raises(ConfigurationError, match="backups") as caught:
        make_asker(settings=make_settings(one=provider("one", api_key=key, backups=backups)))

    assert "key-of-one" not in str(caught.value)


def test_backup_is_asked_if_the_limits_of_all_keys_are_full(make_asker, endpoints):
    """
    No key has room, so the call does not wait for one.
    """
    keys = [{"secret": f"secret-{number}", "limits": {"requests_per_minute": 1}} for number in (1, 2)]
    backups = [{"base_url": "http://two/v1", "keys": [{"secret": "secret-3"}]}]
    asker = make_asker(settings=make_settings(one=provider("one", keys=keys, backups=backups)))

    replies = [asker.ask() for _ in range(3)]

    assert [reply.text for reply in replies] == ["from one", "from one", "from two"]
    assert [attempt.key for attempt in replies[-1].attempts] == ["key-2", "key-1"]
    assert endpoints.clock.slept == []


@pytest.mark.parametrize(("names", "texts"), [(["RateLimitError"], ["from one", "from two"]), ([], ["from one"] * 2)])
def test_call_leaves_a_full_limit_if_rate_limits_are_named(make_asker, names, texts):
    """
    Otherwise it waits, because its own limits are no reason to leave an endpoint.
    """
    one = provider("one", limits={"requests_per_minute": 1}, backups=[{"base_url": "http://two/v1"}])
    asker = make_asker(settings=make_settings(one=one), fallback_on=names)

    assert [asker.ask().text for _ in range(2)] == texts
