"""The front matter of an article: YAML read as events.

Every scalar is text until a rule here gives it a type, so `NO` stays text, `013` stays text, and
aliases, nested maps and repeated keys are refused with their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import yaml

from kb.content.articles.markdown import Span
from kb.errors import ArticleError
from kb.people.scope import GOVERNANCE, STATES

AUDIENCES = ("internal", "external")
TEXTS = ("id", "title", "lang", "state", "audience", "governance", "owner", "twin")
LISTS = ("products", "questions", "teams")
DATES = ("review_by", "valid_from", "valid_until")
KEYS = (*TEXTS, *LISTS, *DATES)
REQUIRED = ("id", "title", "lang")
CHOICES = {"state": STATES, "audience": AUDIENCES, "governance": GOVERNANCE}

_ID = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*\Z")
_LANG = re.compile(r"[a-z]{2,3}(?:-[A-Z][A-Za-z]{1,3})?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class FrontMatter:
    """The front matter as text values with their places, before any type is given."""

    def __init__(self, text: str, offset: int, path: str) -> None:
        self.path, self.offset = path, offset
        self.values: dict[str, str | list[str]] = {}
        self.spans: dict[str, list[Span]] = {}
        self.lines: dict[str, int] = {}
        try:
            self._read(self._events(text))
        except yaml.MarkedYAMLError as error:
            line = (error.problem_mark.line if error.problem_mark else 0) + 2
            raise self._error("yaml_broken", line, problem=error.problem or "") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise self._error("yaml_broken", 1, problem=type(error).__name__) from error

    def _error(self, code: str, line: int, **facts: object) -> ArticleError:
        return ArticleError(code, file=self.path, line=line, **facts)

    @staticmethod
    def _line(event: yaml.Event) -> int:
        """The file's line of an event: from 1, after the opening ---."""
        return event.start_mark.line + 2 if event.start_mark else 1

    def line(self, key: str) -> int:
        """The line of a key in the file, from 1."""
        return self.lines.get(key, 1)

    def _events(self, text: str) -> Iterator[yaml.Event]:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            if isinstance(event, yaml.NodeEvent) and event.anchor:
                raise self._error("yaml_alias", self._line(event))
            yield event

    def _read(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.MappingStartEvent):
                self._read_keys(events)
            elif isinstance(event, yaml.NodeEvent):
                raise self._error("front_matter_not_keys", self._line(event))

    def _read_keys(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            line = self._line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("front_matter_not_keys", line)
            key = str(event.value)
            if key not in KEYS:
                raise self._error("key_unknown", line, key=key, known=", ".join(KEYS))
            if key in self.values:
                raise self._error("key_repeated", line, key=key)
            self.lines[key] = line
            self.values[key], self.spans[key] = self._read_value(key, next(events), events)

    def _read_value(
        self, key: str, event: yaml.Event, events: Iterator[yaml.Event]
    ) -> tuple[str | list[str], list[Span]]:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value), [self._span(event)]
        if not isinstance(event, yaml.SequenceStartEvent):
            raise self._error("value_not_plain", self._line(event), key=key)
        items: list[str] = []
        spans: list[Span] = []
        for item in events:
            if isinstance(item, yaml.SequenceEndEvent):
                return items, spans
            if not isinstance(item, yaml.ScalarEvent):
                raise self._error("value_not_plain", self._line(item), key=key)
            if item.value.strip():
                items.append(item.value.strip())
                spans.append(self._span(item))
        raise self._error("yaml_broken", self.lines[key], problem="list")

    def _span(self, event: yaml.ScalarEvent) -> Span:
        quote = 1 if event.style in ("'", '"') else 0
        if event.start_mark is None or event.end_mark is None:
            return Span(self.offset, self.offset)
        start, end = event.start_mark.index + quote, event.end_mark.index - quote
        return Span(self.offset + start, self.offset + max(start, end))

    def typed(self) -> dict[str, object]:
        """Each key with its type; empty values count as absent. Raises ArticleError for a wrong one."""
        found: dict[str, object] = {}
        for key, value in self.values.items():
            if isinstance(value, str) and value.strip() in ("", "null", "~"):
                continue
            found[key] = self._typed(key, value)
        for key in REQUIRED:
            if key not in found:
                raise self._error("key_missing", self.line(key), key=key)
        return found

    def _typed(self, key: str, value: str | list[str]) -> object:
        if key in LISTS:
            if not isinstance(value, list):
                raise self._error("value_not_list", self.line(key), key=key)
            return tuple(value)
        if isinstance(value, list):
            raise self._error("value_not_text", self.line(key), key=key)
        if key in DATES:
            return self._date(key, value)
        text = " ".join(value.split())
        if key in CHOICES and text not in CHOICES[key]:
            raise self._error(
                "value_not_a_choice", self.line(key), key=key, value=text, choices=", ".join(CHOICES[key])
            )
        if key in ("id", "twin") and not _ID.match(text):
            raise self._error("id_malformed", self.line(key), key=key, value=text)
        if key == "lang" and not _LANG.match(text):
            raise self._error("lang_malformed", self.line(key), value=text)
        return text

    def _date(self, key: str, value: str) -> date:
        try:
            if not _DATE.match(value):  # ISO 8601 has other forms, such as 2026-W47-6
                raise ValueError(value)
            return date.fromisoformat(value)
        except ValueError as error:
            raise self._error("date_malformed", self.line(key), key=key, value=value) from error
