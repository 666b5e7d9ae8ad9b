"""What can go wrong, as codes and facts; the sentence a person reads is in `kb/locales/`.

KBError                    anything a person can be told about
├── ArticleError           one file in articles/ cannot be used; the others can
├── SettingError           the configuration is wrong; the program does not start
├── QuestionError          a question that cannot be asked
├── RequestError           a record, a date or an id that cannot be taken as it is
├── NotAllowedError        this person may not do this
├── NotFoundError          there is no such thing, or none that this person may see
├── BusyError              more is asked than can be answered; a little later it is taken
├── StoreError             the database cannot be opened or written to
│   └── AwayError          for now: it may take the same later
└── GenerationError        an index generation is missing, damaged or not ours
    └── PublishError       a generation could not be published
"""

from __future__ import annotations


class KBError(Exception):
    """An error with a code that `locales/` has a sentence for, and the facts that fill it in."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code}({details})"


class ArticleError(KBError):
    """A file that cannot become an article. `facts` always has `file` and `line` (from 1)."""


class SettingError(KBError):
    """A setting that is unknown or has an unusable value."""


class QuestionError(KBError):
    """A question that is empty once spaces and control characters are taken away."""


class RequestError(KBError):
    """Something a person or a program asked for that cannot be done as it was asked."""


class NotAllowedError(KBError):
    """A person who may not do this. `facts` has the `action`."""


class NotFoundError(KBError):
    """There is no such thing, or none that this person may see: the two sound the same on purpose."""


class BusyError(KBError):
    """More is asked just now than can be answered. `facts` has `seconds`: when to ask again."""


class StoreError(KBError):
    """The database cannot be opened, or a row could not be written: nothing was kept."""


class AwayError(StoreError):
    """The database refuses for now: it is locked, full, read-only or gone. Nothing was kept."""


class GenerationError(KBError):
    """A generation that is missing, damaged, or made by another model or tokeniser."""


class PublishError(GenerationError):
    """A generation that was built but could not become the current one."""
