"""A vendor of embeddings on loopback."""

from __future__ import annotations

import json

from tests.chat_server import ChatServer, Handler


class EmbeddingServer(ChatServer):
    """
    Returns for each text a vector of its length and its number of words.

    Attributes:
        batches: The texts of each request.
    """

    @property
    def batches(self):
        return [body["input"] for body in self.requests]

    @property
    def provider(self):
        """
        The settings of a provider that uses this server.
        """
        return {"plugin": "openai-compatible", "base_url": f"{self.origin}/v1"}

    def listen(self, handler, port=0):
        super().listen(EmbeddingHandler, port)


class EmbeddingHandler(Handler):
    def do_POST(self):  # noqa: N802 - http.server calls it by this name
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.owner.received(body)
        vectors = [
            {"object": "embedding", "index": index, "embedding": [float(len(text)), float(len(text.split()))]}
            for index, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        self.send(200, {"object": "list", "model": body["model"], "data": vectors, "usage": usage})
