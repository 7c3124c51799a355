"""Every test of a store runs over each database; PostgreSQL's is a real one."""

import os
import tempfile
from pathlib import Path

import psycopg
import pytest
from postgresql import Server

from homeostat.stores import open_store


@pytest.fixture(scope="session")
def server():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a socket's path is short
        one = Server(Path(folder))
        one.start()
        yield one.url
        one.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def where(request, tmp_path):
    """Where an empty store can be opened."""
    if request.param == "sqlite":
        yield tmp_path
        return
    url = request.getfixturevalue("server")
    name = "t" + os.urandom(6).hex()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store(where):
    one = open_store(where)
    yield one
    one.close()
