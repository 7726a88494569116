"""A PostgreSQL server of one's own: a data directory that is thrown away, a free port of the loopback address."""

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

SECONDS = 60  # to start or to stop, on a machine that has much else to do


class Server:
    """A running server; `address` is where it is reached."""

    def __init__(self, postgres: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clvmodels-postgres-"))
        self.bin, self.log = Path(postgres).parent, self.folder / "log"
        self.user = self._user_of_its_own()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"postgresql://clv@127.0.0.1:{self.port}/postgres"
        self._run(
            "initdb",
            "--pgdata",
            str(self.folder / "data"),
            "--auth",
            "trust",
            "--username",
            "clv",
            "--no-sync",
        )
        self.start()

    def _user_of_its_own(self) -> dict[str, int]:
        """The server refuses to run as root: then it runs as postgres, which Debian's package creates, or as nobody."""
        if os.getuid() != 0:
            return {}
        names = [entry.pw_name for entry in pwd.getpwall()]
        entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        return {"user": entry.pw_uid, "group": entry.pw_gid}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            **self.user,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self.user,
            )
        until = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """At once, as a crash would."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(SECONDS)

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
