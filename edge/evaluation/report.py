"""What a measurement reports: a JSON object, written as it is and shown as it is."""

from typing import Any

JsonObject = dict[str, Any]
