"""Where events may be sent: every spelling of an address that leads inside is refused."""

import socket

import pytest
from sinkworld import outgoing

from homeostat.errors import ConfigError
from homeostat.outbound.addresses import judged, look_up, public, target_of
from homeostat.outbound.calling import Caller
from homeostat.outbound.secret import Secret
from homeostat.sinks import Retry
from homeostat.sinks.webhook import Webhook

NAMES = {
    "good.example": ["93.184.216.34"],
    "six.example": ["2606:2800:220:1:248:1893:25c8:1946"],
    "both.example": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
    "inside.example": ["10.0.0.5"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mixed6.example": ["2606:2800:220:1:248:1893:25c8:1946", "fd00::1"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "nobody.example": [],
}


def fake(host, port):
    """Names from a table; numbers, however written, as the machine's resolver reads them."""
    if host in NAMES:
        return NAMES[host]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        raise OSError("no such name") from None
    return [str(address[0]) for *_, address in found]


REFUSED = [
    # as numbers: this machine
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/", "https://0.0.0.0/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/",
    "https://017700000001/", "https://127.0.0.1:8080/", "https://127.255.255.254/",
    # as numbers: networks nearby
    "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/",
    "https://192.0.0.170/", "https://169.254.169.254/latest/meta-data/", "https://0xa9fea9fe/",
    "https://198.18.0.1/", "https://192.88.99.1/", "https://203.0.113.5/",
    # many, nobody
    "https://224.0.0.1/", "https://239.255.255.250/", "https://240.0.0.1/",
    "https://255.255.255.255/",
    # in IPv6
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::10.0.0.1]/", "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/", "https://[2002:a00:1::1]/", "https://[fe80::1]/",
    "https://[fd00::1]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[::127.0.0.1]/",
    "https://[2001::1]/", "https://[2001:db8::1]/", "https://[100::1]/",
    # by name
    "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://inside.example/",
    "https://mixed.example/", "https://mixed6.example/", "https://metadata.google.internal/",
    "https://nobody.example/", "https://unknown.example/",
]  # fmt: skip

NO_TARGET = [
    "http://good.example/", "ftp://good.example/", "file:///etc/passwd", "gopher://good.example/",
    "good.example", "//good.example/", "https://", "https:///path", "https://good.example:0/",
    "https://good.example:99999/", "https://good.example:x/", "https://user@good.example/",
    "https://user:pass@good.example/", "https://good.example@127.0.0.1/",
    "https://127.0.0.1\\@good.example/", "https://good.example\\.inside.example/",
    "https://good.example/\r\nX: 1", "https://good.example /", "https://\uff11\uff12\uff17.1/",
    "https://127\u30020\u30020\u30021/", "https://[::1", "https://[fe80::1%25eth0]/", "https://%31/",
    "https://good.example/\x00", "javascript:alert(1)", "",
]  # fmt: skip

ALLOWED = [
    "https://good.example/", "https://GOOD.example:8443/hook?a=b", "https://six.example/",
    "https://both.example/", "https://93.184.216.34/", "https://[2606:2800:220:1::1]/",
    "https://[::ffff:93.184.216.34]/", "https://[64:ff9b::5db8:d822]/",
    "https://[2002:5db8:d822::1]/", "https://1.1.1.1/", "https://8.8/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_leads_inside_is_refused_after_the_look_up(url):
    target = target_of(url)
    with pytest.raises(Retry):
        judged(target, fake, allow_private=False)


@pytest.mark.parametrize("url", NO_TARGET, ids=ascii)
def test_what_is_no_target_is_refused_before_it(url):
    with pytest.raises(ConfigError) as refused:
        target_of(url)
    assert not url or url not in str(refused.value)  # it may hold a secret


@pytest.mark.parametrize("url", ALLOWED)
def test_the_internet_is_allowed(url):
    assert judged(target_of(url), fake, allow_private=False)


def test_a_private_address_is_allowed_where_the_configuration_says_so():
    assert judged(target_of("https://inside.example"), fake, allow_private=True) == ["10.0.0.5"]


def test_http_is_allowed_where_the_configuration_says_so():
    assert target_of("http://good.example", allow_http=True).port == 80


def test_a_target_in_parts():
    target = target_of("https://[2606:2800:220:1::1]:8443/a/b?c=d#e")
    assert target == ("https", "2606:2800:220:1::1", 8443, "/a/b?c=d")
    assert target.authority == "[2606:2800:220:1::1]:8443"
    assert target_of("https://good.example").authority == "good.example"


def test_what_is_no_address_is_not_public():
    assert not public("good.example")
    assert not public("")


def test_the_machines_resolver_gives_addresses():
    assert look_up("127.0.0.1", 1) == ["127.0.0.1"]


class Canary:
    """Listens on this machine, where nobody should call."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0)
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def called(self):
        try:
            connection, _ = self.socket.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True


def send(url, resolve, **settings):
    sink = Webhook(Secret(url, plain=True), [], Caller(resolve=resolve, **settings),
                   allow_http=True)  # fmt: skip
    sink.send(outgoing())


def test_a_name_that_changes_its_mind_is_looked_up_once():
    answers = [["93.184.216.34", "127.0.0.1"], ["93.184.216.34"], ["127.0.0.1"]]
    asked = []

    def flips(host, port):
        asked.append(host)
        return answers[len(asked) - 1]

    with Canary() as canary:
        with pytest.raises(Retry, match="not of the Internet"):
            send(f"http://rebind.example:{canary.port}/", flips)
        assert asked == ["rebind.example"]
        assert not canary.called()


def test_the_connection_goes_to_the_address_that_was_judged(receiver, monkeypatch):
    asked, real = [], socket.getaddrinfo

    def only_numbers(host, *args, **settings):
        asked.append(host)
        return real(host, *args, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    port = receiver.server.server_port
    send(f"http://hooks.example:{port}/x", lambda *_: ["127.0.0.1"], allow_private=True)
    assert set(asked) <= {"127.0.0.1"}  # the name was not looked up again
    ((path, headers, _),) = receiver.requests
    assert (path, headers["host"]) == ("/x", f"hooks.example:{port}")


def test_the_second_address_serves_when_the_first_refuses(receiver):
    port = receiver.server.server_port
    send(f"http://hooks.example:{port}/", lambda *_: ["127.0.0.9", "127.0.0.1"], allow_private=True)
    assert len(receiver.requests) == 1
