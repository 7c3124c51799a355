"""The code that docs/events.md gives to receivers verifies what we send, and nothing else."""

import re
from pathlib import Path

import pytest
from sinkworld import outgoing

from homeostat.outbound.calling import Caller
from homeostat.outbound.secret import Secret
from homeostat.sinks.webhook import Webhook

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
SECRETS = ["whsec_" + "QUFB" * 8, "whsec_" + "QkJC" * 8]


@pytest.fixture(scope="module")
def verified():
    (block,) = re.findall(r"```python\n(import base64.*?)```", PAGE.read_text(), re.DOTALL)
    namespace: dict = {}
    exec(block, namespace)
    return namespace["verified"]


def test_it_verifies(verified, receiver, monkeypatch):
    for at, secret in enumerate(SECRETS):
        monkeypatch.setenv(f"HOOK_{at}", secret)
    names = [Secret("env:HOOK_0"), Secret("env:HOOK_1")]
    sink = Webhook(Secret(receiver.url, plain=True), names, Caller(allow_private=True),
                   allow_http=True)  # fmt: skip
    sink.send(outgoing())
    ((_, headers, body),) = receiver.requests
    assert all(verified(secret, headers, body) for secret in SECRETS)
    assert not verified("whsec_" + "Q0ND" * 8, headers, body)
    assert not verified(SECRETS[0], headers, body + b" ")
    assert not verified(SECRETS[0], headers | {"webhook-id": "churn:2"}, body)
    old = str(int(headers["webhook-timestamp"]) - 301)
    assert not verified(SECRETS[0], headers | {"webhook-timestamp": old}, body)
