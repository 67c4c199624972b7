"""`clockface attendance` through the real command, the real client and a served daemon."""

import csv
import io
import json
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from clockface.cli.terminal import printable
from clockface.spreadsheet import unguard
from edge.api.client import EdgeClient
from edge.api.protocol.people import PersonProfile, PersonView
from edge.api.protocol.punches import PunchList, PunchQuery, PunchView
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.attendance.export import COLUMNS
from edge.cli.attendance import HEADINGS
from edge.cli.main import main
from edge.cli.records import Records, Selection
from edge.config.device import ApiConfig
from edge.config.tree import Config
from edge.errors import LedgerCorrupt
from tests.edge.api.small_edge import CHAIN, EPOCH, SmallEdge

ANNA, BERT = "a" * 32, "b" * 32
PROFILES = {
    ANNA: PersonProfile(name="=Anna\u202e Ruiz", number="1007"),
    BERT: PersonProfile(name="Bert Åkesson", number="0815"),
}


def view(
    seq: int, at: datetime, *, person: str = ANNA, trust: str = "synchronised", **more: object
) -> PunchView:
    return PunchView.model_validate(
        {
            "epoch": EPOCH,
            "seq": seq,
            "hash": f"{seq:064x}",
            "person_id": person,
            "profile": PROFILES.get(person),
            "at": at,
            "utc_offset_s": 3600,
            "trust": trust,
            "day": (at + timedelta(hours=1)).date(),
            "direction": "in",
            "source": "assumed",
            "method": "face",
            "model_hash": CHAIN,
            "delivered": False,
            **more,
        }
    )


