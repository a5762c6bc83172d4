"""What is sealed is read on as before, and nothing is lost or there twice, whenever the sealing ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import Busy, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.logbook import log_sealing as sealing
from pipelines.stores.logbook import segment_writing
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.log_sealing import seal_log, sealed_segments, verify_segments
from pipelines.stores.logbook.prediction_ids import PredictionIds
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, open_log
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_partitions import make_partitions
from pipelines.stores.storage.objects import make_bucket, open_objects

START = datetime(2024, 1, 20)
NOW = datetime(2024, 6, 15, tzinfo=UTC)
BOUND = datetime(2024, 6, 1, tzinfo=UTC)
LABELS = START + timedelta(days=45)
END = START + timedelta(days=40)


def ids_at(moment: datetime, count: int, seed: int) -> PredictionIds:
    """Ids as they are made, at a moment of the test's."""
    stamp = int(moment.replace(tzinfo=UTC).timestamp() * 1000).to_bytes(6, "big")
    table = np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)
    table[:, :6] = np.frombuffer(stamp, dtype="u1")
    table[:, 6] = table[:, 6] & 0x0F | 0x70
    table[:, 8] = table[:, 8] & 0x3F | 0x80
    return PredictionIds(table.tobytes())


def block(moment: datetime, count: int = 10, problem: str = "p", spread: float = 60.0) -> LogBlock:
    rng = np.random.default_rng(int(moment.timestamp()) % 2**31)
    moments = np.array([moment + timedelta(seconds=spread * one) for one in range(count)], dtype="M8[us]")
    odds = rng.random(count)
    content = write_content(
        [((moments.max().item() + timedelta(hours=1)).isoformat(), count)],
        "asked",
        {
            "size": np.where(rng.random(count) < 0.2, np.nan, rng.normal(size=count)),
            "line": rng.choice(np.array(["a", "ü", None], dtype=object), count).tolist(),
            "asked": moments,
            "stops": [int(one) for one in rng.integers(0, 9, count)],
        },
        {"rate": rng.random(count)},
        np.column_stack([1 - odds, odds]),
        (["no", "yes"], ["no", "yes"]),
    )
    ids = ids_at(moments.max().item() + timedelta(hours=1), count, int(moment.timestamp()) % 2**31)
    return LogBlock(problem, 1, "r", "api", ids, moments.min().item(), moments.max().item(), content)


def single(number: int, moment: datetime) -> LoggedPrediction:
    name = f"{number:08d}-0000-5000-8000-000000000000"
    inputs = {"size": number / 7, "line": "a", "stops": 1}
    odds = {"no": 0.25, "yes": 0.75}
    return LoggedPrediction(name, "p", 2, "r2", moment + timedelta(days=1), moment, inputs, "yes", odds, source="batch")


pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    opened = open_log(settings)
    yield opened
    opened.close()


@pytest.fixture
def ids(log: PredictionLog) -> list[str]:
    """Forty days of blocks and rows, two in three labelled, some twice; the ids in order."""
    blocks = [block(START + timedelta(days=day), spread=60.0 if day % 9 else 6 * 3600.0) for day in range(40)]
    singles = [single(number, START + timedelta(hours=7 * number)) for number in range(100)]
    log.append([*blocks, *singles, block(START, 5, "other")])
    found = sorted([*(one for each in blocks for one in each.ids.texts), *(one.id for one in singles)])
    labels = [
        {
            "id": name,
            "label": "no" if (place + turn) % 2 else "yes",
            "known_at": LABELS + timedelta(days=place % 5, hours=turn),
        }
        for place, name in enumerate(found)
        for turn in range(place % 3)
    ]
    assert not log.add_labels("p", labels, NOW, lambda one: one).rejected
    return found


def label(log: PredictionLog, name: str, value: str, known_at: datetime, now: datetime = NOW) -> None:
    receipt = log.add_labels("p", [{"id": name, "label": value, "known_at": known_at}], now, lambda one: one)
    assert receipt.accepted == [name]


def owner(point: str) -> Any:
    """The module in which a function is looked up by its caller."""
    return segment_writing if hasattr(segment_writing, point) else sealing


def seen(log: PredictionLog, ids: list[str]) -> dict[str, Any]:
    """All that the log says."""
    whole, part = (
        (START, END + timedelta(days=9)),
        (START + timedelta(days=9, hours=2), START + timedelta(days=30, hours=2)),
    )
    early = START + timedelta(days=47)
    return {
        "windows": [log.window("p", *span, labels_as_of=by) for span in (whole, part) for by in (None, early)],
        "rows": [log.get(name) for name in ids[::61]],
        "labels": [log.labels(name) for name in ids[::37]],
        "counts": log.counts("p"),
        "new": [log.new_labels("p", early + timedelta(days=one), early + timedelta(days=one + 2)) for one in range(4)],
        "traffic": log.traffic("p", *part, timedelta(days=1)),
        "last": log.last_moment("p"),
    }


