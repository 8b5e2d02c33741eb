"""The objects that the S3 storage writes, on a real server."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace

import pytest

from budwood.errors import ConfigurationError
from budwood_s3_storage import parts, writing
from tests.s3 import RUN, create_client, make_dataset, make_rows

pytestmark = pytest.mark.real_server

OTHER_RUN = "0ddb" * 8


def test_readers_see_no_rows_before_the_run_is_finished(make_storage, objects):
    """
    `begin` creates an unfinished manifest, `put` only parts: the dataset cannot be loaded before `finish`.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(1, 0))

    manifest = json.loads(objects.get("manifest.json"))
    assert (manifest["finished"], manifest["run"], manifest["parts"]) == (False, RUN, [])
    with pytest.raises(ConfigurationError, match=r"no finished dataset.*budwood runs resume"):
        make_storage().load(-1, 10)


def test_manifest_describes_the_parts(make_storage, objects):
    """
    The finished manifest has the rows, indexes, sizes and digests of all parts, in the order of their first rows.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(7, 5, 6, 9))
    storage.put(make_rows(1, 0))
    storage.finish(iter(make_rows(0, 1, 5, 6, 7, 9)))

    manifest = json.loads(objects.get("manifest.json"))
    first, second = manifest["parts"]
    assert (manifest["rows"], manifest["finished"], manifest["single_writer"]) == (6, True, "conditional put")
    assert first["indexes"] == [[0, 1]]
    assert second["indexes"] == [[5, 7], [9, 9]]
    assert (second["rows"], second["size"]) == (4, len(objects.get(second["key"])))
    assert second["key"].startswith(f"parts/{RUN}.0.000000000005.")


def test_parts_are_compressed_json_lines(make_storage, objects):
    """
    A part has one row per line in the order of the indexes; Unicode's line separators are escaped.
    """
    rows = make_rows(1, 0, text="a\u2028b\u0085")
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(rows)

    (key,) = objects.list("parts/")
    lines = gzip.decompress(objects.get(key)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [rows[1].data, rows[0].data]


def test_same_rows_give_the_same_object(make_storage, objects):
    """
    A batch that is delivered again in another order gives the same key and the same bytes.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0, 1, 2))
    before = {key: objects.get(key) for key in objects.list("parts/")}
    again = make_storage()
    again.begin(make_dataset())
    again.put(make_rows(2, 1, 0))

    assert {key: objects.get(key) for key in objects.list("parts/")} == before
    assert len(before) == 1


def test_large_batches_are_split(make_storage, objects):
    """
    A batch of more than 16 MiB gives several parts, each one request, so that no upload has several parts.
    """
    rows = make_rows(0, 1, 2, text="x" * (parts.PART_BYTES // 2 - 1000))
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(rows)

    assert parts.PART_BYTES <= 64 * 2**20
    assert [key.split(".")[2] for key in objects.list("parts/")] == ["000000000000", "000000000002"]


def test_old_dataset_stays_until_the_manifest_is_replaced(make_storage):
    """
    A run that continues with more rows shows the old dataset to readers until it finishes again.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))
    storage.begin(make_dataset(rows=20))
    storage.put(make_rows(1))

    assert make_storage().load(-1, 10) == make_rows(0)
    assert storage.finish(iter(make_rows(0, 1))) == 2
    assert make_storage().load(-1, 10) == make_rows(0, 1)


def test_rows_in_no_part_are_stored_by_finish(make_storage):
    """
    `finish` stores rows that were never delivered.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(1))

    assert storage.finish(iter(make_rows(0, 1, 2))) == 3
    assert storage.load(-1, 10) == make_rows(0, 1, 2)


def test_outdated_rows_are_left_out(make_storage, objects):
    """
    Rows that were generated again or dropped are in no listed part; parts without such rows are not written again.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0, 1))
    storage.put(make_rows(2, 3))
    storage.put([*make_rows(4), replace(make_rows(5)[0], data={"id": f"{5:032x}", "text": "draft"})])
    written = set(objects.list("parts/"))
    later = make_storage()
    later.begin(make_dataset())
    later.put(make_rows(5))

    assert later.finish(iter(make_rows(0, 1, 2, 4, 5))) == 5
    assert later.load(-1, 10) == make_rows(0, 1, 2, 4, 5)
    listed = json.loads(objects.get("manifest.json"))["parts"]
    assert [part["indexes"] for part in listed] == [[[0, 1]], [[2, 2]], [[4, 4]], [[5, 5]]]
    assert listed[0]["key"] in written


def test_rows_in_several_parts_are_listed_once(make_storage, objects):
    """
    Batches that overlap give parts that share rows; the parts that the manifest lists share none.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0, 1))
    storage.put(make_rows(1, 2))

    assert storage.finish(iter(make_rows(0, 1, 2))) == 3
    manifest = json.loads(objects.get("manifest.json"))
    assert sum(part["rows"] for part in manifest["parts"]) == manifest["rows"] == 3
    assert storage.load(-1, 10) == make_rows(0, 1, 2)


