"""`homeostat mended`, and what doctor says of plug-ins that hung."""

import json

import pytest

from homeostat.runtime.hangs import Hang, Hangs


@pytest.fixture
def hung(tmp_path):
    hangs = Hangs(tmp_path)
    for model, plugin in [("shop", "slow"), ("shop", "other"), ("till", "slow")]:
        hangs.add(Hang(model, plugin, "abc", "did not return within 20 s"))
    return hangs


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ((), []),
        (("slow",), ["other of shop"]),
        (("--model", "shop"), ["slow of till"]),
        (("slow", "--model", "shop"), ["other of shop", "slow of till"]),
        (("nothing",), ["slow of shop", "other of shop", "slow of till"]),
    ],
    ids=["all", "one", "of a model", "one of a model", "unknown"],
)
def test_those_that_are_named_are_tried_again(asked, left, hung, tmp_path, homeostat):
    result = homeostat("mended", *asked, "--data", tmp_path)
    assert result.exit_code == 0
    assert [f"{each.plugin} of {each.model}" for each in hung.all()] == left
    assert len(result.output.splitlines()) == 3 - len(left)


def test_junk_is_told_with_its_mend(tmp_path, homeostat):
    (tmp_path / "hung.json").write_text("[{]")
    result = homeostat("mended", "--data", tmp_path)
    assert result.exit_code == 2
    assert "remove it" in result.output


def test_doctor_tells_of_those_that_hung(tmp_path, homeostat, hung):
    from homeostat.stores import open_store

    open_store(tmp_path).close()
    told = json.loads(homeostat("doctor", "--json", "--data", tmp_path).output)
    found = [each for each in told["findings"] if each["check"] == "plug-ins"]
    assert [each["level"] for each in found] == ["warning"] * 3
    assert "slow of shop did not return" in found[0]["problem"]
    assert "homeostat mended" in found[0]["mend"]
