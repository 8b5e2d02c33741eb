"""
Webhooks: events that the server sends to endpoints over HTTP.

Who gets them checks them with `verify`.
"""

from budwood_server.webhooks.verification import MissingHeaderError as MissingHeaderError
from budwood_server.webhooks.verification import PayloadError as PayloadError
from budwood_server.webhooks.verification import SignatureError as SignatureError
from budwood_server.webhooks.verification import TimestampError as TimestampError
from budwood_server.webhooks.verification import WebhookVerificationError as WebhookVerificationError
from budwood_server.webhooks.verification import verify as verify
