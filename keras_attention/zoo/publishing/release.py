"""A model onto the Hugging Face Hub: written, read back, uploaded in one commit, tagged."""

import dataclasses
import hashlib
import json
import pathlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ...models import factory
from .. import index, published
from ..changes import Changes
from ..errors import HubError, UnknownModelError
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
    metrics: Mapping[str, Any] | None = None,
    licence: str | None = None,
    card: str | None = None,
    folder: str | pathlib.Path | None = None,
    private: bool = False,
    dry_run: bool = False,
    token: str | None = None,
) -> Published:
    """Publish a model on the Hub, so that this library, Keras and KerasHub can load it.

    The folder is written, loaded again and its logits compared before anything is uploaded. There
    is one commit, refused if somebody else made one meanwhile, and one tag, which is never moved: a
    model that is published again with other weights gets the next one. What is there already is
    not uploaded again.

    Args:
        model: One of `list_models()` whose weights are ours, or a model of `models.build` or
            `load`, perhaps fine-tuned.
        repo: "owner/name"; it is made if it is not there.
        architecture: What `models.build` made the model from; None is the model's name.
        attention: The attention that the model was built with, if not the architecture's own.
        options: What else it was built with, such as {"width": 16, "stem": "small"}.
        metrics: What was measured: {"metric": "accuracy", "score": 0.91, "data": "..."}.
        licence: Of the weights, such as "Apache-2.0".
        card: Text of the model card; None makes one of the model and its metrics.
        folder: Where to write the files, an empty folder that is kept; None is a temporary one.
        private: Whether a repository that is made is private.
        dry_run: Only write the folder and read it back.
        token: Of the Hub; None is that of `hf auth login`.
    Raises: ValueError for a model that cannot be described; WeightsError for weights that are not
        finite, or logits that differ when read back; HubError where the Hub refuses or somebody
        else published meanwhile.
    """
    built, described = _described(
        model, repo, architecture, attention, dict(options or {}), metrics, licence, card
    )
    with tempfile.TemporaryDirectory() as temporary:
        place = _empty(pathlib.Path(folder)) if folder else pathlib.Path(temporary)
        told = layout.write(place, built, described)
        _read_back(place, told)
        files = {**told.files, manifest.NAME: layout.file_of(place / manifest.NAME)}
        if dry_run:
            return Published(told.name, repo, None, None, files, place if folder else None)
        commit, tag = _upload(place, repo, private, token)
    return Published(told.name, repo, commit, tag, files, place if folder else None)


def _described(model, repo, architecture, attention, options, metrics, licence, card):
    """The model, and what its folder says of it."""
    if not REPO.fullmatch(repo):
        raise ValueError(f"repo must be 'owner/name'. Received: repo={repo!r}")
    if not isinstance(model, str | keras.Model):
        raise ValueError(f"model must be a name or a Keras model. Received: model={model!r}")
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("Models are published channels last: set keras's image_data_format so.")
    if isinstance(model, str):
        entry = index.info(model)
        if entry.source == "timm":
            raise UnknownModelError(
                f"Only our own models are published; {model} is on the Hub already. To publish one "
                "that you fine-tuned, pass the model"
            )
        from ..loading import load

        text, facts = cards.of_entry(entry, repo, pathlib.Path("zoo") / entry.name)
        arguments = {**entry.arguments, "labels": entry.labels or None}
        facts = {**facts, "licence": {"weights": entry.licence, "data": entry.data_licence}}
        size = entry.input_size
        return load(model), Description(
            model, entry.architecture, arguments, size, card or text, facts
        )
    name = architecture or model.name
    factory.arguments_of(name)  # teaches, where there is no such architecture
    if attention is not None:
        options = {**options, "attention": attention}
    arguments = layout.described_again(model, name, options)
    height, width = arguments["input_shape"][:2]
    if height is None or width is None:
        side = factory.default_size_of(name)
        height, width = height or side, width or side
    _check_plain(options)
    facts = {"metrics": dict(metrics or {}), "licence": {"weights": licence}}
    text = card or cards.of_model(repo, name, arguments, metrics or {}, licence)
    title = repo.rpartition("/")[2]
    return model, Description(title, name, arguments, (height, width), text, facts)


def _check_plain(options: Mapping[str, Any]) -> None:
    try:
        json.dumps(options)
    except TypeError as error:
        raise ValueError(
            "Only what is plain data can be published: attention by its key, such as 'cbam' or "
            f"{{'type': 'se', 'reduction': 8}}. Received: {dict(options)!r}"
        ) from error


def _empty(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"folder must be empty. Received: folder={str(folder)!r}")
    return folder


def _read_back(folder: pathlib.Path, told: manifest.Manifest) -> None:
    """Refuse a folder whose model does not answer as the one it was written from."""
    size = tuple(told.input["size"])
    ours = published.load(folder, Changes())
    golden.check(ours, size, told.golden, f"{folder} as this library reads it")
    theirs = keras.saving.load_model(folder)
    golden.check(theirs, size, told.golden, f"{folder} as Keras reads it")


def _upload(folder: pathlib.Path, repo: str, private: bool, token) -> tuple[str, str]:
    """The commit and the tag of these files, of which there may be nothing new."""
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi, errors

    api = HfApi(token=token, library_name="keras-attention-zoo")
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        head = api.model_info(repo).sha or ""
        operations = [CommitOperationAdd(path.name, str(path)) for path in sorted(folder.iterdir())]
        commit = head
        if not _is_there(api, repo, head, folder):
            made = api.create_commit(
                repo, operations, commit_message="Publish the model", parent_commit=head
            )
            commit = made.oid
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


def _is_there(api, repo: str, head: str, folder: pathlib.Path) -> bool:
    """Whether a repository has this card and this manifest, which has the hashes of the weights.

    Keras's own files have the time in them.
    """
    there = {
        one.path: getattr(one, "blob_id", "") for one in api.list_repo_tree(repo, revision=head)
    }
    for name in (manifest.NAME, "README.md"):
        content = (folder / name).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        if there.get(name) != blob.hexdigest():
            return False
    return True


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
