"""
The tables of the server.

Moments are seconds since 1970. The usage store has tables of its own, with migrations of its own.
"""

from budwood_server.database.tables.events import ALERT_STATES as ALERT_STATES
from budwood_server.database.tables.events import BUDGET_MARKS as BUDGET_MARKS
from budwood_server.database.tables.events import DELIVERIES as DELIVERIES
from budwood_server.database.tables.events import DELIVERY_ATTEMPTS as DELIVERY_ATTEMPTS
from budwood_server.database.tables.events import EVENT_INTERESTS as EVENT_INTERESTS
from budwood_server.database.tables.events import EVENTS as EVENTS
from budwood_server.database.tables.events import PROVIDER_OUTAGES as PROVIDER_OUTAGES
from budwood_server.database.tables.events import WEBHOOK_SECRETS as WEBHOOK_SECRETS
from budwood_server.database.tables.events import WEBHOOKS as WEBHOOKS
from budwood_server.database.tables.gateway import API_KEYS as API_KEYS
from budwood_server.database.tables.gateway import FILE_BLOCKS as FILE_BLOCKS
from budwood_server.database.tables.gateway import LIMIT_COUNTS as LIMIT_COUNTS
from budwood_server.database.tables.gateway import OBJECTS as OBJECTS
from budwood_server.database.tables.gateway import RESPONSES as RESPONSES
from budwood_server.database.tables.gateway import SESSIONS as SESSIONS
from budwood_server.database.tables.gateway import VERSIONS as VERSIONS
from budwood_server.database.tables.metadata import metadata as metadata
from budwood_server.database.tables.people import ACCOUNTS as ACCOUNTS
from budwood_server.database.tables.people import AUDIT as AUDIT
from budwood_server.database.tables.people import IDEMPOTENT_REPLIES as IDEMPOTENT_REPLIES
from budwood_server.database.tables.people import LOGIN_FAILURES as LOGIN_FAILURES
from budwood_server.database.tables.people import LOGIN_SECRETS as LOGIN_SECRETS
from budwood_server.database.tables.people import LOGINS as LOGINS
from budwood_server.database.tables.people import PROMPT_LABELS as PROMPT_LABELS
from budwood_server.database.tables.people import PROMPT_VERSIONS as PROMPT_VERSIONS
from budwood_server.database.tables.people import PROMPTS as PROMPTS
from budwood_server.database.tables.people import VENDOR_TOKENS as VENDOR_TOKENS
from budwood_server.database.tables.runs import RUN_DOCUMENTS as RUN_DOCUMENTS
from budwood_server.database.tables.runs import RUNS as RUNS
