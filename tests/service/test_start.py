"""What the service starts with, and what it refuses to start with."""

import os
import shutil
import ssl
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner
from live import Live

from homeostat.cli.group import cli
from homeostat.errors import ConfigError
from homeostat.service.settings import service_of

TLS = {"tls_cert": "cert.pem", "tls_key": "key.pem"}
FOREIGN = ["0.0.0.0", "::", "192.0.2.1", "example.com", "127.0.0.1.example.com"]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_host_that_others_reach_needs_protection(host):
    with pytest.raises(ConfigError, match="tls_cert and tls_key, or behind_proxy"):
        service_of({"host": host}, "service")


@pytest.mark.parametrize("more", [{"behind_proxy": True}, TLS], ids=["proxy", "TLS"])
@pytest.mark.parametrize("host", FOREIGN)
def test_a_host_that_is_protected(host, more):
    assert service_of({"host": host, **more}, "service").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_none(host):
    assert service_of({"host": host}, "service").local


@pytest.mark.parametrize("name", TLS)
def test_half_of_tls(name):
    with pytest.raises(ConfigError, match="give both, or neither"):
        service_of({name: "x.pem"}, "service")


def config(tmp_path, text):
    path = tmp_path / "homeostat.toml"
    path.write_text(text)
    return path


def refused(tmp_path, text, *options):
    """What the command says when it does not start."""
    path = config(tmp_path, text)
    given = ["serve", "--config", path, "--data", tmp_path / "data", "--port", 0, *options]
    done = CliRunner().invoke(cli, [str(each) for each in given])
    assert done.exit_code != 0
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    assert not (tmp_path / "data").exists()
    return done.output


def test_the_command_says_so(tmp_path):
    said = refused(tmp_path, "", "--host", "0.0.0.0")
    assert "can be reached from other machines" in said


WRONG = [
    ("124 YAML anchors", "a: &a [x, x]\nb: &b [*a, *a]", "not valid TOML"),
    ("124 python object", "!!python/object/apply:os.system ['id']", "not valid TOML"),
    ("125 misspelt section", "[servise]\nport = 1", "servise"),
    ("125 misspelt key", "[service]\nprot = 1", "prot"),
    ("125 misspelt limit", "[service.body]\nwires = 1", "wires"),
    ("125 misspelt cap", "[service.record]\nbites = 1", "bites"),
    ("126 wrong type", '[service]\nstreams = "x"', "streams"),
    ("126 a list", "[service]\nhosts = 1", "hosts"),
    ("126 no table", "service = 1", "table"),
    ("126 durability", '[service]\ndurability = "none"', "durability"),
]


@pytest.mark.parametrize(("text", "said"), [x[1:] for x in WRONG], ids=[x[0] for x in WRONG])
def test_a_configuration_that_says_nonsense(tmp_path, text, said):
    assert said in refused(tmp_path, text)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A folder with a certificate that was made for this test."""
    home = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        cwd=home, check=True, capture_output=True,
    )  # fmt: skip
    return home


def test_tls(certified):
    text = '[service]\nhost = "0.0.0.0"\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'
    live = Live(certified, text)
    try:
        assert live.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=certified / "cert.pem")
        url = f"https://127.0.0.1:{live.port}"
        assert httpx.get(f"{url}/healthz", verify=trusting).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
        assert b"200" not in live.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    finally:
        live.close()


def test_tls_files_that_are_not_there(tmp_path):
    text = '[service]\ntls_cert = "none.pem"\ntls_key = "none.pem"\n'
    done = started(tmp_path, text)
    assert done.returncode != 0
    assert "none.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(tmp_path, live):
    done = started(tmp_path, f"[service]\nport = {live.port}\n")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def started(home, text, **environment):
    """A server that ends by itself."""
    command = [sys.executable, "-m", "homeostat", "serve", "--data", "data"]
    config(home, text)
    return subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=20, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_128_a_bare_environment(tmp_path):
    """No home, no locale, an open umask, few files: it serves, and what it writes is private."""
    bare = {"HOME": "/nonexistent", "LANG": "C", "LC_ALL": "C", "TMPDIR": "/nonexistent",
            "PYTHONHASHSEED": "1"}  # fmt: skip
    before = os.umask(0)
    try:
        live = Live(tmp_path, environment=bare, shell="ulimit -n 64; ")
    finally:
        os.umask(before)
    try:
        assert live.alive()
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert (modes["token"], modes["data"]) == (0o600, 0o700)
        crowd = [live.connect() for _ in range(100)]
        for one in crowd:
            one.close()
        assert live.alive()
    finally:
        live.close()
