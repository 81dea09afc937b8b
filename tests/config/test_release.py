"""The release matrix of the protocol, and sets of releases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.config.built_for import FIRST, NEWEST, Release, Releases
from icmsg.errors import ConfigurationError


@pytest.mark.parametrize(
    ("release", "wire", "signalling", "sessions", "alignment", "rx_limit"),
    [
        ("3.2", "spsc_pbuf", "repeat", False, False, None),
        ("3.5", "spsc_pbuf", "repeat", False, False, None),
        ("3.6", "pbuf", "repeat", False, True, None),
        ("3.7", "pbuf", "repeat", False, True, None),
        ("4.0", "pbuf", "repeat", False, True, 128),
        ("4.1", "pbuf", "ring-back", True, True, 128),
        ("4.4", "pbuf", "ring-back", True, True, 128),
        ("5.0", "pbuf", "ring-back", True, True, 128),
    ],
)
def test_what_a_release_does(
    release: str, wire: str, signalling: str, sessions: bool, alignment: bool, rx_limit: int | None
) -> None:
    found = Release.parse(release)
    assert (found.wire, found.signalling, found.sessions) == (wire, signalling, sessions)
    assert (found.dcache_alignment, found.rx_limit) == (alignment, rx_limit)


@pytest.mark.parametrize("text", ["3.7", "3.7.1", "v3.7.0", "3.7.99", "v3.7.0-rc2", "3.7.0+local", " 3.7 "])
def test_the_ways_to_write_a_release(text: str) -> None:
    assert Release.parse(text) == Release(3, 7)
    assert str(Release.parse(text)) == "3.7"


@pytest.mark.parametrize("text", ["", "3", "zephyr", "3.x", "3.7 or so", "-3.7", "\u0663.\u0667"])
def test_what_is_no_release(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"use a Zephyr release such as 3\.7 or 4\.1"):
        Release.parse(text)


@pytest.mark.parametrize("text", ["3.1", "2.7.5", "1.0"])
def test_releases_before_the_packet_buffers_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"use 3\.2 or newer"):
        Release.parse(text)


RELEASE = st.builds(Release, st.integers(3, 5), st.integers(0, 9))
RELEASES = st.builds(Releases, RELEASE, st.none() | RELEASE)


@given(RELEASES, RELEASES, RELEASE)
def test_the_intersection_has_exactly_what_both_have(
    first: Releases, second: Releases, release: Release
) -> None:
    def has(releases: Releases) -> bool:
        return releases.first <= release and (releases.last is None or release <= releases.last)

    assert has(first & second) == (has(first) and has(second))
    assert first & second == second & first
    if has(first):
        assert first


def test_the_words_for_releases() -> None:
    assert str(Releases()) == f"{FIRST} or newer"
    assert str(Releases(Release(3, 6), Release(3, 7))) == "3.6 to 3.7"
    assert str(Releases(Release(4, 0), Release(4, 0))) == "4.0"


def test_the_newest_is_taken() -> None:
    assert Releases().newest == NEWEST
    assert Releases(Release(6, 0)).newest == Release(6, 0)
    assert Releases(last=Release(3, 4)).newest == Release(3, 4)


def test_the_packet_buffers_of_several_releases() -> None:
    assert Releases().wires == {"pbuf", "spsc_pbuf"}
    assert Releases(Release(3, 6)).wires == {"pbuf"}
    assert Releases(last=Release(3, 5)).wires == {"spsc_pbuf"}
