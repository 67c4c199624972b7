"""PostgreSQL killed under two receivers' traffic, gone and back: nothing is lost, nothing is there twice."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import select

from sync.office.database import Database, open_database, schema
from sync.office.receiver import Storage
from tests.sync.mosquitto import Mosquitto
from tests.sync.mqtt import await_until
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.postgres import Server, _as, _await, _owner, _stop, find_binaries, running_server
from tests.sync.office.running import Courier, running_receiver

E1 = "000001-00000000000000aa"
GROUP = "office-8f3a-office-8f3a"


def backends(server: Server) -> list[int]:
    """Processes that serve the receivers."""
    found = server.admin("SELECT pid FROM pg_stat_activity WHERE application_name = 'clockface-office'")
    return [int(str(row[0])) for row in found]


@contextmanager
def restartable(server: Server) -> Iterator[Callable[[], None]]:
    """Starts the killed server again from its own folder, and ends what it started."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (server.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [find_binaries() / "postgres", "-D", server.folder / "data"],
                stdout=log, stderr=log, cwd=server.folder, start_new_session=True, **_as(_owner()),
            )  # fmt: skip
        processes.append(process)
        _await(server, process)

    yield start
    for process in processes:
        _stop(process)


def seqs(database: Database) -> list[int]:
    with database.read() as connection:
        return sorted(connection.execute(select(schema.events.c.seq)).scalars())


def opened(server: Server, name: str) -> Database:
    return open_database(server.settings(name, conn_max_age_s=600))


def test_killed_gone_and_back_under_two_receivers_every_event_is_there_once(broker: Mosquitto) -> None:
    kiosk = Kiosk()
    with (
        running_server() as server,
        restartable(server) as start_again,
        server.database() as name,
        closing(opened(server, name)) as first,
        closing(opened(server, name)) as second,
        closing(opened(server, name)) as own,
    ):
        first.upgrade()
        with first.write() as connection:
            kiosk.register(connection)
        with (
            running_receiver(broker, first, name="receiver", group=GROUP) as one,
            running_receiver(broker, second, name="receiver-2", group=GROUP) as other,
            Courier(broker, kiosk) as courier,
        ):
            courier.send(kiosk.begin(E1))
            courier.acknowledged()
            for raw in kiosk.records(40):
                courier.send(raw)
            os.kill(backends(server)[0], signal.SIGKILL)  # the server throws everybody out and recovers
            for raw in kiosk.records(40):
                courier.send(raw)
            os.kill(server.pid, signal.SIGKILL)
            os.waitpid(server.pid, 0)  # a process that nobody has waited for still has its number
            for raw in kiosk.records(20):
                courier.send(raw)
            try:
                await_until(
                    lambda: Storage.FAILING in (one.storage, other.storage), what="the receivers say so"
                )
            finally:
                start_again()
            await_until(lambda: seqs(own) == list(range(1, kiosk.seq + 1)), what="every event is there, once")
            await_until(lambda: one.storage is other.storage is Storage.WELL, what="both are well")
