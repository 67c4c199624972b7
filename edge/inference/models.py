"""Models as data with a birth certificate: `models/manifest.toml` says where each comes from and what it is.

`ModelStore.load` is the only way to a model's bytes, and it checks them against the manifest every time, so the
bytes that were hashed are the bytes that run. The manifest is trusted (it ships with the code); the model files
are not, until their SHA-256 has been compared.
"""

import hashlib
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from edge.errors import ModelAltered, ModelError, ModelMissing
from edge.types.identity import ModelHash

SHIPPED_MODELS = Path(__file__).resolve().parents[2] / "models"
"""The folder that comes with Clockface; used where `paths.models` is unset."""
MAX_MODEL_BYTES = 64 * 1024 * 1024
MAX_MANIFEST_BYTES = 256 * 1024
REBUILD = "scripts/build-models"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\.(tflite|md)$")]
"""One file in the models' folder: no separator fits the pattern, so no entry can point outside."""
Size = Annotated[int, Field(gt=0, le=1 << 20)]
Shape = Annotated[tuple[Size, ...], Field(min_length=1, max_length=4)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(StrEnum):
    """What a model is for."""

    DETECTOR = "detector"
    LANDMARKS = "landmarks"
    EMBEDDER = "embedder"
    LIVENESS = "liveness"


class Source(_Entry):
    """The public package that a model comes from, and the file in it."""

    ecosystem: Literal["pypi", "npm"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.]*$")]
    path: Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$")]
    sha256: Sha256


class InputContract(_Entry):
    """The only input: one picture, (1, height, width, 3), each value of 0 to 255 as (value - mean) / std."""

    shape: tuple[Literal[1], Size, Size, Literal[3]]
    dtype: Literal["float32"]
    colour_order: Literal["rgb", "bgr"]
    mean: float = Field(ge=0, le=255)
    std: float = Field(gt=0, le=255)

    @property
    def height(self) -> int:
        """Pixels."""
        return self.shape[1]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.shape[2]


class OutputContract(_Entry):
    """One output tensor, in the graph's order."""

    name: Name
    shape: Shape
    dtype: Literal["float32"]
    meaning: str


class ModelSpec(_Entry):
    """One model's birth certificate.

    Args:
        name: What configuration and code call it.
        role: What it is for.
        file: Its file in the models' folder.
        card: Its model card in the same folder.
        licence: SPDX expression.
        sha256: Of the built file.
        size_bytes: Of the built file.
        passes: Names of the surgery passes that made it from its source, in order.
        source: Where it comes from.
        input: What it is given.
        outputs: What it gives, in order.
        notes: What a reader must know.
    """

    name: Name
    role: Role
    file: FileName
    card: FileName
    licence: str
    sha256: Sha256
    size_bytes: int = Field(gt=0, le=MAX_MODEL_BYTES)
    passes: tuple[str, ...]
    source: Source
    input: InputContract
    outputs: tuple[OutputContract, ...] = Field(min_length=1)
    notes: str = ""

    @property
    def model_hash(self) -> ModelHash:
        """The file's SHA-256: its name wherever templates or evidence refer to it."""
        return ModelHash(self.sha256)


class Manifest(_Entry):
    """All models that this version of Clockface knows."""

    format: Literal[1]
    model: tuple[ModelSpec, ...] = Field(min_length=1)

    @field_validator("model")
    @classmethod
    def _distinct(cls, value: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
        for what in ("name", "file", "sha256"):
            if len({getattr(spec, what) for spec in value}) != len(value):
                raise ValueError(f"two models share a {what}")
        return value


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model whose bytes are what the manifest says.

    Args:
        spec: Its birth certificate.
        content: The whole file; its SHA-256 is `spec.sha256`.
    """

    spec: ModelSpec
    content: bytes = field(repr=False)


class ModelStore:
    """The models of one folder.

    Args:
        folder: Where `manifest.toml` and the model files are.

    Raises:
        ModelMissing: There is no manifest.
        ModelError: The manifest cannot be read or is not valid.
    """

    def __init__(self, folder: Path = SHIPPED_MODELS) -> None:
        self._folder = folder
        manifest = read_manifest(folder / "manifest.toml")
        self._specs = {spec.name: spec for spec in manifest.model}

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """Every model by name, in the manifest's order."""
        return dict(self._specs)

    def spec(self, name: str) -> ModelSpec:
        """One model's birth certificate.

        Raises:
            ModelMissing: The manifest has no such model.
        """
        if name not in self._specs:
            known = ", ".join(self._specs)
            raise ModelMissing(
                f"there is no model {name!r}; the manifest has {known}",
                where=str(self._folder / "manifest.toml"),
                next_step="clockface models list",
            )
        return self._specs[name]

    def load(self, name: str) -> LoadedModel:
        """Read a model's bytes and compare them with the manifest.

        Raises:
            ModelMissing: The manifest has no such model, or its file is not there.
            ModelAltered: Its length or SHA-256 is not the manifest's.
        """
        spec = self.spec(name)
        path = self._folder / spec.file
        content = _read_regular(path, limit=spec.size_bytes)
        if len(content) != spec.size_bytes:
            found = f"more than {spec.size_bytes}" if len(content) > spec.size_bytes else str(len(content))
            raise _altered(name, path, f"it has {found} bytes, the manifest says {spec.size_bytes}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != spec.sha256:
            raise _altered(name, path, f"its SHA-256 begins {digest[:16]}, the manifest's {spec.sha256[:16]}")
        return LoadedModel(spec=spec, content=content)


def read_manifest(path: Path) -> Manifest:
    """Parse and validate a manifest.

    Raises:
        ModelMissing: There is none at `path`.
        ModelError: It is not valid TOML, or not a valid manifest; the message names the first wrong field.
    """
    try:
        text = _read_regular(path, limit=MAX_MANIFEST_BYTES)
        if len(text) > MAX_MANIFEST_BYTES:
            raise _bad_manifest(path, f"longer than {MAX_MANIFEST_BYTES} bytes")
        return Manifest.model_validate(tomllib.loads(text.decode("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _bad_manifest(path, f"{place}: {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad_manifest(path, str(error)) from error


def _read_regular(path: Path, *, limit: int) -> bytes:
    """Read at most `limit` + 1 bytes of a regular file; nothing else (a pipe would block for ever)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unreadable(path, "not a regular file")
        try:
            return file.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, error.strerror or type(error).__name__) from error


def _unreadable(path: Path, why: str) -> ModelMissing:
    return ModelMissing(f"a model's file cannot be read: {why}", where=str(path), next_step=REBUILD)


def _altered(name: str, path: Path, why: str) -> ModelAltered:
    return ModelAltered(
        f"model {name} is not the one in the manifest: {why}", where=str(path), next_step=REBUILD
    )


def _bad_manifest(path: Path, why: str) -> ModelError:
    return ModelError(
        f"the models' manifest is not valid: {why}", where=str(path), next_step=f"{REBUILD} --check"
    )