def test_finishing_again_changes_nothing(make_storage, objects, proxy):
    """
    Another process that finishes the same rows writes the same manifest and reads no part.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put([*make_rows(0), replace(make_rows(1)[0], data={"text": "draft"})])
    storage.put(make_rows(1))
    storage.finish(iter(make_rows(0, 1)))
    before = {key: objects.get(key) for key in objects.list()}
    later = make_storage(endpoint=proxy.endpoint)
    later.begin(make_dataset())
    later.finish(iter(make_rows(0, 1)))

    assert {key: objects.get(key) for key in objects.list()} == before
    assert proxy.count("/parts/") == 0


def test_prefix_of_another_run_is_refused(make_storage, objects):
    """
    `begin` refuses a prefix with the manifest of another run, also an unfinished one, and with its parts alone.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    with pytest.raises(ConfigurationError, match=r"another run.*Use another output"):
        make_storage().begin(make_dataset(OTHER_RUN))
    objects.delete("manifest.json")
    with pytest.raises(ConfigurationError, match=r"another run, without a manifest.*Use another output"):
        make_storage().begin(make_dataset(OTHER_RUN))


def test_manifest_of_another_program_is_refused(make_storage, objects):
    """
    An object `manifest.json` that is not ours is not replaced.
    """
    objects.put("manifest.json", b"{}")
    with pytest.raises(ConfigurationError, match=r"Budwood did not write it.*Use another output"):
        make_storage().begin(make_dataset())

    assert objects.get("manifest.json") == b"{}"


def test_finish_does_not_replace_the_manifest_of_another_run(make_storage, objects):
    """
    If another run has taken over the prefix, `finish` raises an error and leaves its manifest.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    objects.delete("manifest.json")
    objects.delete_all("parts/")
    make_storage().begin(make_dataset(OTHER_RUN))

    with pytest.raises(ConfigurationError, match="another run"):
        storage.finish(iter(make_rows(0)))
    assert json.loads(objects.get("manifest.json"))["run"] == OTHER_RUN


def test_pages_read_each_part_once(make_storage, moto, proxy):
    """
    Pages that follow each other read each part once, and only the parts that they need.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    for first in range(0, 40, 10):
        storage.put(make_rows(*range(first, first + 10)))
    storage.finish(iter(make_rows(*range(40))))
    reader = make_storage(endpoint=proxy.endpoint)

    assert reader.load(-1, 7) == make_rows(*range(7))
    assert proxy.count("/parts/") == 1
    assert reader.load(6, 20) == make_rows(*range(7, 27))
    assert proxy.count("/parts/") == 3
    assert reader.load(4, 1) == make_rows(5)
    assert reader.load(39, 5) == []