class Kiosk(SmallEdge):
    """A daemon with records, which pages them as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.page = 2
        self.torn_after: int | None = None
        self.recorded = [
            view(3, datetime(2026, 3, 2, 7, 2, tzinfo=UTC)),
            view(4, datetime(2026, 3, 2, 7, 3, tzinfo=UTC), person=BERT, trust="holdover"),
            view(
                5, datetime(2026, 3, 2, 16, 0, tzinfo=UTC), direction="out", delivered=True, work_code="paint"
            ),
            view(9, datetime(2026, 3, 3, 7, 0, tzinfo=UTC), trust="unsynchronised", source="none"),
            view(10, datetime(2026, 3, 9, 7, 0, tzinfo=UTC), person="c" * 32, profile=None, method="badge"),
        ]
        self.registered = {
            key: PersonView(
                person_id=key,
                profile=profile,
                enabled=True,
                enrolled_at=datetime(2026, 1, 1, tzinfo=UTC),
                consented=True,
            )
            for key, profile in PROFILES.items()
        }

    def punches(self, query: PunchQuery) -> PunchList:
        after = -1 if query.after is None else int(query.after.partition(":")[2])
        if self.torn_after is not None and after >= self.torn_after:
            raise LedgerCorrupt("the hash of event 6 does not hold")
        found = [
            punch
            for punch in self.recorded
            if punch.seq > after
            and (query.since is None or punch.at >= query.since)
            and (query.until is None or punch.at < query.until)
            and query.person_id in (None, punch.person_id)
        ]
        page = tuple(found[: self.page])
        return PunchList(punches=page, next_after=f"{EPOCH}:{page[-1].seq}" if len(found) > self.page else None)


class Site(NamedTuple):
    """A kiosk, its folder of sockets, and its configuration file."""

    kiosk: Kiosk
    run: Path
    config: Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        config = tmp_path / "clockface.toml"
        config.write_text(
            f'[paths]\nrun = "{folder}"\n[device]\ntimezone = "Europe/Madrid"\n'
            '[[attendance.shifts]]\nname = "early"\nstarts = 08:00:00\nends = 16:30:00\n'
        )
        kiosk = Kiosk()
        server = ApiServer(service=kiosk, stage=Stage(), run=Path(folder), config=ApiConfig())
        server.start()
        yield Site(kiosk, Path(folder), config)
        server.close()


@pytest.fixture
def clockface(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> "Clockface":
    return Clockface(site, monkeypatch, capfdbinary)


class Clockface:
    """The command as a shell starts it."""

    def __init__(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        self._site, self._monkeypatch, self._captured = site, monkeypatch, capfdbinary

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setenv("NO_COLOR", "1")
        self._monkeypatch.setattr(
            "sys.argv", ["clockface", "--config", str(self._site.config), "attendance", *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._captured.readouterr()
        return int(ended.value.code or 0), out.decode(), err.decode()


def exported(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{column: unguard(cell) for column, cell in row.items()} for row in rows]


def test_the_list_shows_every_page_with_shift_clock_and_delivery(clockface: Clockface) -> None:
    code, out, _ = clockface("list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == list(HEADINGS)
    assert len(lines) == 6
    assert lines[1].startswith("2026-03-02 08:02:00  ")
    assert "early" in lines[1]
    assert "waiting" in lines[1]
    assert "08:03:00~" in lines[2]
    assert "confirmed" in lines[3]
    assert "08:00:00?" in lines[4]
    assert "(removed)" in lines[5]


def test_a_narrow_terminal_loses_no_time_and_no_mark(
    site: Site, clockface: Clockface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.cli.attendance.PIPE_WIDTH", 70)
    _, out, _ = clockface("list")
    assert "2026-03-02 08:03:00~ " in out
    assert "\u2026" not in out


def test_a_name_cannot_turn_the_terminal_round(clockface: Clockface) -> None:
    _, out, _ = clockface("list")
    assert "\u202e" not in out
    assert "=Anna\ufffd Ruiz" in out
    assert printable("\x9b31mred\x1b\u200c") == "\ufffd31mred\ufffd\u200c"


@pytest.mark.parametrize(
    ("arguments", "seqs"),
    [
        ([], [3, 4, 5, 9, 10]),
        (["--day", "2026-03-02"], [3, 4, 5]),
        (["--from", "2026-03-03"], [9, 10]),
        (["--to", "2026-03-02"], [3, 4, 5]),
        (["--from", "2026-03-03", "--to", "2026-03-08"], [9]),
        (["--person", "0815"], [4]),
        (["--person", ANNA, "--day", "2026-03-03"], [9]),
        (["--day", "today"], []),
        (["--day", "yesterday"], []),
    ],
)
def test_records_are_chosen_by_attendance_day_and_person(
    clockface: Clockface, arguments: list[str], seqs: list[int]
) -> None:
    code, out, _ = clockface("list", "--json", *arguments)
    assert code == 0
    assert [json.loads(line)["seq"] for line in out.splitlines()] == seqs


def test_a_night_record_is_found_under_the_day_it_counts_for(site: Site, clockface: Clockface) -> None:
    site.kiosk.recorded = [view(3, datetime(2026, 3, 4, 5, 0, tzinfo=UTC), day=date(2026, 3, 3))]
    assert '"seq": 3' in clockface("list", "--json", "--day", "2026-03-03")[1]
    assert clockface("list", "--json", "--day", "2026-03-04")[1] == ""


def test_an_empty_list_says_so_beside_the_output(clockface: Clockface) -> None:
    code, out, err = clockface("list", "--day", "1999-01-01")
    assert (code, out, err) == (0, "", "No records.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--day", "2026-13-01"],
        ["list", "--day", "2026-03-02", "--to", "2026-03-03"],
        ["list", "--from", "2026-03-03", "--to", "2026-03-02"],
        ["export"],
        ["export", "--format", "xlsx"],
        ["export", "--format", "json", "--bom"],
        ["export", "--format", "sqlite"],
    ],
)
def test_a_wish_that_makes_no_sense_is_a_usage_error(clockface: Clockface, arguments: list[str]) -> None:
    assert clockface(*arguments)[0] == 2


def test_an_unknown_number_names_the_next_command_and_not_the_number(clockface: Clockface) -> None:
    code, _, err = clockface("list", "--person", "4711")
    assert code == 74
    assert "clockface people list" in err
    assert "4711" not in err


def test_without_a_daemon_the_exit_code_says_so(site: Site, clockface: Clockface) -> None:
    site.config.write_text('[paths]\nrun = "/nowhere"\n')
    code, out, err = clockface("list")
    assert (code, out) == (61, "")
    assert "clockface run" in err


def test_csv_on_standard_output_is_safe_and_complete(clockface: Clockface) -> None:
    code, out, _ = clockface("export", "--format", "csv")
    assert code == 0
    assert out.startswith('"time","clock"')
    assert out.endswith('"\r\n')
    assert "\"'=Anna" in out
    rows = exported(out)
    assert [row["seq"] for row in rows] == ["3", "4", "5", "9", "10"]
    assert rows[0]["name"] == PROFILES[ANNA].name
    assert (rows[2]["work_code"], rows[2]["delivered"], rows[2]["direction"]) == ("paint", "yes", "out")
    assert (rows[3]["clock"], rows[3]["direction_source"]) == ("unsynchronised", "none")
    assert (rows[4]["name"], rows[4]["number"], rows[4]["method"]) == ("", "", "badge")


def test_an_export_file_is_private_and_replaced_only_when_asked(
    site: Site, clockface: Clockface, tmp_path: Path
) -> None:
    target = tmp_path / "march.csv"
    code, out, err = clockface("export", "--format", "csv", "--bom", "--output", str(target))
    assert (code, out) == (0, "")
    assert "5 records" in err
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_bytes().startswith(b'\xef\xbb\xbf"time"')
    before = target.read_bytes()
    site.kiosk.recorded = site.kiosk.recorded[:1]
    assert clockface("export", "--format", "json", "--output", str(target))[0] == 2
    assert target.read_bytes() == before
    assert clockface("export", "--format", "json", "--output", str(target), "--force")[0] == 0
    assert tuple(json.loads(target.read_text())) == COLUMNS
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clockface.toml", "march.csv"]


def test_an_export_that_fails_leaves_nothing_behind(site: Site, clockface: Clockface, tmp_path: Path) -> None:
    site.kiosk.torn_after = 5
    code, _, _ = clockface("export", "--format", "csv", "--output", str(tmp_path / "out.csv"))
    assert code == 42
    assert [p.name for p in tmp_path.iterdir()] == ["clockface.toml"]


def test_an_exported_database_is_private_and_holds_the_same_records(
    clockface: Clockface, tmp_path: Path
) -> None:
    target = tmp_path / "march.db"
    code, _, err = clockface("export", "--format", "sqlite", "--output", str(target))
    assert code == 0
    assert "5 records" in err
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    _, out, _ = clockface("export", "--format", "json")
    database = sqlite3.connect(target)
    cursor = database.execute("SELECT * FROM attendance ORDER BY seq")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    database.close()
    assert rows == [json.loads(line) for line in out.splitlines()]


def test_an_exported_database_that_fails_leaves_nothing_behind(
    site: Site, clockface: Clockface, tmp_path: Path
) -> None:
    site.kiosk.torn_after = 5
    assert clockface("export", "--format", "sqlite", "--output", str(tmp_path / "out.db"))[0] == 42
    assert [p.name for p in tmp_path.iterdir()] == ["clockface.toml"]


def test_a_record_at_an_impossible_time_does_not_keep_the_others_from_being_exported(
    site: Site, clockface: Clockface
) -> None:
    site.kiosk.recorded.append(view(11, datetime(9998, 1, 1, tzinfo=UTC)))
    code, out, _ = clockface("export", "--format", "csv")
    assert code == 0
    assert [row["seq"] for row in exported(out)] == ["3", "4", "5", "9", "10", "11"]


def test_an_export_into_no_folder_is_a_usage_error(clockface: Clockface) -> None:
    assert clockface("export", "--format", "csv", "--output", "/nowhere/at/all.csv")[0] == 2


def followed(site: Site, selection: Selection, *, looks: int, new: list[PunchView]) -> list[int]:
    """Follow for some looks; a new record comes in each pause."""
    site.kiosk.page = 100
    arriving = iter(new)

    def pause(_seconds: float) -> None:
        site.kiosk.recorded.extend(punch for punch in [next(arriving, None)] if punch is not None)

    seen: list[int] = []
    with EdgeClient(site.run) as client:
        for row in Records(client, Config()).follow(selection, pause=pause):
            if row is not None:
                seen.append(row.seq)
                continue
            looks -= 1
            if looks == 0:
                return seen
    raise AssertionError("following ended by itself")


def test_following_without_days_shows_only_what_is_new_each_once(site: Site) -> None:
    site.kiosk.recorded = site.kiosk.recorded[:1]
    site.kiosk.recorded[0] = site.kiosk.recorded[0].model_copy(update={"seq": 1})  # what its status says
    new = [view(20 + n, datetime(2026, 3, 2, 9, n, tzinfo=UTC)) for n in range(3)]
    assert followed(site, Selection(), looks=6, new=new) == [20, 21, 22]


def test_following_with_days_begins_with_the_past(site: Site) -> None:
    new = [view(20, datetime(2026, 3, 3, 9, tzinfo=UTC)), view(21, datetime(2026, 3, 2, 9, tzinfo=UTC))]
    assert followed(site, Selection(first=date(2026, 3, 3)), looks=4, new=new) == [9, 10, 20]
