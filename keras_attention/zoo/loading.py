"""From a name to a model that classifies images, or makes some."""

import contextlib
import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterator, Sequence

import keras

from .. import models
from . import hub, index, kinds, published
from .changes import Changes
from .errors import UnknownModelError
from .files import integrity, manifest
from .files import weights as weight_files
from .foreign import authors, building, checkpoint, origin

WEIGHTS = pathlib.Path(__file__).parent / "weights"

log = logging.getLogger(__name__)


def load(
    name: str,
    num_classes: int | None = None,
    weights: bool = True,
    dtype: str | None = None,
    *,
    input_shape: Sequence[int | None] | None = None,
    attention: models.Slots = None,
    features_only: bool = False,
    levels: Sequence[str] | None = None,
    revision: str | None = None,
    cache_dir: str | pathlib.Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> keras.Model:
    """A pretrained model: RGB images in 0..255 in, logits out; or a generator of images.

    A generator is loaded as it was published: it takes `weights`, `dtype` and what says where it
    is, and `models.sample` makes pictures with it.

    Args:
        name: One of `list_models()`, such as "timm/seresnet50.ra2_in1k" (perhaps with "@" and a
            revision); "hf://owner/name" for another repository, of a model that `publish` or timm
            put there; a folder with the files of such a repository; or a file ".pth" of the code
            that the authors of CBAM and BAM published, which torch >= 2.10 reads.
        num_classes: Makes a new, random head for that many classes and keeps the body, 0 gives
            the pooled features; None keeps the published head and its labels.
        weights: False gives random weights.
        dtype: A dtype policy such as "mixed_bfloat16"; None takes Keras's setting.
        input_shape: (height, width, 3) if not that of the published model; sizes may be None where
            the architecture allows it.
        attention: Other attention than the published, as for `models.build`: its weights are new
            and random, which a warning says.
        features_only: Whether the output is a dict of maps, from fine to coarse, instead.
        levels: Which of these maps; None is all.
        revision: A branch, tag or commit of a repository. None takes what is in the cache without
            asking the Hub, and the main branch where nothing is; "main" asks for what is newer.
        cache_dir: Where files of the Hub are kept; None is the client's choice, which HF_HOME and
            HF_HUB_CACHE change.
        local_files_only: Whether to use the cache alone; HF_HUB_OFFLINE=1 means the same.
        token: Of the Hub; None is that of `hf auth login`, or HF_TOKEN.
    Raises: UnknownModelError for an unknown name; IntegrityError for a file that is missing, or
        not the published one even when fetched again; WeightsError, or ConversionError for foreign
        weights, if they do not fit the architecture; ManifestError for a description that is
        none; OfflineError, AccessError, NotFoundError, HubError or CacheError where a file cannot
        be fetched. All are ZooErrors; a plain ValueError is for an argument that does not fit the
        model. There is no way to random weights but `weights=False`.

    >>> zoo.load("resnet18w16_cbam_cifar10").output_shape
    (None, 10)
    """
    changes = Changes(num_classes, input_shape, attention, features_only, levels, weights)
    with _policy(dtype):
        folder = pathlib.Path(name)
        if folder.is_dir():
            if published.is_in(folder):
                return published.load(folder, changes)
            return building.load(checkpoint.read(folder), changes)
        if authors.is_file(folder):
            return authors.load(folder, changes)
        if name.startswith((".", "/", "~")) or name.endswith(authors.SUFFIXES):
            raise UnknownModelError(f"There is no such file or folder. Received: name={name!r}")
        repo, _, given = name.removeprefix("hf://").partition("@")
        if revision and given and given != revision:
            raise ValueError(f"Two revisions. Received: name={name!r}, revision={revision!r}")
        access = hub.Access(revision or given or None, cache_dir, local_files_only, token)
        if name.startswith("hf://"):
            return _of_somebody(repo, changes, access)
        entry = _entry(repo)
        if access.revision and entry is not None and entry.source != "timm":
            raise ValueError(
                f"Only models of the Hub have revisions. Received: name={name!r}, "
                f"revision={access.revision!r}"
            )
        if entry is None:
            return building.load(_of_hub(repo, access), changes)
        _mention_licence(entry)
        if entry.source == "timm":
            return building.load(_of_hub(repo, access, entry, weights), changes)
        return _own(entry, changes, access)


def _entry(name: str) -> index.ModelInfo | None:
    """What the index knows of a name; None for a tag of a known architecture that it has not."""
    architecture = name.removeprefix("timm/").partition(".")[0]
    known = name.startswith("timm/") and architecture in models.list_architectures()
    if known and name not in index.list_models(source="timm"):
        return None
    return index.info(name)


def _of_hub(
    repo: str, access: hub.Access, entry: index.ModelInfo | None = None, weights: bool = True
) -> checkpoint.Checkpoint:
    """The checkpoint of timm's in a repository."""
    if entry is not None and not weights:  # all that is needed is in the index
        return checkpoint.described(entry.architecture, entry.arguments, entry.input_size)
    commit = hub.resolve(repo, (checkpoint.CONFIG, checkpoint.TENSORS), access)
    folder = hub.fetch(repo, (checkpoint.CONFIG,), commit, access)
    tensors = hub.fetch_meanwhile(repo, checkpoint.TENSORS, commit, access)
    return checkpoint.read(folder, entry.labels if entry else None, tensors)


def _of_somebody(repo: str, changes: Changes, access: hub.Access) -> keras.Model:
    """A model of ours or of timm's in a repository that the index does not know."""
    commit = hub.resolve(repo, (kinds.WEIGHTS,), access)
    access = dataclasses.replace(access, revision=commit)
    if not hub.has(repo, manifest.NAME, commit, access):
        return building.load(_of_hub(repo, access), changes)
    weights = hub.fetch_meanwhile(repo, kinds.WEIGHTS, commit, access)
    folder = hub.fetch(repo, (manifest.NAME,), commit, access)
    hub.fetch(repo, published.small_files(folder), commit, access)
    return published.load(folder, changes, weights)


_MENTIONED: set[str] = set()


def _mention_licence(entry: index.ModelInfo) -> None:
    """Say once of a model that its licence is not a permissive one."""
    if entry.licence not in index.PERMISSIVE and entry.name not in _MENTIONED:
        _MENTIONED.add(entry.name)
        log.warning(
            "%s: its licence, %s, is not a permissive one: read it before you use the weights",
            entry.name,
            entry.licence,
        )


def _own(entry: index.ModelInfo, changes: Changes, access: hub.Access) -> keras.Model:
    """A model of ours, from the package, the Hub, or where its weights come from."""
    kind = kinds.of(entry.architecture)
    kind.check(changes, entry.name)
    if entry.commit and not entry.file and changes.weights:
        repo = entry.repo or ""
        pins = entry.files
        weights = hub.fetch_meanwhile(repo, kinds.WEIGHTS, entry.commit, access, pins)
        small = [name for name in pins if name != kinds.WEIGHTS]
        folder = hub.fetch(repo, small, entry.commit, access, pins)
        return published.load(folder, changes, weights)
    # Read before the model is built, so that a broken file costs no time; large ones meanwhile.
    arrays = _read(entry) if changes.weights and entry.file else {}
    kept = origin.weights_meanwhile(entry.origin) if changes.weights and entry.origin else None
    arguments = kind.of_entry(entry.arguments, entry.input_size, entry.labels)
    model = kind.build(entry.architecture, **changes.applied_to(arguments))
    if not changes.weights:
        return model
    if kept:
        arrays = _converted(entry, kept)
    own = arguments.get("attention")
    new = building.fresh(entry.architecture, own, changes.attention)
    new |= building.new_heads(changes, arguments)
    shapes = {path: array.shape for path, array in arrays.items()}
    source = entry.file or entry.name
    weight_files.assign(model, shapes, arrays.__getitem__, source, new, changes.features_only)
    building.mention(model, entry.name, new)
    return model


def _read(entry: index.ModelInfo):
    path = WEIGHTS / (entry.file or "")
    content = integrity.read_verified(path, entry.size or 0, entry.sha256 or "")
    return weight_files.parse(content, str(path))


def _converted(entry: index.ModelInfo, kept: Callable[[origin.Convert], pathlib.Path]):
    """The arrays of a model whose weights others publish as a torch file."""

    def convert(state):
        model = models.build(entry.architecture, **entry.arguments)
        return building.from_state(model, state, entry)

    path = kept(convert)
    return weight_files.parse(path.read_bytes(), str(path))


@contextlib.contextmanager
def _policy(dtype: str | None) -> Iterator[None]:
    before = keras.config.dtype_policy()
    try:
        if dtype is not None:
            keras.config.set_dtype_policy(dtype)
        yield
    finally:
        keras.config.set_dtype_policy(before)
