"""Finished runs on disk: the same again, bounded, and harmless whatever has become of the files."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bn_ui.runs import shared
from bn_ui.runs.jobs import Job
from bn_ui.runs.pool import Pool
from bn_ui.runs.store import Store, Stored
from tests.ui import run_work
from tests.ui.run_work import job

PATIENCE = 60.0


def copies(wanted: Job) -> list[dict]:
    """The events of a toy training, computed here."""
    return [{**e, "weights": e["weights"].copy()} for e in run_work.curve(wanted.settings)]


def kept(store: Store, wanted: Job) -> Path:
    """The file of a run that is put into the store."""
    store.save(wanted, Stored(copies(wanted), 1.5, 0))
    return store.folder / f"{wanted.identity}.npz"


def same(found: list[dict], expected: list[dict]) -> bool:
    return len(found) == len(expected) and all(
        one["step"] == other["step"]
        and one["of"] == other["of"]
        and one["weights"].tobytes() == other["weights"].tobytes()
        for one, other in zip(found, expected, strict=True)
    )


def computed(pool: Pool, wanted: Job) -> list[dict]:
    view = pool.submit(wanted, "me")
    assert view.wait(timeout=PATIENCE).state == "done"
    return view.since(0)


def test_what_comes_back_is_the_same_to_the_last_bit(tmp_path: Path):
    wanted, store = job(steps=50, seed=3), Store(tmp_path / "new" / "runs")
    kept(store, wanted)
    found = Store(store.folder).load(wanted)
    assert same(found.events, copies(wanted))
    assert found.seconds == 1.5
    assert found.size >= 50 * 4 * 8


def test_a_new_server_finds_the_runs_of_the_old_one(tmp_path: Path):
    (tmp_path / "open").touch()
    wanted = job("gated", folder=str(tmp_path), name="a")
    seen = []
    for _ in range(2):
        pool = Pool(workers=1, store=Store(tmp_path / "runs"))
        seen.append((computed(pool, wanted), pool.find(wanted, "you").snapshot().seconds))
        pool.close()
    (first, took), (second, told) = seen
    assert same(first, second)
    assert took == told
    assert len(list(tmp_path.glob("*.begun"))) == 1


def test_a_failed_or_stopped_run_is_not_kept(tmp_path: Path):
    pool = Pool(workers=1, store=Store(tmp_path / "runs"))
    assert pool.submit(job("broken"), "me").wait(timeout=PATIENCE).state == "failed"
    view = pool.submit(job("endless", folder=str(tmp_path)), "me")
    view.wait(0, timeout=PATIENCE)
    view.stop()
    pool.close()
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_older_version_is_not_used(tmp_path: Path):
    store, wanted = Store(tmp_path), job(steps=3)
    kept(store, wanted)
    assert store.load(replace(wanted, work=replace(wanted.work, version="2"))) is None
    assert store.load(wanted)


# ---- damaged files --------------------------------------------------------------------------


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def one_byte_differs(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(b"weights.npy") + 60] ^= 0xFF
    file.write_bytes(bytes(data))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def something_else(file: Path) -> None:
    np.savez(file, other=np.zeros(3), seconds_of_training=1.0)


def no_seconds(file: Path) -> None:
    np.savez(file, **run_work.encode(copies(job(steps=3))))


class Bomb:
    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, ("exploded",)


def pickled(file: Path) -> None:
    file.write_bytes(pickle.dumps(Bomb()))


def pickled_inside(file: Path) -> None:
    bomb = np.array([Bomb()], dtype=object)
    np.savez(file, step=bomb, of=bomb, weights=bomb, seconds_of_training=1.0)


@pytest.mark.parametrize(
    "damage",
    [cut, one_byte_differs, emptied, something_else, no_seconds, pickled, pickled_inside],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_file_is_removed_and_the_run_computed_again(
    damage: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    wanted, store = job(steps=3), Store(tmp_path / "runs")
    file = kept(store, wanted)
    damage(file)
    assert store.load(wanted) is None
    assert not file.exists()
    assert not (tmp_path / "exploded").exists()
    damage(kept(store, wanted))
    pool = Pool(workers=1, store=store)
    assert same(computed(pool, wanted), copies(wanted))
    pool.close()
    assert same(store.load(wanted).events, copies(wanted))


def test_something_that_cannot_be_encoded_does_not_disturb(tmp_path: Path):
    wanted, store = job(steps=1), Store(tmp_path)
    objects = replace(wanted.work, encode=lambda events: {"step": np.array([{}], dtype=object)})
    store.save(replace(wanted, work=objects), Stored(copies(wanted), 1.0, 0))
    assert list(tmp_path.iterdir()) == []


# ---- room -----------------------------------------------------------------------------------


def test_those_not_used_for_longest_make_room(tmp_path: Path):
    jobs = [job(steps=100, seed=seed) for seed in range(5)]
    size = kept(Store(tmp_path / "trial"), jobs[0]).stat().st_size
    store = Store(tmp_path / "runs", limit=int(3.5 * size))
    for age, each in enumerate(jobs[:3]):
        os.utime(kept(store, each), (1e9 + age, 1e9 + age))
    assert store.load(jobs[0])  # used just now
    kept(store, jobs[3])
    kept(store, jobs[4])
    assert [store.load(each) is not None for each in jobs] == [True, False, False, True, True]
    assert sum(file.stat().st_size for file in store.folder.iterdir()) <= store.limit


def test_what_an_interrupted_write_left_makes_room_too(tmp_path: Path):
    wanted = job(steps=3)
    left = tmp_path / "interrupted.part"
    left.write_bytes(bytes(10**6))
    os.utime(left, (1e9, 1e9))
    assert kept(Store(tmp_path, limit=10**5), wanted).exists()
    assert not left.exists()


# ---- no disk --------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_one_sentence_and_runs_work(tmp_path: Path):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "runs")
    assert "\n" not in store.problem
    assert store.problem.startswith("Finished runs are not kept on disk: ")
    assert str(store.folder) in store.problem
    pool = Pool(workers=1, store=store)
    for seed in range(2):
        assert len(computed(pool, job(steps=3, seed=seed))) == 3
    pool.close()


def test_a_disk_that_fails_later_is_told_once_until_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said: list[object] = []
    monkeypatch.setattr("bn_ui.runs.store._log.warning", lambda *parts: said.append(parts))
    store = Store(tmp_path / "runs")
    assert store.problem == ""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        for seed in range(3):
            assert not kept(store, job(steps=3, seed=seed)).exists()
    assert "No space left on device" in store.problem
    assert len(said) == 1
    assert list(store.folder.iterdir()) == [], "no half-written file is left"
    assert kept(store, job(steps=3)).exists()
    assert store.problem == ""


@pytest.mark.parametrize(
    ("named", "count"), [("3", 3), ("0", 1), ("", None), ("many", None), ("-2", None)]
)
def test_how_many_train_can_be_set(monkeypatch: pytest.MonkeyPatch, named: str, count: int | None):
    monkeypatch.setenv("BN_WORKERS", named)
    assert shared.workers() == count
