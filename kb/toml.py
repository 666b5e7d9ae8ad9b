"""The settings of a base as people write them: TOML that may be broken, or made to cost much."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# 64 parts of a name: tomllib's time grows with their square. No part is looked at twice.
_LONG_NAME = re.compile(r"""(?:(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")


def tree(source: bytes) -> dict[str, Any]:
    """What a file says. Raises ValueError where it is not UTF-8 (UnicodeDecodeError), not TOML or nested too deeply."""
    said = source.decode("utf-8-sig")
    if _LONG_NAME.search(said):
        raise ValueError("a name of more than 64 parts")
    try:
        return tomllib.loads(said)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
