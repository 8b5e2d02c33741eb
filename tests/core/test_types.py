from __future__ import annotations

import dataclasses
import pickle
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticSerializationError

from budwood import types
from budwood.types import (
    AccessToken,
    Adaptation,
    Attempt,
    AudioPart,
    BackgroundRequest,
    BatchInput,
    BatchLimits,
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    DocumentPart,
    EmbeddingRequest,
    EmbeddingResponse,
    FileInfo,
    FileUpload,
    GeneratedAudio,
    GeneratedImage,
    GeneratedMedia,
    GeneratedVideo,
    HTTPCall,
    HTTPReply,
    ImagePart,
    ImageRequest,
    ImageResponse,
    JobCounts,
    JobRef,
    JobState,
    KnownFacts,
    LongInputPrices,
    MediaFile,
    MediaLimits,
    MediaPart,
    Message,
    ModelDetails,
    ModelFacts,
    ModelInfo,
    ModelPrices,
    ModelRules,
    ModerationRequest,
    ModerationResponse,
    ModerationResult,
    NamedTool,
    OutputSchema,
    PromptRequest,
    RateLimits,
    ReasoningPart,
    Record,
    RefusalPart,
    RenderedPrompt,
    ReplyHead,
    ServiceResponse,
    SpeechRequest,
    SpeechResponse,
    StricterLimits,
    TextPart,
    TokenCount,
    TokenPrices,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    TranscriptionRequest,
    TranscriptionResponse,
    TranscriptSegment,
    TranscriptWord,
    Usage,
    VendorPart,
    VendorTool,
    VideoPart,
    VideoRequest,
    VideoResponse,
)

SECRET = "sk-the-secret-of-this-test"

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TEXTS = st.text(max_size=20)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(TEXTS, JSONS, max_size=3)
MAYBE = st.none() | TEXTS
COUNTS = st.none() | st.integers(0, 10**9)
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS, provider=MAYBE, data=JSONS),
    st.builds(ReasoningPart, text=TEXTS, provider=MAYBE, data=JSONS),
    st.builds(RefusalPart, text=TEXTS),
    st.builds(ImagePart, data=st.binary(max_size=20), media_type=MAYBE, detail=MAYBE),
    st.builds(ImagePart, url=TEXTS),
    st.builds(AudioPart, data=st.binary(max_size=20), transcript=MAYBE),
    st.builds(DocumentPart, file_id=TEXTS, name=MAYBE),
    st.builds(ToolCallPart, id=TEXTS, name=TEXTS, arguments=TEXTS, provider=MAYBE, data=JSONS),
    st.builds(ToolResultPart, call_id=TEXTS, name=TEXTS, content=TEXTS, is_error=st.booleans()),
    st.builds(VendorPart, provider=TEXTS, kind=TEXTS, data=JSONS),
)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
MESSAGES = st.builds(Message, role=ROLES, parts=st.lists(PARTS, max_size=4).map(tuple), name=MAYBE)
CONVERSATIONS = st.lists(MESSAGES, max_size=3).map(tuple)
TOOLS = st.builds(ToolDefinition, name=NAMES, description=TEXTS, parameters=OBJECTS, strict=st.none() | st.booleans())
USAGES = st.builds(
    Usage,
    input_tokens=COUNTS,
    uncached_input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    output_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    raw=st.none() | OBJECTS,
)
ATTEMPTS = st.builds(
    Attempt,
    provider=TEXTS,
    model=TEXTS,
    key=MAYBE,
    status=COUNTS,
    duration=st.floats(0, 1e6),
    error=MAYBE,
    usage=st.none() | USAGES,
    cached=st.booleans(),
)
RECORDS = st.one_of(
    MESSAGES,
    USAGES,
    TOOLS,
    st.builds(
        ChatRequest,
        model=TEXTS,
        messages=CONVERSATIONS,
        temperature=st.none() | st.floats(0, 2),
        max_tokens=st.none() | st.integers(1, 10**6),
        stop=st.lists(TEXTS, max_size=2).map(tuple),
        reasoning_effort=st.sampled_from([None, "none", "high", "max"]),
        tools=st.lists(TOOLS, max_size=2).map(tuple),
        tool_choice=st.sampled_from([None, "auto", "required", NamedTool(name="weather")]),
        output_schema=st.none() | st.builds(OutputSchema, name=NAMES, json_schema=OBJECTS),
        extra=OBJECTS,
    ),
    st.builds(
        ChatResponse,
        message=MESSAGES,
        messages=CONVERSATIONS,
        finish_reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"]),
        usage=USAGES,
        cost=st.none() | st.decimals(0, 1000, places=9),
        rate_limits=st.none() | st.builds(RateLimits, remaining_requests=COUNTS),
        attempts=st.lists(ATTEMPTS, max_size=2).map(tuple),
        adaptations=st.lists(st.builds(Adaptation, parameter=TEXTS, action=TEXTS, reason=TEXTS), max_size=1).map(tuple),
        alternatives=CONVERSATIONS,
        parsed=JSONS,
        metadata=OBJECTS,
        raw=JSONS,
    ),
    st.builds(EmbeddingRequest, model=TEXTS, texts=st.lists(TEXTS, max_size=3).map(tuple), dimensions=COUNTS),
    st.builds(ModelInfo, id=TEXTS, created=COUNTS, raw=OBJECTS),
    st.builds(
        ModelRules,
        renames=st.dictionaries(TEXTS, TEXTS, max_size=2),
        refuses=st.frozensets(TEXTS, max_size=2),
        lacks=st.frozensets(st.sampled_from(Capability)),
        as_of=st.none() | st.dates(),
    ),
)