def test_pages_are_read_with_little_memory(make_storage):
    """
    Reading a dataset takes the memory of the open parts and of a page, not of all rows.
    """
    text = "x" * 10_000
    storage = make_storage()
    storage.begin(make_dataset())
    for first in range(0, 2000, 100):
        storage.put(make_rows(*range(first, first + 100), text=text))
    storage.finish(row for index in range(2000) for row in make_rows(index, text=text))
    count, after = 0, -1
    tracemalloc.start()
    try:
        while page := storage.load(after, 50):
            count, after = count + len(page), page[-1].index
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 2000
    assert peak < 2000 * len(text) / 5


def test_parts_that_overlap_are_merged(make_storage):
    """
    Rows are loaded in the order of their indexes, also if a late row is in the last part.
    """
    order = [5, 1, 2, 9, 3, 4, 8, 6, 7, 0]
    storage = make_storage()
    storage.begin(make_dataset())
    for place in range(0, 10, 2):
        storage.put(make_rows(*order[place : place + 2]))
    storage.finish(iter(make_rows(*range(10))))

    assert make_storage().load(-1, 100) == make_rows(*range(10))
    assert make_storage().load(3, 3) == make_rows(4, 5, 6)


@pytest.mark.parametrize("body", [b"", b"other", None])
def test_damaged_parts_are_reported(make_storage, objects, body):
    """
    A part that was replaced or deleted raises an error that names it and the cure.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))
    (key,) = objects.list("parts/")
    if body is None:
        objects.delete(key)
    else:
        objects.put(key, body)

    with pytest.raises(ConfigurationError, match=r"(is damaged|was deleted).*another output"):
        make_storage().load(-1, 10)


def test_a_resumed_run_reads_no_parts(make_storage, proxy):
    """
    A new process finishes with the descriptions of the parts that an earlier one stored, not with their content.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    for first in range(0, 100, 10):
        storage.put(make_rows(*range(first, first + 10)))
    later = make_storage(endpoint=proxy.endpoint)
    later.begin(make_dataset())

    assert later.finish(iter(make_rows(*range(100)))) == 100
    assert proxy.count("GET /datasets/test") == 10 + 3  # the manifest in begin, before and after reading the rows
    assert proxy.count("/parts/") == 0


def test_objects_are_encrypted_as_configured(make_storage, objects):
    """
    All objects are written with the encryption of the settings.
    """
    storage = make_storage(encryption="aws:kms", kms_key_id="alias/ours")
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))

    heads = [objects.head(key) for key in objects.list()]
    assert len(heads) == 3
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {("aws:kms", "alias/ours")}


def test_output_may_be_a_whole_bucket(moto, make_storage):
    """
    Without a prefix the objects are at the top of the bucket.
    """
    client = create_client(moto)
    client.create_bucket(Bucket="whole-bucket")
    storage = make_storage(output="s3://whole-bucket")
    storage.begin(make_dataset())
    storage.finish(iter(()))

    assert [entry["Key"] for entry in client.list_objects_v2(Bucket="whole-bucket")["Contents"]] == ["manifest.json"]


def test_writers_have_parts_of_their_own(make_storage, objects):
    """
    Parts have the writer in their names, with any characters.
    """
    storage = make_storage()
    storage.begin(make_dataset(writer="host/ä 1"))
    storage.put(make_rows(0))

    (key,) = objects.list("parts/")
    assert key.startswith(f"parts/{RUN}.host%2F%C3%A4%201.000000000000.")
    assert storage.finish(iter(make_rows(0))) == 1
    assert storage.load(-1, 2) == make_rows(0)


def test_descriptions_that_are_damaged_are_reported(make_storage, objects):
    """
    A description that is not ours raises an error that says which object to delete; the run then continues.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    (key,) = objects.list("index/")
    objects.put(key, b"{}")
    later = make_storage()
    later.begin(make_dataset())
    with pytest.raises(ConfigurationError, match=f"{key} is damaged.*Delete this object"):
        later.finish(iter(make_rows(0)))
    objects.delete(key)

    assert later.finish(iter(make_rows(0))) == 1
    assert writing.index_key(objects.list("parts/")[0]) in objects.list("index/")
