"""The loop under everything at once: late results, zombies, cancels, crashes; many seeds.

And the proof that it would be noticed if a safeguard were gone.
"""

import json
import random
from contextlib import suppress

import pytest
from school import Hand, Killed, School, course_of

from homeostat.errors import HomeostatError
from homeostat.lifecycle import Trained
from homeostat.runtime import crash
from homeostat.runtime.ground import NotNow
from homeostat.runtime.leading import Leading
from homeostat.runtime.loop import Loop
from homeostat.runtime.retrainings import Retrainings
from homeostat.stores import jobs, versions

SEEDS, PARTS, ENOUGH = 60, 6, 60
STEPS = 60


class Life:
    """One seed: a school, and what is known to have been begun outside of it."""

    def __init__(self, folder, seed, leads=False):
        self.chance, self.number = random.Random(seed), 0
        recall = {"versions": self.chance.choice([0, 5, 5]), "minimum": 5, "alpha": 0.9}
        recall["every"] = self.chance.choice([None, "1m"])
        compare, leader = {"minimum": 10, "watch": 200}, {}
        if leads:
            recall, compare["minimum"] = {}, self.chance.choice([30, 300])
            among = self.chance.choice(["promoted", "registered", "registered"])
            leader = {"versions": 4, "among": among, "lasts": 50}
        self.school = School(folder, course_of(
            {"cooldown": "10s"}, compare, recall=recall, leader=leader
        ))  # fmt: skip
        self.often = 3 if leads else 1
        self.school.scorer.of = dict.fromkeys(["v1"], "no")
        self.versions = self.recalls = self.leads = 0
        self.right = "yes"

    def run(self):
        self.traffic()
        often, seldom = [self.traffic] * 3 + [self.step] * 2, [self.crash_soon, self.restart]
        often *= self.often
        acts = [*often, self.outcome, self.zombie, self.cancel, self.word, self.weather, *seldom]
        for _ in range(STEPS * self.often):
            self.survive(self.chance.choice(acts))
            self.check()
        crash._ARMED = ""
        self.calm()
        self.judge()

    def survive(self, do):
        try:
            with suppress(NotNow, HomeostatError):
                do()
        except Killed:
            self.restart()

    # What happens -----------------------------------------------------------------------------

    def traffic(self):
        n = self.chance.randint(1, 30)
        numbers = range(self.number, self.number + n)
        self.number += n
        serving = "v1"
        if self.school.ledger.accounts and self.school.loop and self.school.loop.standing:
            serving = self.school.loop.standing.champion
        if self.chance.random() < 0.2:  # what was right before may be right again
            self.right = self.chance.choice(["yes", "no"])
        served = self.school.scorer.of.get(serving, "yes")
        self.school.traffic(numbers, served, self.right, serving)

    def step(self):
        school = self.school
        for _ in range(self.chance.randint(1, 3)):
            school.recalling.step()
            school.trainings.step()
            school.scoring.step()
            school.following.step()
            school.registrar.step()

    def outcome(self):
        """A training that was begun comes to its end, well or not."""
        trainer = self.school.trainer
        going = [handle for handle in trainer.orders if handle not in trainer.states]
        if not going:
            return
        handle = self.chance.choice(going)
        if self.chance.random() < 0.3:
            trainer.fail(handle)
        else:
            self.versions += 1
            name = f"w{self.versions}"
            self.school.scorer.of[name] = self.chance.choice(["yes", "no"])
            trainer.succeed(handle, version=name, artifact=f"models:/{name}")

    def zombie(self):
        """An attempt that counts no more sends what it has made."""
        handle = self.chance.choice([*self.school.trainer.orders, "default-9/9"])
        job, _, token = handle.rpartition("/")
        self.versions += 1
        made = Trained(version=f"z{self.versions}", artifact="models:/zombie")
        found = jobs.found(self.school.store, job)
        late = found is None or found.state != "running" or found.token != int(token)
        taken = self.school.act(lambda loop: loop.jobs.succeeded(job, int(token), made))
        assert not (late and taken), "a result of an attempt that is over was taken"

    def cancel(self):
        self.school.act(lambda loop: loop.jobs.cancel("anna"))

    def word(self):
        act = self.chance.choice(["promote", "reject", "roll_back", "retrain"])
        if act == "retrain":
            self.school.act(lambda loop: loop.jobs.retrain("anna"))
        else:
            self.school.act(lambda loop: getattr(loop, act)(by="anna"))

    def weather(self):
        school = self.school
        school.trainer.down = self.chance.random() < 0.3
        school.scorer.down = self.chance.random() < 0.3
        school.registry.down = self.chance.random() < 0.3
        school.now += self.chance.randint(0, 60) * 1_000_000

    def crash_soon(self):
        points = (*crash.LOOP_POINTS, *crash.RECALL_POINTS, *crash.LEAD_POINTS)
        points += ("before_commit", "before_save")
        crash._ARMED, crash._left = self.chance.choice(points), 1

    def restart(self):
        crash._ARMED = ""
        self.school.store.database.rollback()
        self.school.reopen(snapshot=self.chance.random() < 0.3)

    def calm(self):
        school = self.school
        school.trainer.down = school.scorer.down = school.registry.down = False
        for _ in range(4):
            school.now += 3600_000_000
            for handle in school.trainer.orders:
                if handle not in school.trainer.states:
                    school.trainer.fail(handle)
            self.survive(school.step)

    # What must hold ---------------------------------------------------------------------------

    def check(self):
        if not self.school.ledger.accounts:
            return
        states = [job.state for job in self.school.jobs()]
        assert states.count("running") <= 1
        assert states.count("queued") + states.count("waiting") <= 1

    def judge(self):
        if not self.school.ledger.accounts:
            return
        school, story = self.school, self.school.story()
        done = [job for job in school.jobs() if job.state == "succeeded"]
        assert story.count("RetrainSucceeded") == len(done), "each success is told once"
        ended = [job for job in school.jobs() if job.ended is not None]
        recalled = [job for job in ended if job.state == "recalled"]
        self.recalls = len(recalled)
        told = story.count("RetrainSucceeded") + story.count("RetrainFailed")
        assert told + len(recalled) == len(ended)
        assert len(recalled) == sum(
            told.get("origin") == "recalled" for told in school.told("ChallengerRegistered")
        )
        assert versions.looks(school.store) == []
        self.judge_watches()
        self.judge_leaders()
        serving = "v1"
        for event in school.events():
            if event.kind in ("ModelPromoted", "ModelRolledBack"):
                told = school_told(event)
                if event.kind == "ModelPromoted":
                    assert told["model_version"] == serving, "who gave way did not serve"
                    serving = told["challenger"]
                else:
                    assert told["challenger"] == serving, "who gave way did not serve"
                    serving = told["model_version"]
        assert school.loop.standing.champion == serving
        moved = story.count("ModelPromoted") + story.count("ModelRolledBack")
        assert school.loop.standing.generation == moved
        if moved:
            assert school.registry.named.get(("default", "champion")) == serving
        assert versions.moves(school.store) == []
        before = school.hash(), school.story()
        school.reopen()
        assert (school.hash(), school.story()) == before

    def judge_leaders(self):
        """Each who leads takes over from who did, and nobody leads who was sent away."""
        champion, leader, away = "v1", None, set()
        for event in self.school.events():
            told = school_told(event)
            if event.kind == "LeaderChanged":
                assert told["previous"] == (leader or champion)
                leader = told["model_version"]
                self.leads += 1
            elif event.kind == "ModelPromoted":
                champion = told["challenger"]
                away.discard(champion)
            elif event.kind == "ModelRolledBack":
                champion = told["model_version"]
                away = (away | {told["challenger"]}) - {champion}
            elif event.kind == "ChallengerRejected":
                away.add(told["challenger"])
            elif event.kind == "ChallengerRegistered":
                away.discard(told["version"])
            leader = None if leader == champion else leader
        standing = self.school.loop.standing
        assert standing.serves == (leader or champion)
        assert standing.serves not in away

    def judge_watches(self):
        """Each promotion is watched, and each watch has one end, or none yet."""
        watched = None
        for event in self.school.events():
            if event.kind == "ModelPromoted":
                assert watched is None, "a watch has ended untold"
                watched = school_told(event)["model_version"]
            elif event.kind == "WatchEnded":
                assert school_told(event)["challenger"] == watched
                watched = None
            elif event.kind == "ModelRolledBack":
                watched = None
            elif event.kind == "ChallengerRegistered":
                assert watched is None, "a challenger has come into a watch"
        standing = self.school.loop.standing
        assert watched == (standing.challenger if standing.watched else None)


