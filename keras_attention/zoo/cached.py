"""What is on this machine: weights of the package, files of the Hub, converted weights."""

import dataclasses
import pathlib
import shutil
from collections.abc import Iterator

from . import hub, index
from .errors import HubError, IntegrityError, UnknownModelError
from .files import integrity, manifest
from .foreign import origin

WEIGHTS = pathlib.Path(__file__).parent / "weights"
# Files of a repository that holds a model of timm's or of ours.
OF_MODELS = {"config.json", "model.safetensors"}


@dataclasses.dataclass(frozen=True)
class Cached:
    """One model, or what is left of one, on this machine.

    `kind` is "wheel", "hub" or "converted"; `size` is in bytes.
    """

    name: str
    kind: str
    size: int
    folder: pathlib.Path
    files: tuple[pathlib.Path, ...]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of one file that was hashed: "good", "damaged", "repaired" or "removed"."""

    name: str
    path: pathlib.Path
    state: str


def cache_info(cache_dir=None) -> list[Cached]:
    """The models whose weights are on this machine.

    Args:
        cache_dir: The cache of the Hub's client, if not its own choice.

    >>> zoo.cache_info()[0].name
    'resnet18w16_cbam_cifar10'
    """
    return [*_of_the_wheel(), *_of_the_hub(cache_dir), *_converted()]


def verify(name: str | None = None, repair: bool = True, cache_dir=None) -> list[Finding]:
    """Hash what is on this machine again.

    Args:
        name: Of one model; None is all of them.
        repair: Whether to delete what is damaged, and to fetch it again where it came from the
            Hub. Without a connection it is fetched when it is loaded next.
        cache_dir: The cache of the Hub's client, if not its own choice.
    Raises: UnknownModelError where nothing of that name is here.
    """
    known = [one for one in cache_info(cache_dir) if name in (None, one.name)]
    if name is not None and not known:
        raise UnknownModelError(f"Nothing of that name is on this machine. Received: name={name!r}")
    check = {"wheel": _check_wheel, "hub": _check_hub, "converted": _check_converted}
    return [finding for one in known for finding in check[one.kind](one, repair, cache_dir)]


def remove_cached(name: str, cache_dir=None) -> int:
    """Delete what was fetched or converted for a model; returns the bytes that are free now.

    Raises: UnknownModelError where nothing of that name was fetched.
    """
    found = [one for one in cache_info(cache_dir) if one.name == name and one.kind != "wheel"]
    if not found:
        raise UnknownModelError(f"Nothing was fetched for that name. Received: name={name!r}")
    for one in found:
        if one.kind == "hub":
            shutil.rmtree(one.folder)
        else:
            for path in one.files:
                path.unlink(missing_ok=True)
    return sum(one.size for one in found)


def _of_the_wheel() -> Iterator[Cached]:
    for name in index.list_models(source="wheel"):
        file = index.info(name).file
        if file and (WEIGHTS / file).is_file():
            path = WEIGHTS / file
            yield Cached(name, "wheel", path.stat().st_size, WEIGHTS, (path,))


def _of_the_hub(cache_dir) -> Iterator[Cached]:
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        repos = scan_cache_dir(cache_dir or constants.HF_HUB_CACHE).repos
    except (CacheNotFound, ValueError):
        return
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        files = {file.file_name: file for revision in repo.revisions for file in revision.files}
        ours = manifest.NAME in files or files.keys() >= OF_MODELS
        if repo.repo_type == "model" and ours:
            blobs = {file.blob_path: file for file in files.values()}
            size = sum(file.size_on_disk for file in blobs.values())
            paths = tuple(file.file_path for file in blobs.values())
            yield Cached(repo.repo_id, "hub", size, repo.repo_path, paths)


def _converted() -> Iterator[Cached]:
    folder = origin.cache()
    for name in index.list_models(source="pytorchcv"):
        stem = pathlib.Path((index.info(name).origin or {})["member"]).stem
        files = tuple(path for path in sorted(folder.glob(f"{stem}.*")) if path.is_file())
        if files:
            yield Cached(
                name, "converted", sum(path.stat().st_size for path in files), folder, files
            )


def _check_wheel(one: Cached, repair: bool, _) -> Iterator[Finding]:
    entry = index.info(one.name)
    (path,) = one.files
    try:
        integrity.read_verified(path, entry.size or 0, entry.sha256 or "")
    except IntegrityError:
        yield Finding(one.name, path, "damaged")
    else:
        yield Finding(one.name, path, "good")


def _check_hub(one: Cached, repair: bool, cache_dir) -> Iterator[Finding]:
    for path in one.files:
        access = hub.Access(cache_dir=cache_dir)
        if hub.is_intact(path, None, one.name, path.parent.name, access):
            yield Finding(one.name, path, "good")
        elif not repair:
            yield Finding(one.name, path, "damaged")
        else:
            yield Finding(one.name, path, _repaired(one.name, path, access))


def _repaired(name: str, path: pathlib.Path, access: hub.Access) -> str:
    """What became of a damaged file of the Hub, which is fetched again or at least not kept."""
    try:
        hub.fetch(name, [path.name], path.parent.name, access)
    except (HubError, IntegrityError):
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return "removed"
    return "repaired"


def _check_converted(one: Cached, repair: bool, _) -> Iterator[Finding]:
    path = next(path for path in one.files if path.suffix == ".safetensors")
    good = origin.is_good(path, index.info(one.name).origin or {})
    if not good and repair:
        path.unlink()
    yield Finding(one.name, path, "good" if good else "removed" if repair else "damaged")
