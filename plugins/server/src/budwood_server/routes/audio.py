"""``/v1/audio``: speech, transcriptions and translations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from budwood.types import AudioPart
from budwood_server.formats.openai.speech import SpeechStreamEncoder, find_content_type, parse_speech
from budwood_server.formats.openai.transcriptions import (
    FORM_VALUES,
    TranscriptionCall,
    TranscriptStreamEncoder,
    encode_transcript,
    parse_transcription,
)
from budwood_server.gateway.calls import list_response_headers, send_stream
from budwood_server.gateway.rates import count_tokens
from budwood_server.gateway.reply_headers import list_headers

if TYPE_CHECKING:
    from budwood import AsyncMediaStream
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request
    from budwood_server.web.exchange import Exchange

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


async def speak(request: Request) -> None:
    """``POST /v1/audio/speech``: the audio as it arrives, or events with it."""
    body = await request.read_json()
    plan = request.plan(body)
    call = parse_speech(body, plan)
    stream = plan.client.stream_speech(call.text, **call.options)
    if call.with_events:
        await send_stream(request.exchange, plan, stream, SpeechStreamEncoder(plan))
    else:
        await request.exchange.run(_send_audio(request.exchange, plan, stream, call.options))


async def transcribe(request: Request) -> None:
    """``POST /v1/audio/transcriptions``."""
    await _transcribe(request, translate=False)


async def translate(request: Request) -> None:
    """``POST /v1/audio/translations``: into English."""
    await _transcribe(request, translate=True)


async def _transcribe(request: Request, *, translate: bool) -> None:
    async with request.read_form(FORM_VALUES) as form:
        body = form.fields
        plan = request.plan(body)
        call = parse_transcription(body, plan, translate=translate)
        file = form.require_file("file")
        media_type = file.type_among("audio", "video")
        await _send_transcript(request, plan, call, AudioPart(path=file.path, name=file.name, media_type=media_type))


async def _send_transcript(request: Request, plan: CallPlan, call: TranscriptionCall, audio: AudioPart) -> None:
    client, exchange = plan.client, request.exchange
    if call.is_streamed:
        stream = client.stream_transcription(audio, **call.options)
        await send_stream(exchange, plan, stream, TranscriptStreamEncoder(plan))
        return
    send = client.translate_audio if call.translate else client.transcribe
    response = await exchange.run(send(audio, **call.options))
    exchange.tokens = count_tokens(response)
    reply: dict[str, Any] | str = encode_transcript(response, call)
    headers = list_response_headers(plan, response)
    if isinstance(reply, str):
        await exchange.send(200, reply.encode(), (_TEXT, *headers))
    else:
        await exchange.send_json(reply, headers=headers)


async def _send_audio(
    exchange: Exchange, plan: CallPlan, stream: AsyncMediaStream[Any, Any], options: dict[str, Any]
) -> None:
    """Send audio as it arrives. A failure before the first bytes is an error; later, the connection is closed."""
    async with stream:
        audio = stream.audio()
        first = await anext(audio, b"")
        content_type = (b"content-type", find_content_type(first[:512], options).encode())
        await exchange.start_stream(
            (content_type, *list_headers(plan.provider, plan.name, adaptations=plan.adaptations))
        )
        await exchange.send_part(first)
        async for chunk in audio:
            await exchange.send_part(chunk)
        exchange.tokens = count_tokens(stream.response)
    await exchange.end_stream()
