"""Variables, macros and aliases: what a name means, for which machine, and when a value is put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor import EmbeddedMonitor


def refused(monitor: EmbeddedMonitor, command: str) -> str:
    with pytest.raises(MonitorError) as error:
        monitor.execute(command)
    return str(error.value)


def test_a_variable_of_no_machine_is_global_and_seen_by_all(monitor: EmbeddedMonitor) -> None:
    monitor.execute('$x=1; mach create "one"')
    assert monitor.execute("echo $x") == "1"
    assert monitor.execute("echo $global.x") == "1"


def test_a_variable_of_a_machine_is_its_own(monitor: EmbeddedMonitor) -> None:
    monitor.execute('mach create "one"; $x=1; mach create "two"')
    assert "No such variable: $x" in refused(monitor, "echo $x")
    monitor.execute("$x=2")
    assert monitor.execute("echo $x; echo $one.x; mach set 0; echo $x; echo $two.x") == "2\n1\n1\n2"


def test_a_machine_with_a_dash_in_its_name_has_an_underscore_in_its_variables(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute("mach create; $x=1; mach clear")
    assert monitor.execute("echo $machine_0.x") == "1"


def test_a_default_does_not_replace_a_value(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute("$x?=1; $x?=2; echo $x; $x=3; echo $x") == "1\n3"


def test_the_global_value_counts_as_a_value_for_a_default_of_a_machine(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute('$x=1; mach create "m"; $x?=2; echo $x') == "1"


def test_set_is_another_way_to_write_an_assignment(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute('set x "a"; echo $x; set global.y 3; echo $y') == "a\n3"


def test_a_variable_may_name_another_one(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute("$a=1; $b=$a; echo $b; $a=2; echo $b") == "1\n2"


def test_a_circle_of_variables_is_refused(monitor: EmbeddedMonitor) -> None:
    monitor.execute("$a=$b; $b=$a")
    assert "stands for itself" in refused(monitor, "echo $a")


def test_the_closest_name_is_given(monitor: EmbeddedMonitor) -> None:
    monitor.execute("$netelf=@a")
    assert refused(monitor, "echo $netlef").endswith("No such variable: $netlef; did you mean $netelf?")
    assert refused(monitor, "include $netlef/a") == "No such variable: $netlef; did you mean $netelf?"


def test_what_stands_behind_a_variable_belongs_to_a_path(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "inner.resc").write_text('echo "inner"\n')
    (folder / "outer.resc").write_text('include $ORIGIN/inner.resc\necho "outer"\n')
    escaped = str(folder).replace(" ", "\\ ")
    assert monitor.execute(f"include @{escaped}/outer.resc") == "inner\nouter"


def test_origin_is_the_folder_of_the_script_also_behind_an_inner_one(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner.resc").write_text("echo $ORIGIN\n")
    (tmp_path / "outer.resc").write_text("include $ORIGIN/sub/inner.resc\necho $ORIGIN\n")
    assert monitor.execute(f"include {typed(tmp_path)}/outer.resc") == f"{tmp_path}/sub\n{tmp_path}"


def test_cwd_is_where_the_monitor_was_started(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute("include $CWD/renode/python-python.resc") == ""


def test_require_says_which_variable_is_missing(monitor: EmbeddedMonitor) -> None:
    monitor.execute("$there=1; require $there")
    assert refused(monitor, "require $bin").endswith("No such variable: $bin")


def test_the_answer_of_a_command_is_put_in(soc: EmbeddedMonitor) -> None:
    assert (
        soc.execute('set n `echo "0x20"`; cpuapp VectorTableOffset $n; cpuapp VectorTableOffset')
        == "0x00000020"
    )
    assert (
        soc.execute("cpunet VectorTableOffset `cpuapp VectorTableOffset`; cpunet VectorTableOffset")
        == "0x00000020"
    )


def test_a_command_that_fails_inside_ends_the_outer_one(soc: EmbeddedMonitor) -> None:
    assert refused(soc, "cpuapp PC `nothing`").startswith("No such command or device: nothing")
    assert soc.execute("cpuapp PC") == "0x0"


def test_a_macro_runs_its_lines(monitor: EmbeddedMonitor) -> None:
    monitor.execute('macro greet\n"""\n  echo "a"\n  echo "b"\n"""')
    assert monitor.execute("runMacro $greet") == "a\nb"


def test_a_macro_may_be_typed_line_by_line(monitor: EmbeddedMonitor) -> None:
    for line in ("macro greet", '"""', 'echo "a"', "", 'echo "b"'):
        assert monitor.execute(line) == ""
        assert monitor.prompt == ">"
    monitor.execute('"""')
    assert monitor.prompt == "(monitor)"
    assert monitor.execute("runMacro $greet") == "a\nb"


def test_a_value_without_quotes_may_be_typed_on_the_next_line(monitor: EmbeddedMonitor) -> None:
    monitor.execute("set x")
    monitor.execute("hello there")
    assert monitor.execute("echo $x") == "hello there"


def test_macros_belong_to_machines(monitor: EmbeddedMonitor) -> None:
    monitor.execute('mach create "one"; macro go "echo 1"; mach create "two"; macro go "echo 2"')
    assert monitor.execute("runMacro $go; mach set 0; runMacro $go; runMacro $two.go") == "2\n1\n2"


def test_a_line_that_fails_in_a_macro_is_named(monitor: EmbeddedMonitor) -> None:
    monitor.execute('macro go\n"""\necho "before"\nbad\n"""')
    assert refused(monitor, "runMacro $go") == (
        "before\nNo such command or device: bad\nThere was an error executing command 'runMacro $go'\n"
        "Parsing line 'bad' failed."
    )


def test_execute_runs_a_variable_or_a_command(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute("set x \"echo 'a'\"; execute $x; execute echo 'b'") == "a\nb"


def test_an_alias_is_a_word_for_a_command(soc: EmbeddedMonitor) -> None:
    soc.execute('alias ra "sysbus ReadDoubleWord"')
    assert soc.execute("ra 0x20070000") == "0x00000000"


def test_an_alias_of_itself_is_refused(monitor: EmbeddedMonitor) -> None:
    monitor.execute('alias again "again"')
    assert refused(monitor, "again").startswith("scripts, macros and aliases are nested too deeply")


def test_a_script_that_includes_itself_is_refused(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    path = tmp_path / "circle.resc"
    path.write_text("include $ORIGIN/circle.resc\n")
    assert "nested too deeply: does one run itself?" in refused(monitor, f"include {typed(path)}")
    assert monitor.execute('echo "still there"') == "still there"
