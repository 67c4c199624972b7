"""Other settings than at the last start are an entry of the audit trail; the same ones are none."""

from pathlib import Path

import pytest

from edge.config.attendance import AttendanceConfig
from edge.config.device import PathsConfig
from edge.config.tree import Config
from edge.daemon.config_trail import FILE, digest_of, note_settings
from edge.store.store import Store


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(paths=PathsConfig(state=tmp_path))


def noted(store: Store) -> list[str]:
    return [each.detail for each in store.audit.list() if each.action == "config.changed"]


def test_each_change_is_one_entry_with_its_digest(store: Store, config: Config) -> None:
    assert note_settings(config, store.audit)
    assert not note_settings(config, store.audit)
    other = config.model_copy(update={"attendance": AttendanceConfig(repeat_s=7.0)})
    assert note_settings(other, store.audit)
    assert note_settings(config, store.audit)
    told = [f"sha256={digest_of(each)}" for each in (config, other, config)]
    assert noted(store) == told


def test_a_digest_that_was_tampered_with_makes_an_entry_and_stops_nothing(store: Store, config: Config) -> None:
    note_settings(config, store.audit)
    (config.paths.state / FILE).write_bytes(b"\xff" * 5000)
    assert note_settings(config, store.audit)
    (config.paths.state / FILE).unlink()
    (config.paths.state / FILE).mkdir()
    assert note_settings(config, store.audit)  # it cannot be kept: said at every start, and no start is stopped
    assert len(noted(store)) == 3
