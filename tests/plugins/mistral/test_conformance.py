"""The conformance suite for Mistral's plugin."""

import base64

from budwood_testing import OpenAIChatExamples, ProviderSuite, WireReply, server_sent

STATUSES = {"queued": "QUEUED", "running": "RUNNING", "succeeded": "SUCCESS", "failed": "FAILED"}


class MistralExamples(OpenAIChatExamples):
    """
    Replies of Mistral, whose speech is JSON, and whose batches have states of their own.
    """

    def speech(self, audio):
        """
        Audio in base64.
        """
        return {"audio_data": encode(audio)}

    def speech_stream(self, chunks):
        """
        Events with audio in base64.
        """
        deltas = [{"type": "speech.audio.delta", "audio_data": encode(chunk)} for chunk in chunks]
        done = {"type": "speech.audio.done", "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
        return server_sent(*deltas, done)

    def file_page(self, row, rows):
        """
        A page, with the number of all files.
        """
        return {"object": "list", "data": [row], "total": len(rows)}

    def job(self, method, state):
        """
        A batch, whose requests are within the request that creates it.
        """
        row = {"id": state.id, "object": "batch", "status": STATUSES.get(state.status, state.status.upper())}
        return [row | {"errors": [{"message": state.error, "count": 1}] if state.error else []}]

    def job_result(self, method, job, content):
        """
        The state of the batch with the id of a file, and the file.
        """
        return [{"id": job.id, "status": "SUCCESS", "output_file": "file-out"}, WireReply(body=content)]


def encode(content):
    """
    Encode content in base64.
    """
    return base64.b64encode(content).decode()


class TestMistral(ProviderSuite):
    plugin = "mistral"
    strict = True
    examples = MistralExamples()
