"""
Write the catalog's facts: prices and limits of models, taken from the package genai-prices.

``nox -s catalog`` installs that package and runs this. To take a newer release, raise the pin in ``noxfile.py``, and
`AS_OF` here to the day on which it was taken. A test sees to it that the files are what this program writes.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any, Final

from genai_prices import types as theirs
from genai_prices.data import providers

AS_OF: Final = date(2026, 11, 22)
FOLDER: Final = Path(__file__).resolve().parents[1] / "src" / "budwood" / "catalog" / "facts"
LICENCE: Final = "LICENSE.genai-prices"

VENDORS: Final = {
    "anthropic": "anthropic",
    "azure": "azure",
    "deepseek": "deepseek",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "together": "together",
    "xai": "x-ai",
}
"""The vendors by our names, those of plugins and presets, and by theirs."""

PRICES: Final = {
    "input_mtok": "input",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
}
"""Prices of tokens by their names and by ours."""

MEDIA_PRICES: Final = {
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cached_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cached_image",
    "output_image_mtok": "output_image",
    "input_video_mtok": "input_video",
    "output_video_mtok": "output_video",
    "input_mchars": "characters",
    "input_audio_hours": "audio_hour",
}
"""Prices of media by their names and by ours."""

TIERS: Final = {"processing", "service_tier", "speed"}
"""What a request's tier of service hangs on, in their words; each value is a word of its own."""

NO_SPEECH: Final = r"^(?!.*-[tT][tT][sS](?:$|-))"
SPEECH: Final = ["*-tts", "*-tts-*"]

Table = dict[str, Any]