def assert_same(found: dict[str, Any], before: dict[str, Any]) -> None:
    for one, other in zip(found.pop("windows"), before.pop("windows"), strict=True):
        pd.testing.assert_frame_equal(one, other)
    for name, value in before.items():
        assert found[name] == value, name


def test_what_is_sealed_is_read_as_before(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    before = seen(log, ids)
    report = seal_log(settings, BOUND, NOW, "p")
    assert (report.rows, report.labels) == (500, sum(place % 3 for place in range(500)) - 1)  # the newest stays
    assert database_rows(settings) == {"prediction_blocks": 1, "predictions": 0, "labels": 1}
    assert_same(seen(log, ids), before)
    assert seal_log(settings, BOUND, NOW, "p").rows == 0
    assert verify_segments(settings) == []


def test_a_label_that_comes_late_counts(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    seal_log(settings, BOUND, NOW, "p")
    labelled = log.counts("p")["labelled"]
    bare, told = next(one for one in ids if not log.labels(one)), next(one for one in ids if log.labels(one))
    label(log, bare, "no", START + timedelta(days=90))
    label(log, told, "maybe", START + timedelta(days=91))
    assert_late(log, bare, told, labelled)
    refused = log.add_labels("p", [{"id": ids[0][:-1] + "f", "label": "no"}], NOW, lambda one: one)
    assert refused.rejected[0].reason == "no prediction of p has this id"


def assert_late(log: PredictionLog, bare: str, told: str, labelled: int) -> None:
    """Both late labels count, and one of their answers had none before."""
    assert [one.label for one in log.labels(told)][-1] == "maybe"
    frame = log.window("p", START, END).set_index("id")
    assert frame.loc[[bare, told], "label"].tolist() == ["no", "maybe"]
    assert log.counts("p")["labelled"] == labelled + 1
    assert log.new_labels("p", START + timedelta(days=89), START + timedelta(days=92)) == 2
    assert log.new_labels("p", START, START + timedelta(days=92)) == labelled + 1


def test_late_labels_are_sealed_once_they_are_old(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    seal_log(settings, BOUND, NOW, "p")
    before, (rest,) = log.counts("p")["labelled"], live_labels(settings)
    bare, told = next(one for one in ids if not log.labels(one)), next(one for one in ids if log.labels(one))
    july = NOW + timedelta(days=30)
    label(log, told, "sooner", START + timedelta(days=1), july)
    label(log, bare, "no", START + timedelta(days=90), july)
    label(log, told, "maybe", START + timedelta(days=91), july)
    label(log, bare, "no", START + timedelta(days=90), july + timedelta(days=60))
    label(log, rest, "maybe", START + timedelta(days=99), july + timedelta(days=61))
    kept = seen(log, ids)
    assert seal_log(settings, july, july, "p").late == 1  # the one that was the newest; the others came in July
    assert seal_log(settings, july + timedelta(days=31), july, "other").late == 0
    report = seal_log(settings, july + timedelta(days=31), july)
    assert (report.late, report.labels) == (3, 3)
    assert_same(seen(log, ids), kept)
    label(log, told, "maybe", START + timedelta(days=91), july + timedelta(days=62))
    assert_late(log, bare, told, before)
    assert verify_segments(settings) == []
    assert seal_log(settings, july + timedelta(days=99), july).late == 2  # another month of them
    assert live_labels(settings) == [told]
    assert_late(log, bare, told, before)
    late = [one for one in sealed_segments(settings) if one.late]
    assert [(one.rows, one.labels, one.labelled) for one in late] == [(0, 3, 1), (0, 2, 0), (0, 1, 1)]
    assert {one.path.rsplit("/", 1)[0] for one in late} == {f"p/labels/2024-0{month}" for month in (6, 7, 9)}
    with closing(open_ledger(settings)) as ledger:
        assert any("3 late labels of predictions" in one.reasons[0] for one in ledger.entries("p", "seal"))


def test_duckdb_reads_late_labels(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    seal_log(settings, BOUND, NOW, "p")
    july = NOW + timedelta(days=30)
    late = [{"id": name, "label": "late", "known_at": START + timedelta(days=90)} for name in [*ids[::2], ids[3]]]
    assert not log.add_labels("p", [*late, late[-1]], july, lambda one: one).rejected  # the newest stays
    seal_log(settings, july + timedelta(days=31), july, "p")
    folder = settings.home / "archive" / "p"
    question = """
        WITH every AS (
            SELECT id, unnest(labels, recursive := true) FROM read_parquet($answers)
            UNION ALL BY NAME SELECT * FROM read_parquet($labels))
        SELECT label, count(*) FROM (
            SELECT id, arg_max(label, (known_at, seq)) AS label FROM every GROUP BY id)
        GROUP BY label ORDER BY label"""
    patterns = {"answers": str(folder / "*" / "*.parquet"), "labels": str(folder / "labels" / "*" / "*.parquet")}
    found = dict(duckdb.execute(question, patterns).fetchall())
    counted = log.window("p", START, END)["label"].value_counts()
    assert found == {f'"{name}"': int(count) for name, count in counted.items()}
    assert found['"late"'] == 251


@pytest.mark.parametrize("point", ["_write", "_read_back", "mark_sealed", "remove"])
def test_a_kill_loses_no_late_label(
    settings: Settings, log: PredictionLog, ids: list[str], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    seal_log(settings, BOUND, NOW, "p")
    july = NOW + timedelta(days=30)
    late = [{"id": name, "label": "late", "known_at": START + timedelta(days=90)} for name in ids[:40]]
    assert not log.add_labels("p", late, july, lambda one: one).rejected
    kept, where = seen(log, ids), owner(point)
    real = getattr(where, point)

    def killed(*given: Any) -> Any:
        if point == "remove":
            real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, point, killed)
        with pytest.raises(KeyboardInterrupt):
            seal_log(settings, july + timedelta(days=31), july)
    assert_same(seen(log, ids), dict(kept))
    report = seal_log(settings, july + timedelta(days=31), july)
    assert (report.late, report.tidied) == (40, 1)
    assert_same(seen(log, ids), dict(kept))
    assert live_labels(settings) == [ids[39]]


def test_answers_about_sealed_times_are_sealed_the_next_time(
    settings: Settings, log: PredictionLog, ids: list[str]
) -> None:
    seal_log(settings, BOUND, NOW, "p")
    log.append(
        [single(500, START), block(START + timedelta(days=1, seconds=7)), single(3, START + timedelta(hours=21))]
    )
    again = single(3, START + timedelta(hours=21))  # a batch scoring was run again
    before = seen(log, ids)
    frame = before["windows"][0]
    assert len(frame) == frame["id"].nunique() == 511
    assert log.counts("p")["predictions"] == sum(sum(one.values()) for one in all_traffic(log).values()) == 511
    assert log.labels(again.id) == before["labels"][ids[::37].index(again.id)] if again.id in ids[::37] else True
    report = seal_log(settings, BOUND, NOW, "p")
    assert report.rows == 11
    assert_same(seen(log, ids), before)


def all_traffic(log: PredictionLog) -> Any:
    return log.traffic("p", START, END + timedelta(days=9), timedelta(days=1))


def test_what_is_young_stays(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    report = seal_log(settings, START.replace(tzinfo=UTC) + timedelta(days=30), NOW)
    assert report.moments_before == datetime(2024, 2, 1)
    assert {one.problem for one in sealed_segments(settings)} == {"other", "p"}
    assert max(one.last_moment for one in sealed_segments(settings)) < datetime(2024, 2, 1)
    assert len(log.window("p", START, END)) == 500
    made = START.replace(tzinfo=UTC) + timedelta(days=3)
    assert seal_log(settings, made.replace(day=1), NOW).rows == 0
    old = single(900, START - timedelta(days=365))
    log.append([LoggedPrediction(**{name: getattr(old, name) for name in old.__slots__} | {"at": NOW})])
    assert seal_log(settings, BOUND, NOW).rows == 500 - report.rows + 5  # asked today: its label has yet to come


@pytest.mark.parametrize("point", ["_write", "_read_back", "mark_sealed", "remove", "drop_empty_partitions", "_note"])
def test_a_kill_loses_nothing(
    settings: Settings, log: PredictionLog, ids: list[str], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Before the file is written, before it is read, before and within the transaction, after it, before the ledger."""
    before = seen(log, ids)
    real, calls = getattr(owner(point), point), []

    def killed(*given: Any) -> Any:
        calls.append(given)
        if point == "remove":
            real(*given)
        if len(calls) > (point in ("_write", "_read_back", "mark_sealed")):  # a first batch is sealed by then
            raise KeyboardInterrupt
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(owner(point), point, killed)
        with pytest.raises(KeyboardInterrupt):
            seal_log(settings, BOUND, NOW, "p")
    assert_same(seen(log, ids), dict(before))
    assert seal_log(settings, BOUND, NOW, "p").tidied == (point not in ("drop_empty_partitions", "_note"))
    assert_same(seen(log, ids), dict(before))
    assert verify_segments(settings) == []
    listed = {one.path for one in sealed_segments(settings)}
    files = {str(one.relative_to(settings.home / "archive")) for one in (settings.home / "archive").rglob("*.parquet")}
    assert files == listed
    assert sum(one.rows for one in sealed_segments(settings)) == 500
    with closing(open_ledger(settings)) as ledger:
        assert {one.evidence["path"] for one in ledger.entries("p", "seal")} == listed


@pytest.mark.slow
def test_a_real_kill_loses_nothing(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    before = seen(log, ids)
    script = (
        "import os, signal, sys; from datetime import datetime, UTC; from pipelines.core.settings import Settings;"
        "from pipelines.stores.logbook import log_sealing as sealing, segment_writing;"
        "owner = sealing if sys.argv[1] == 'remove' else segment_writing;"
        "real, calls = getattr(owner, sys.argv[1]), [];\n"
        "def killed(*given):\n"
        "    calls.append(1); found = real(*given)\n"
        "    if len(calls) > 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return found\n"
        "setattr(owner, sys.argv[1], killed)\n"
        "sealing.seal_log(Settings(), datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 15, tzinfo=UTC), 'p')"
    )
    environment = {**os.environ, "RATCHET_DATABASE_URL": settings.database}
    for point in ("_write", "remove"):
        done = subprocess.run([sys.executable, "-c", script, point], env=environment, timeout=120, check=False)
        assert done.returncode == -signal.SIGKILL
        assert_same(seen(log, ids), dict(before))
    assert seal_log(settings, BOUND, NOW, "p").tidied == 1
    assert_same(seen(log, ids), dict(before))


def test_two_sealings_at_once_keep_everything_once(
    settings: Settings, log: PredictionLog, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = seen(log, ids), segment_writing._read_back

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(segment_writing, "_read_back", real)
        seal_log(settings, BOUND, NOW, "p")
        return real(*given)

    monkeypatch.setattr(segment_writing, "_read_back", overtaken)
    with pytest.raises((Busy, Unavailable)):
        seal_log(settings, BOUND, NOW, "p")
    assert_same(seen(log, ids), before)
    assert verify_segments(settings) == []


@pytest.mark.slow
def test_writers_and_readers_go_on_while_it_is_sealed(settings: Settings, log: PredictionLog) -> None:
    """Every answer that was acknowledged is in every window read afterwards, once."""
    sent: list[str] = []
    lost: list[str] = []
    ended = Event()

    def write() -> None:
        place = 0
        while not ended.is_set():
            place += 1
            one = block(START + timedelta(minutes=place), 5)
            log.append([one, single(place, START + timedelta(minutes=place))])
            label(log, one.ids.texts[0], "yes", LABELS)
            sent.extend([*one.ids.texts, single(place, START).id])

    def read() -> None:
        while not ended.is_set():
            known = list(sent)
            found = log.window("p", START, END)["id"].tolist()
            lost.extend(set(known) - set(found))
            lost.extend(name for name, count in Counter(found).items() if count > 1)
            if log.counts("p")["predictions"] < len(known):
                lost.append("counts")

    threads = [Thread(target=write), Thread(target=read)]
    for thread in threads:
        thread.start()
    sealed = sum(seal_log(settings, BOUND, NOW).rows for _ in range(15))
    ended.set()
    for thread in threads:
        thread.join()
    assert lost == []
    assert sealed > 0
    frame = log.window("p", START, END)
    assert sorted(frame["id"]) == sorted(sent)
    assert frame["label"].notna().sum() == len(sent) // 6
    assert verify_segments(settings) == []


def test_a_log_without_its_archive_says_so(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    seal_log(settings, BOUND, NOW, "p")
    with closing(PredictionLog(settings.database)) as bare:
        with pytest.raises(Unavailable, match="open the log with its archive"):
            bare.window("p", START, END)
        with pytest.raises(Unavailable):
            bare.get(ids[0])
    for one in sealed_segments(settings)[:1]:
        (settings.home / "archive" / one.path).unlink()
        assert verify_segments(settings) == [f"{one.path}: the file is gone"]
    with closing(open_log(settings)) as anew, pytest.raises(Unavailable, match=r"is not in .*RATCHET_ARCHIVE"):
        anew.window("p", START, END)


def test_a_changed_segment_is_found(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    seal_log(settings, BOUND, NOW, "p")
    path = settings.home / "archive" / sealed_segments(settings)[0].path
    path.write_bytes(path.read_bytes()[:-50] + bytes(50))
    assert verify_segments(settings) == [f"{sealed_segments(settings)[0].path}: the file is not what was sealed"]
    with pytest.raises(Unavailable, match="damaged"):
        log.window("p", START, END)
    with pytest.raises(NotFound):
        log.get("absent")


def test_duckdb_reads_the_segments(settings: Settings, log: PredictionLog, ids: list[str]) -> None:
    expected = log.window("p", START, END)
    seal_log(settings, BOUND, NOW, "p")
    question = """
        SELECT date_trunc('month', moment) AS month, count(*) AS answers, avg((inputs->>'$.size')::DOUBLE) AS size,
               count(label) AS labelled, sum(len(labels)) AS labels
        FROM read_parquet(?) GROUP BY 1 ORDER BY 1"""
    found = duckdb.execute(question, [str(settings.home / "archive" / "p" / "*" / "*.parquet")]).df()
    assert found["answers"].tolist() == expected.groupby(expected["moment"].dt.month)["id"].count().tolist()
    assert found["labelled"].sum() == expected["label"].notna().sum() - 1  # the newest label stays in the database
    sizes = [one.get("size") for one in expected["inputs"] if one.get("size") is not None]
    assert found["size"].mean() == pytest.approx(np.mean(sizes), abs=0.5)


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True)
def test_partitions_go_when_all_of_them_is_sealed(settings: Settings, log: PredictionLog) -> None:
    engine = open_database(settings.database)
    with engine.begin() as connection:
        for month in range(1, 5):
            make_partitions(connection, datetime(2024, month, 1, tzinfo=UTC), ahead=0)
    log.append([block(datetime(2024, 1, 5) + timedelta(days=3 * day), problem="po"[day % 2]) for day in range(36)])
    assert seal_log(settings, BOUND, NOW, "p").partitions == [
        "labels_2024_01",
        "labels_2024_02",
        "labels_2024_03",
        "labels_2024_04",
    ]
    report = seal_log(settings, BOUND, NOW)
    assert report.partitions == [f"prediction_blocks_2024_0{month}" for month in range(1, 5)]
    assert (report.rows, len(log.window("o", datetime(2024, 1, 1), datetime(2024, 6, 1)))) == (180, 180)
    log.append([block(datetime(2024, 1, 9))])  # its month has no partition any more: nothing is refused
    assert log.counts("p")["predictions"] == 190
    engine.dispose()


@pytest.mark.servers
def test_an_archive_in_s3(settings: Settings, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"s3://{s3.new_bucket()}/segments"
    settings = settings.model_copy(update={"archive": place, "s3_endpoint": s3.endpoint})
    make_bucket(settings, place)
    with closing(open_log(settings)) as log:
        log.append([block(START + timedelta(days=day)) for day in range(20)])
        before = log.window("p", START, END)
        assert seal_log(settings, BOUND, NOW).segments == 2
        pd.testing.assert_frame_equal(log.window("p", START, END), before)
        name = before["id"][7]
        assert log.get(name).inputs == before["inputs"][7]
        label(log, name, "yes", LABELS)
        assert log.window("p", START, END)["label"].tolist().count("yes") == 1
        assert verify_segments(settings) == []
        real = segment_writing._read_back
        monkeypatch.setattr(segment_writing, "_read_back", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        log.append([block(START + timedelta(days=2))])
        with pytest.raises(KeyboardInterrupt):
            seal_log(settings, BOUND, NOW)
        monkeypatch.setattr(segment_writing, "_read_back", real)
        assert seal_log(settings, BOUND, NOW).tidied == 1
        found = open_objects(settings, place)
        assert len(found.filesystem.find(found.root)) == len(sealed_segments(settings)) == 3
        with duckdb.connect() as asking:
            asking.register_filesystem(found.filesystem)
            asked = asking.execute("SELECT count(*) FROM read_parquet(?)", [f"{place}/p/*/*.parquet"])
            assert asked.fetchone() == (210,)


def database_rows(settings: Settings) -> dict[str, int]:
    import sqlalchemy as sa

    engine = sa.create_engine(settings.database)
    with engine.connect() as connection:
        names = ("prediction_blocks", "predictions", "labels")
        found = {name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}
    engine.dispose()
    return found


def live_labels(settings: Settings) -> list[str]:
    """Whose labels the database holds."""
    import sqlalchemy as sa

    engine = sa.create_engine(settings.database)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT prediction_id FROM labels ORDER BY seq")).scalars().all()
    engine.dispose()
    return list(found)
