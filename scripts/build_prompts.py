"""Speaks edge/signals/prompts/texts.toml with espeak-ng into mu-law files, and writes their manifest.

Run it as `scripts/build-prompts`. The same versions of espeak-ng and sox give the same bytes; a device only
plays.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "edge" / "signals" / "prompts"
RATE_HZ = 12_000
WORDS_A_MINUTE = 180
SHAPE = ("silence", "1", "0.02", "0.3%", "reverse", "silence", "1", "0.02", "0.3%", "reverse", "norm", "-1")


def version(command: str) -> str:
    """What a tool calls itself, shortly."""
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+\.\d+(\.\d+)*", told)
    return f"{command} {match[0] if match else 'unknown'}"


def spoken(text: str, *, voice: str) -> bytes:
    """One prompt: raw mu-law, mono, RATE_HZ, without silence around it."""
    sounds = subprocess.run(
        ["espeak-ng", "-v", voice, "-q", "-x", "--stdin"], input=text.encode(), capture_output=True, check=True
    ).stdout
    if b"(en)" in sounds:
        raise SystemExit(
            f"scripts/build-prompts: the voice {voice} cannot read {text!r}: it spells it in English"
        )
    speech = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "--stdout", "--stdin"],
        input=text.encode(),
        capture_output=True,
        check=True,
    ).stdout
    convert = ["sox", "-D", "-t", "wav", "--ignore-length", "-", "-t", "raw", "-e", "mu-law", "-b", "8"]
    return subprocess.run(
        [*convert, "-r", str(RATE_HZ), "-c", "1", "-", *SHAPE], input=speech, capture_output=True, check=True
    ).stdout


def main() -> int:
    """Build them all."""
    texts = tomllib.loads((FOLDER / "texts.toml").read_text(encoding="utf-8"))
    lines = [
        "# Written by scripts/build-prompts from texts.toml. Licence: NOTICE.",
        f'engine = "{version("espeak-ng")}, {version("sox")}"',
        'encoding = "raw mu-law, mono"',
        f"rate_hz = {RATE_HZ}",
    ]
    size = 0
    for language, prompts in texts.items():
        lines += ["", f"[prompts.{language}]"]
        (FOLDER / language).mkdir(exist_ok=True)
        for name, text in prompts.items():
            if name == "voice":
                continue
            content = spoken(text, voice=prompts["voice"])
            (FOLDER / language / f"{name}.ul").write_bytes(content)
            lines.append(f'{name} = "{hashlib.sha256(content).hexdigest()}"')
            size += len(content)
    (FOLDER / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"scripts/build-prompts: {len(texts)} languages, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
