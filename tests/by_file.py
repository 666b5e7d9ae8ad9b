"""How tests are dealt out to several workers."""

from __future__ import annotations

from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling


class ByFile(LoadScopeScheduling):
    """A file's tests go to one worker, and all that drive Chromium to the same one, for they share an app."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "tests/browser" if file.startswith("tests/browser/") else file

    def remove_node(self, node: Any) -> str | None:
        """A worker died. Only what it had not done is for the others: xdist would hand out its finished files, too,
        and who is handed nothing to do never asks again, so that the run would not end."""
        mine = self.assigned_work[node]
        self.assigned_work[node] = {scope: tests for scope, tests in mine.items() if not all(tests.values())}
        return super().remove_node(node)
