"""A generation on disk: written aside, verified, renamed, then one pointer moves.

    index/CURRENT                     "name sha256-of-manifest", replaced last, by rename
    index/generations/<name>/         a folder that never changes and whose name is never used again
        manifest.json                 what is in it: sha256 and size of every file, model, articles
        segments/<segment>/…          shared with other generations by hard link
        lexical/…
        learnt/…                      what solved calls taught, where there is anything

Opening verifies before it serves: every byte against the manifest, then counts, then one canary
question. What does not verify is refused; the generation before it serves.
"""

from __future__ import annotations

from indexer.generation.manifest import FORMAT, Listed, Manifest, Refused, current, generations, new_name, read_manifest
from indexer.generation.opening import Opened, open_current, open_named, reread, segment, verified
from indexer.generation.publishing import collect, point_at, publish, publisher, roll_back, share, workspace

__all__ = [
    "FORMAT",
    "Listed",
    "Manifest",
    "Opened",
    "Refused",
    "collect",
    "current",
    "generations",
    "new_name",
    "open_current",
    "open_named",
    "point_at",
    "publish",
    "publisher",
    "read_manifest",
    "reread",
    "roll_back",
    "segment",
    "share",
    "verified",
    "workspace",
]