SAMPLES = [
    TextPart(text="a"),
    ReasoningPart(text="a", data={"b": [1]}),
    RefusalPart(text="no"),
    ImagePart(data=b"\xff\xfb\x00", media_type="image/png"),
    ToolCallPart(id="1", name="a"),
    ToolResultPart(call_id="1", name="a", content="b"),
    VendorPart(provider="a", kind="b", data=None),
    VendorTool(provider="a", data={"type": "b"}),
    Message.user("a"),
    ToolDefinition(name="a", parameters={}),
    NamedTool(name="a"),
    OutputSchema(json_schema={}),
    ChatRequest(model="a", messages=()),
    BackgroundRequest(model="a", messages=()),
    ChatResponse(message=Message.assistant("a")),
    EmbeddingRequest(model="a", texts=("b",)),
    EmbeddingResponse(vectors=((0.5, 1.0),)),
    ModerationRequest(contents=((TextPart(text="a"), ImagePart(url="b")),)),
    PromptRequest(reference="a@1", variables={"b": ["c", 1]}),
    RenderedPrompt(messages=(Message(role="user", parts=(TextPart(text="a"),)),), reference="b@1"),
    ModerationResponse(results=(ModerationResult(flagged=True),)),
    ModerationResult(flagged=False, categories={"a": None}, scores={"a": 0.5}, applied_to={"a": ("text",)}),
    Usage(input_tokens=1),
    RateLimits(limit_tokens=1),
    TokenCount(input_tokens=2, exact=False, low=1, high=3, source="estimate"),
    ModelInfo(id="a"),
    ModelRules(as_of=date(2026, 11, 1)),
    KnownFacts(context_window=8192),
    ModelFacts(prices=(ModelPrices(input=Decimal("1.25")),), own=frozenset({"prices"})),
    ModelPrices(output=Decimal(10), since=date(2026, 11, 1), hours=(time(0, 30), time(8, 30))),
    TokenPrices(cached_input=Decimal("0.1")),
    LongInputPrices(tokens=200_000, input=Decimal("2.5")),
    ModelDetails(
        provider="a", model="b", capabilities=frozenset({Capability.CHAT}), rules=ModelRules(), facts=ModelFacts()
    ),
    MediaPart(url="a"),
    AudioPart(path=Path("a.wav"), seconds=1.5),
    VideoPart(file_id="a"),
    DocumentPart(data=b"%PDF-", pages=1),
    ImageRequest(model="a", prompt="b", images=(ImagePart(data=b"\xff"),)),
    SpeechRequest(model="a", text="b", speed=1.5),
    TranscriptionRequest(model="a", audio=AudioPart(data=b"\xff"), timestamps=("word",)),
    VideoRequest(model="a", prompt="b", seconds=8),
    GeneratedMedia(url="a"),
    GeneratedImage(data=b"\xff", revised_prompt="a"),
    GeneratedAudio(data=b"\xff", transcript="a"),
    GeneratedVideo(path=Path("a.mp4"), seconds=8),
    ServiceResponse(cost=Decimal("0.1")),
    ImageResponse(images=(GeneratedImage(data=b"\xff"),)),
    SpeechResponse(audio=GeneratedAudio(data=b"\xff")),
    TranscriptionResponse(text="a", words=(TranscriptWord(word="a", start=0, end=1),)),
    TranscriptSegment(text="a", speaker="b"),
    TranscriptWord(word="a", start=0, end=1.5),
    VideoResponse(videos=(GeneratedVideo(url="a"),)),
    JobRef(kind="video", provider="a", model="b", id="c", created=1.5, data={"d": 1}),
    JobState(id="a", status="running", counts=JobCounts(total=2)),
    JobCounts(succeeded=1),
    FileUpload(data=b"\xff", name="a", media_type="text/plain"),
    FileInfo(id="a", size=1),
    MediaFile(name="a", media_type="image/png", size=1, data=b"\xff", limits=MediaLimits(count=1)),
    MediaLimits(bytes=1, media_types=frozenset({"image/png"}), stricter=(StricterLimits(above=1, width=2),)),
    StricterLimits(window=200_000, pages=100),
    BatchLimits(requests=1, bytes=2),
    BatchInput(id="i", model="a", url="https://api.test/chat", path=Path("b"), count=1, size=2, data=b"\xff"),
    AccessToken(secret=SecretStr(SECRET), expires_at=1.5),
    Credential(secret=SecretStr(SECRET)),
]

