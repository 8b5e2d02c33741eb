from __future__ import annotations

import math

from budwood_testing import chat_reply


def test_replies_expire(make_client, scripted, clock):
    """
    After `cache_ttl` seconds the request is sent again.
    """
    scripted.reply(body=chat_reply("old")).reply(body=chat_reply("new"))
    client = make_client(cache="memory", cache_ttl=60)

    texts = []
    for seconds in (0, 59.9, 0.1):
        clock.now += seconds
        texts.append(client.ask("Hello").text)

    assert texts == ["old", "old", "new"]


def test_a_call_can_remove_the_time_limit(make_client, scripted, clock):
    """
    What it stores never expires, although the client has a `cache_ttl`.
    """
    scripted.reply(body=chat_reply("old"))
    client = make_client(cache="memory", cache_ttl=60)

    client.ask("Hello", cache_ttl=math.inf)
    clock.now += 1e9

    assert client.ask("Hello").text == "old"


def test_settings_can_remove_the_time_limit(make_client, scripted, clock, tmp_path):
    """
    In TOML, infinity is ``inf``.
    """
    scripted.reply(body=chat_reply("old"))
    file = tmp_path / "budwood.toml"
    file.write_text("[options]\ncache_ttl = inf\n", "utf-8")
    client = make_client(cache="memory", settings=file)

    client.ask("Hello")
    clock.now += 1e9

    assert client.ask("Hello").text == "old"
