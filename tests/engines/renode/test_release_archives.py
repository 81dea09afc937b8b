"""Archives that are no release of Renode: refused with the reason, and nothing is written outside."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from command import icmsg
from release_rig import Server, arguments, link, names, refused, tar, zipped

from icmsg.engines.renode.install import STAGING

Capture = pytest.CaptureFixture[str]
HERE = Path(__file__).parent

pytestmark = pytest.mark.usefixtures("own_data")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"../evil": b"x"}, "lies outside of its folder"),
        ({"/tmp/evil": b"x"}, "lies outside of its folder"),
        ({"a/../../evil": b"x"}, "lies outside of its folder"),
        ({"C:evil": b"x"}, "lies outside of its folder"),
        ({"l": link("l", "/etc/passwd")}, "is a link to '/etc/passwd'"),
        ({"a/l": link("a/l", "../../evil")}, "is a link to '../../evil'"),
        ({"l": link("l", "a/../..")}, "is a link to 'a/../..'"),
        ({"l": link("l", "../evil", tarfile.LNKTYPE)}, "is a link to '../evil'"),
        ({"l": link("l", "."), "l/evil": b"x"}, "lies behind a link"),
        ({"p": link("p", "", tarfile.FIFOTYPE)}, "is a device or a pipe"),
        ({"d": link("d", "", tarfile.CHRTYPE)}, "is a device or a pipe"),
        ({"readme": b"nothing else"}, "has no Renode in it"),
    ],
    ids=range(12),
)
def test_an_archive_that_is_no_release_is_refused_and_writes_nothing_outside(
    server: Server, place: Path, capsys: Capture, members: dict[str, bytes | tarfile.TarInfo], why: str
) -> None:
    server.data = tar(members)
    assert why in refused(icmsg(capsys, *arguments(server, place / "r")))
    assert not (place / "r").exists()
    assert names(place) <= {f"{STAGING}/{path.name}" for path in place.glob(f"{STAGING}/*.part")}
    assert not list(place.parent.rglob("evil"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped({"../evil": b"x"}), "lies outside of its folder"),
        (zipped({"a\\..\\..\\evil": b"x"}), "lies outside of its folder"),
        (zipped({"l": b"/etc/passwd"}, {"l": 0o120777}), "is a link"),
        (b"PK no zip", "is a broken archive"),
        (zipped({"renode": b"x" * 100})[:-30], "is a broken archive"),
    ],
    ids=["above", "backslashes", "link", "no zip", "cut off"],
)
def test_a_zip_that_is_no_release_is_refused(
    server: Server, place: Path, capsys: Capture, data: bytes, why: str
) -> None:
    server.data = data
    assert why in refused(icmsg(capsys, *arguments(server, place / "r", "renode-9.9.9.zip")))
    assert not (place / "r").exists()
    assert not list(place.parent.rglob("evil"))


@pytest.mark.parametrize("cut", [10, 1000, 200_000])
def test_a_truncated_archive_is_refused(server: Server, place: Path, capsys: Capture, cut: int) -> None:
    server.data = server.data[:cut]
    assert "is a broken archive" in refused(icmsg(capsys, *arguments(server, place / "r")))
    assert not (place / "r").exists()


def test_a_disk_image_says_what_to_do_by_hand_before_it_is_downloaded(
    server: Server, place: Path, capsys: Capture
) -> None:
    text = refused(icmsg(capsys, *arguments(server, place / "r", "renode-9.9.9.dmg")))
    assert "copy Renode.app out of it, and set PYRENODE_BIN (up to 1.16.1) or PYRENODE_PATH" in text
    assert (server.asked, list(place.iterdir())) == ([], [])