PUBLIC = [getattr(types, name) for name in types.__all__]
DATACLASSES = sorted(
    {value for value in PUBLIC if isinstance(value, type) and dataclasses.is_dataclass(value)},
    key=lambda kind: kind.__name__,
)


def test_samples_cover_every_record():
    """
    Every record type has a sample.
    """
    records = {value for value in PUBLIC if isinstance(value, type) and issubclass(value, Record)}

    assert {type(sample) for sample in SAMPLES} == records - {Record}


# Frozen.


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_records_are_immutable(record):
    """
    Records are shared, and cannot be modified.
    """
    field = next(iter(type(record).model_fields))

    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, field, getattr(record, field))


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_record_refuses_unknown_fields(record):
    """
    A misspelled field is an error, whose text does not contain the value.
    """
    with pytest.raises(ValidationError, match="Extra inputs are not permitted") as caught:
        type(record).model_validate({**dict(record), "unknwon": SECRET})

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_small_records_are_slotted(kind):
    """
    Records that are created thousands of times per second have no `__dict__`.
    """
    assert "__slots__" in vars(kind)


def test_adding_usage_returns_a_new_record():
    """
    The operands are not modified.
    """
    one, two = Usage(input_tokens=1), Usage(input_tokens=2)

    assert (one + two).input_tokens == 3
    assert (one.input_tokens, two.input_tokens) == (1, 2)


# Round trips.


@pytest.mark.parametrize("record", SAMPLES[:-2], ids=lambda record: type(record).__name__)
def test_record_survives_json_and_pickle(record):
    """
    The record is equal after JSON and pickle.
    """
    assert type(record).model_validate_json(record.model_dump_json()) == record
    assert type(record).model_validate(record.model_dump()) == record
    assert pickle.loads(pickle.dumps(record)) == record


@given(RECORDS)
def test_any_record_survives_json(record):
    """
    Records with any text, bytes, numbers and JSON survive JSON: caches, journals and conversations rely on it.
    """
    assert type(record).model_validate_json(record.model_dump_json()) == record


@given(st.binary())
def test_bytes_of_an_image_survive_inside_a_message(data):
    """
    The bytes of an image survive JSON inside other records.
    """
    request = ChatRequest(model="m", messages=(Message.user("look", ImagePart(data=data, media_type="image/png")),))

    assert ChatRequest.model_validate_json(request.model_dump_json()).messages[0].parts[1].data == data


def test_unpaired_surrogates_are_refused_when_written():
    """
    JSON cannot contain unpaired surrogates: writing one is an error.
    """
    with pytest.raises(PydanticSerializationError):
        Message.user("\ud800").model_dump_json()


def test_cost_keeps_its_digits():
    """
    Costs are decimals, not floats.
    """
    response = ChatResponse(message=Message.assistant("a"), cost=Decimal("0.000000100"))

    assert ChatResponse.model_validate_json(response.model_dump_json()).cost == Decimal("0.000000100")


