"""Named places where a test ends this program or makes it fail; nothing happens there unless one is armed.

The environment variable `FIRSTCALL_FAILPOINT` arms one from the start: `publish.renamed` kills the process
(SIGKILL, so that nothing tidies up) when it comes by, `publish.renamed:3` the third time,
`publish.renamed:1:ENOSPC` raises that OSError there instead. Not a `KB_` setting: no site has a use for it.
"""

from __future__ import annotations

import errno
import os
import signal

from kb.errors import SettingError

ENVIRONMENT = "FIRSTCALL_FAILPOINT"

# Every place there is, in the order in which work comes by.
POINTS = (
    "build.segment",
    "build.words",
    "build.written",
    "build.learnt",
    "publish.hashed",
    "publish.listed",
    "publish.synced",
    "publish.verified",
    "publish.renamed",
    "publish.kept",
    "point.aside",
    "point.moved",
    "build.published",
    "clean.aside",
    "clean.gone",
    "rows.articles",
    "rows.words",
    "rows.written",
    "rows.learnt",
    "rows.listed",
    "rows.verified",
    "rows.pointing",
    "rows.pointed",
    "rows.committed",
    "rows.cleaning",
    "rows.clean",
    "write.begun",
    "write.done",
    "write.committed",
    "migrate.step",
    "migrate.numbered",
    "save.aside",
    "save.moved",
    "import.picture",
    "import.article",
    "backup.copied",
    "backup.sealed",
    "restore.written",
    "restore.moved",
    "move.page",
)

_armed = ""
_left = 0  # how often it may still be passed
_error = ""


def arm(spec: str) -> None:
    """Arm one place, as the environment variable would, or none for ''. Raises SettingError for an unknown one."""
    global _armed, _left, _error
    name, _, more = spec.partition(":")
    times, _, error = more.partition(":")
    known = not spec or (name in POINTS and (not times or times.isdigit()) and (not error or hasattr(errno, error)))
    if not known:
        raise SettingError("setting_not_a_choice", name=ENVIRONMENT, value=spec, choices=", ".join(POINTS))
    _armed, _left, _error = name, int(times or 1), error


def reached(name: str) -> None:
    """Work has come to this place: one comparison, unless it is the armed one."""
    if _armed == name:
        _strike()


def _strike() -> None:
    global _left
    _left -= 1
    if _left == 0:
        if not _error:
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, _error)
        raise OSError(number, os.strerror(number))


arm(os.environ.get(ENVIRONMENT, ""))
