"""Which lists of backups are valid."""

import pytest

from budwood import ConfigurationError
from tests.core.engine.endpoints import make_settings, provider


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