def school_told(event):
    return json.loads(event.body)[event.kind]


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    monkeypatch.setattr(crash, "os", Hand)
    monkeypatch.setattr(crash, "_ARMED", "")


def live(tmp_path, seed, leads=False):
    folder = tmp_path / str(seed)
    folder.mkdir()
    life = Life(folder, seed, leads)
    try:
        life.run()
    finally:
        crash._ARMED = ""
        life.school.store.close()
    return life


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_the_story_is_one(tmp_path, part):
    each = SEEDS // PARTS
    lives = [live(tmp_path, seed) for seed in range(part * each, (part + 1) * each)]
    stories = [life.school.trainer.orders for life in lives]
    assert sum(map(len, stories)) > each  # they do train
    assert sum(life.recalls for life in lives) > 0


@pytest.mark.parametrize("part", range(PARTS))
def test_with_leaders_too(tmp_path, part):
    lives = [live(tmp_path, seed, leads=True) for seed in range(part * 5, part * 5 + 5)]
    assert sum(life.leads for life in lives) > 2


def found_within(tmp_path, seeds, leads=False):
    for seed in range(seeds):
        try:
            live(tmp_path, seed, leads)
        except AssertionError:
            return seed
    return None


def test_without_fencing_it_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Retrainings, "_attempt", lambda self, job, token: jobs.found(self._store, job)
    )
    assert found_within(tmp_path, ENOUGH) is not None


def test_a_look_that_counts_twice_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "end_look", lambda *_: True)
    assert found_within(tmp_path, ENOUGH) is not None


def test_one_who_was_sent_away_and_leads_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(Leading, "out", lambda *_: None)
    assert found_within(tmp_path, ENOUGH, leads=True) is not None


def test_a_watch_that_ends_untold_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Loop, "_end_watch", lambda self, standing, *_, **__: self._end_comparison(standing)
    )
    assert found_within(tmp_path, ENOUGH) is not None


def test_telling_registries_without_an_intent_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "intend", lambda *_: None)
    assert found_within(tmp_path, ENOUGH) is not None


def test_a_promotion_that_is_not_told_with_its_change_would_be_noticed(tmp_path, monkeypatch):
    enthrone, chance = Loop._enthrone, random.Random(1)

    def in_two(self, *given, **more):
        enthrone(self, *given, **more)
        self._store.database.commit()
        self._store.database.begin()
        if chance.random() < 0.5:
            raise Killed

    monkeypatch.setattr(Loop, "_enthrone", in_two)
    assert found_within(tmp_path, ENOUGH) is not None
