"""Texts of 100 KB that cost a careless program minutes, and a heart that tells how long everybody else stood still.

A stall is a time in which no other thread could run, for one held the interpreter's lock. It is counted as the
lesser of the time that passed and the processor time that this process used meanwhile: on a busy machine a beat
comes late without anybody holding anything.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

SIZE = 100_000  # bytes
BEAT = 0.005  # seconds between two beats
MOST_STALL = 0.25  # seconds
GIVEN_UP = 10.0  # seconds of the processor
MOST_TIME = 2.0  # seconds of the processor that one input may cost


def filled(piece: str, size: int = SIZE) -> str:
    """A text of at most so many bytes, of one piece again and again."""
    return piece * max(1, size // len(piece.encode("utf-8", "surrogatepass")))


PIECES: Mapping[str, str] = {
    "brackets": "(",
    "square brackets": "[",
    "links": "[a](",
    "images": "![",
    "stars": "*",
    "stars and words": "**a *b ",
    "underscores": "_a_",
    "backticks": "`",
    "fences": "```\n~~~\n",
    "tags": "<a ",
    "comments": "<!--",
    "entities": "&amp;&#0;",
    "quotes of lines": "> ",
    "deep lists": "- ",
    "many lists": "- a\n 1. b\n",
    "tables": "|a|b|\n|-|-|\n",
    "pipes": "|",
    "blocks": "::: say\n",
    "dashes": "---\n",
    "headings": "# a\n",
    "links by name": "[a]: b\n[a]",
    "zero width": "a\u200b",
    "combining marks": "e\u0301\u0302\u0303",
    "only marks": "\u0301",
    "one word": "a",
    "one word of capitals": "Aa",
    "words": "refund card ",
    "pinyin": "tuikuan daozhang ",
    "first letters": "tk dz ",
    "slips": "refnud crad recieve ",
    "Chinese": "退款多久到账我的卡过期了",
    "one Chinese character": "的",
    "traditional": "退款要多久纔會到帳",
    "ligatures": "\ufdfa",
    "full width": "ＬＨ－Ｒ３０００　",
    "emoji": "👩‍👩‍👧‍👦",
    "right to left": "\u202eabc\u202c",
    "half characters": "\ud800",
    "null bytes": "a\x00",
    "new lines": "\n",
    "carriage returns": "\r\n \t",
    "line separators": "a\u2028\u2029",
    "digits": "1",
    "phone numbers": "138 1234 5678 ",
    "nearly phone numbers": "138-1234-567 ",
    "nearly cards": "6222 0212 3456 789 ",
    "numbers in words": "一千二百三十四点五",
    "twenty ones": "twenty one hundred and ",
    "codes": "LH-R3000-E-04 ",
    "hyphens": "a-",
    "apostrophes": "don't's",
    "addresses": "a@b.c ",
    "nearly an address": "a.",
    "at signs": "a@",
    "streets": "12 North Road Flat 3, ",
    "houses": "北京市朝阳区建国路88号",
    "names": "我叫王小明 my name is John Smith ",
    "capital words": "John ",
    "filters": "product:",
    "quoted filters": 'product:"',
    "filters of languages": "lang:x ",
    "double quotes": '"',
    "single quotes": "'",
    "deadlines": "within 7 days of delivery ",
    "amounts": "¥1,234.50 or 20% ",
    "dates": "2026-11-22 3月4日",
    "times": "09:00-18:00 ",
    "steps": "1. Is it on? yes -> 2 no -> 3\n",
    "keys of YAML": "a: b\n",
    "deep YAML": "- - ",
    "aliases": "&a [*a,*a]\n",
    "flow": "{a: [",
    "TOML": "[[a]]\nb = 1\n",
    "dots": "a.b.",
    "commas": "a,",
    "rows": "a,b,c\n",
    "equals": "=",
    "arrows": "a=b,c\n",
    "semicolons": "a;b\n",
    "slashes": "../",
    "backslashes": "\\",
    "dollars": "$",
    "braces": "{{",
    "percent": "%s%n",
    "colons": ":",
    "spaces": " ",
    "sentences": "Is it. Or not! 是吗？",
}
HEADER = "---\nid: a\ntitle: A\nlang: en\nstate: validated\n---\n\n"  # of an article in a file a.md
BODIES: Mapping[str, str] = {
    "links": "x [a](b) ",
    "blocks": "::: decide\n- x\n:::\n\n",
    "cells": "|a|b|\n|-|-|\n|7 days|¥3|\n\n",
    "paragraphs": "You have 7 days after delivery.\n\n",
    "sentences": "You have 7 days after delivery. ",
    "chapters": "## One\n\nTwo.\n\n",
    "steps": "1. Is it on?\n   - Yes: go to 2.\n   - No: it is over.\n",
}
EDGES: Mapping[str, str] = {  # what only a beginning or an end makes hostile
    **{f"an article of {name}": HEADER + filled(piece) for name, piece in BODIES.items()},
    "an article with one long table": f"{HEADER}|a|b|\n|-|-|\n{filled('|7 days|¥3|')}\n",
    "an article with long steps": f"{HEADER}::: decide\n{filled('- Is it on? Yes: go.' + chr(10))}:::\n",
    "a header of one title": f"---\nid: a\nlang: en\ntitle: {'a' * 60_000}\n---\n",
    "a header of questions": f"---\nid: a\nlang: en\ntitle: a\nquestions:\n{filled('  - Why?' + chr(10), 60_000)}---\n",
    "many keys": "---\n" + "".join(f"k{n}: v\n" for n in range(7_000)) + "---\n",
    "a deep header": f"---\na: {'[' * 60_000}\n---\n",
    "deep TOML": f"a = {'[' * 60_000}",
    "deep tables of TOML": f"a = {filled('{a = ', 60_000)}",
    "deep JSON": '{"articles":' + "[" * 60_000,
    "an open header": "---\n" + filled("a: b\n"),
    "spaces and an end": filled(" ") + "x",
    "every character": "".join(map(chr, range(0x20, 0x8000))),
    "growing words": " ".join("a" * n for n in range(1, 440)),
}
FLOODS: Mapping[str, str] = {name: filled(piece) for name, piece in PIECES.items()} | dict(EDGES)


@dataclass
class Heart:
    """The worst stall since it was asked last, seconds."""

    worst: float = 0.0

    def taken(self) -> float:
        """It, and begin anew."""
        worst, self.worst = self.worst, 0.0
        return worst


@contextmanager
def beating() -> Iterator[Heart]:
    """A thread that wants to run every 5 ms. What is in memory already is frozen, as in a server that is warm."""
    gc.collect()
    gc.freeze()
    gc.collect()
    heart, stop = Heart(), threading.Event()

    def beat() -> None:
        at, used = time.perf_counter(), time.process_time()
        while not stop.is_set():
            time.sleep(BEAT)
            now, spent = time.perf_counter(), time.process_time()
            heart.worst = max(heart.worst, min(now - at - BEAT, spent - used))
            at, used = now, spent

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield heart
    finally:
        stop.set()
        thread.join()
        gc.unfreeze()


@contextmanager
def timed_out(seconds: float) -> Iterator[None]:
    """Give up what takes more of the processor, as soon as it lets go of the interpreter. Of the main thread only."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Cost:
    """What one input cost: the worst stall and the processor's time, seconds; `broke`: an error that is no sentence."""

    stall: float
    time: float
    broke: str = ""

    @property
    def bounded(self) -> bool:
        return self.stall <= MOST_STALL and self.time <= MOST_TIME and not self.broke


def cost(heart: Heart, work: Callable[[], object], refusals: tuple[type[Exception], ...]) -> Cost:
    """What some work costs. `refusals`: how it may say no."""
    heart.taken()
    begun = time.process_time()
    broke = ""
    try:
        with timed_out(GIVEN_UP):
            work()
    except refusals:
        pass
    except Exception as error:
        broke = f"{type(error).__name__}: {str(error)[:200]}"
    spent = time.process_time() - begun
    time.sleep(2 * BEAT)  # the beat that was held up comes
    return Cost(round(heart.taken(), 3), round(spent, 3), broke)
