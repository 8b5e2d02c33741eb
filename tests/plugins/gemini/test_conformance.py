"""Conformance tests of Gemini's plugin."""

import base64
import json
from typing import ClassVar

from budwood_testing import ProviderSuite, WireExamples, WireReply, server_sent

REASONS = {"stop": "STOP", "length": "MAX_TOKENS"}
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUSES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 502: "INTERNAL", 503: "UNAVAILABLE"}

BATCH_STATES = {"queued": "PENDING", "running": "RUNNING", "succeeded": "SUCCEEDED", "failed": "FAILED"}
BATCH_STATES |= {"cancelled": "CANCELLED"}


class GeminiExamples(WireExamples):
    has_call_ids = False
    request_id_header = "x-goog-request-id"
    absent = frozenset({"rate_limit_headers", "refusal", "batch_line"})
    reply_id = "r1"
    reply_model = "gemini"
    counts = frozenset({"input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"})
    finish_reasons: ClassVar = {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "MALFORMED_FUNCTION_CALL": "error",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
    }

    def reply(self, text, usage, finish="stop"):
        """
        A candidate of one text.
        """
        return chunk([{"text": text}], usage, finish)

    def stream(self, chunks, usage, finish="stop"):
        """
        One candidate per chunk; the last has the reason and the counts.
        """
        return server_sent(*(chunk([{"text": piece}]) for piece in chunks), chunk([{"text": ""}], usage, finish))

    def error(self, status, message):
        """
        Google's envelope.
        """
        return {"error": {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}}

    def tool_calls(self, calls):
        """
        Calls without ids.
        """
        return chunk([make_call_part(one) for one in calls], None, "stop")

    def tool_call_stream(self, calls):
        """
        A call is in one chunk.
        """
        return server_sent(*(chunk([make_call_part(one)]) for one in calls), chunk([], None, "stop"))

    def reasoning(self, thought, text):
        """
        A thought is a part with ``thought``.
        """
        return chunk([{"text": thought, "thought": True}, {"text": text}], None, "stop")

    def reasoning_stream(self, thought, text):
        """
        Both, each in a chunk.
        """
        return server_sent(chunk([{"text": thought, "thought": True}]), chunk([{"text": text}], None, "stop"))

    def content_filter_error(self, message):
        """
        A blocked prompt has status 200, and only the category.
        """
        return WireReply(body={"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}})

    def error_with_status_200(self, message):
        """
        Some errors have status 200.
        """
        return self.error(500, message)

    def stream_error(self, chunks, message):
        """
        An error in place of a chunk.
        """
        return [*self.stream(chunks, None)[: len(chunks)], *server_sent(self.error(503, message))]

    def other_stream_errors(self, chunks, message):
        """
        An error wrapped in a list, and one that is a text.
        """
        partial = self.stream(chunks, None)[: len(chunks)]
        forms = [self.error(503, message)], {"error": message}
        return [[*partial, *server_sent(form)] for form in forms]

    def reply_with_finish_reason(self, word):
        """
        A candidate with any reason.
        """
        return chunk([{"text": "Hello."}], None, word)

    def stream_with_finish_reason(self, word):
        """
        The same as a stream.
        """
        return server_sent(chunk([{"text": "Hel"}]), chunk([{"text": "lo."}], None, word))

    def vendor_content(self, text):
        """
        A program that the vendor ran.
        """
        code = {"executableCode": {"language": "PYTHON", "code": text}}
        return chunk([code, {"text": "Hello."}], None, "stop")

    def vendor_content_stream(self, text):
        """
        The same as a stream.
        """
        return server_sent(self.vendor_content(text))

    def signed_reasoning(self, signature):
        """
        The signature of a thought is in the text that follows.
        """
        thought = {"text": "Hm.", "thought": True}
        return chunk([thought, {"text": "Hello.", "thoughtSignature": signature}], None, "stop")

    def signed_reasoning_stream(self, signature):
        """
        The signature comes last, with an empty text.
        """
        thought = chunk([{"text": "Hm.", "thought": True}])
        last = chunk([{"text": "", "thoughtSignature": signature}], None, "stop")
        return server_sent(thought, chunk([{"text": "Hello."}]), last)

    def signed_tool_calls(self, calls, signature):
        """
        The first call is signed.
        """
        first, *others = (make_call_part(one) for one in calls)
        return chunk([{**first, "thoughtSignature": signature}, *others], None, "stop")

    def signed_tool_calls_stream(self, calls, signature):
        """
        The same as a stream.
        """
        return server_sent(self.signed_tool_calls(calls, signature))

    def unsupported_parameter(self, parameter):
        """
        The error for an unknown field.
        """
        fields = (
            f"Invalid JSON payload received. Unknown name \"{parameter}\" at 'generation_config': Cannot find field."
        )
        return WireReply(status=400, body=self.error(400, fields))

    def ignored_events(self):
        """
        A comment, and a chunk without content.
        """
        return [b": keep-alive\r\n\r\n", *server_sent({"ofALaterKind": {"progress": 1}, "responseId": "r1"})]

    def embeddings(self, vectors):
        """
        A batch.
        """
        return {"embeddings": [{"values": list(vector)} for vector in vectors]}

    def models(self, names):
        """
        Names of resources.
        """
        return {"models": [{"name": f"models/{name}", "inputTokenLimit": 1000} for name in names]}

    def token_count(self, tokens):
        """
        The count of a request.
        """
        return {"totalTokens": tokens}

    def images(self, images):
        """
        A candidate with images, or with a text alone.
        """
        return chunk([make_media_part("image/png", image) for image in images] or [{"text": "No."}], None, "stop")

    def image_stream(self, partial, image):
        """
        A draft is an image among the thoughts.
        """
        draft = {**make_media_part("image/png", partial), "thought": True}
        return server_sent(chunk([draft]), chunk([make_media_part("image/png", image)], None, "stop"))

    def speech(self, audio):
        """
        The samples of a file.
        """
        return chunk([make_samples(audio[44:])], None, "stop")

    def speech_stream(self, chunks):
        """
        Samples in several chunks.
        """
        first, *others = chunks
        pieces = [make_samples(piece) for piece in (first[44:], *others)]
        return server_sent(*(chunk([piece]) for piece in pieces[:-1]), chunk([pieces[-1]], None, "stop"))

    def transcription(self, text):
        """
        A chat reply.
        """
        return self.reply(text, None)

    def transcription_stream(self, chunks):
        """
        A streamed chat reply, with the reason in the last chunk of text.
        """
        *others, last = chunks
        return server_sent(*(chunk([{"text": piece}]) for piece in others), chunk([{"text": last}], None, "stop"))

    def files(self, method, files):
        """
        Files; an upload starts with a request for its address.
        """
        rows = [make_file_row(file) for file in files]
        match method:
            case "upload_file":
                return [WireReply(headers={"x-goog-upload-url": "https://example.com/upload?id=1"}), {"file": rows[0]}]
            case "list_files":
                pages = [{"files": [row], "nextPageToken": row["name"]} for row in rows]
                return [*pages[:-1], {"files": rows[-1:]}]
            case "delete_file":
                return [{}]
            case "download_file":
                return [WireReply(body=b"content")]
            case _:
                return rows[:1]

    def job(self, method, state):
        """
        An interaction that makes a video, or a batch.
        """
        if method.endswith("_video"):
            return [make_interaction(state)]
        batch = {"name": state.id, "metadata": {"state": f"BATCH_STATE_{BATCH_STATES.get(state.status, state.status)}"}}
        if state.error is not None:
            batch["error"] = {"code": 13, "message": state.error}
        return [{}, batch] if method == "cancel_batch" else [batch]

    def job_result(self, method, job, content):
        """
        The state with the address of a file, and the file.
        """
        if method == "fetch_batch":
            return [{"name": job.id, "response": {"responsesFile": "files/out"}}, WireReply(body=content)]
        video = {"type": "video", "uri": "https://example.com/v1beta/files/out", "mime_type": "video/mp4"}
        done = {"id": job.id, "status": "completed", "steps": [{"type": "model_output", "content": [video]}]}
        return [done, WireReply(body=content, headers={"content-type": "video/mp4"})]

    def batch_line(self, line_id, body):
        """
        A line with a reply. Requests that expire have no lines.
        """
        return None if body is None else json.dumps({"key": line_id, "response": body}).encode()


def make_media_part(media_type, content):
    """
    Create a part with media.
    """
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(content).decode()}}


