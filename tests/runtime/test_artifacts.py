"""What a trainer names as its artifact: an address, or a path in the folder of its order."""

import os
from pathlib import Path

import pytest
from school import School


@pytest.fixture
def school(tmp_path):
    one = School(tmp_path)
    one.copied = []
    one.trainings._shelve = lambda path: (one.copied.append(path), (str(path), "digest"))[1]
    one.failing(range(30))
    one.step()
    yield one
    one.store.close()


@pytest.fixture
def folder(school):
    (order,) = school.trainer.orders.values()
    return Path(order.folder)


def ended(school, artifact):
    school.trainer.succeed("default-1/1", artifact=artifact)
    school.step()
    return school.jobs()[0].state


@pytest.mark.parametrize("how", ["as it is", "whole"])
def test_a_path_in_the_folder_is_kept(school, folder, how):
    (folder / "model").write_text("learned")
    assert ended(school, str(folder / "model") if how == "whole" else "model") == "succeeded"
    assert school.copied == [folder / "model"]


@pytest.mark.parametrize("how", ["absolute", "upwards", "link", "the folder itself"])
def test_what_is_elsewhere_on_this_machine_is_not_copied(school, folder, tmp_path, how):
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    (folder / "link").symlink_to(secret)
    named = {"absolute": str(secret), "upwards": os.path.relpath(secret, folder), "link": "link",
             "the folder itself": "."}[how]  # fmt: skip
    assert ended(school, named) == "failed"
    assert school.copied == []
    assert "outside the folder" in school.told("RetrainFailed")[0]["problem"]


@pytest.mark.parametrize("named", ["models:/churn/3", "s3://bucket/model", "x" * 5_000, "a\0b"],
                         ids=["registry", "bucket", "long", "NUL"])  # fmt: skip
def test_what_is_not_here_stays_as_it_was_told(school, named):
    assert ended(school, named) == "succeeded"
    assert school.copied == []
