"""A disk that takes nothing more while a generation is built: the one before serves, and the next build is whole.

RLIMIT_FSIZE stands for the disk: no file may grow beyond one size after another.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

from indexer.vectors import VectorCache
from kb.config import ROOT
from kb.errors import PublishError
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase

OFFSETS = int(os.environ.get("OFFSETS", "24"))


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def build_on_a_full_disk(home: str, offsets: str, seed: str) -> None:
    """Build under one limit after another; print what came of each."""
    base, chance, came = SmallBase(Path(home)), random.Random(int(seed)), []
    for number in range(12):
        base.write(f"parcel-{number}-en", f"Parcel {number}", body=f"It is on shelf {number}. " * 60)
    base.build()
    served = "Parcel 0"
    for number in range(int(offsets)):
        title = f"Parcel 0, edition {number}"
        base.write("parcel-0-en", title, body=f"It is on shelf {number}. " * 60)
        size = chance.choice((600, 6_000, 60_000))
        limit(chance.randrange(1, size))
        try:
            base.build(full=number % 2 == 0)
            served = title
            came.append("published")
        except PublishError as error:
            came.append(error.code)
        limit(resource.RLIM_INFINITY)
        opened = base.open()
        assert not opened.damaged
        assert opened.engine.article("parcel-0-en").title == served
    base.build()
    assert base.open().engine.article("parcel-0-en").title == title
    left = [path.name for folder in (base.index, base.index / "generations") for path in folder.glob(".*")]
    print(json.dumps({"came": came, "left": left}))


def test_a_build_on_a_full_disk_is_refused_and_the_one_before_serves(tmp_path: Path) -> None:
    code = "import sys; from tests.faults.test_full import build_on_a_full_disk as go; go(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(tmp_path), str(OFFSETS), "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert set(found["came"]) == {"published", "publish_failed"}
    assert found["left"] == []


def test_a_cache_that_cannot_be_written_costs_time_and_no_vector(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "vectors.sqlite", tmp_path):  # below a file; a folder
        cache = VectorCache(place)
        rows = cache.passages(["red light", "no light"], HashEncoder())
        assert (rows == HashEncoder().passages(["red light", "no light"])).all()
        cache.close()
