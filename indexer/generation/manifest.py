"""What is in a generation, as its manifest says, and which generations there are."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kb import text
from kb.errors import GenerationError
from kb.finding import chunks, verdict
from kb.finding.verdict import Calibration, Curve

FORMAT = 1
MOST_A_SECOND = 0xFFFF  # names

_POINTER = re.compile(rb"([0-9A-Za-z-]+) ([0-9a-f]{64})\n?\Z")


@dataclass(frozen=True)
class Listed:
    """One article of a generation: the number of its version, the sha256 and path of its file."""

    number: int
    sha256: str
    path: str


@dataclass(frozen=True)
class Refused:
    """A file that could not be indexed: an ArticleError, kept so that anybody can be told."""

    code: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What a generation is. `files` maps a path in its folder to (sha256, bytes); `delta_size` counts
    the articles that lie outside the base segment."""

    generation: str
    parent: str
    created: str
    model: str
    dim: int
    segments: tuple[str, ...]
    articles: Mapping[str, Listed]
    next_number: int
    delta_size: int = 0
    refused: tuple[Refused, ...] = ()
    calibration: Calibration = field(default_factory=dict)
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    text_version: int = text.VERSION
    chunk_version: int = chunks.VERSION
    verdict_version: int = verdict.VERSION
    format: int = FORMAT
    tokens: str = ""

    def fits(self, model: str, tokens: str) -> bool:
        """Whether its vectors, tokens, terms and curves are the ones this program and this model would make."""
        ours = (FORMAT, text.VERSION, chunks.VERSION, verdict.VERSION, model, tokens)
        versions = (self.format, self.text_version, self.chunk_version, self.verdict_version)
        return ours == (*versions, self.model, self.tokens)


def new_name(index: Path, at: datetime) -> str:
    """A name no generation has had or will have; after all others in order, whatever the clock does."""
    return name_after(max(generations(index), default=""), at)


def name_after(newest: str, at: datetime) -> str:
    """A name for what is made at a time, after the newest one ('' = none) in order, whatever the clock does."""
    second = max(f"{at.astimezone(UTC):%Y%m%dT%H%M%S}", newest[:15])
    number = int(newest[16:20], 16) + 1 if newest.startswith(second) else 0
    if number > MOST_A_SECOND:  # the clock went back long ago
        later = datetime.strptime(second, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) + timedelta(seconds=1)
        second, number = f"{later:%Y%m%dT%H%M%S}", 0
    return f"{second}-{number:04x}-{secrets.token_hex(4)}"


def generations(index: Path) -> list[str]:
    """Names of all whole generations on disk, oldest first."""
    folder = index / "generations"
    if not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir() if (path / "manifest.json").exists() and path.name[0] != ".")


def current(index: Path) -> tuple[str, str] | None:
    """The name and manifest hash `CURRENT` points at, None where nothing was ever published."""
    try:
        pointer = _POINTER.match((index / "CURRENT").read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GenerationError("generation_damaged", generation="CURRENT", file="CURRENT") from error
    if pointer is None:
        raise GenerationError("generation_damaged", generation="CURRENT", file="CURRENT")
    return pointer[1].decode(), pointer[2].decode()


def read_manifest(index: Path, name: str, sha256: str = "") -> Manifest:
    """The manifest of a generation, checked against `sha256` where one is given. Raises GenerationError."""
    path = index / "generations" / name / "manifest.json"
    try:
        raw = path.read_bytes()
        if sha256 and hashlib.sha256(raw).hexdigest() != sha256:
            raise ValueError("hash")
        return manifest_of(json.loads(raw))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise GenerationError("generation_damaged", generation=name, file="manifest.json") from error


def tree_of(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON has it. Its articles apart, for `asdict` copies each of a hundred thousand."""
    listed = {id: vars(one) for id, one in manifest.articles.items()}
    return asdict(replace(manifest, articles={})) | {"articles": listed}


def manifest_of(tree: dict[str, Any]) -> Manifest:
    """The manifest that JSON has. Raises ValueError, TypeError, KeyError or AttributeError for what is none."""
    tree["articles"] = {id: Listed(**one) for id, one in tree["articles"].items()}
    tree["refused"] = tuple(Refused(**one) for one in tree["refused"])
    tree.setdefault("verdict_version", 0)
    curves = tree["calibration"].items() if tree["verdict_version"] == verdict.VERSION else ()  # stale: none
    tree["calibration"] = {language: Curve.from_tree(one) for language, one in curves}
    tree["files"] = {name: (sha, size) for name, (sha, size) in tree["files"].items()}
    tree["segments"] = tuple(tree["segments"])
    return Manifest(**tree)
