"""
Create a dataset of 200 conversations from Budwood's documentation, offline, and print three of them.

Usage: python demo.py FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SPEC = Path(__file__).resolve().parents[1] / "demo.toml"


def main() -> int:
    """Run `budwood generate` and print rows of its output."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output").resolve()
    output = folder / "qa.jsonl"
    status = run("budwood", "generate", str(SPEC), "--output", str(output))
    if status:
        return status
    with output.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        print(f"\n--- {row['source']['document']}: {' > '.join(row['source']['headings'])}")
        for message in row["messages"]:
            print(f"{message['role']:>9}: {message['content']}")
    print(f"\n{len(rows)} conversations by offline/extractive, which is not a language model, are in {output}")
    return 0


def run(*command: str) -> int:
    """Run a command and return its exit status. After Ctrl-C, wait until the command has shut down."""
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


if __name__ == "__main__":
    sys.exit(main())
