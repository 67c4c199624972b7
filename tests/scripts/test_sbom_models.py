"""A bill of materials names the models with their hashes, and keeps no prose of pip's."""

import re

from scripts.sbom_models import finished, models


def test_every_shipped_model_is_in_the_bill_with_its_hash_and_licence() -> None:
    held = models()
    assert len(held) >= 6
    assert {each["type"] for each in held} == {"machine-learning-model"}
    for each in held:
        assert re.fullmatch(r"[0-9a-f]{64}", each["hashes"][0]["content"])
        assert each["licenses"][0]["expression"]


def test_a_package_keeps_its_marker_and_loses_pips_line() -> None:
    line = "requirements line 3: colorama==0.4.6 ; sys_platform == 'win32'     --hash=sha256:" + "ab" * 32
    bill = {"components": [{"name": "colorama", "description": line}, {"name": "x", "description": "other"}]}
    first, second, last = finished(bill, [{"name": "m"}])["components"]
    assert first == {
        "name": "colorama",
        "properties": [{"name": "clockface:marker", "value": "sys_platform == 'win32'"}],
    }
    assert second == {"name": "x"}
    assert last == {"name": "m"}
