"""What is said where no real Renode listens: a skipped test by default, a failure where it must not be skipped."""

from __future__ import annotations

import pytest
from remote_machines import ADDRESS, on_a_real_renode

REMEDY = rf"needs a real Renode: start it with `renode -P 1234`, and set {ADDRESS}=127\.0\.0\.1:1234"


@pytest.fixture(autouse=True)
def no_renode(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ADDRESS, "ICMSG_REQUIRE_RENODE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_port_a_test_is_skipped_with_the_remedy() -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{REMEDY}; ICMSG_REQUIRE_RENODE=1 makes this a failure"):
        on_a_real_renode()


def test_a_test_that_must_not_be_skipped_fails_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICMSG_REQUIRE_RENODE", "1")
    with pytest.raises(pytest.fail.Exception, match=REMEDY):
        on_a_real_renode()
