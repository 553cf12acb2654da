"""What keeps the book from being served is one sentence that says what to do."""

import shutil
import socket
from pathlib import Path

import pytest

from bn_core.datasets import images
from bn_ui.preflight import main


@pytest.fixture
def port() -> int:
    """One that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A copy of the data sets to be damaged."""
    shutil.copytree(images._FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(images, "_FOLDER", tmp_path)
    images._load.cache_clear()
    yield tmp_path
    images._load.cache_clear()


def asked(port: int, host: str = "127.0.0.1") -> str | None:
    return main(["--host", host, "--port", str(port)])


def test_nothing_is_said_when_all_is_well(port: int, capsys: pytest.CaptureFixture[str]):
    assert asked(port) is None
    assert capsys.readouterr().out == ""


def test_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = asked(port)
    assert said == (
        f"Port {port} is in use or not allowed; choose another: make run PORT={port + 1}"
    )


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_no_such_port(port: int):
    assert asked(port).startswith(f"There is no port {port}:")


@pytest.mark.parametrize("host", ["no such host.invalid", "192.0.2.1"])
def test_no_such_address(port: int, host: str):
    """No name at all, and one of the addresses that belong to nobody (RFC 5737)."""
    assert asked(port, host).startswith(f"There is no address {host}")


@pytest.mark.parametrize("name", ["digits.npz", "fashion_mnist.npz"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PK\x03\x04")])
def test_a_data_set(port: int, data: Path, name: str, damage):
    damage(data / name)
    said = asked(port)
    assert said.startswith(f"The data set bn_core/datasets/{name} is missing or damaged")
    assert said.endswith("git checkout -- bn_core/datasets")
    assert "\n" not in said


def test_runs_that_cannot_be_kept(
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BN_RUNS_DIR", str(tmp_path / "file" / "runs"))
    monkeypatch.setattr("logging.root.manager.disable", 0)
    assert asked(port) is None, "it goes without"
    (record,) = caplog.records
    assert "are not kept on disk" in record.getMessage()
