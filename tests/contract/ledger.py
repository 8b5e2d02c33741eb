"""The ledger of what the tests have replayed, which is checked for completeness at the end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.contract import endpoints, recorded
from tests.contract.endpoints import COVERED, Endpoint

REFUSED_AS_WELL = "`ChatRequest` rejects it, as the vendor did"

COLUMNS = ("provider", "endpoint", "decoded", "requests equal", "with extra", "SDK agrees", "unsaid")


class Ledger:
    """
    The recordings that tests have replayed, by the keys of `endpoints.everything`.

    Tests record a replay in their last line, so a failed test records nothing.

    Attributes:
        decoded: Replies that were decoded, errors included.
        written: Requests that were encoded as recorded, with the names of the parameters in ``extra``.
        unsaid: Requests that cannot be expressed, with reasons.
        agreed: Replies that the vendor's SDK decodes equally.
        no_oracle: Replies that the vendor's SDK cannot decode, with reasons.
    """

    def __init__(self) -> None:
        self.decoded: set[Any] = set()
        self.written: dict[Any, frozenset[str]] = {}
        self.unsaid: dict[Any, str] = {}
        self.agreed: set[Any] = set()
        self.no_oracle: dict[Any, str] = {}

    def has_decoded(self, one):
        """
        Record that a reply was decoded.
        """
        self.decoded.add(_key(one))

    def has_written(self, one, *, extra=()):
        """
        Record that the request of an exchange was encoded as it was recorded.
        """
        self.written[one.key] = frozenset(extra)

    def cannot_say(self, one, reason):
        """
        Record that a request cannot be expressed.
        """
        self.unsaid[one.key] = reason

    def agrees(self, one):
        """
        Record that the vendor's SDK decodes a reply as Budwood does.
        """
        self.agreed.add(_key(one))

    def has_no_oracle(self, one, reason):
        """
        Record that the vendor's SDK cannot decode a reply.
        """
        self.no_oracle[_key(one)] = reason

    def missing(self):
        """
        Return the replies and requests of covered endpoints that no test has replayed.
        """
        covered = [key for key, (place,) in endpoints.everything().items() if isinstance(place, Endpoint)]
        unread = [key for key in covered if key not in self.decoded]
        asked = [key for key in covered if isinstance(key, tuple)]
        unwritten = [key for key in asked if key not in self.written and key not in self.unsaid]
        return unread, unwritten

    def table(self):
        """
        Return the totals of each endpoint, and the excluded recordings with reasons.
        """
        everything = {key: place for key, (place,) in endpoints.everything().items()}
        places = {endpoint: [key for key in everything if everything[key] == endpoint] for endpoint in COVERED}
        rows = [COLUMNS, *(self._row(endpoint, keys) for endpoint, keys in places.items())]
        rows.append(self._row(("all", ""), [key for keys in places.values() for key in keys]))
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return [*lines, *self._reasons(everything)]

    def _row(self, name, listed):
        keys = set(listed)
        asked = {key for key in keys if isinstance(key, tuple)}
        equal = [self.written[key] for key in asked if key in self.written]
        compared = len(keys & self.agreed)
        return (
            *name,
            f"{len(keys & self.decoded)}/{len(keys)}",
            f"{sum(not extra for extra in equal)}/{len(asked)}",
            str(sum(map(bool, equal))),
            f"{compared}/{compared + len(keys & self.no_oracle.keys())}",
            str(len(keys & self.unsaid.keys())),
        )

    def _reasons(self, everything):
        names = Counter(name for extra in self.written.values() for name in extra)
        listed = {
            "Recordings left out": Counter(place for place in everything.values() if isinstance(place, str)),
            "Requests that ours cannot say": Counter(self.unsaid.values()),
            "Requests with these in extra": names,
            "Replies that the vendor's SDK cannot read": Counter(self.no_oracle.values()),
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
