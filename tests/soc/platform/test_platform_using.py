from __future__ import annotations

from pathlib import Path

import pytest

from icmsg.errors import PlatformError
from icmsg.soc.platform import load_platform, parse_platform


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.repl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_board_changes_what_the_soc_it_uses_says(tmp_path: Path) -> None:
    write(
        tmp_path,
        boards__board='using "../soc.repl"\nuart:\n    size: 2\nled: LED @ uart 1\n',
        soc='using "./core.repl"\nuart: UART @ sysbus 0x100\n    size: 1\ncpu:\n    Mips: 5\n',
        core="cpu: CPU @ sysbus\n    Mips: 1\n",
    )
    platform = load_platform(tmp_path / "boards" / "board.repl")
    assert [peripheral.name for peripheral in platform] == ["cpu", "uart", "led"]
    assert (platform["cpu"].attributes["Mips"], platform["uart"].attributes["size"]) == (5, 2)
    assert Path(platform["uart"].file).resolve() == (tmp_path / "soc.repl").resolve()
    assert platform["uart"].line == 2
    assert Path(platform["uart"].error("", "size").file).name == "board.repl"


def test_the_last_of_several_used_files_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="x:\n    v: 1\n    a: 1\n",
        b="x:\n    v: 2\n    b: 1\n",
        c='using "./a.repl"\nusing "./b.repl"\nx: T\n',
    )
    assert dict(load_platform(tmp_path / "c.repl")["x"].attributes) == {"v": 2, "a": 1, "b": 1}


def test_a_used_file_may_refer_to_its_user(tmp_path: Path) -> None:
    write(tmp_path, a="x: T\n    y: later\n", b='using "./a.repl"\nlater: T\n')
    assert load_platform(tmp_path / "b.repl").creation_order == ("later", "x")


def test_other_paths_are_looked_for_in_the_search_path(tmp_path: Path) -> None:
    write(tmp_path, platforms__a="a: T\n", boards__b='using "platforms/a.repl"\n')
    board = tmp_path / "boards" / "b.repl"
    assert "a" in load_platform(board, search_path=[tmp_path / "boards", tmp_path])
    write(tmp_path, boards__c='using "platforms/none.repl"\n')
    missing = tmp_path / "boards" / "c.repl"
    with pytest.raises(
        PlatformError, match=r"c.repl:1: Using 'platforms/none.repl' does not exist; looked for .*platforms"
    ):
        load_platform(missing, search_path=[tmp_path / "platforms"])
    with pytest.raises(PlatformError, match=r"looked for an empty search path"):
        load_platform(missing, search_path=[])


def test_a_path_that_begins_in_a_folder_above_the_file_is_found_there(tmp_path: Path) -> None:
    write(tmp_path, platforms__a="a: T\n", boards__b='using "platforms/a.repl"\n')
    assert "a" in load_platform(tmp_path / "boards" / "b.repl", search_path=[])


def test_a_missing_dot_is_named(tmp_path: Path) -> None:
    write(tmp_path, a="a: T\n", b='\nusing "a.repl"\n')
    with pytest.raises(
        PlatformError, match=r'b.repl:2: "a.repl" is not in the search path; write "./a.repl" to mean'
    ):
        load_platform(tmp_path / "b.repl", search_path=[])


def test_an_absolute_path_is_itself(tmp_path: Path) -> None:
    write(tmp_path, a="a: T\n")
    assert "a" in parse_platform(f'using "{(tmp_path / "a.repl").as_posix()}"')


def test_a_text_is_beside_the_file_it_is_called_after(tmp_path: Path) -> None:
    write(tmp_path, a="a: T\n")
    assert "a" in parse_platform('using "./a.repl"; b: T', str(tmp_path / "never_written.repl"))


def test_a_local_name_stays_in_its_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="local hidden: T\nx: T\n    y: hidden\n",
        b='using "./a.repl"\nz: T\n    y: hidden\n',
        c='using "./a.repl"\nhidden:\n    y: 1\n',
        d='using "./a.repl"\nz: T @ sysbus 0\n    -> hidden@1\n',
    )
    assert load_platform(tmp_path / "a.repl")["hidden"].local
    for name, line in (("b", 3), ("c", 2), ("d", 3)):
        with pytest.raises(PlatformError, match=rf"{name}.repl:{line}: .*'hidden' is local to .*a.repl"):
            load_platform(tmp_path / f"{name}.repl")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"main": 'using "./x.repl"\n'},
            r"main.repl:1: Using './x.repl' does not exist; looked for .*x.repl",
        ),
        (
            {"main": 'using "./a.repl"\nusing "./a.repl"\n', "a": ""},
            r'main.repl:2: "./a.repl" is already used by this',
        ),
        ({"main": 'using "./main.repl"\n'}, r'main.repl:1: "./main.repl" uses this file, directly or not'),
        (
            {"main": 'using "./a.repl"\n', "a": 'using "./main.repl"\n'},
            r'a.repl:1: "./main.repl" uses this file',
        ),
        (
            {
                "main": 'using "./a.repl"\nusing "./b.repl"\n',
                "a": 'using "./c.repl"\n',
                "b": 'using "./c.repl"\n',
                "c": "x: T",
            },
            r"c.repl:1: 'x' is declared twice, because its file is used twice; let only one file use it",
        ),
        (
            {"main": 'using "./a.repl"\nx: T\n', "a": "x: T"},
            r"main.repl:2: 'x' is declared already at .*a.repl:1",
        ),
        ({"main": 'using "./a.repl"\n', "a": "x: T @\n"}, r"a.repl:1:7: expected where to register"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(PlatformError, match=message):
        load_platform(tmp_path / "main.repl")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.repl").write_bytes(b"a: T // \xe4\n")
    with pytest.raises(PlatformError, match=r"latin.repl: is not UTF-8 \(byte 8\); save it as UTF-8"):
        load_platform(tmp_path / "latin.repl")
    with pytest.raises(PlatformError, match=r"absent.repl: cannot be read: No such file"):
        load_platform(tmp_path / "absent.repl")
    with pytest.raises(PlatformError, match=r"cannot be read: Is a directory"):
        load_platform(tmp_path)


def test_a_byte_order_mark_and_windows_lines_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "dos.repl").write_bytes(b"\xef\xbb\xbfa: T\r\n    x: '''1\r\n2'''\r\n")
    assert load_platform(tmp_path / "dos.repl")["a"].attributes["x"] == "1\n2"
