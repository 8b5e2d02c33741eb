"""The database: connections, tables, migrations, and changes by other processes."""

from budwood_server.database.engine import Database as Database
from budwood_server.database.failures import DatabaseError as DatabaseError
from budwood_server.database.versions import CONFIG as CONFIG
from budwood_server.database.versions import EVENTS as EVENTS
from budwood_server.database.versions import INTERESTS as INTERESTS
from budwood_server.database.versions import KEYS as KEYS
from budwood_server.database.versions import LOGINS as LOGINS
from budwood_server.database.versions import PROMPTS as PROMPTS
from budwood_server.database.versions import TOKENS as TOKENS
from budwood_server.database.versions import WEBHOOKS as WEBHOOKS
from budwood_server.database.versions import raise_version as raise_version
from budwood_server.database.watch import VersionWatch as VersionWatch
