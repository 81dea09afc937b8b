"""A person at a terminal: line editing, history, completion, and time that passes while nothing is typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle

from icmsg.cli.monitor_command import Idle
from icmsg.errors import IcmsgError
from icmsg.machine.console import printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.eventloop.inputhook import InputHookContext
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from icmsg.cli.monitor_command import Paint
    from icmsg.cli.monitor_session import MonitorSession


class Prompt:
    """Reads lines until ``quit`` or Ctrl-D; what is refused is printed, and it goes on.

    ``write`` prints text with a line end, also while a line is being typed.
    """

    def __init__(
        self,
        session: MonitorSession,
        paint: Paint,
        write: Callable[[str], None],
        *,
        source: Input | None = None,
        screen: Output | None = None,
        history: History | None = None,
    ) -> None:
        self._session = session
        self._paint = paint
        self._write = write
        self._idle = Idle(session, lambda text: write(paint(text, "ERROR")))
        self._prompt: PromptSession[str | None] = PromptSession(
            history=history or _history(),
            key_bindings=_keys(),
            completer=_Completions(session),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            input=source,
            output=screen,
        )

    def run(self, first: Iterable[str], banner: str) -> int:
        """Run the first lines, then what is typed; the exit code is 0, as Renode's."""
        self._write(self._paint(banner, "hint"))
        for command in first:
            if self._session.has_quit:
                return 0
            self._write(f"{self._paint(self._session.prompt, 'prompt')} {command}")
            self._execute(command)
        while not self._session.has_quit:
            line = self._read()
            if line is None:
                return 0
            self._execute(line)
        return 0

    def _read(self) -> str | None:
        """Return a line, an empty one after Ctrl-C; None after Ctrl-D."""
        self._idle.begin()
        prompt: Any = ANSI(f"{self._paint(self._session.prompt, 'prompt')} ")
        with patch_stdout(raw=True):
            return self._prompt.prompt(prompt, inputhook=self._wait)

    def _execute(self, line: str) -> None:
        if line.strip() == "clear":
            self._prompt.output.erase_screen()
            self._prompt.output.cursor_goto(0, 0)
            self._prompt.output.flush()
            return
        try:
            self._session.execute(line, lambda text: self._write(printable_lines(text)))
        except IcmsgError as error:
            self._write(self._paint(str(error), "ERROR"))
        except KeyboardInterrupt:
            self._write(self._paint("interrupted", "ERROR"))

    def _wait(self, context: InputHookContext) -> None:
        """Let time pass on a started emulation until a key is pressed, no faster than a clock on the wall."""
        while not context.input_is_ready():
            self._idle.step()


class _Completions(Completer):
    """Whole lines from the session, shown by their last word."""

    def __init__(self, session: MonitorSession) -> None:
        self._session = session

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        """Yield what the text before the cursor can become."""
        text = document.text_before_cursor
        for line in self._session.complete(text):
            yield Completion(
                line, start_position=-len(text), display=line.split()[-1] if line.split() else line
            )


def _keys() -> KeyBindings:
    """Return what Ctrl-C and Ctrl-D do.

    They end the input with a result: an exception would leave the event loop of that input open.
    """
    keys = KeyBindings()

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _drop(event: KeyPressEvent) -> None:
        event.app.exit(result="", style="class:aborting")

    @keys.add("c-d", filter=Condition(lambda: not get_app().current_buffer.text))
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None, style="class:exiting")

    return keys


def _history() -> History:
    """Return the history of earlier sessions, or one of this session where it cannot be kept."""
    place = "the history of earlier sessions"
    try:
        state = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
        path = (Path(state) if state else Path.home() / ".local" / "state") / "icmsg" / "monitor_history"
        place = str(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except (OSError, RuntimeError):  # RuntimeError: nobody says where home is
        sys.stderr.write(f"icmsg: {place} cannot be written; this session's lines are forgotten at its end\n")
        return InMemoryHistory()
    return FileHistory(place)
