"""The harness itself: a real broker starts, ends, forgets and remembers."""

import ssl

import pytest

from tests.sync.mosquitto import HOST, Mosquitto
from tests.sync.mqtt import Client


def test_credentials_connect_and_the_broker_survives_every_kind_of_restart(broker: Mosquitto) -> None:
    credentials = broker.credentials("plant-1", "door-1")
    for restart in (broker.restart, lambda: broker.restart(graceful=False), lambda: broker.restart(wipe=True)):
        restart()
        with Client(broker, credentials) as client:
            assert client.session_present is False
    assert "New client connected" in broker.log()
    assert "plant-1/door-1" in broker.log()


def test_a_stopped_broker_refuses_connections(broker: Mosquitto) -> None:
    broker.stop()
    assert not broker.alive
    with pytest.raises(ConnectionRefusedError):
        ssl.get_server_certificate((HOST, broker.port))
    broker.start()