def main() -> None:
    """Write all files anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")
        sys.stdout.write(f"{name}: {len(text):,} bytes\n")


def files() -> dict[str, str]:
    """Return the text of every file by its name."""
    tables = {f"{ours}.json": _table(_provider(vendor)) for ours, vendor in VENDORS.items()}
    return {name: _written(table) for name, table in tables.items()} | {LICENCE: _licence()}


def _provider(name: str) -> theirs.Provider:
    return next(provider for provider in providers if provider.id == name)


def _licence() -> str:
    found = distribution("genai-prices").read_text("licenses/LICENSE")
    if not found:
        raise SystemExit("genai-prices has no licence where it was: look for it, for it must go with the data.")
    return found


def _written(table: Table) -> str:
    """Write one model a line: a change of a price is then a change of a line."""
    rows = [json.dumps(row, ensure_ascii=False) for row in table.pop("models")]
    head = json.dumps(table, ensure_ascii=False)[1:-1]
    return "{" + head + ', "models": [\n' + ",\n".join(rows) + "\n]}\n"


def _table(provider: theirs.Provider) -> Table:
    ours = {name: vendor for vendor, name in VENDORS.items()}
    also = [ours[name] for name in provider.fallback_model_providers or () if name in ours]
    table: Table = {
        "source": f"genai-prices {version('genai-prices')}",
        "as_of": AS_OF.isoformat(),
        "licence": f"MIT, see {LICENCE}",
        "pages": list(provider.pricing_urls or ()),
    }
    if also:
        table["also"] = also
    return table | {"models": [_model(model) for model in provider.models]}


def _model(model: theirs.ModelInfo) -> Table:
    row: Table = {}
    for kind, pattern in _patterns(model.match):
        if pattern not in row.setdefault(kind, []):
            row[kind].append(pattern)
    if model.context_window:
        row["context_window"] = model.context_window
    prices = [*_standard(model), *_tiers(model)]
    if prices:
        row["prices"] = prices
    if apart := sorted(set(_apart(model))):
        row["apart"] = apart
    if media := _media(model):
        row["media_prices"] = media
    if tiers := dict(_media_tiers(model)):
        row["media_tiers"] = tiers
    return row


def _patterns(match: theirs.MatchLogic) -> Iterator[tuple[str, str]]:
    """Translate their clauses into names, patterns and exceptions from patterns."""
    match match:
        case theirs.ClauseOr():
            for clause in match.or_:
                yield from _patterns(clause)
        case theirs.ClauseAnd(and_=[first, theirs.ClauseRegex(regex=regex)]) if regex == NO_SPEECH:
            yield from _patterns(first)
            yield from (("except", pattern) for pattern in SPEECH)
        case theirs.ClauseEquals(equals=text):
            yield "names", text.lower()
        case theirs.ClauseStartsWith(starts_with=text):
            yield "patterns", f"{_literal(text)}*"
        case theirs.ClauseEndsWith(ends_with=text):
            yield "patterns", f"*{_literal(text)}"
        case theirs.ClauseContains(contains=text):
            yield "patterns", f"*{_literal(text)}*"
        case theirs.ClauseRegex(regex=regex):
            yield "patterns", _glob(regex)
        case _:
            raise SystemExit(f"genai-prices has a clause that this program cannot translate: {match}")


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text.lower())


def _glob(regex: str) -> str:
    r"""Translate the one form of regular expression that they use: ``^literal\d{8}$``, with sets like ``[-@]``."""
    body = regex.removeprefix("^").removesuffix("$")
    tokens = re.findall(r"\\d\{(\d+)\}|(\\d)|(\[[^\]]+\])|\\(\W)|([\w/:@~-])", body)
    rebuilt = "".join(
        f"\\d{{{count}}}" if count else digit or group or (f"\\{escaped}" if escaped else plain)
        for count, digit, group, escaped, plain in tokens
    )
    if not regex.startswith("^") or rebuilt != body:
        raise SystemExit(f"genai-prices has a regular expression that this program cannot translate: {regex}")
    glob = "".join(
        "[0-9]" * int(count) if count else "[0-9]" if digit else group or _literal(escaped or plain)
        for count, digit, group, escaped, plain in tokens
    )
    return glob if regex.endswith("$") else f"{glob}*"


def _standard(model: theirs.ModelInfo) -> Iterator[Table]:
    """Give the prices of the standard tier; what is given away under a name that says so costs nothing."""
    if not isinstance(model.prices, list):
        prices = _tokens(model.prices)
        if not prices and model.id.endswith(":free"):
            prices = {"input": "0", "output": "0"}
        if prices:
            yield prices
        return
    for conditional in model.prices:
        if prices := _tokens(conditional.prices):
            yield {**_condition(conditional.constraint), **prices}


def _tiers(model: theirs.ModelInfo) -> Iterator[Table]:
    """Give the prices of other tiers from each day on which they or the standard ones change."""
    for tier, context in _contexts(model).items():
        last: Table = {}
        for day in _days(model, context):
            prices = _tokens(model.get_prices(datetime.combine(day or date.min, time(), UTC), context))
            if prices and prices != last:
                yield {"service_tier": tier, **({"since": day.isoformat()} if day else {}), **prices}
            last = prices


def _contexts(model: theirs.ModelInfo) -> dict[str, dict[str, str]]:
    return _contexts_with(model, set(PRICES))


def _contexts_with(model: theirs.ModelInfo, keys: set[str]) -> dict[str, dict[str, str]]:
    """Give the contexts of tiers that have prices of their own among these."""
    contexts = {}
    for variant in model.price_variants or ():
        prices = {key for key, value in vars(variant.prices).items() if value is not None}
        if len(variant.when) == 1 and set(variant.when) <= TIERS and prices & keys:
            contexts[next(iter(variant.when.values()))] = dict(variant.when)
    return contexts


def _days(model: theirs.ModelInfo, context: Mapping[str, str]) -> list[date | None]:
    """List the days on which the prices of a tier may change, from the first on which it has some of its own."""
    own = [variant.constraint for variant in model.price_variants or () if variant.when == context]
    standard = [row.constraint for row in model.prices] if isinstance(model.prices, list) else []
    if any(isinstance(constraint, theirs.TimeOfDateConstraint) for constraint in (*own, *standard)):
        raise SystemExit(f"{model.id} has prices of a tier by the hour, which this program cannot translate.")
    begins = [_start(constraint) for constraint in own]
    first = None if None in begins else min(begin for begin in begins if begin)
    later = {day for day in (*begins, *map(_start, standard)) if day and (first is None or day > first)}
    return [first, *sorted(later)]


def _start(constraint: object) -> date | None:
    return constraint.start_date if isinstance(constraint, theirs.StartDateConstraint) else None


def _condition(constraint: object) -> Table:
    match constraint:
        case theirs.StartDateConstraint(start_date=day):
            return {"since": day.isoformat()}
        case theirs.TimeOfDateConstraint(start_time=start, end_time=end):
            return {"hours": [_utc(start), _utc(end)]}
        case _:
            return {}


def _utc(moment: time) -> str:
    if moment.utcoffset():
        raise SystemExit(f"{moment} is not by UTC, which this program cannot translate.")
    return moment.strftime("%H:%M")


def _tokens(prices: theirs.ModelPrice) -> Table:
    """Give the prices of tokens; those of long requests stand in steps."""
    row: Table = {}
    steps: dict[int, Table] = {}
    for key, name in PRICES.items():
        match getattr(prices, key):
            case None:
                continue
            case Decimal() as price:
                row[name] = str(price)
            case theirs.TieredPrices(base=base, tiers=tiers):
                row[name] = str(base)
                for tier in tiers:
                    steps.setdefault(tier.start, {"tokens": tier.start})[name] = str(tier.price)
    if steps:
        row["long_input"] = [steps[start] for start in sorted(steps)]
    return row


def _media(model: theirs.ModelInfo, context: Mapping[str, str] | None = None) -> Table:
    """Give the prices of media on the day on which they were taken."""
    prices = model.get_prices(datetime.combine(AS_OF, time(), UTC), context)
    found = {name: getattr(prices, key, None) for key, name in MEDIA_PRICES.items()}
    return {name: str(price) for name, price in found.items() if isinstance(price, Decimal)}


def _media_tiers(model: theirs.ModelInfo) -> Iterator[tuple[str, Table]]:
    """Give the prices of media of other tiers."""
    for tier, context in _contexts_with(model, set(MEDIA_PRICES)).items():
        yield tier, _media(model, context)


def _apart(model: theirs.ModelInfo) -> Iterator[str]:
    """Name the kinds of tokens that have prices of their own."""
    rows = [row.prices for row in model.prices] if isinstance(model.prices, list) else [model.prices]
    for prices in rows:
        for key, value in vars(prices).items():
            found = re.fullmatch(r"(?:input|output|cache)_(audio|image|video|reasoning|citation)(?:_\w+)?_mtok", key)
            if value is not None and found:
                yield found[1]


if __name__ == "__main__":
    main()
