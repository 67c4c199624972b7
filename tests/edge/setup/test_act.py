"""Another office needs somebody at the device: a file that is used up, or a button that is held."""

from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from edge.config.device import TrustConfig
from edge.errors import BundleRefused
from edge.setup.act import Act, witness


class Hand:
    """Presses and lets go at set times; time passes only by waiting."""

    def __init__(self, factory: MockFactory, *times_s: tuple[float, bool]) -> None:
        self.pin, self.now_s, self._times = factory.pin(17), 0.0, times_s

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        for at_s, pressed in self._times:
            if self.now_s - seconds < at_s <= self.now_s:
                (self.pin.drive_low if pressed else self.pin.drive_high)()


def ask(config: TrustConfig, *times_s: tuple[float, bool]) -> Act:
    factory = MockFactory()
    hand = Hand(factory, *times_s)
    try:
        return witness(config, now_s=lambda: hand.now_s, pause=hand.pause, factory=factory)
    finally:
        factory.reset()


def test_the_file_counts_once(tmp_path: Path) -> None:
    config = TrustConfig(reset_file=tmp_path / "clockface-reset")
    config.reset_file.touch()
    assert ask(config) is Act.FILE
    assert not config.reset_file.exists()
    with pytest.raises(BundleRefused, match="somebody must be at the device") as refused:
        ask(config)
    assert f"make an empty file {config.reset_file}" in str(refused.value)


def test_a_folder_or_a_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/hostname")
    for name in ("folder", "link"):
        with pytest.raises(BundleRefused):
            ask(TrustConfig(reset_file=tmp_path / name))


def test_a_button_counts_when_it_is_held_long_enough_and_a_push_does_not(tmp_path: Path) -> None:
    config = TrustConfig(reset_file=tmp_path / "none", reset_button=17, reset_hold_s=5.0)
    assert ask(config, (2.0, True)) is Act.BUTTON
    with pytest.raises(BundleRefused, match="hold the button on GPIO 17 for 5 s"):
        ask(config, (2.0, True), (4.0, False), (20.0, True), (22.0, False))
