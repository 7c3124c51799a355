"""Every test of a store runs over each database; PostgreSQL's is a real one."""

import os
import tempfile
from pathlib import Path

import psycopg
import pytest
from postgresql import Server

from homeostat.stores import open_store


@pytest.fixture(scope="session")
def running():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a socket's path is short
        one = Server(Path(folder))
        one.start()
        try:
            yield one
        finally:
            one.stop()


@pytest.fixture(scope="session")
def server(running):
    return running.url


@pytest.fixture(scope="session")
def server_folder(running):
    return running.folder


@pytest.fixture
def fresh(server):
    """Makes empty databases: the address of one at each call."""

    def made():
        name = "t" + os.urandom(6).hex()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return server.replace("/postgres?", f"/{name}?")

    return made


@pytest.fixture(params=["sqlite", "postgres"])
def where(request, tmp_path):
    """Where an empty store can be opened."""
    return tmp_path if request.param == "sqlite" else request.getfixturevalue("fresh")()


@pytest.fixture
def store(where):
    one = open_store(where)
    yield one
    one.close()
