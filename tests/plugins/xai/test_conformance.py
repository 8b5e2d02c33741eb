"""The conformance suite for xAI's plugin."""

from budwood_testing import OpenAIChatExamples, ProviderSuite

STATUSES = {"queued": "pending", "running": "pending", "succeeded": "done"}


class XAIExamples(OpenAIChatExamples):
    """
    Replies of xAI, whose pages of files have tokens, and whose videos have a URL.
    """

    def file_page(self, row, rows):
        """
        A page, with a token unless it is the last.
        """
        return {"data": [row], "pagination_token": None if row is rows[-1] else row["id"]}

    def job(self, method, state):
        """
        A video, which cannot be cancelled.
        """
        if method == "submit_video":
            return [{"request_id": state.id}]
        body = {"status": STATUSES.get(state.status, state.status), "model": "conformance"}
        if state.status == "succeeded":
            body["video"] = {"url": "https://vidgen.example/video.mp4", "duration": 4}
        return [body | ({"error": {"code": "internal", "message": state.error}} if state.error else {})]


class TestXAI(ProviderSuite):
    plugin = "xai"
    strict = True
    examples = XAIExamples()
