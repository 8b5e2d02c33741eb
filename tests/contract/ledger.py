"""Records which recordings the tests have replayed. The last tests check that it is complete."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.contract import endpoints, recorded
from tests.contract.endpoints import COVERED, Endpoint

REJECTED_BY_BOTH = "`ChatRequest` rejects it, as the vendor did"

COLUMNS = ("provider", "endpoint", "decoded", "requests equal", "with extra", "SDK equal", "inexpressible")


class Ledger:
    """
    The recordings that tests have replayed, by the keys of `endpoints.map_recordings`.

    Tests record a replay in their last line, so a failed test records nothing.

    Attributes:
        decoded: Replies that were decoded, errors included.
        encoded: Requests that were encoded as recorded, with the names of the parameters in ``extra``.
        inexpressible: Requests that cannot be expressed, with reasons.
        agreed: Replies that the vendor's SDK decodes equally.
        sdk_failures: Replies that the vendor's SDK cannot decode, with reasons.
    """

    def __init__(self) -> None:
        self.decoded: set[Any] = set()
        self.encoded: dict[Any, frozenset[str]] = {}
        self.inexpressible: dict[Any, str] = {}
        self.agreed: set[Any] = set()
        self.sdk_failures: dict[Any, str] = {}

    def record_decoded(self, one):
        """
        Record that a reply was decoded.
        """
        self.decoded.add(_key(one))

    def record_encoded(self, one, *, extra=()):
        """
        Record that the request of an exchange was encoded as it was recorded.
        """
        self.encoded[one.key] = frozenset(extra)

    def record_replay(self, one):
        """
        Record that the request of an exchange was encoded as it was recorded, and its reply decoded.
        """
        self.record_encoded(one)
        self.record_decoded(one)

    def record_inexpressible(self, one, reason):
        """
        Record that a request cannot be expressed.
        """
        self.inexpressible[one.key] = reason

    def record_agreement(self, one):
        """
        Record that the vendor's SDK decodes a reply as Budwood does.
        """
        self.agreed.add(_key(one))

    def record_sdk_failure(self, one, reason):
        """
        Record that the vendor's SDK cannot decode a reply.
        """
        self.sdk_failures[_key(one)] = reason

    def list_missing(self):
        """
        Return the replies and requests of covered endpoints that no test has replayed.
        """
        covered = [key for key, (place,) in endpoints.map_recordings().items() if isinstance(place, Endpoint)]
        not_decoded = [key for key in covered if key not in self.decoded]
        requests = [key for key in covered if isinstance(key, tuple)]
        not_encoded = [key for key in requests if key not in self.encoded and key not in self.inexpressible]
        return not_decoded, not_encoded

    def make_table(self):
        """
        Return the totals of each endpoint, and the excluded recordings with reasons.
        """
        places_by_key = {key: place for key, (place,) in endpoints.map_recordings().items()}
        places = {endpoint: [key for key in places_by_key if places_by_key[key] == endpoint] for endpoint in COVERED}
        rows = [COLUMNS, *(self._make_row(endpoint, keys) for endpoint, keys in places.items())]
        rows.append(self._make_row(("all", ""), [key for keys in places.values() for key in keys]))
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return [*lines, *self._list_reasons(places_by_key)]

    def _make_row(self, name, listed):
        keys = set(listed)
        requests = {key for key in keys if isinstance(key, tuple)}
        equal = [self.encoded[key] for key in requests if key in self.encoded]
        compared = len(keys & self.agreed)
        return (
            *name,
            f"{len(keys & self.decoded)}/{len(keys)}",
            f"{sum(not extra for extra in equal)}/{len(requests)}",
            str(sum(map(bool, equal))),
            f"{compared}/{compared + len(keys & self.sdk_failures.keys())}",
            str(len(keys & self.inexpressible.keys())),
        )

    def _list_reasons(self, places_by_key):
        names = Counter(name for extra in self.encoded.values() for name in extra)
        listed = {
            "Excluded recordings": Counter(place for place in places_by_key.values() if isinstance(place, str)),
            "Requests that cannot be expressed": Counter(self.inexpressible.values()),
            "Requests with these in extra": names,
            "Replies that the vendor's SDK cannot decode": Counter(self.sdk_failures.values()),
        }
        for title, counts in listed.items():
            if counts:
                yield ""
                yield f"{title}:"
                yield from (f"  {count:4} {reason}" for reason, count in counts.most_common())


def _key(one):
    """
    Return the key of an exchange, or the folder and name of a reply without its request.
    """
    return one.key if isinstance(one, recorded.Exchange) else f"{one.parent.name}/{one.name}"
