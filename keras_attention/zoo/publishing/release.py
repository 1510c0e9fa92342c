"""A model onto the Hugging Face Hub: written, read back, uploaded in one commit, tagged."""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .. import index, kinds, published
from ..changes import Changes
from ..errors import HubError, UnknownModelError, WeightsError
from ..files import manifest
from . import cards, golden, layout
from .layout import Description

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a model is. `commit` is None where nothing was uploaded.

    `files` has the hash and the size of each file that is read by this library's loader.
    """

    name: str
    repo: str
    commit: str | None
    tag: str | None
    files: Mapping[str, manifest.File]
    folder: pathlib.Path | None = None

    def index_entry(self) -> str:
        """The lines that `index.json` needs to load the model from there."""
        files = {name: dataclasses.asdict(file) for name, file in self.files.items()}
        place = {"repo": self.repo, "commit": self.commit, "tag": self.tag, "files": files}
        return json.dumps({self.name: place}, indent=1)


def publish(
    model: str | keras.Model,
    repo: str,
    *,
    architecture: str | None = None,
    attention: Any = None,
    options: Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    metrics: Mapping[str, Any] | None = None,
    licence: str | None = None,
    card: str | None = None,
    folder: str | pathlib.Path | None = None,
    private: bool = False,
    dry_run: bool = False,
    token: str | None = None,
) -> Published:
    """Publish a model on the Hub, so that this library, Keras and KerasHub can load it.

    The folder is written, loaded again and its answers compared before anything is uploaded. There
    is one commit, refused if somebody else made one meanwhile, and one tag, which is never moved: a
    model that is published again with other weights gets the next one. What is there already is
    not uploaded again. Weights are published as float32, whatever the model computes in, and
    without the state of an optimizer.

    Args:
        model: One of `list_models()` whose weights are ours, or a model of `models.build`,
            `models.build_generator` or `load`, perhaps trained further.
        repo: "owner/name"; it is made if it is not there.
        architecture: What the model was built from; None is what its name says.
        attention: The attention that the model was built with, if not the architecture's own.
        options: What else it was built with, such as {"width": 16, "stem": "small"}; of a model of
            `load`, `zoo.info(name).arguments`.
        labels: Names of the classes in order; None are those that the model has.
        metrics: What was measured: {"metric": "accuracy", "score": 0.91, "data": "..."}.
        licence: Of the weights, such as "Apache-2.0".
        card: Text of the model card; None makes one of the model and its metrics.
        folder: Where to write the files, an empty folder that is kept; None is a temporary one.
        private: Whether a repository that is made is private.
        dry_run: Only write the folder and read it back.
        token: Of the Hub; None is that of `hf auth login`.
    Raises: ValueError for a model that cannot be described; WeightsError for weights that are not
        finite, or answers that differ when read back; HubError where the Hub refuses or somebody
        else published meanwhile.
    """
    if not isinstance(model, str | keras.Model):
        raise ValueError(f"model must be a name or a Keras model. Received: model={model!r}")
    if isinstance(model, str) and index.info(model).source == "timm":
        raise UnknownModelError(
            f"Only our own models are published; {model} is on the Hub already. To publish one "
            "that you fine-tuned, pass the model"
        )
    if not REPO.fullmatch(repo):
        raise ValueError(f"repo must be 'owner/name'. Received: repo={repo!r}")
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("Models are published channels last: set keras's image_data_format so.")
    with _float32(), tempfile.TemporaryDirectory() as temporary:
        if isinstance(model, str):
            built, described = _ours(model, repo, card)
        else:
            options = {**(options or {}), **({} if attention is None else {"attention": attention})}
            built, described = _somebodys(
                model, repo, architecture, options, labels, metrics or {}, licence, card
            )
        place = _empty(pathlib.Path(folder)) if folder else pathlib.Path(temporary)
        told = layout.write(place, built, described)
        _read_back(place, told)
        files = {**told.files, manifest.NAME: layout.file_of(place / manifest.NAME)}
        if dry_run:
            return Published(told.name, repo, None, None, files, place if folder else None)
        commit, tag = _upload(place, repo, private, token)
    return Published(told.name, repo, commit, tag, files, place if folder else None)


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    """Models of a block are float32: what is read back must be what is written, to the last bit."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _ours(name: str, repo: str, card: str | None) -> tuple[keras.Model, Description]:
    """A model of the index, and what its folder says of it."""
    from ..loading import load

    entry = index.info(name)
    text, facts = cards.of_entry(entry, repo, pathlib.Path("zoo") / name)
    kind = kinds.of(entry.architecture)
    arguments = kind.of_entry(entry.arguments, entry.input_size, entry.labels)
    facts = {**facts, "licence": {"weights": entry.licence, "data": entry.data_licence}}
    told = _card(card, text)
    goes_in = kind.input_of(entry.architecture, arguments)
    return load(name), Description(name, entry.architecture, arguments, goes_in, told, facts)


def _somebodys(
    model: keras.Model, repo, architecture, options, labels, metrics, licence, card
) -> tuple[keras.Model, Description]:
    """Somebody's own model as it is published, and what its folder says of it."""
    name = architecture or kinds.architecture_of(model)
    kind = kinds.of(name)
    _plain("options", options, "attention by its key, such as 'cbam' or a dict of its arguments")
    measured = _plain("metrics", metrics, "text and finite numbers")
    arguments = layout.described_again(model, name, options)
    if labels is not None:
        arguments["labels"] = tuple(labels)
        if len(arguments["labels"]) != arguments["num_classes"]:
            raise ValueError(
                f"labels must be one name for each of the {arguments['num_classes']} classes. "
                f"Received: labels={arguments['labels']}"
            )
    facts = {"metrics": measured, "licence": {"weights": licence}}
    text = cards.of_model(repo, name, arguments, measured, licence)
    title, goes_in = repo.rpartition("/")[2], kind.input_of(name, arguments)
    built = _built_again(model, name, arguments, goes_in)
    return built, Description(title, name, arguments, goes_in, _card(card, text), facts)


