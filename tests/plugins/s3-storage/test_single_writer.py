"""Objects that are created only once: lost replies, servers without the condition, other writers."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from budwood.errors import ConfigurationError
from budwood_s3_storage.parts import format_batch, make_part
from tests.fault_proxy import error_reply, lose_reply, without_header
from tests.s3 import RUN, make_dataset, make_rows

pytestmark = pytest.mark.real_server


def key_of(rows):
    """
    Return the key of the part of some rows.
    """
    return make_part(RUN, "0", format_batch(rows)).indexed.part.key


def test_lost_reply_to_a_part_is_recognized(make_storage, objects, proxy):
    """
    If the reply to a create-only put is lost, the repeated one finds the object; its content is equal, so it counts.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("PUT /datasets/test", lose_reply)
    storage.put(make_rows(0, 1))

    assert proxy.count("/parts/", "if-none-match") == 2
    assert len(objects.list("parts/")) == 1
    assert storage.finish(iter(make_rows(0, 1))) == 2
    assert make_storage().load(-1, 10) == make_rows(0, 1)


def test_lost_reply_to_the_manifest_is_recognized(make_storage, objects, proxy):
    """
    If the reply to the first request of a run is lost, its own manifest is not taken for another run's.
    """
    proxy.fail("PUT", lose_reply)
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())

    assert json.loads(objects.get("manifest.json"))["single_writer"] == "conditional put"
    assert storage.finish(iter(make_rows(0))) == 1


def test_part_of_another_writer_is_not_replaced(make_storage, objects):
    """
    If an object with the name of the part has other content, `put` raises an error and leaves it.
    """
    key = key_of(make_rows(0))
    storage = make_storage()
    storage.begin(make_dataset())
    objects.put(key, gzip.compress(b'{"id": "other"}\n'))

    with pytest.raises(ConfigurationError, match=r"exists with other content.*another output"):
        storage.put(make_rows(0))
    assert gzip.decompress(objects.get(key)) == b'{"id": "other"}\n'
    assert objects.list("index/") == []


@pytest.mark.parametrize("cut", [1, 20])
def test_incomplete_object_is_not_believed(make_storage, objects, cut):
    """
    An object with the name of the part that ends too early is not taken for the part.
    """
    new = make_part(RUN, "0", format_batch(make_rows(0)))
    storage = make_storage()
    storage.begin(make_dataset())
    objects.put(new.indexed.part.key, new.body[:-cut])

    with pytest.raises(ConfigurationError, match="exists with other content"):
        storage.put(make_rows(0))


def test_part_that_was_compressed_differently_is_ours(make_storage, objects):
    """
    A part that another release of zlib compressed is accepted; the manifest has its actual size and digest.
    """
    new = make_part(RUN, "0", format_batch(make_rows(0, 1)))
    other = gzip.compress(gzip.decompress(new.body), 1, mtime=0) + gzip.compress(b"")
    storage = make_storage()
    storage.begin(make_dataset())
    objects.put(new.indexed.part.key, other)
    storage.put(make_rows(0, 1))
    storage.finish(iter(make_rows(0, 1)))

    (part,) = json.loads(objects.get("manifest.json"))["parts"]
    assert (part["size"], part["sha256"]) == (len(other), hashlib.sha256(other).hexdigest())
    assert storage.load(-1, 10) == make_rows(0, 1)


def test_server_that_ignores_the_condition_is_found_out(make_storage, objects, proxy):
    """
    If a server replaces an object although it exists, the manifest says that the lock of the run keeps writers apart.
    """
    proxy.fail("PUT", without_header("if-none-match"), times=2)
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))

    assert json.loads(objects.get("manifest.json"))["single_writer"] == "lock of the run"
    assert proxy.count("/parts/", "if-none-match") == 0


def test_unsupported_condition_is_asked_once_for_each_run(make_storage, objects, proxy):
    """
    A 501 is not repeated; later requests, also of another process of the run, are sent without the condition.
    """
    proxy.fail("PUT", error_reply(501, "NotImplemented"))
    for index in (0, 1):
        storage = make_storage(endpoint=proxy.endpoint)
        storage.begin(make_dataset())
        storage.put(make_rows(index))

    assert storage.finish(iter(make_rows(0, 1))) == 2
    assert proxy.count("PUT", "if-none-match") == 1
    assert json.loads(objects.get("manifest.json"))["single_writer"] == "lock of the run"


def test_conflicting_requests_are_repeated(make_storage, objects, proxy):
    """
    While a server reports a conflict with a request that is under way (409), the part is put again.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("/parts/", error_reply(409, "ConditionalRequestConflict"), times=2)
    storage.put(make_rows(0))

    assert len(objects.list("parts/")) == 1


@pytest.fixture
def rival_begins(make_storage, proxy):
    """
    Let another process begin a run between the first two requests of this one.
    """

    def begin(run):
        def act(handler):
            make_storage().begin(make_dataset(run))
            handler.reply(*handler.forward())

        proxy.fail("PUT", act)

    return begin


def test_another_process_of_the_run_begins_first(make_storage, proxy, rival_begins):
    """
    If another process of the run creates the manifest at the same time, this one continues with it.
    """
    rival_begins(RUN)
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    storage.put(make_rows(0))

    assert storage.finish(iter(make_rows(0))) == 1


def test_another_run_begins_first(make_storage, proxy, rival_begins):
    """
    Of two runs that begin at the same time, only one gets the prefix.
    """
    rival_begins("0ddb" * 8)
    with pytest.raises(ConfigurationError, match="another run"):
        make_storage(endpoint=proxy.endpoint).begin(make_dataset())
