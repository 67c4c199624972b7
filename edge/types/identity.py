"""Names of people, devices, epochs, tracks and models: each a type of its own, none of them personal data."""

from typing import NewType

PersonId = NewType("PersonId", str)  # 32 hex digits, random; the only name of a person outside the ledger
TemplateId = NewType("TemplateId", str)  # 32 hex digits, random
DeviceId = NewType("DeviceId", str)  # lower-case letters, digits, hyphen
EpochId = NewType("EpochId", str)  # "000001-9f86d081884c7d65": ordinal, then 64 random bits
TrackId = NewType("TrackId", int)
ModelHash = NewType("ModelHash", str)  # SHA-256 in hex of a model, or of a chain of models
