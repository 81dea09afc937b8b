"""Which engine a suite runs on."""

from __future__ import annotations

import pytest

from icmsg.errors import ConfigurationError
from icmsg.robot.settings import chosen_engine, under_renode_test

RENODE_TEST = {
    "RENODEKEYWORDS": "/x/renode-keywords.robot",
    "PORT_NUMBER": "9999",
    "SKIP_RUNNING_SERVER": "True",
}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ICMSG_ENGINE", raising=False)


def test_without_anything_it_is_embedded_whatever_is_installed() -> None:
    assert chosen_engine(None, {}) == "embedded"


def test_the_environment_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICMSG_ENGINE", "renode")
    assert chosen_engine(None, {}) == "renode"
    assert chosen_engine(None, {"ICMSG_ENGINE": "embedded"}) == "embedded"
    assert chosen_engine("auto", {"ICMSG_ENGINE": "embedded"}) == "auto"


def test_under_renode_test_it_is_always_remote() -> None:
    assert under_renode_test(RENODE_TEST)
    assert chosen_engine("embedded", RENODE_TEST | {"ICMSG_ENGINE": "renode"}) == "remote"


@pytest.mark.parametrize("name", RENODE_TEST)
def test_one_variable_of_renode_test_alone_is_not_it(name: str) -> None:
    assert not under_renode_test({name: RENODE_TEST[name]})
    assert not under_renode_test({key: value for key, value in RENODE_TEST.items() if key != name})


def test_an_engine_that_does_not_exist_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^\$\{ICMSG_ENGINE\} is 'qemu': use auto, embedded or renode"
    ):
        chosen_engine(None, {"ICMSG_ENGINE": "qemu"})
    monkeypatch.setenv("ICMSG_ENGINE", "remote")
    with pytest.raises(ConfigurationError, match="environment variable ICMSG_ENGINE is 'remote'"):
        chosen_engine(None, {})
