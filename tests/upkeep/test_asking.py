"""Questions to a service that runs, and the mistakes in asking them."""

import pytest

from homeostat.errors import InvalidSetting
from homeostat.upkeep.asking import ask, token_in
from homeostat.upkeep.following import NoAnswer


@pytest.mark.parametrize("text", ["", "two words", "a\nsecond line", "ü", "x" * 257])
def test_a_file_that_holds_no_token_is_refused_and_not_shown(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(InvalidSetting, match="holds no token") as refused:
        token_in(path)
    assert not text or text not in str(refused.value)


def test_nobody_there(tmp_path):
    (tmp_path / "token").write_text("hst_abc\n")
    with pytest.raises(NoAnswer, match="is the service running there"):
        ask("http://127.0.0.1:1", tmp_path / "token", "/v1/models")


def test_no_address(tmp_path):
    with pytest.raises(InvalidSetting, match="no address"):
        ask("localhost", tmp_path / "token", "/v1/models")
