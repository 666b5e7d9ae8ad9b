"""A backup: one file with the database, the articles, what waits for the database and the settings; and back again.

    a zip (MANIFEST.json, firstcall.sqlite, articles/…, spool/…), or the same encrypted
    one line of JSON: the salt of the key, if there is one, and the sha256 of it and all before this line

The database is copied while others read; writers wait for the copy, so that it and the articles are of one moment.
What is restored goes to a new place, and nothing is written before every byte was checked. Secrets of the settings
are never in it; the index is not, for it can be rebuilt.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kb.config import Settings
from kb.db import Database, digest, problems
from kb.durable import make_folder, sync_folder, write_file, write_synced
from kb.errors import StoreError
from kb.failpoints import reached
from kb.people import audit
from kb.people.users import Action, User, require
from kb.tables import MIGRATIONS

FORMAT = 1
MANIFEST, STORE, ARTICLES, SPOOL = "MANIFEST.json", "firstcall.sqlite", "articles/", "spool/"
SECRET = ("oidc_secret", "webhook_secret", "api_key", "database_url")
SALT_BYTES, KEY_BYTES = 16, 32
COST = {"n": 2**15, "r": 8, "p": 1}  # scrypt, as OWASP has it: 32 MB and a tenth of a second


@dataclass(frozen=True)
class Backup:
    """What is in a backup. `tables` maps a table to (rows, sha256 of them), `files` a path to (sha256, bytes)."""

    created: str
    schema: int
    settings: Mapping[str, str]
    tables: Mapping[str, tuple[int, str]]
    files: Mapping[str, tuple[str, int]]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(count for count, _ in self.tables.values())

    @property
    def articles(self) -> int:
        """How many."""
        return sum(name.startswith(ARTICLES) and name.endswith(".md") for name in self.files)


# --- writing -------------------------------------------------------------------------------------


def write(database: Database, here: Settings, target: Path, by: User, at: datetime, passphrase: str = "") -> Backup:
    """Write a backup to a new file, whole or not at all; what is in it.

    Raises NotAllowedError, and StoreError where the file is there already, cannot be written, or the database is no
    SQLite.
    """
    require(by, Action.BACK_UP)
    if target.exists():
        raise StoreError("backup_there", file=target)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        make_folder(target.parent)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as work:
            made = _packed(database, here, Path(work), aside, at)
        _seal(aside, passphrase)
        reached("backup.sealed")
        os.link(aside, target)  # unlike a rename, never over a file that has come there meanwhile
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError("backup_unwritable", file=target, problem=error.strerror or str(error)) from error
    finally:
        aside.unlink(missing_ok=True)
    with database.write() as connection:
        audit.append(connection, by.id, "backup", at, target.name, articles=made.articles, rows=made.rows)
    return made


def _packed(database: Database, here: Settings, work: Path, target: Path, at: datetime) -> Backup:
    """Everything of one moment in a zip."""
    store = work / STORE
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        with database.write():  # nobody writes, here or to articles of the studio, until all of it is read
            database.copy(store)
            found = {SPOOL + path.name: path.read_bytes() for path in sorted(here.spool.glob("[0-9]*.json"))}
            listed = {name: _put(archive, name, raw) for name, raw in found.items()}
            for name, path in _articles(here.articles):
                listed[name] = _put(archive, name, path.read_bytes())
        reached("backup.copied")
        if wrong := problems(store):
            raise StoreError("store_unusable", problem=wrong[0])
        listed[STORE] = _put(archive, STORE, store.read_bytes())
        made = Backup(at.astimezone(UTC).isoformat(), len(MIGRATIONS), _told(here), digest(store), listed)
        archive.writestr(MANIFEST, json.dumps({"format": FORMAT, **made.__dict__}, ensure_ascii=False))
    return made


def _put(archive: zipfile.ZipFile, name: str, raw: bytes) -> tuple[str, int]:
    archive.writestr(name, raw)
    return hashlib.sha256(raw).hexdigest(), len(raw)


def _articles(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file of the base with its name in the backup; none that is only being written."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in parts):
            yield ARTICLES + "/".join(parts), path


def _told(here: Settings) -> dict[str, str]:
    return {name: str(value) for name, value in here.__dict__.items() if name not in SECRET}


def _seal(file: Path, passphrase: str) -> None:
    """Encrypt where there is a passphrase, and write the last line."""
    salt = secrets.token_bytes(SALT_BYTES) if passphrase else b""
    body = file.read_bytes()
    if salt:
        body = Fernet(_key(passphrase, salt)).encrypt(body)
    write_synced(file, body + _tail(body, salt))


def _tail(body: bytes, salt: bytes) -> bytes:
    """The last line: the sha256 is of the salt and all before it."""
    tail = {"firstcall_backup": FORMAT, "salt": salt.hex(), "sha256": hashlib.sha256(salt + body).hexdigest()}
    return b"\n" + json.dumps(tail).encode() + b"\n"


def _key(passphrase: str, salt: bytes) -> bytes:
    return base64.urlsafe_b64encode(Scrypt(salt, KEY_BYTES, **COST).derive(passphrase.encode()))


# --- reading -------------------------------------------------------------------------------------


def is_encrypted(file: Path) -> bool:
    """Whether a passphrase is needed. Raises StoreError for what is no backup."""
    return bool(_opened(file)[1])


def check(file: Path, passphrase: str = "") -> Backup:
    """What is in a backup, once every byte of it was found to be what it says. Writes nothing.

    Raises StoreError for what is no backup, a damaged one, a wrong passphrase, or one of a newer program.
    """
    return _checked(file, passphrase)[1]


def restore(file: Path, target: Path, by: User, passphrase: str = "") -> Backup:
    """Put a backup to a new place: `articles`, `data/firstcall.sqlite`, `data/spool`, `settings.json`; what it was.

    All of it is checked before anything is written, and again when it is there; the folder appears whole or not at all.
    Raises as `check` does, NotAllowedError, and StoreError where there is something in that place or it is unwritable.
    """
    require(by, Action.BACK_UP)
    if target.exists():
        raise StoreError("backup_there", file=target)
    archive, made = _checked(file, passphrase)
    work = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        make_folder(target.parent)
        for name in made.files:
            place = work / (name if name.startswith(ARTICLES) else f"data/{name}")
            write_file(place, archive.read(name))
        write_file(work / "settings.json", json.dumps(dict(made.settings), ensure_ascii=False, indent=2).encode())
        reached("restore.written")
        store = work / "data" / STORE
        if problems(store) or digest(store) != made.tables:
            raise StoreError("backup_damaged", file=file)
        for folder in (*(path for path in work.rglob("*") if path.is_dir()), work):
            sync_folder(folder)
        os.rename(work, target)
        reached("restore.moved")
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError("backup_unwritable", file=target, problem=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def drill(database: Database, file: Path, by: User, at: datetime, passphrase: str = "") -> Backup:
    """Restore a backup to a place that is gone afterwards, and write down that it could be. Raises as `restore`."""
    with tempfile.TemporaryDirectory(prefix=".drill-", dir=file.parent) as work:
        made = restore(file, Path(work) / "restored", by, passphrase)
    with database.write() as connection:
        audit.append(connection, by.id, "drill", at, file.name, articles=made.articles, rows=made.rows)
    return made


def _opened(file: Path) -> tuple[bytes, bytes]:
    """All before the last line, and the salt in it, b"" for none."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise StoreError("backup_unreadable", file=file, problem=error.strerror or str(error)) from error
    body, _, line = raw.removesuffix(b"\n").rpartition(b"\n")
    try:
        tail = json.loads(line)
        if tail["firstcall_backup"] > FORMAT:
            raise StoreError("backup_newer", file=file)
        salt = bytes.fromhex(tail["salt"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError("backup_damaged", file=file) from error
    if raw[len(body) :] != _tail(body, salt):
        raise StoreError("backup_damaged", file=file)
    return body, salt


def _checked(file: Path, passphrase: str) -> tuple[zipfile.ZipFile, Backup]:
    body, salt = _opened(file)
    if salt:
        try:
            body = Fernet(_key(passphrase, salt)).decrypt(body)
        except InvalidToken as error:
            raise StoreError("backup_passphrase", file=file) from error
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        tree = json.loads(archive.read(MANIFEST))
        tree.pop("format")
        tree["tables"] = {name: (count, sha256) for name, (count, sha256) in tree["tables"].items()}
        tree["files"] = {name: (sha256, size) for name, (sha256, size) in tree["files"].items()}
        made = Backup(**tree)
        for name, (sha256, size) in made.files.items():
            raw = archive.read(name)
            if len(raw) != size or hashlib.sha256(raw).hexdigest() != sha256 or not _stays_inside(name):
                raise ValueError(name)
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise StoreError("backup_damaged", file=file) from error
    if made.schema > len(MIGRATIONS):
        raise StoreError("store_newer", found=made.schema, known=len(MIGRATIONS))
    return archive, made


def _stays_inside(name: str) -> bool:
    """Whether a name leads to a place of ours: somebody may have made a backup of their own."""
    known = name == STORE or name.startswith((ARTICLES, SPOOL))
    return (
        known and "\0" not in name and "\\" not in name and all(part not in ("", ".", "..") for part in name.split("/"))
    )
