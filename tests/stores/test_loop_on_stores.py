"""What the loop keeps, over each database: jobs, versions, comparisons, shadows, moves."""

import pytest
from msgspec.structs import replace

from homeostat.lifecycle.versions import Version
from homeostat.stores import jobs, versions
from homeostat.stores.faults import Damaged, StoreError
from homeostat.stores.jobs import QUEUED, RECALLED, RUNNING, SUCCEEDED, WAITING, Job
from homeostat.stores.versions import Lead, Look, Move, Progress, Shadow, Standing

ODD = "\u202e\u00e9\U0001f600'; DROP TABLE jobs; -- %s ?"


def job(number, state=SUCCEEDED, model=1, **more):
    given = {
        "reason": ODD,
        "asked": number * 10,
        "created": number * 100,
        "position": number,
        **more,
    }
    return Job(id=f"j{model}-{number}", model=model, number=number, state=state, **given)


def keep(store, *kept):
    with store.change():
        for each in kept:
            jobs.keep(store, each)


# Jobs ---------------------------------------------------------------------------------------------


def test_a_job_is_what_was_kept_last(store):
    whole = job(
        1, RUNNING, cause=3, causes=[1, 2], actor="token:a", token=2, handle=ODD,
        manifest={"rows": 3, "of": [1.5, None, ODD]}, started=5, beat=2**53, version="v2",
        problem=ODD, lines=[ODD, ""],
    )  # fmt: skip
    keep(store, job(1, QUEUED), whole)
    assert jobs.found(store, "j1-1") == whole
    assert jobs.found(store, "j1-2") is None


@pytest.mark.parametrize(
    ("one", "other"), [(RUNNING, RUNNING), (WAITING, WAITING), (QUEUED, WAITING)]
)
def test_one_runs_and_one_is_to_come(store, one, other):
    keep(store, job(1, one), job(2, one, model=2))
    with pytest.raises(StoreError):
        keep(store, job(2, other))
    assert [each.number for each in jobs.all_of(store, 1)] == [1]


def test_a_number_is_given_once(store):
    keep(store, job(1))
    with pytest.raises(StoreError):
        keep(store, replace(job(1), id="another"))
    assert (jobs.next_number(store, 1), jobs.next_number(store, 2)) == (2, 1)


def test_jobs_by_model_and_state_the_newest_first(store):
    keep(store, job(1), job(2, "failed"), job(3, QUEUED), job(4, RUNNING), job(9, WAITING, model=2))
    assert [each.id for each in jobs.all_of(store)] == ["j2-9", "j1-4", "j1-3", "j1-2", "j1-1"]
    assert [each.id for each in jobs.all_of(store, 1, limit=2)] == ["j1-4", "j1-3"]
    assert [each.id for each in jobs.all_of(store, None, jobs.OPEN)] == ["j2-9", "j1-4", "j1-3"]
    assert [each.id for each in jobs.all_of(store, 1, ["failed"])] == ["j1-2"]


def test_what_budgets_and_cooldowns_look_at(store):
    keep(store, job(1, ended=1), job(2, RECALLED, ended=2), job(3, ended=3), job(4, QUEUED))
    assert jobs.asked_since(store, 1, 10) == [40, 30]
    assert jobs.asked_since(store, 1, 0) == [40, 30, 10]
    assert [each.number for each in jobs.latest_ended(store, 1, 5)] == [3, 1]
    assert [each.number for each in jobs.latest_ended(store, 1, 1)] == [3]
    assert jobs.latest_ended(store, 2, 5) == []


# Versions, standings ------------------------------------------------------------------------------


def version(name, created=0, **more):
    return Version(model="shop", version=name, created=created, **more)


def test_a_version_stays_as_it_was_first(store):
    with store.change():
        versions.keep(store, version("v1", 1, digest="a"))
        versions.keep(store, version("v1", 9, digest="b"))
        versions.keep(store, version(ODD, 3, digest="c"))
    assert versions.found(store, "shop", "v1") == version("v1", 1, digest="a")
    assert versions.found(store, "other", "v1") is None
    assert [each.version for each in versions.all_of(store, "shop")] == [ODD, "v1"]
    assert versions.all_of(store, "shop", 1) == [version(ODD, 3, digest="c")]
    assert versions.digests(store) == {"a", "c"}


def test_a_version_that_was_spoiled_is_told(store):
    with store.change():
        versions.keep(store, version("v1"))
        store.database.execute("UPDATE versions SET body = ?", (b"\1nothing",))
    with pytest.raises(Damaged, match="version v1 of shop"):
        versions.found(store, "shop", "v1")


