"""The keys of a live call. Each was taken because Chrome, Edge, Firefox and Safari leave it free on Windows,
macOS and Linux (no menu letters F E V S B T H, no D for the address); each can be changed by its person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 40  # Ctrl+Alt+Shift+ArrowRight and the like

# action → its key, then keys that always work beside it (the letters many tools have trained hands for)
KEYS: Mapping[str, tuple[str, ...]] = {
    "focus": ("/", "Ctrl+K"),
    "copy": ("Alt+C",),
    "solved": ("Alt+A", "Alt+S"),
    "helped": ("Alt+Y",),
    "unsolved": ("Alt+0",),  # 1 to 9 change the tab on Linux
    "gap": ("Alt+N",),
    "join": ("Alt+J",),
    "flag": ("Alt+G",),
    "promise": ("Alt+P",),
    "walk": ("Alt+Q",),
    "dates": ("Alt+I",),
    "twin": ("Alt+L",),
    "summary": ("Alt+M",),
    "trail": ("Alt+R",),
    "undo": ("Alt+Z",),
    "mine": ("Alt+K",),
    "seen": ("Alt+U",),
    "switch": ("Alt+W",),
    "another": ("Alt+O",),
    "end": ("Alt+X", "Alt+E"),
    "keys": ("?",),
}


def bindings(chosen: Any) -> dict[str, list[str]]:
    """Every action's keys, with those a person chose in the first place. `chosen` is what was kept for them."""
    own = chosen if isinstance(chosen, dict) else {}
    found = {}
    for action, (first, *more) in KEYS.items():
        mine = own.get(action)
        found[action] = [mine if isinstance(mine, str) and 0 < len(mine) <= LONGEST else first, *more]
    return found
