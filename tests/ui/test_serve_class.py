"""``make class``: the address that is printed, its QR code, and what is refused."""

import re
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import zxingcpp

from bn_ui import serve_class
from bn_ui.preflight import port_problem
from bn_ui.serve_class import announcement, lan_addresses, main, terminal_qr

ADDRESS = "http://192.168.1.23:8501"


def picture(printed: str) -> np.ndarray:
    """What a camera sees of a terminal: the half blocks as pixels."""
    rows: list[list[int]] = []
    for line in printed.splitlines():
        (blocks,) = re.findall("\033\\[30;107m(.*)\033\\[0m", line)
        rows += [[b in "▀█" for b in blocks], [b in "▄█" for b in blocks]]
    dark = np.array(rows, dtype=np.uint8)
    return np.kron(255 * (1 - dark), np.ones((8, 8), np.uint8)).astype(np.uint8)


def test_the_qr_code_is_the_address():
    (found,) = zxingcpp.read_barcodes(picture(terminal_qr(ADDRESS)))
    assert found.text == ADDRESS


def test_every_line_of_the_code_sets_its_colours_and_ends_them():
    widths = set()
    for line in terminal_qr(ADDRESS).splitlines():
        match = re.fullmatch("  \033\\[30;107m([ ▀▄█]+)\033\\[0m", line)
        assert match
        widths.add(len(match[1]))
    assert len(widths) == 1


def test_what_is_printed():
    said = announcement(["192.168.1.23", "10.0.0.7"], 8501)
    assert f"Students open   {ADDRESS}\n" in said
    assert f"{ADDRESS}/teach" in said
    assert "http://10.0.0.7:8501" in said
    assert terminal_qr(ADDRESS) in said


def test_addresses_are_ones_that_others_may_reach(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serve_class, "_by_route", lambda: ["192.168.1.23", "127.0.0.1"])
    monkeypatch.setattr(serve_class, "_by_name", lambda: ["127.0.1.1", "169.254.3.4"])
    monkeypatch.setattr(serve_class, "_by_interface", lambda: ["192.168.1.23", "10.0.0.7"])
    assert lan_addresses() == ["192.168.1.23", "10.0.0.7", "169.254.3.4"]


def test_the_machine_can_be_asked():
    for address in lan_addresses():
        assert not address.startswith("127.")
        socket.inet_aton(address)


def test_without_a_network_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(serve_class, "lan_addresses", list)
    monkeypatch.setattr(serve_class, "port_problem", lambda *asked: "")
    said = main(["--port", "8501"])
    assert said
    assert "\n" not in said
    assert "Wi-Fi" in said
    assert capsys.readouterr().out == ""


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = main(["--port", str(port)])
    assert (
        said == f"Port {port} is in use or not allowed; choose another: make class PORT={port + 1}"
    )
    assert capsys.readouterr().out == ""
    assert not port_problem("0.0.0.0", port, "make class")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist(port: int):
    assert "no port" in (main(["--port", str(port)]) or "")


def test_it_prints_and_then_serves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(serve_class, "lan_addresses", lambda: ["192.168.1.23"])
    monkeypatch.setattr(serve_class, "port_problem", lambda *asked: "")
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(serve_class, "serve", lambda *where: served.append(where))
    assert main(["--port", "8502"]) is None
    assert served == [("192.168.1.23", 8502)]
    assert "http://192.168.1.23:8502" in capsys.readouterr().out


@pytest.mark.parametrize("system", ["nt", "posix"])
def test_the_terminal_belongs_to_the_server(system: str, monkeypatch: pytest.MonkeyPatch):
    """... also on Windows, where a program cannot become another one."""
    python = r"C:\Program Files\Python\python.exe"
    server = [python, *serve_class.command("192.168.1.23", 8502)]
    waited: list[list[str]] = []
    became: list[tuple[str, list[str]]] = []
    # Stand-ins of the module's own: pathlib asks the real ``os`` for its name.
    system_calls = SimpleNamespace(
        name=system, chdir=lambda path: None, execv=lambda *given: became.append(given)
    )
    monkeypatch.setattr(serve_class, "os", system_calls)
    monkeypatch.setattr(serve_class.sys, "executable", python)
    monkeypatch.setattr(
        serve_class.subprocess, "call", lambda arguments: waited.append(arguments) or 3
    )
    if system == "nt":
        with pytest.raises(SystemExit) as ended:
            serve_class.serve("192.168.1.23", 8502)
        assert ended.value.code == 3
        assert (waited, became) == ([server], [])
    else:
        serve_class.serve("192.168.1.23", 8502)
        assert (waited, became) == ([], [(python, server)])


def test_ctrl_c_on_windows_is_no_traceback(monkeypatch: pytest.MonkeyPatch):
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve_class, "os", SimpleNamespace(name="nt", chdir=lambda path: None))
    monkeypatch.setattr(serve_class.subprocess, "call", interrupted)
    with pytest.raises(SystemExit) as ended:
        serve_class.serve("192.168.1.23", 8502)
    assert ended.value.code == 130


def test_streamlit_need_not_ask_anybody_for_the_address():
    given = serve_class.command("192.168.1.23", 8502)
    options = dict(zip(given[4::2], given[5::2], strict=True))
    assert options["--browser.serverAddress"] == "192.168.1.23"
    assert options["--server.address"] == "0.0.0.0"
    assert options["--server.port"] == "8502"
