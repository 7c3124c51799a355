"""Everything at once: senders, labels, readers, promotions, retention, backups; nothing is lost."""

import asyncio
import json
import random
from contextlib import contextmanager

from house import House, record

from homeostat.lifecycle.course import Course
from homeostat.service.caring import Caring
from homeostat.upkeep.copies import back_up, restore
from homeostat.upkeep.doctor import examine

SENDERS, BATCHES, ROWS, MODELS = 16, 5, 20, 4
READ = [
    "/v1/models", "/v1/models/m0/status", "/v1/models/m1/series?metric=accuracy&step=1m",
    "/v1/models/m0/events?limit=1000", "/v1/models/m0/versions", "/v1/models/m0/jobs", "/metrics",
    "/v1/fleet", "/v1/condition", "/readyz",
]  # fmt: skip


class Still(Caring):
    """Trainings run elsewhere: here nobody begins them."""

    @contextmanager
    def working(self, *_):
        yield []


class Crowd:
    """All who ask, and what has to come of it. Who has work left keeps the others going."""

    def __init__(self, house, chance):
        self.house, self.chance = house, chance
        self.ids = {f"m{n}": set() for n in range(MODELS)}
        self.sent, self.promoted, self.backups = 0, 0, []
        self.busy = True

    async def everything(self):
        for name in self.ids:  # so that readers find each
            await self._take([record("first", model=name)], name)
        others = [*map(self._read, READ), self._promote(), self._tend()]
        beside = [asyncio.ensure_future(each) for each in others]
        await asyncio.gather(*map(self._send, range(SENDERS)))
        self.busy = False
        await asyncio.gather(*beside)

    async def _send(self, sender):
        name = f"m{sender % MODELS}"
        for batch in range(BATCHES):
            rows = [record(f"{sender}-{batch}-{n}", model=name) for n in range(ROWS)]
            labels = [{"record_id": one["record_id"], "label": "ab"[n % 2], "model": name}
                      for n, one in enumerate(rows)]  # fmt: skip
            if batch % 2:
                await self._post("/v1/labels", labels)
            for _ in range(self.chance.choice([1, 1, 2])):  # now and then it comes again
                await self._take(rows, name)
            await self._take([rows[0] | {"latency_ms": -1, "record_id": "no"}, rows[1]], name)
            await self._post("/v1/labels", labels)

    async def _take(self, rows, name):
        told = await self._post("/v1/records?partial=1", rows)
        assert told["accepted"] + told["duplicates"] + len(told["rejected"]) == len(rows)
        new = {one["record_id"] for one in rows if one["latency_ms"] >= 0} - self.ids[name]
        assert told["accepted"] == len(new)
        self.ids[name] |= new
        self.sent += len(rows)

    async def _post(self, path, sent):
        reply = await self.house.asked("POST", path, json.dumps(sent).encode())
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def _read(self, path):
        while self.busy:
            reply = await self.house.asked("GET", path)
            assert reply.status_code == 200, (path, reply.text)

    async def _promote(self):
        """Train, promote and take back, as often as there is time."""
        number = 0
        while self.busy:
            number += 1
            asked = await self._act("/v1/models/m0/retrain", reason="again")
            if asked.status_code != 200:
                continue
            job = asked.json()["id"]
            await self.house.wires.changed(lambda led, job=job: led.loop("m0").jobs.start(job))
            await self._act(f"/v1/jobs/{job}/result", token=1, artifact=f"models:/m0/{number}")
            if (await self._act("/v1/models/m0/promote")).status_code == 200:
                self.promoted += 1
                await self._act("/v1/models/m0/rollback", reason="no")

    async def _act(self, path, **sent):
        reply = await self.house.asked("POST", path, json.dumps(sent).encode())
        assert reply.status_code in (200, 409), (path, reply.text)
        return reply

    async def _tend(self):
        while self.busy:
            await self.house.wires.changed(self.house.wires._tend)
            target = self.house.wires.folder.parent / f"kept-{len(self.backups)}"
            await asyncio.to_thread(back_up, self.house.wires.folder, target, "tester")
            self.backups.append(target)


def test_everything_at_once(tmp_path):
    course = Course(trainer={"type": "command", "argv": ["true"]})
    house = House(tmp_path / "data", caring=Still(course=course))
    crowd, faults = Crowd(house, random.Random(1)), []

    async def all_at_once():
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 60.0
        loop.set_exception_handler(lambda _, told: faults.append(told))
        await crowd.everything()

    house.run(all_at_once())
    for name, ids in crowd.ids.items():
        told = house.status(name)
        assert told["records"] == len(ids)
        assert told["received"] == told["records"] + told["duplicates"] + told["rejected"]
        assert told["parked_labels"] == 0
        assert told["labels"] == len(ids) - 1  # all but the first
    assert sum(house.status(name)["received"] for name in crowd.ids) <= crowd.sent
    numbers = [each["seq"] for each in
               house("GET", "/v1/models/m0/events?limit=1000").json()["events"]]  # fmt: skip
    assert numbers == list(range(1, len(numbers) + 1))
    assert house.broken == faults == []
    assert crowd.promoted > 0
    house.close()
    assert [each for each in examine(tmp_path / "data") if not each.ok] == []
    restore(crowd.backups[-1], tmp_path / "restored", "tester")
    assert [each for each in examine(tmp_path / "restored") if not each.ok] == []
