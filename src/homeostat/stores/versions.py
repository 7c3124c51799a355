"""Versions of models in the store: what they are, which serves, what registries are to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from homeostat.lifecycle.versions import Version
from homeostat.stores.packing import sealed, unsealed
from homeostat.stores.store import Store, rows_of


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who is who among a model's versions.

    generation counts the changes of the champion: whoever changes it names the one he has seen.
    previous: who served before. challenger: who is compared with the champion; watched: whether
    that is the previous champion, after a promotion; ready: whether it has won, and a person is to
    say the word. since: of this comparison, in the records' time. job: what made the champion or
    the challenger that is compared. causes: of that job. alarms: those that are open, with their
    numbers in the log. looked: when earlier versions were looked at last, in the records' time;
    trained: when a retraining began last. reign: the position from which on the champion serves.
    leader: the version that is to answer, where that is not the champion.
    """

    champion: str
    generation: int = 0
    previous: str | None = None
    challenger: str | None = None
    watched: bool = False
    ready: bool = False
    since: int = 0
    job: str | None = None
    causes: list[int] = []
    alarms: dict[str, int] = {}
    looked: int = 0
    trained: int = 0
    reign: int = 0
    leader: str | None = None

    @property
    def serves(self) -> str:
        """The version that is to answer."""
        return self.leader or self.champion


class Progress(NamedTuple):
    """Records from the position `cut` on are compared; facts from `cursor` on are still to be."""

    cut: int
    cursor: int


class Lead(NamedTuple):
    """Versions of which one leads. cursor: facts from there on are still to be counted.

    among: which may, as it was configured. champion: by what was counted. since: the position from
    which on each takes part. favours: promotions, by their position, that are still to be counted.
    share: the memory of their weights.
    """

    cursor: int
    among: str
    champion: str
    since: dict[str, int]
    favours: Sequence[tuple[int, str]]
    share: dict[str, Any]


class Look(NamedTuple):
    """Earlier versions are to be looked at, on what came before a position; for a job, or None."""

    model: int
    position: int
    job: str | None


class Move(NamedTuple):
    """An alias that registries outside are to be told of, until they have confirmed it."""

    id: int
    model: str
    alias: str
    version: str | None
    tries: int
    due: int
    problem: str


class Shadow(NamedTuple):
    """A prediction of a version that did not serve: label as JSON text, milliseconds."""

    record_id: str
    label: str
    latency_ms: float | None


# Versions -----------------------------------------------------------------------------------------


def keep(store: Store, version: Version) -> None:
    """Write a version down; one that is known stays as it is."""
    statement = (
        "INSERT INTO versions (model, version, body, created) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (model, version) DO NOTHING"
    )
    body = msgspec.json.encode(version)
    store.database.execute(
        statement, (version.model, version.version, sealed(body), version.created)
    )


def found(store: Store, model: str, version: str) -> Version | None:
    """A version of a model."""
    statement = "SELECT body FROM versions WHERE model = ? AND version = ?"
    rows = store.database.execute(statement, (model, version))
    return _version(rows[0][0], model, version) if rows else None


def all_of(store: Store, model: str, limit: int = 1000) -> list[Version]:
    """A model's versions, the newest first."""
    statement = (
        "SELECT body, version FROM versions WHERE model = ? ORDER BY created DESC, version LIMIT ?"
    )
    rows = store.database.execute(statement, (model, limit))
    return [_version(body, model, version) for body, version in rows]


def digests(store: Store) -> set[str | None]:
    """The digests of all artifacts that a version names."""
    rows = store.database.execute("SELECT body, model, version FROM versions")
    return {_version(body, model, version).digest for body, model, version in rows}


def _version(body: bytes, model: str, version: str) -> Version:
    kept = unsealed(bytes(body), f"version {version} of {model}")
    return msgspec.json.decode(kept, type=Version)


# Standings ----------------------------------------------------------------------------------------


def standing(store: Store, model: int) -> Standing | None:
    """Who is who; None for a model that is not taken care of."""
    rows = store.database.execute("SELECT body FROM standings WHERE model = ?", (model,))
    if not rows:
        return None
    return msgspec.json.decode(
        unsealed(bytes(rows[0][0]), f"standing of model {model}"), type=Standing
    )


def keep_standing(store: Store, model: int, standing: Standing, expected: int | None) -> bool:
    """Change it if its generation is still the expected one (None: if there is none yet)."""
    body = sealed(msgspec.json.encode(standing))
    if expected is None:
        statement = (
            "INSERT INTO standings (model, generation, body) VALUES (?, ?, ?) "
            "ON CONFLICT (model) DO NOTHING RETURNING 1"
        )
        values: tuple[Any, ...] = (model, standing.generation, body)
    else:
        statement = (
            "UPDATE standings SET generation = ?, body = ? "
            "WHERE model = ? AND generation = ? RETURNING 1"
        )
        values = (standing.generation, body, model, expected)
    return bool(store.database.execute(statement, values))


# The comparison -----------------------------------------------------------------------------------


def comparison(store: Store, model: int) -> bytes | None:
    """The memory of the comparison that runs."""
    rows = store.database.execute("SELECT body FROM comparisons WHERE model = ?", (model,))
    return unsealed(bytes(rows[0][0]), f"comparison of model {model}") if rows else None


def keep_comparison(store: Store, model: int, at: Progress, body: bytes) -> None:
    """Its memory now."""
    statement = (
        "INSERT INTO comparisons (model, cut, cursor, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (model) DO UPDATE SET cut = excluded.cut, cursor = excluded.cursor, "
        "body = excluded.body"
    )
    store.database.execute(statement, (model, *at, sealed(body)))


