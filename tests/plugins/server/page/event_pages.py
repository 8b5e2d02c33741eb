"""A gateway with accounts, endpoints of webhooks and events, which sends nothing by itself."""

from __future__ import annotations

from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.settings import DELAYS
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.queue import Queue
from budwood_server.webhooks.sending import Sender
from tests.plugins.server.people.conftest import AccountsGateway


class EventPages(AccountsGateway):
    """
    Has functions that write and send events.
    """

    def __init__(self, url):
        webhooks = {"worker": False, "allow_local": True}
        super().__init__({"server": {"webhooks": webhooks, "events": {"poll": 60}}}, url)

    def __enter__(self):
        super().__enter__()
        self.order_events()  # those of its keys and accounts
        return self

    def order_events(self):
        """
        Have events get their places and deliveries.
        """

        async def run():
            while await Sequencer(self.worker.database, fan_out, poll=60).assign():
                pass

        self.run(run())

    def write_events(self, *subjects, kind="run.finished", **data):
        """
        Write an event about each subject, and have them get their places and deliveries.
        """

        async def run():
            async with self.worker.database.write() as connection:
                await record_events(connection, [NewEvent(kind, each, data, owner="red") for each in subjects])

        self.run(run())
        self.order_events()

    def send_events(self, url):
        """
        Send everything that is due to a URL, and store what came of it.
        """

        async def run():
            queue = Queue(self.worker.database, "test", 600.0, DELAYS)
            sender = Sender(timeout=500.0, allow_local=True)
            claims = await queue.claim(100)
            await queue.finish([(claim, await sender.send(url, {"x-test": "1"}, b"{}")) for claim in claims])
            await sender.close()

        self.run(run())
