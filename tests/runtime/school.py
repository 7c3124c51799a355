"""A shop whose models are retrained by a trainer that does as it is told."""

import json

from shop import Shop, made

from homeostat import AccuracyMetric, ThresholdStrategy
from homeostat.engine import Engine
from homeostat.errors import HomeostatError
from homeostat.lifecycle import Predictions, Progress, Trained
from homeostat.lifecycle.course import Comparing, Course, Data, Leading
from homeostat.lifecycle.course import Recalling as RecallRules
from homeostat.lifecycle.orders import CANCELLED, FAILED, RUNNING, SUCCEEDED
from homeostat.lifecycle.rules import Rules
from homeostat.runtime import crash
from homeostat.runtime.following import Following
from homeostat.runtime.recalling import Recalling
from homeostat.runtime.registrar import Registrar
from homeostat.runtime.scoring import Scoring
from homeostat.runtime.trainings import Care, Trainings
from homeostat.stores import jobs

__all__ = [
    "CANCELLED", "FAILED", "RUNNING", "SUCCEEDED", "Hand", "Killed", "School", "course_of", "made",
]  # fmt: skip


def course_of(rules=None, compare=None, data=None, recall=None, leader=None):
    return Course(
        trainer={"type": "told"},
        scorer={"type": "answers"} if leader else None,
        leader=Leading(**{"versions": 0} | (leader or {})),
        rules=Rules(**{"cooldown": 0, "per_day": 0, "per_week": 0} | (rules or {})),
        compare=Comparing(**{"minimum": 20} | (compare or {})),
        data=Data(**{"least": 1} | (data or {})),
        recall=RecallRules(**{"cooldown": 0, "minimum": 20} | (recall or {})),
    )


def engine_of(name):
    return Engine([AccuracyMetric(20)], strategy=ThresholdStrategy(0.6))


class Told:
    """A trainer: each attempt is what the test says it is."""

    name = "told"

    def __init__(self):
        self.orders, self.cancelled, self.down = {}, [], False
        self.states = {}

    def begin(self, order):
        if self.down:
            raise HomeostatError("away")
        self.orders[f"{order.job}/{order.token}"] = order
        return f"{order.job}/{order.token}"

    def look(self, handle):
        state, result, problem = self.states.get(handle, (RUNNING, None, ""))
        return Progress(state=state, result=result, problem=problem, lines=("at work",))

    def cancel(self, handle):
        self.cancelled.append(handle)

    def succeed(self, handle, **made):
        self.states[handle] = (SUCCEEDED, Trained(**made), "")

    def succeed_elsewhere(self, handle):
        """It ended well, and will send what it has made."""
        self.states[handle] = (SUCCEEDED, None, "")

    def fail(self, handle, problem="no"):
        self.states[handle] = (FAILED, None, problem)


class Answers:
    """A scorer: each version answers with what is in the record, or always the same."""

    name = "answers"

    def __init__(self):
        self.of = {}
        self.down, self.milliseconds = False, None

    def predict(self, version, batch):
        if self.down:
            raise HomeostatError("away")
        answer = self.of.get(version.version, "yes")
        latency = None if self.milliseconds is None else [self.milliseconds] * len(batch)
        return Predictions(labels=[answer] * len(batch), latency_ms=latency)


class Aliases:
    """A registry in memory."""

    name = "aliases"

    def __init__(self):
        self.known, self.named, self.down = {}, {}, False

    def register(self, version):
        if self.down:
            raise HomeostatError("away")
        self.known[version.version] = version

    def point(self, model, alias, version):
        if self.down:
            raise HomeostatError("away")
        self.named[model, alias] = version

    def pointed(self, model, alias):
        return self.named.get((model, alias))


class Killed(BaseException):
    """The process is gone."""


class Hand:
    """What the crashpoint has for `os`."""

    @staticmethod
    def getpid():
        return 0

    @staticmethod
    def kill(*_):
        crash._ARMED = ""
        raise Killed


class School(Shop):
    """The loop with everything that follows it, one step at a time."""

    def __init__(self, folder, course=None, engines=engine_of):
        self.trainer, self.scorer, self.registry = Told(), Answers(), Aliases()
        super().__init__(folder, engines, course=course or course_of())

    def open(self):
        super().open()
        care = Care(self.course, self.trainer, self.scorer)
        clock = lambda: self.now  # noqa: E731
        self.recalling = Recalling(self.store, self.change, lambda name: care)
        self.trainings = Trainings(
            self.store, self.change, lambda name: care, self.folder / "jobs", self.shelve, clock
        )
        self.scoring = Scoring(self.store, self.change, lambda name: care, clock)
        self.following = Following(self.store, self.change, lambda name: care, clock)
        self.registrar = Registrar(self.store, self.kept, [self.registry], clock)

    def shelve(self, path):
        return str(path), "digest"

    def change(self, name, do):
        return self._changed(lambda: do(self.ledger.loop(name)))

    def kept(self, do):
        return self._changed(lambda: do(self.store))

    def step(self):
        """All that is due, until nothing is."""
        for _ in range(100):
            workers = (
                self.recalling, self.trainings, self.scoring, self.following, self.registrar
            )  # fmt: skip
            if not sum(worker.step() for worker in workers):
                return
        raise AssertionError("it never ends")

    @property
    def loop(self):
        return self.ledger.loop("default")

    def act(self, do):
        return self._changed(lambda: do(self.loop))

    def jobs(self, *states):
        return jobs.all_of(self.store, self.account().number, states)

    def story(self):
        """The kinds of events, in order."""
        return [event.kind for event in self.events()]

    def events(self):
        return self.store.events(self.account().number, 0, 1_000_000)

    def told(self, kind):
        """What the events of a kind say."""
        return [json.loads(e.body)[kind] for e in self.events() if e.kind == kind]

    def traffic(self, numbers, predicted="yes", truth="yes", version="v1"):
        """Records that are labelled."""
        self.send(*(made(n, truth, predicted, model_version=version) for n in numbers))

    def failing(self, numbers, version="v1"):
        """Records of a model that is wrong, so that a retraining is asked for."""
        self.traffic(numbers, "no", "yes", version)
