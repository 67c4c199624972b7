"""Addresses of a broker are read as a person writes them, and nothing else is taken for one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sync.connection import BrokerConfig, Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mqtt.example.com", "mqtt.example.com", 8883),
        ("mqtt.example.com.:1", "mqtt.example.com.", 1),
        ("broker:65535", "broker", 65_535),
        ("192.0.2.1:8884", "192.0.2.1", 8884),
        ("[2001:db8::1]", "2001:db8::1", 8883),
        ("[2001:0db8::0001]:1884", "2001:db8::1", 1884),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    assert parse_endpoint(text) == Endpoint(host, port)
    assert parse_endpoint(str(parse_endpoint(text))) == Endpoint(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", ":1", "a:", "a:0", "a:65536", "a:123456", "a:+1", "a:1_0", "a: 1", "a:\u0661",
        "a b", "-a", "a-", "a..b",
        "a_b", "mqtts://a", "user@a", "a/b", "2001:db8::1", "[2001:db8::1", "[2001:db8::1]1", "[]", "[a]:1",
        "[::1]:",        "1.2.3", "256.1.1.1", "a" * 64, ".".join(["a" * 60] * 5), "a\n",
        "a:1\n", "m\u00fcnchen",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_endpoint(text)


@given(st.text(alphabet="ab.:[]-@/0123456789 \n%", max_size=40))
def test_any_text_is_an_address_that_reads_the_same_again_or_is_refused(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ValueError:
        return
    assert 1 <= endpoint.port <= 65_535
    assert re.fullmatch(r"[A-Za-z0-9.:%-]+", endpoint.host)
    assert parse_endpoint(str(endpoint)) == endpoint


def test_addresses_keep_their_order_and_stand_there_once() -> None:
    broker = BrokerConfig(addresses=("b.example", "a.example:1"))
    assert broker.endpoints == (Endpoint("b.example", 8883), Endpoint("a.example", 1))
    with pytest.raises(ValidationError, match="listed twice"):
        BrokerConfig(addresses=("a.example", "a.example:8883"))


@pytest.mark.parametrize("count", [0, 9])
def test_there_are_one_to_eight_addresses(count: int) -> None:
    with pytest.raises(ValidationError):
        BrokerConfig(addresses=tuple(f"b{n}.example" for n in range(count)))
