"""A browser tab as the server sees it: one websocket that speaks Streamlit's own messages.

What a browser draws costs nothing here, so that a class fits on the machine that serves it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

from bn_ui.text import LANGUAGES, labels

FAILURES = {labels(lang)["frame.error"] for lang in LANGUAGES}  # what readers see of an exception


class Session:
    """One tab on one page.

    cookie : what the browser would send with the handshake
    widgets : id → fragment of every widget that was drawn, as the server named them
    numbers : id → the box, of those among them that take a number
    kinds : id → what it is, by the name that Streamlit's messages have for it
    bytes : how many have come
    broken : how a page or a fragment has failed, or ""
    """

    def __init__(self, url: str, page: str, query: str, *, cookie: str = "") -> None:
        self.url, self.page, self.query = url, page, query
        self._headers = {"Cookie": cookie} if cookie else {}
        self.widgets: dict[str, str] = {}
        self.numbers: dict[str, NumberInput] = {}
        self.kinds: dict[str, str] = {}
        self.bytes = 0
        self.broken = ""
        self._hash = ""
        self._finished = asyncio.Condition()
        self._runs = 0
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        address = self.url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket = await connect(
            address,
            origin=self.url,
            additional_headers=self._headers,
            max_size=None,
            open_timeout=30,
        )
        self._reader = asyncio.create_task(self._read())
        await self.run()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in [*self._timers.values(), self._reader]:
            task.cancel()
        await self._socket.close()

    # ---- what a user does ----------------------------------------------------------------------

    async def run(self, *states: WidgetState, fragment: str = "") -> float:
        """Seconds from asking for a run, of the page or of a fragment, until it is finished."""
        start, before = time.perf_counter(), self._runs
        await self._ask(*states, fragment=fragment)
        async with self._finished:
            await self._finished.wait_for(lambda: self._runs > before)
        return time.perf_counter() - start

    async def press(self, key: str) -> float:
        name = self.widget(key)
        return await self.run(WidgetState(id=name, trigger_value=True), fragment=self.widgets[name])

    async def put(self, key: str, value: float) -> float:
        """A number into a box."""
        return await self.fill(self.widget(key), value)

    async def fill(self, name: str, value: float) -> float:
        """The same, the box by its id."""
        state = WidgetState(id=name, double_value=value)
        return await self.run(state, fragment=self.widgets[name])

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until something holds after a run has finished."""
        async with self._finished:
            await self._finished.wait_for(holds)

    def has(self, key: str) -> bool:
        return any(name.endswith(f"-{key}") for name in self.widgets)

    def widget(self, key: str) -> str:
        return next(name for name in self.widgets if name.endswith(f"-{key}"))

    # ---- the wire ------------------------------------------------------------------------------

    async def _ask(self, *states: WidgetState, fragment: str = "", by_itself: bool = False) -> None:
        state = ClientState(
            query_string=self.query,
            page_script_hash=self._hash,
            page_name=self.page,
            fragment_id=fragment,
            is_auto_rerun=by_itself,
        )
        state.widget_states.widgets.extend(states)
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _read(self) -> None:
        async for data in self._socket:
            self.bytes += len(data)
            await self._take(ForwardMsg.FromString(data))

    async def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "new_session" if not message.metadata.run.fragment_ids:
                self.widgets.clear()
                self.numbers.clear()
                self.kinds.clear()
                self._stop_timers([*self._timers])
            case "navigation":
                self._hash = message.navigation.page_script_hash
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                self._note(message)
            case "auto_rerun":
                self._start_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                self._stop_timers(message.stop_auto_rerun.fragment_ids)
            case "script_finished":
                async with self._finished:
                    self._runs += 1
                    self._finished.notify_all()

    def _note(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        name = getattr(getattr(element, kind), "id", "") if kind else ""
        if name:
            self.widgets[name], self.kinds[name] = message.delta.fragment_id, kind
        if kind == "number_input":
            self.numbers[name] = element.number_input
        if kind == "exception":
            self.broken = element.exception.message
        elif kind == "alert" and element.alert.body in FAILURES:
            self.broken = element.alert.body

    def _start_timer(self, fragment: str, interval: float) -> None:
        self._stop_timers([fragment])
        self._timers[fragment] = asyncio.create_task(self._again(fragment, interval))

    def _stop_timers(self, fragments: Iterable[str]) -> None:
        for fragment in fragments:
            if task := self._timers.pop(fragment, None):
                task.cancel()

    async def _again(self, fragment: str, interval: float) -> None:
        """What the browser does for ``run_every``."""
        while True:
            await asyncio.sleep(interval)
            await self._ask(fragment=fragment, by_itself=True)