def test_a_standing_is_changed_by_who_saw_the_one_before(store):
    first, second = Standing(champion="v1"), Standing(champion="v2", generation=1, causes=[3])
    with store.change():
        assert versions.standing(store, 1) is None
        assert not versions.keep_standing(store, 1, second, expected=0)
        assert versions.keep_standing(store, 1, first, expected=None)
        assert not versions.keep_standing(store, 1, second, expected=None)
        assert not versions.keep_standing(store, 1, second, expected=1)
    assert versions.standing(store, 1) == first
    with store.change():
        assert versions.keep_standing(store, 1, second, expected=0)
        assert not versions.keep_standing(store, 1, first, expected=0)
    assert versions.standing(store, 1) == second


# Comparisons, shadows -----------------------------------------------------------------------------


def test_a_comparison_and_what_waits_for_it(store):
    shadows = [Shadow(f"r{n}", '"\u00e9"', None if n % 2 else n / 3) for n in range(1_000)]
    with store.change():
        versions.keep_comparison(store, 1, Progress(2**40, 5), b"old")
        versions.keep_comparison(store, 1, Progress(2**40, 9), b"\0new")
        versions.keep_comparison(store, 2, Progress(0, 0), b"other")
        versions.add_shadows(store, 1, "v2", shadows)
        versions.add_shadows(store, 1, "v2", [Shadow("r3", '"another"', None)])
        versions.add_shadows(store, 1, "v3", [Shadow("r3", '"third"', None)])
        versions.add_shadows(store, 2, "v2", [Shadow("r3", '"of 2"', None)])
    assert versions.comparison(store, 1) == b"\0new"
    assert versions.progress(store, 1) == Progress(2**40, 9)
    assert versions.compared(store) == {1, 2}
    ids = [one.record_id for one in shadows]
    assert versions.shadows(store, 1, "v2", [*ids, "nobody"]) == dict(
        zip(ids, shadows, strict=True)
    )
    assert versions.shadows(store, 1, "v2", []) == {}
    assert versions.waiting_shadows(store, 1) == 1_001
    with store.change():
        versions.end_shadows(store, 1, "v2", ids[3:])
    assert versions.shadows(store, 1, "v2", ids).keys() == {"r0", "r1", "r2"}
    assert versions.shadows(store, 1, "v3", ids).keys() == {"r3"}
    with store.change():
        versions.drop_comparison(store, 1)
    assert versions.comparison(store, 1) is None
    assert versions.progress(store, 1) is None
    assert (versions.waiting_shadows(store, 1), versions.waiting_shadows(store, 2)) == (0, 1)
    assert versions.compared(store) == {2}


def test_looks_are_asked_for_and_ended_once(store):
    with store.change():
        assert versions.ask_look(store, Look(2, 2**40, "j"))
        assert versions.ask_look(store, Look(1, 5, None))
        assert not versions.ask_look(store, Look(1, 6, "k"))
    assert versions.looks(store) == [Look(1, 5, None), Look(2, 2**40, "j")]
    with store.change():
        assert not versions.end_look(store, Look(1, 6, None))
        assert versions.end_look(store, Look(1, 5, None))
        assert not versions.end_look(store, Look(1, 5, None))
    assert versions.looks(store) == [Look(2, 2**40, "j")]


def test_who_leads_is_kept_to_the_last_bit(store):
    weights = {"v2": 1 / 3, "v1": 1 - 1 / 3}
    lead = Lead(2**40, "promoted", "v1", {"v1": 5, "v2": 0}, [(7, "v2")], {"weights": weights})
    with store.change():
        versions.keep_lead(store, 1, Lead(1, "registered", "", {}, [], {}))
        versions.keep_lead(store, 1, lead)
        versions.keep_lead(store, 2, lead)
    found = versions.lead_of(store, 1)
    assert (found.cursor, found.since, found.share) == (2**40, lead.since, lead.share)
    assert (found.among, found.champion) == ("promoted", "v1")
    assert [*found.share["weights"]] == ["v2", "v1"]  # of equals the first leads
    assert [tuple(each) for each in found.favours] == [(7, "v2")]
    assert versions.led(store) == {1, 2}
    with store.change():
        versions.drop_lead(store, 1)
    assert (versions.lead_of(store, 1), versions.led(store)) == (None, {2})


# Moves --------------------------------------------------------------------------------------------


def test_a_move_is_told_until_it_is_confirmed(store):
    with store.change():
        versions.intend(store, "shop", "champion", "v1", 5)
        versions.intend(store, "shop", "challenger", None, 6)
        versions.intend(store, "shop", "champion", "v2", 7)
    older, newer = versions.moves(store)
    assert older[1:] == Move(0, "shop", "challenger", None, 0, 6, "")[1:]
    assert newer[1:] == Move(0, "shop", "champion", "v2", 0, 7, "")[1:]
    assert older.id < newer.id
    with store.change():
        versions.hinder(store, older.id, 99, ODD)
        versions.confirm(store, newer.id)
    assert versions.moves(store) == [older._replace(tries=1, due=99, problem=ODD)]
    assert versions.moves(store, 0) == []