def make_samples(samples):
    """
    Create a part with samples.
    """
    return make_media_part("audio/L16;codec=pcm;rate=24000", samples)


def make_file_row(file):
    """
    Create what Google knows of a file.
    """
    row = {"name": file.id, "displayName": file.name, "sizeBytes": str(file.size), "mimeType": file.media_type}
    return row | {"state": "ACTIVE"}


def make_interaction(state):
    """
    Create an interaction; one that has succeeded contains a video.
    """
    names = {"running": "in_progress", "succeeded": "completed"}
    body = {"id": state.id, "status": names.get(state.status, state.status)}
    if state.error is not None:
        body["errors"] = [{"code": "internal", "message": state.error}]
    if state.status == "succeeded":
        video = {"type": "video", "uri": "https://example.com/v1beta/files/out", "mime_type": "video/mp4"}
        body["steps"] = [{"type": "model_output", "content": [video]}]
    return body


def make_call_part(call):
    """
    Create a part with a function call.
    """
    return {"functionCall": {"name": call.name, "args": call.parse_arguments()}}


def chunk(parts, usage=None, finish=None):
    """
    Create a reply, or a chunk.
    """
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = REASONS.get(finish, finish)
    body = {"candidates": [candidate], "modelVersion": "gemini", "responseId": "r1"}
    if usage is not None:
        thought = usage.reasoning_tokens
        counts = {
            "promptTokenCount": usage.input_tokens,
            "cachedContentTokenCount": usage.cache_read_tokens,
            "candidatesTokenCount": usage.output_tokens - (thought or 0),
            "thoughtsTokenCount": thought,
            "totalTokenCount": usage.total_tokens,
        }
        body["usageMetadata"] = {name: count for name, count in counts.items() if count is not None}
    return body


class TestGemini(ProviderSuite):
    plugin = "gemini"
    strict = True
    examples = GeminiExamples()
