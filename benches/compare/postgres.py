"""A private PostgreSQL server as tests/run has it, but with the settings a newsroom's server has: nothing is turned off
that keeps committed data, as what a commit costs is part of what is measured."""

import contextlib
import glob
import os
import shutil
import subprocess
from pathlib import Path

from tools import free_port

# What Debian's package sets, but for memory, which nobody leaves there.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "50"}
# While a store is filled: what is half done is thrown away anyway.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextlib.contextmanager
def server(directory: Path, **settings):
    """Runs the cluster in the directory, which is made if it is not there, and gives the address of its superuser."""
    binaries = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
    data, log, port = directory / "data", directory / "log", free_port()
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        as_database_user(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", *locale)
    wanted = SETTINGS | settings | {"listen_addresses": "127.0.0.1", "port": str(port)}
    options = " ".join(f"-c {name}={value}" for name, value in wanted.items()) + f" -k {directory}"
    as_database_user(binaries / "pg_ctl", "-D", data, "-l", log, "-s", "-w", "-t", "300", "-o", options, "start")
    try:
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    finally:
        as_database_user(binaries / "pg_ctl", "-D", data, "-s", "-m", "fast", "-t", "300", "stop")


def as_database_user(*command):
    """PostgreSQL refuses to run as root."""
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # From a directory that the database's user may enter.
    subprocess.run([*user, *map(str, command)], cwd="/", stdout=subprocess.DEVNULL, check=True)
