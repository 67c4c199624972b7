import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.errors import ConfigError
from edge.camera.network import SCHEMES, NetworkSource, check_url
from edge.errors import CameraLost, CameraUnavailable


@pytest.mark.parametrize(
    "url", ["rtsp://10.0.0.7/stream", "rtsps://u:p@cam.site:322/h264", "http://[fe80::1]:8080/v"]
)
def test_addresses_of_network_cameras_are_taken(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "concat:/etc/passwd|/etc/shadow",
        "rtsp://",
        "rtsp:///path",
        "rtsp://host/a b",
        "rtsp://host/\nx",
        "rtsp://[::1/x",
        "rtsp://höst/x",
        "rtsp://host/" + "x" * 2000,
    ],
)
def test_other_addresses_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as failure:
        check_url(url)
    assert len(url) < 10 or url not in str(failure.value)


@given(st.text(max_size=60))
def test_an_address_has_a_known_protocol_or_is_refused(text: str) -> None:
    try:
        url = check_url(text)
    except ConfigError:
        return
    assert url.split(":", 1)[0].lower() in SCHEMES


def test_a_camera_that_does_not_answer_is_unavailable_and_its_password_is_not_told() -> None:
    source = NetworkSource("rtsp://user:secret@127.0.0.1:9/stream", max_width_px=640, wait_s=1.0)
    with pytest.raises(CameraUnavailable) as failure:
        source.open()
    assert "secret" not in str(failure.value)
    source.close()
    with pytest.raises(CameraLost):
        source.grab(within_s=1.0)
