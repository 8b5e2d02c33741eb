"""
Records of calls in a database of a program's own: SQLite or PostgreSQL, by SQLAlchemy.

`upgrade` creates the tables; the other functions write and read records on a connection of the program, in its
transaction. All of them take a `sqlalchemy.Connection`: `AsyncConnection.run_sync` provides one. Only `upgrade` imports
alembic.
"""

from budwood_usage.database.figures import count_records as count_records
from budwood_usage.database.figures import find_times as find_times
from budwood_usage.database.figures import read_figures as read_figures
from budwood_usage.database.records import add as add
from budwood_usage.database.records import find_calls as find_calls
from budwood_usage.database.records import prune as prune
from budwood_usage.database.records import read_dropped as read_dropped
from budwood_usage.database.records import read_last_id as read_last_id
from budwood_usage.database.records import sum_calls as sum_calls
from budwood_usage.database.schema import HEAD as HEAD
from budwood_usage.database.schema import VERSION_TABLE as VERSION_TABLE
from budwood_usage.database.schema import find_version as find_version
from budwood_usage.database.schema import is_newer as is_newer
from budwood_usage.database.schema import upgrade as upgrade
from budwood_usage.database.tables import METADATA as METADATA
from budwood_usage.database.tables import calls as calls
from budwood_usage.database.tables import dropped as dropped
from budwood_usage.over_time import NO_CALLS as NO_CALLS
from budwood_usage.over_time import Figures as Figures
from budwood_usage.over_time import Interval as Interval
from budwood_usage.over_time import find_quantile as find_quantile
from budwood_usage.over_time import make_figures as make_figures
from budwood_usage.queries import Place as Place
