"""
Measure the error of the token estimate against tokenizers, and its speed.

Usage: python tokens.py. It needs quicktok-v1, which brings the vocabularies of OpenAI, Llama 3 and Qwen 3, and Django,
of which it reads the translations, the templates and the source.
"""

from __future__ import annotations

import base64
import gettext
import inspect
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import django
import quicktok

from budwood.catalog import catalog
from budwood.providing import TokenEstimate, estimate_text

VOCABULARIES = ("o200k_base", "cl100k_base", "llama3", "qwen3")
LANGUAGES = (
    "de fr es pt_BR it nl sv pl cs hu fi tr vi id ro lt et ga az ru uk bg mn el ar fa ur he hi bn ta te ml kn my km th "
    "ja ko zh_Hans zh_Hant ka hy"
).split()
PART = 4000
"""The number of characters of each part."""

DJANGO = Path(django.__file__).parent
STANDARD_LIBRARY = Path(inspect.getfile(json)).parents[1]


def join_files(paths: Iterator[Path]) -> str:
    """
    Join files up to the needed length.
    """
    return "\n".join(path.read_text("utf-8", errors="replace") for path in sorted(paths))[:150_000]


def read_translations(language: str) -> str:
    """
    Join Django's translations in a language.
    """
    parts = []
    for path in sorted(DJANGO.glob(f"**/locale/{language}/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # there is no public access
        parts += [text for key, text in sorted(texts.items(), key=str) if isinstance(text, str) and key]
    return "\n".join(parts)


def create_texts() -> dict[str, str]:
    """
    Create texts other than prose, deterministically.
    """
    chance = random.Random(1)
    rows = (",".join(f"{chance.uniform(-1e4, 1e4):.{chance.randint(0, 6)}f}" for _ in range(8)) for _ in range(500))
    rules = json.loads(Path(catalog.__file__).with_name("models.json").read_text("utf-8"))
    return {
        "numbers": "\n".join(rows),
        "hexadecimal": "\n".join(chance.randbytes(32).hex() for _ in range(300)),
        "base64": "\n".join(base64.b64encode(chance.randbytes(57)).decode() for _ in range(300)),
        "emoji": " ".join(chr(chance.randint(0x1F300, 0x1F64F)) for _ in range(4000)),
        "JSON, pretty": json.dumps(rules, indent=2),
        "JSON, compact": json.dumps(rules, separators=(",", ":")),
    }


def read_texts() -> dict[str, dict[str, str]]:
    """
    Return all texts, by their heading in the guide.
    """
    root = Path(__file__).resolve().parents[2]
    return {
        "English, code and markup": {
            "Python": join_files(STANDARD_LIBRARY.glob("[a-d]*.py")),
            "Django's models": join_files((DJANGO / "db" / "models").glob("*.py")),
            "JavaScript": join_files((DJANGO / "contrib/admin/static/admin/js").glob("*.js")),
            "HTML": join_files(DJANGO.glob("**/templates/**/*.html")),
            "CSS": join_files(DJANGO.glob("**/*.css")),
            "Markdown": join_files(root.glob("docs/**/*.md")),
            "the licence": (root / "LICENSE").read_text("utf-8"),
        },
        "other languages": {name: read_translations(name) for name in LANGUAGES},
        "numbers, JSON, emoji": create_texts(),
    }


def measure_text(text: str) -> Iterator[tuple[TokenEstimate, tuple[int, ...]]]:
    """
    Estimate and count the tokens of each part of a text.
    """
    for start in range(0, len(text) - PART // 2, PART):
        piece = text[start : start + PART]
        counts = tuple(len(quicktok.get_encoding(name).encode_ordinary(piece)) for name in VOCABULARIES)
        yield estimate_text(piece), counts


def compute_quantile(values: list[float], share: float) -> float:
    """
    Return a quantile of values.
    """
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """
    Measure and print.
    """
    print("| texts | vocabulary | pieces | error: 2.5 % | median | 97.5 % | below low | above high |")
    print("|---" * 8 + "|")
    for heading, group in read_texts().items():
        found = [one for text in group.values() for one in measure_text(text)]
        for number, vocabulary in enumerate(VOCABULARIES):
            errors = [estimate.tokens / counts[number] - 1 for estimate, counts in found]
            below = sum(counts[number] < estimate.low for estimate, counts in found)
            above = sum(counts[number] > estimate.high for estimate, counts in found)
            spread = " | ".join(f"{compute_quantile(errors, share):+.0%}" for share in (0.025, 0.5, 0.975))
            print(f"| {heading} | {vocabulary} | {len(found)} | {spread} | {below} | {above} |")
    text = read_texts()["English, code and markup"]["Python"]
    started = time.process_time()
    for _ in range(10):
        estimate_text(text)
    print(f"\n{len(text) * 10 / (time.process_time() - started) / 1e6:.1f} million characters a second")


if __name__ == "__main__":
    main()
