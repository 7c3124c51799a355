"""What happens to a model in a registry, played to the double and to a real MLflow alike."""

from homeostat.errors import HomeostatError
from homeostat.lifecycle import CHALLENGER, CHAMPION, Version
from homeostat.registries.mlflow import PREVIOUS


def version(model, name, artifact=None, **more):
    return Version(model=model, version=name, artifact=artifact, **more)


def steps(registry, model):
    """A champion, a challenger that wins, one that loses, and a way back; a call each."""
    first = version(model, "it's first")
    second = version(model, "second", "s3://models/second", digest="ab" * 32, job="churn-1",
                     metrics={"accuracy": 0.9, "odd@name": 1.0}, tags={"who": "me"})  # fmt: skip
    third = version(model, "third", "/a/path/here", digest="cd" * 32)
    return [
        lambda: registry.register(first),
        lambda: registry.point(model, CHAMPION, first.version),
        lambda: registry.register(second),
        lambda: registry.point(model, CHALLENGER, second.version),
        lambda: registry.point(model, CHAMPION, second.version),
        lambda: registry.point(model, CHALLENGER, None),
        lambda: registry.register(third),
        lambda: registry.register(first),
        lambda: registry.point(model, CHAMPION, first.version),
    ]


def play(registry, model, tries=3):
    """Each step until it has worked, as the service does; how often one had to be repeated."""
    hindered = 0
    for step in steps(registry, model):
        for left in reversed(range(tries)):
            try:
                step()
                break
            except HomeostatError:
                hindered += 1
                if not left:
                    raise
    return hindered


def state(registry, model):
    """All that a registry knows of the model, seen from outside."""
    server = registry._server
    registered = server.registered(model)
    versions, number = [], 1
    while (found := server.numbered(model, str(number))) is not None:
        versions.append((found.number, dict(sorted(found.tags.items()))))
        number += 1
    names = {alias: registry.pointed(model, alias) for alias in (CHAMPION, CHALLENGER, PREVIOUS)}
    return {"aliases": dict(sorted(registered.aliases.items())), "names": names,
            "tags": dict(sorted(registered.tags.items())), "versions": versions}  # fmt: skip


WANTED = {
    "aliases": {"champion": "1", "previous": "2"},
    "names": {"champion": "it's first", "challenger": None, "previous": "second"},
    "tags": {"homeostat.challenger": "-", "homeostat.champion": "1"},
    "versions": [
        ("1", {"homeostat.version": "it's first"}),
        ("2", {"homeostat.job": "churn-1", "homeostat.metric.accuracy": "0.9",
               "homeostat.metric.odd_name": "1.0", "homeostat.sha256": "ab" * 32,
               "homeostat.version": "second", "who": "me"}),
        ("3", {"homeostat.sha256": "cd" * 32, "homeostat.version": "third"}),
    ],
}  # fmt: skip