def _card(given: str | None, made: str) -> Callable[[Mapping[str, manifest.File]], str]:
    """The text of the card from the files: the publisher's own as it is, ours with their table."""
    if given is not None:
        return lambda files: given
    return lambda files: made + cards.table_of(files)


def _built_again(
    model: keras.Model, architecture: str, arguments: Mapping[str, Any], goes_in: Mapping[str, Any]
) -> keras.Model:
    """The model without what training left: its optimizer, its loss, its 16-bit layers.

    Raises: WeightsError where the arguments make another model of the same weights.
    """
    kind = kinds.of(architecture)
    built = kind.build(architecture, **arguments)
    values = {weight.path: weight.value for weight in model.weights}
    for weight in built.weights:
        weight.assign(keras.ops.cast(values[weight.path], weight.dtype))
    exact = all(layer.compute_dtype == "float32" for layer in model.layers)
    limit = golden.LIMIT if exact else golden.LIMIT_OF_16_BITS
    expected, found = kind.answer(model, goes_in), kind.answer(built, goes_in)
    error = golden.difference(found, expected)
    if np.isfinite(expected).all() and not error <= limit:
        raise WeightsError(
            f"{kind.builder}({architecture!r}, ...) with these arguments does not answer as the "
            "model does: pass attention= and options as they were given. Expected numbers within "
            f"{limit} of the largest. Received: a difference of {error:.2g}"
        )
    return built


def _plain(name: str, value: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """What JSON keeps of a value: numbers of NumPy become plain ones.

    Raises: ValueError for what is no data.
    """
    try:
        text = json.dumps(dict(value), allow_nan=False, default=lambda number: number.item())
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"Only what is plain data can be published: {wanted}. Received: {name}={dict(value)!r}"
        ) from error
    return json.loads(text)


def _empty(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"folder must be empty. Received: folder={str(folder)!r}")
    return folder


def _read_back(folder: pathlib.Path, told: manifest.Manifest) -> None:
    """Refuse a folder whose model does not answer as the one it was written from."""

    def check(model: keras.Model, reader: str) -> None:
        answer = kinds.of(told.architecture).answer(model, told.input)
        golden.check(answer, told.golden, f"{folder} as {reader} reads it")

    check(published.load(folder, Changes()), "this library")
    check(keras.saving.load_model(folder), "Keras")
    if (folder / layout.TASK).is_file():
        import keras_hub

        task = keras_hub.models.ImageClassifier.from_preset(str(folder))
        check(task, "KerasHub")


def _upload(folder: pathlib.Path, repo: str, private: bool, token) -> tuple[str, str]:
    """The commit and the tag of these files, of which there may be nothing new."""
    import httpx2
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors

    api = HfApi(token=token, library_name="keras-attention-zoo")
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        commit = head = api.model_info(repo).sha or ""
        there = {
            one.path: getattr(one, "blob_id", "") for one in api.list_repo_tree(repo, revision=head)
        }
        names = sorted(path.name for path in folder.iterdir())
        if not _is_there(there, folder, names):
            operations: list[Any] = [CommitOperationAdd(name, str(folder / name)) for name in names]
            # Left there, they would give KerasHub the weights of an earlier commit.
            gone = {layout.TASK, layout.TASK_WEIGHTS} & there.keys() - set(names)
            operations += [CommitOperationDelete(name) for name in sorted(gone)]
            commit = api.create_commit(
                repo, operations, commit_message="Publish the model", parent_commit=head
            ).oid
        tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(repo).tags}
        named = [tag for tag, at in tags.items() if at == commit]
        tag = named[0] if named else _next(tags)
        if not named:
            api.create_tag(repo, tag=tag, revision=commit)
        return commit, tag
    except errors.HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == 412:
            raise HubError(
                f"Somebody else published to {repo} meanwhile: look at it, then publish again"
            ) from error
        raise HubError(f"The Hub refused {repo}: {error}") from error
    except (OSError, httpx2.TransportError) as error:
        raise HubError(f"{repo} could not be published: {error}") from error


def _is_there(there: Mapping[str, str], folder: pathlib.Path, names: Sequence[str]) -> bool:
    """Whether a repository has these files, with this card and this manifest.

    The manifest has the hashes of the weights; Keras's own files have the time in them.
    """
    for name in (manifest.NAME, "README.md"):
        content = (folder / name).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        if there.get(name) != blob.hexdigest():
            return False
    return there.keys() >= set(names)


def _next(tags: Sequence[str] | Mapping[str, str]) -> str:
    """v1.0.0, or one minor version above the last."""
    numbers = []
    for tag in tags:
        parts = tag.removeprefix("v").split(".")
        if tag.startswith("v") and len(parts) == 3 and all(part.isdigit() for part in parts):
            numbers.append(tuple(map(int, parts)))
    if not numbers:
        return "v1.0.0"
    major, minor, _ = max(numbers)
    return f"v{major}.{minor + 1}.0"
