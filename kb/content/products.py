"""The product catalogue, `articles/_products.toml`: one list that filters, lint and search read."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kb import toml
from kb.errors import ArticleError
from kb.text import fold

FILE = "_products.toml"


@dataclass(frozen=True)
class Product:
    """One product. `code` is what front matter names; `aliases` are other ways callers say it."""

    code: str
    name_en: str
    name_zh: str
    line: str
    aliases: tuple[str, ...] = ()
    discontinued: bool = False

    def name(self, language: str) -> str:
        """The name to show: `language` is `zh` or `en`."""
        return self.name_zh if language == "zh" else self.name_en


Catalogue = Mapping[str, Product]


def load(folder: Path) -> dict[str, Product]:
    """The catalogue of an articles folder by code; empty where there is no file.

    Raises ArticleError (file, line) when the file is not what it should be.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        tree = toml.tree(path.read_bytes())
        return {code: _product(code, facts) for code, facts in tree.items()}
    except (OSError, TypeError, ValueError) as error:
        raise ArticleError("catalogue_broken", file=FILE, line=1, problem=str(error)) from error


def _product(code: str, facts: Mapping[str, object]) -> Product:
    known = dict(facts)
    aliases = known.pop("aliases", [])
    if not isinstance(aliases, list):
        raise TypeError(f"{code}: aliases")
    for name in ("name_en", "name_zh", "line"):
        if not isinstance(known.get(name), str):
            raise TypeError(f"{code}: {name}")
    if not isinstance(known.get("discontinued", False), bool):
        raise TypeError(f"{code}: discontinued")
    return Product(code=code, aliases=tuple(str(alias) for alias in aliases), **known)  # type: ignore[arg-type]


def resolve(catalogue: Catalogue, spoken: str) -> str | None:
    """The code of a product named by code, name or alias (`R3000`, `lh-r3000`), or None."""
    wanted = _spelling(spoken)
    return next((code for code, product in catalogue.items() if wanted in _spellings(product)), None)


def named_in(catalogue: Catalogue, said: str) -> tuple[str, ...]:
    """Codes of the products that a text names by code, name or alias, each once, in catalogue order.

    A name counts as whole words only, and the longest one wins: `Buds 2 Pro` is not also `Buds 2`.
    """
    spelled, cuts = _words(said)
    found = [
        (code, place, place + len(name))
        for code, product in catalogue.items()
        for name in _spellings(product)
        for place in _places(spelled, name)
        if place in cuts and place + len(name) in cuts
    ]
    inside = _inside({(start, end) for _, start, end in found})
    return tuple(dict.fromkeys(code for code, start, end in found if (start, end) not in inside))


def _inside(spans: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those spans, each there once, that lie in a longer one."""
    found: set[tuple[int, int]] = set()
    reach = -1
    for start, end in sorted(spans, key=lambda one: (one[0], -one[1])):
        if end <= reach:
            found.add((start, end))
        reach = max(reach, end)
    return found


def _places(spelled: str, name: str) -> Iterator[int]:
    place = spelled.find(name)
    while place >= 0:
        yield place
        place = spelled.find(name, place + 1)


def _words(said: str) -> tuple[str, set[int]]:
    """A text's spelling, and the places in it where a name may start or end: every Chinese character is a word."""
    letters: list[str] = []
    cuts = {0}
    before = ""
    for char in fold(said):
        if char.isalnum():
            if not (before.isalnum() and before.isascii() and char.isascii()):
                cuts.add(len(letters))
            letters.append(char)
        before = char
    cuts.add(len(letters))
    return "".join(letters), cuts


@functools.lru_cache(maxsize=10_000)
def _spellings(product: Product) -> tuple[str, ...]:
    names = (product.code, product.name_en, product.name_zh, *product.aliases)
    return tuple(dict.fromkeys(spelled for name in names if (spelled := _spelling(name))))


def _spelling(name: str) -> str:
    return "".join(char for char in fold(name) if char.isalnum())