def test_parsed_values_are_not_copied():
    """
    The value is the user's object, and can be written as JSON.
    """

    class Person(BaseModel):
        name: str

    person = Person(name="Ada")
    response = ChatResponse(message=Message.assistant("a"), parsed=person)

    assert response.parsed is person
    assert ChatResponse.model_validate_json(response.model_dump_json()).parsed == {"name": "Ada"}


# Secrets.


def test_credential_shows_its_label_only():
    """
    Text, JSON and repr do not contain the secret.
    """
    credential = Credential(secret=SecretStr(SECRET), label="team")

    assert "team" in repr(credential)
    assert SECRET not in f"{credential!r} {credential} {credential.model_dump_json()} {credential.model_dump()}"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "api-key",
        "X-API-Key",
        "x-goog-api-key",
        "xi-api-key",
        "X-Acme-Token",
        "X-Acme-Secret",
        "Cookie",
        "set-cookie",
    ],
)
def test_headers_with_secrets_are_redacted(name):
    """
    The repr of calls and heads hides secrets and shows the size of bodies.
    """
    call = HTTPCall(method="POST", url="http://x", headers={name: SECRET, "accept": "*/*"}, body=SECRET.encode())
    head = ReplyHead(200, {name.lower(): SECRET})
    reply = HTTPReply(head, SECRET.encode())

    assert SECRET not in f"{call!r} {call} {head!r} {reply!r} {[call, head, reply]}"
    assert "'accept': '*/*'" in repr(call)
    assert f"{len(SECRET)} bytes" in repr(call)
    assert call.headers[name] == SECRET


def test_headers_without_secrets_are_shown():
    """
    Rate limits of tokens are not secrets.
    """
    assert "'x-ratelimit-remaining-tokens': '77'" in repr(ReplyHead(200, {"x-ratelimit-remaining-tokens": "77"}))


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (299, True), (300, False), (500, False)])
def test_only_2xx_is_success(status, ok):
    """
    A redirect is not a success.
    """
    assert ReplyHead(status, {}).ok is ok


# Usage.


@given(USAGES, USAGES)
def test_sum_with_an_unknown_is_unknown(one, two):
    """
    Unknown is None, never 0.
    """
    total = one + two

    for field in set(Usage.model_fields) - {"raw"}:
        counts = getattr(one, field), getattr(two, field)
        assert getattr(total, field) == (None if None in counts else sum(counts))
    assert total.raw is None


@pytest.mark.parametrize(("usage", "total"), [((1, 2), 3), ((None, 2), None), ((1, None), None), ((0, 0), 0)])
def test_total_is_known_only_with_both(usage, total):
    """
    The total is the sum of input and output.
    """
    assert Usage(input_tokens=usage[0], output_tokens=usage[1]).total_tokens == total


# Invalid requests.


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": -0.1},
        {"temperature": float("inf")},
        {"temperature": float("nan")},
        {"top_p": 1.1},
        {"max_tokens": 0},
        {"reasoning_effort": "enormous"},
        {"tool_choice": "any"},
        {"tools": [{"name": "no spaces", "parameters": {}}]},
        {"output_schema": {"name": "x" * 65, "json_schema": {}}},
    ],
)
def test_invalid_values_are_refused(values):
    """
    The error is raised before anything is encoded.
    """
    with pytest.raises(ValidationError):
        ChatRequest(model="m", messages=(), **values)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_several_results_are_saved_to_numbered_files(tmp_path, kind):
    """
    None is left out; a single one gets the name itself.
    """
    image = kind == "image"
    media = [(GeneratedImage if image else GeneratedVideo)(data=data, media_type=f"{kind}/x") for data in (b"a", b"b")]
    reply = ImageResponse(images=tuple(media)) if image else VideoResponse(videos=tuple(media))
    one = ImageResponse(images=(media[0],)) if image else VideoResponse(videos=(media[0],))

    assert reply.save(tmp_path / "boat.bin") == tmp_path / "boat-1.bin"
    assert one.save(tmp_path / "one.bin") == tmp_path / "one.bin"
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.bin")} == {
        "boat-1.bin": b"a",
        "boat-2.bin": b"b",
        "one.bin": b"a",
    }