def drop_comparison(store: Store, model: int) -> None:
    """It is over, and no prediction is waited for any more."""
    store.database.execute("DELETE FROM comparisons WHERE model = ?", (model,))
    store.database.execute("DELETE FROM shadows WHERE model = ?", (model,))


def compared(store: Store) -> set[int]:
    """The models that have a comparison."""
    return {int(model) for (model,) in store.database.execute("SELECT model FROM comparisons")}


def progress(store: Store, model: int) -> Progress | None:
    """How far the predictions for the comparison have come; None when none is made."""
    rows = store.database.execute("SELECT cut, cursor FROM comparisons WHERE model = ?", (model,))
    return Progress(*rows[0]) if rows else None


def add_shadows(store: Store, model: int, version: str, shadows: Iterable[Shadow]) -> None:
    """Predictions that wait for their record or its label; one that waits already stays."""
    statement = (
        "INSERT INTO shadows (model, version, record_id, label, latency_ms) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, version, record_id) DO NOTHING"
    )
    store.database.many(statement, ((model, version, *shadow) for shadow in shadows))


def shadows(store: Store, model: int, version: str, ids: Sequence[str]) -> dict[str, Shadow]:
    """Those of some records."""
    statement = (
        "SELECT record_id, label, latency_ms FROM shadows WHERE model = ? AND version = ? "
        "AND record_id IN"
    )
    rows = rows_of(store.database, statement, [model, version], ids)
    return {row[0]: Shadow(*row) for row in rows}


def end_shadows(store: Store, model: int, version: str, ids: Iterable[str]) -> None:
    """They wait no more."""
    statement = "DELETE FROM shadows WHERE model = ? AND version = ? AND record_id = ?"
    store.database.many(statement, ((model, version, one) for one in ids))


def waiting_shadows(store: Store, model: int) -> int:
    """How many wait."""
    rows = store.database.execute("SELECT COUNT(*) FROM shadows WHERE model = ?", (model,))
    return int(rows[0][0])


# Looks --------------------------------------------------------------------------------------------


def ask_look(store: Store, look: Look) -> bool:
    """Earlier versions are to be looked at; False where that is to be already."""
    statement = (
        "INSERT INTO looks (model, position, job) VALUES (?, ?, ?) "
        "ON CONFLICT (model) DO NOTHING RETURNING 1"
    )
    return bool(store.database.execute(statement, look))


def looks(store: Store) -> list[Look]:
    """All that are to be."""
    rows = store.database.execute("SELECT model, position, job FROM looks ORDER BY model")
    return [Look(*row) for row in rows]


def end_look(store: Store, look: Look) -> bool:
    """It is done; False where it was before."""
    statement = "DELETE FROM looks WHERE model = ? AND position = ? RETURNING 1"
    return bool(store.database.execute(statement, look[:2]))


# Who leads ----------------------------------------------------------------------------------------


def lead_of(store: Store, model: int) -> Lead | None:
    """Who may lead, and how it stands among them; None where the champion alone answers."""
    rows = store.database.execute("SELECT cursor, body FROM leads WHERE model = ?", (model,))
    if not rows:
        return None
    kept = msgspec.json.decode(unsealed(bytes(rows[0][1]), f"leader of model {model}"))
    return Lead(cursor=int(rows[0][0]), **kept)


def keep_lead(store: Store, model: int, lead: Lead) -> None:
    """How it stands now."""
    statement = (
        "INSERT INTO leads (model, cursor, body) VALUES (?, ?, ?) ON CONFLICT (model) "
        "DO UPDATE SET cursor = excluded.cursor, body = excluded.body"
    )
    kept = lead._asdict()
    del kept["cursor"]
    body = msgspec.json.encode(kept)
    store.database.execute(statement, (model, lead.cursor, sealed(body)))


def drop_lead(store: Store, model: int) -> None:
    """The champion alone answers."""
    store.database.execute("DELETE FROM leads WHERE model = ?", (model,))


def led(store: Store) -> set[int]:
    """The models of which a version may lead."""
    return {int(model) for (model,) in store.database.execute("SELECT model FROM leads")}


# Registries ---------------------------------------------------------------------------------------


def intend(store: Store, model: str, alias: str, version: str | None, now: int) -> None:
    """Registries are to be told; what was to be told before of this alias is out of date."""
    store.database.execute("DELETE FROM moves WHERE model = ? AND alias = ?", (model, alias))
    statement = (
        "INSERT INTO moves (model, alias, version, tries, due, problem) VALUES (?, ?, ?, 0, ?, '')"
    )
    store.database.execute(statement, (model, alias, version, now))


def moves(store: Store, limit: int = 1000) -> list[Move]:
    """All that registries have not confirmed, in the order in which it was meant."""
    columns = ", ".join(Move._fields)
    return [
        Move(*row)
        for row in store.database.execute(
            f"SELECT {columns} FROM moves ORDER BY id LIMIT ?", (limit,)
        )
    ]


def confirm(store: Store, move: int) -> None:
    """They have it."""
    store.database.execute("DELETE FROM moves WHERE id = ?", (move,))


def hinder(store: Store, move: int, due: int, problem: str) -> None:
    """They could not be told; it is tried again."""
    statement = "UPDATE moves SET tries = tries + 1, due = ?, problem = ? WHERE id = ?"
    store.database.execute(statement, (due, problem, move))
