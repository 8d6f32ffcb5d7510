"""A PostgreSQL server for tests: its own data in a temporary folder, on a free port of this machine, ended by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

REQUIRE = "AUTOML_CNN_REQUIRE_POSTGRES"
HOST = "127.0.0.1"
ADMIN, PASSWORD = "ana", "s3cret/@ word"  # signs that an address must escape
WAIT = 30.0


def programs() -> Path | None:
    """The folder with initdb and postgres; Debian keeps it out of PATH."""
    there = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(there).resolve().parent if there else debian[-1].parent if debian else None


def unavailable(reason: str) -> None:
    """Skip, or fail where the server is demanded."""
    if os.environ.get(REQUIRE):
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """A running server. `stop` and `start` keep its data and its port."""

    def __init__(self) -> None:
        folder = programs()
        if folder is None:
            unavailable("PostgreSQL is not on this machine (apt-get install postgresql)")
        try:
            import psycopg  # noqa: F401
        except ImportError:
            unavailable("psycopg is not installed (pip install 'automl-cnn[postgres]')")
        assert folder is not None
        self.programs = folder
        self.home = Path(tempfile.mkdtemp(prefix="automl-cnn-postgres-"))
        self._as = _unprivileged()
        if self._as:
            os.chown(self.home, self._as["user"], self._as["group"])
        secret = self.home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        made = [folder / "initdb", "-D", self.home / "data", "-U", ADMIN, "--pwfile", secret, "--auth=scram-sha-256", "--no-sync", "--no-locale", "-E", "UTF8"]
        subprocess.run(made, check=True, capture_output=True, cwd="/", timeout=120, **self._as)
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        options = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": self.home, "fsync": "off", "max_connections": 40}
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen([self.programs / "postgres", "-D", self.home / "data", *words], stdout=log, stderr=log, cwd="/", **self._as)
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                self.run("SELECT 1")
                return
            except Exception:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError((self.home / "log").read_text())

    def stop(self) -> None:
        """End it at once; what was committed is kept."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
            self.process.wait(WAIT)
        self.process = None

    def close(self) -> None:
        """End it and delete its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The rows of a statement."""
        import psycopg

        given = {"host": HOST, "port": self.port, "user": ADMIN, "password": PASSWORD, "dbname": database, "autocommit": True}
        with psycopg.connect(**given) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, name: str) -> str:
        """The address of a new database, without the password."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.run(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def address(self, name: str, login: str = ADMIN) -> str:
        """The address of a database."""
        return f"postgresql+psycopg://{login}@{HOST}:{self.port}/{name}"


def _unprivileged() -> dict[str, int]:
    """Whom the server runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    return {}
