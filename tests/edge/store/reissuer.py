"""A process that answers a refusal of 400 records, to be killed in the middle of it."""

import sys
from pathlib import Path

from cryptography.fernet import Fernet

from tests.edge.store.given import Premises, enrolled, keyring, punch
from tests.fakes import ManualClock

COUNT = 400


def premises(folder: Path) -> Premises:
    """The ledger in a folder, with the keys that lie beside it."""
    texts = []
    for name in ("data", "face"):
        file = folder / name
        if not file.exists():
            file.write_text(Fernet.generate_key().decode(), encoding="ascii")
        texts.append(file.read_text(encoding="ascii"))
    keys = keyring(data=texts[0], face=texts[1], seed=bytes(range(32)))
    return Premises(folder / "ledger.db", keys, ManualClock())


def main(folder: Path) -> None:
    """Record, say that it begins, and reissue."""
    here = premises(folder)
    store = here.create()
    person_id = enrolled(store)
    clock = here.clock
    assert isinstance(clock, ManualClock)
    with store.database.write():
        ids = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(COUNT)]
    sys.stdout.write("refusing\n")
    sys.stdout.flush()
    store.reissues.answer(ids[0])
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
