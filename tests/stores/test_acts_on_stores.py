"""Who may and who did, over each database: tokens, the audit log, silences."""

import re

import pytest

from homeostat.errors import InvalidSetting
from homeostat.service import tokens
from homeostat.stores import audit, silences
from homeostat.stores.silences import Silence


def test_a_token_from_first_to_last(store, monkeypatch):
    monkeypatch.setattr(tokens, "_now", lambda: 1_000)
    assert not tokens.any_admin(store)
    with store.change():
        text = tokens.create(store, "admin", models="shop-", name="\u00e9'; --", expires=2_000)
    number, secret = text.split("_", 2)[1:]
    told = tokens.known(store, text)
    assert told == tokens.Token(number, "admin", "shop-", "\u00e9'; --", 2_000)
    assert tokens.any_admin(store)
    for wrong in (text + "x", text[:-1], f"hs_{number}_", "hs__", f"hs_{number[:-1]}_{secret}", ""):
        assert tokens.known(store, wrong) is None
    (row,) = tokens.listed(store)
    assert (row["id"], row["expires"], row["used"], row["revoked"]) == (number, 2_000, None, None)
    with store.change():
        tokens.keep_used(store, {number: 1_500, "nobody": 1_600})
    assert [each["used"] for each in tokens.listed(store)] == [1_500]
    assert secret not in str(store.database.execute("SELECT * FROM tokens"))
    monkeypatch.setattr(tokens, "_now", lambda: 2_000)
    assert tokens.known(store, text) is None
    with store.change():
        assert tokens.revoke(store, number)
        assert not tokens.revoke(store, number)
        assert not tokens.revoke(store, "nobody")
    assert tokens.listed(store)[0]["revoked"] == 2_000
    assert not tokens.any_admin(store)
    with pytest.raises(InvalidSetting, match="scope"), store.change():
        tokens.create(store, "root")


@pytest.mark.parametrize("text", ["hs_\0_x", "hs_a\0_x", "hs_\u00b2_\0", "hs_a_\ud800"])
def test_a_text_that_is_none_whatever_is_in_it(store, text):
    assert tokens.known(store, text) is None
    assert tokens.any_admin(store) is False  # it still answers


def acted(store, n=600):
    with store.change():
        for number in range(n):
            audit.record(store, f"someone \u00e9 {number}", "act", n=number, of=["'; --", None])


def test_acts_are_one_chain(store):
    assert audit.broken(store) is None
    acted(store)
    assert [entry.id for entry in audit.entries(store)] == list(range(1, 601))
    assert audit.broken(store) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE id = 7", "entry 7 .act by nobody. is not what"),
        ("UPDATE audit SET at = at + 1 WHERE id = 1", "entry 1 .*is not what"),
        ("UPDATE audit SET detail = '{}' WHERE id = 599", "entry 599 .*is not what"),
        ("DELETE FROM audit WHERE id = 300", "entry 300 is missing"),
        ("DELETE FROM audit WHERE id > 500", "it ends at entry 500, and others were written"),
        ("DELETE FROM audit", "it ends at entry 0, and others were written"),
    ],
)
def test_an_act_that_was_changed_is_found(store, change, told):
    acted(store)
    with store.change():
        store.database.execute(change)
    assert re.match(told, audit.broken(store))


def test_an_act_that_was_undone_is_not_in_the_chain(store):
    acted(store, 2)

    def fails():
        with store.change():
            audit.record(store, "tester", "act")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    acted(store, 1)
    assert [entry.id for entry in audit.entries(store)] == [1, 2, 3]
    assert audit.broken(store) is None


def test_silences(store):
    first, second = Silence(1, 5, "tester", "%_'"), Silence(7, 9, "tester")
    with store.change():
        silences.keep(store, "shop_%", first)
        silences.keep(store, "other", first)
        silences.keep(store, "other", second)
        store.keep_note("salt", "3")
    assert silences.of(store, "nobody") is None
    assert silences.all_of(store) == {"shop_%": first, "other": second}
    assert [first.covers(at) for at in (0, 1, 4, 5)] == [False, True, True, False]
