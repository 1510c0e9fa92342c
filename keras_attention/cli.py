"""The command line: `keras-attention list | info | predict | explain | sample | publish | ...`.

Exit code 0: done; 1: it failed; 2: an argument is wrong. Errors are one line on stderr.
"""

import argparse
import contextlib
import dataclasses
import itertools
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:
        # The reader of a pipe has seen enough; nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        print(f"keras-attention: {_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, (ValueError, FileNotFoundError)) else 1


def _list(options) -> int:
    from . import zoo

    wanted = ("attention", "task", "family", "license", "source", "max_params", "min_top1")
    filters = {name: getattr(options, name) for name in wanted}
    for name in zoo.list_models(options.pattern, **filters):
        entry = zoo.info(name)
        score = "" if entry.score is None else f"{entry.metric} {entry.score:.4f}"
        columns = f"{name:52} {entry.attention:10} {entry.parameters:>13,}  {entry.licence:14}"
        print(f"{columns}  {score}".rstrip())
    return 0


def _info(options) -> int:
    from . import zoo

    for field, value in dataclasses.asdict(zoo.info(options.model)).items():
        if isinstance(value, (list, tuple)):
            more = f", ... ({len(value)})" if len(value) > 20 else ""
            value = ", ".join(map(str, value[:20])) + more
        print(f"{field:14} {value}")
    return 0


def _predict(options) -> int:
    from . import zoo

    image = zoo.read_image(options.image)
    _print_top(zoo.classify(options.model, image, top=options.top))
    return 0


def _explain(options) -> int:
    from . import explain, zoo

    output = pathlib.Path(options.output)
    _check_output(output)
    image = zoo.read_image(options.image)
    model = zoo.load(options.model)
    predictions = zoo.classify(model, image, top=options.top)
    maps = explain.attention_maps(model, zoo.preprocess(model, image))
    label, probability = predictions[0]
    title = f"{options.model}: {label} {probability:.1%}"
    figure = explain.figure(zoo.centre(model, image), maps, title=title)
    with _written(output) as beside:
        figure.savefig(beside, format=output.suffix[1:], dpi=150, bbox_inches="tight")
    _print_top(predictions)
    print(f"The photo and the attention of each stage: {output}")
    return 0


def _sample(options) -> int:
    from PIL import Image

    from . import models, zoo

    output = pathlib.Path(options.out)
    _check_output(output, PICTURES)
    rows, across = options.grid or (None, 8)
    generator = zoo.load(options.model)
    names = models.labels(generator) or ()
    classes = options.classes.split(",") if options.classes else list(names)
    wanted: list[int | str] = [int(one) if one.isdigit() else one for one in classes]
    rows = rows or len(wanted) or 8
    if options.classes and rows < len(wanted):
        raise ValueError(
            f"{len(wanted)} classes need as many rows. Received: --grid {rows}x{across}"
        )
    turns = itertools.islice(itertools.cycle(wanted), rows)  # nothing without classes
    labels = [one for one in turns for _ in range(across)]
    images = models.sample(
        generator, labels or rows * across, options.seed, truncation=options.truncation
    )
    picture = models.grid(images, across)
    with _written(output) as beside:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(
            beside, format=output.suffix[1:].lower().replace("jpg", "jpeg")
        )
    print(f"{rows} rows of {across} pictures: {output}")
    return 0


@contextlib.contextmanager
def _written(output: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path to write to, which becomes `output` when all is written."""
    beside = output.with_name(f".{output.name}.part")
    try:
        yield beside
        os.replace(beside, output)
    finally:
        beside.unlink(missing_ok=True)


def _publish(options) -> int:
    from . import zoo

    if options.all == (options.model is not None):
        raise ValueError("Publish one model by name, or --all")
    own = [*zoo.list_models(source="wheel"), *zoo.list_models(source="pytorchcv")]
    for name in own if options.all else [options.model]:
        found = zoo.publish(
            name,
            f"{options.org}/{name}",
            folder=options.folder and pathlib.Path(options.folder) / (name if options.all else ""),
            private=options.private,
            dry_run=options.dry_run,
        )
        state = "nothing was uploaded" if options.dry_run else f"{found.tag} at {found.commit}"
        print(f"{found.repo}: {state}", file=sys.stderr)
        print(found.index_entry())
    return 0


def _verify(options) -> int:
    from . import zoo

    findings = zoo.verify(options.model, repair=not options.no_repair)
    for finding in findings:
        print(f"{finding.state:9} {finding.name}  {finding.path}")
    return 1 if any(finding.state == "damaged" for finding in findings) else 0


def _cache(options) -> int:
    from . import zoo

    if options.remove:
        freed = zoo.remove_cached(options.remove)
        print(f"{freed / 1e6:.1f} MB are free again")
        return 0
    for model in zoo.cache_info():
        print(f"{model.kind:9} {model.size / 1e6:9.1f} MB  {model.name}  {model.folder}")
    return 0


def _print_top(predictions) -> None:
    for label, probability in predictions:
        print(f"{probability:6.1%}  {label}")


PICTURES = (".jpg", ".png")
FORMATS = (*PICTURES, ".pdf", ".svg")


def _check_output(output: pathlib.Path, formats: Sequence[str] = FORMATS) -> None:
    """Refuse a picture that cannot be written before time is spent on it."""
    if output.suffix.lower() not in formats:
        raise ValueError(
            f"The picture's name must end in one of {list(formats)}. Received: {str(output)!r}"
        )
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise PermissionError(f"Cannot write {str(output)!r}: no folder, or not allowed")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keras-attention", description="Pretrained attention models for vision in Keras 3."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(required=True, metavar=COMMANDS)

    command = commands.add_parser("list", help="the published models")
    command.add_argument("pattern", nargs="?", default="*", help="with wildcards: 'resnet*'")
    command.add_argument("--attention", help="a layer's key, or none")
    command.add_argument("--task", help="classification, generation, or features")
    command.add_argument("--family", help="such as vit")
    command.add_argument("--license", help="permissive, or a licence's name")
    command.add_argument(
        "--source", help="wheel, hub, pytorchcv or timm: where the weights come from"
    )
    command.add_argument("--max-params", type=float, help="most parameters, such as 30e6")
    command.add_argument("--min-top1", type=float, help="least reported score, such as 0.8")
    command.set_defaults(run=_list)

    command = commands.add_parser("info", help="what is known of one model")
    command.add_argument("model")
    command.set_defaults(run=_info)

    command = commands.add_parser("predict", help="the most probable labels of an image")
    _add_image_arguments(command)
    command.set_defaults(run=_predict)

    command = commands.add_parser("explain", help="the same, and where the model looked")
    _add_image_arguments(command)
    command.add_argument("--output", default="attention.png", help="default: attention.png")
    command.set_defaults(run=_explain)

    command = commands.add_parser("sample", help="pictures that a generator makes")
    command.add_argument(
        "model", help="a name that `keras-attention list --task generation` prints"
    )
    command.add_argument("--classes", help="names or numbers, with commas; a row for each in turn")
    command.add_argument("--grid", type=_grid, help="rows x columns; default: all classes x 8")
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.add_argument("--truncation", type=float, help="no noise beyond it, such as 1.5")
    command.add_argument("--out", default="samples.png", help="default: samples.png")
    command.set_defaults(run=_sample)
    _add_hub_commands(commands)
    return parser


COMMANDS = "list|info|predict|explain|sample|publish|verify|cache"


def _grid(text: str) -> tuple[int, int]:
    rows, _, across = text.partition("x")
    if not (rows.isdigit() and across.isdigit() and int(rows) and int(across)):
        raise argparse.ArgumentTypeError(f"rows x columns, such as 8x8. Received: {text!r}")
    return int(rows), int(across)


def _add_hub_commands(commands) -> None:
    command = commands.add_parser("publish", help="a model of ours onto the Hugging Face Hub")
    command.add_argument("model", nargs="?", help="its name; in a clone, where zoo/ has its card")
    command.add_argument("--all", action="store_true", help="every model of ours")
    command.add_argument("--org", required=True, help="user or organisation on the Hub")
    command.add_argument("--private", action="store_true", help="for nobody else to see")
    command.add_argument("--dry-run", action="store_true", help="write, read back, upload nothing")
    command.add_argument("--folder", help="an empty folder to write to and keep")
    command.set_defaults(run=_publish)

    command = commands.add_parser("verify", help="hash what is on this machine again")
    command.add_argument("model", nargs="?", help="its name; all without one")
    command.add_argument("--no-repair", action="store_true", help="only report")
    command.set_defaults(run=_verify)

    command = commands.add_parser("cache", help="what is on this machine")
    command.add_argument("--remove", metavar="MODEL", help="delete what was fetched for a model")
    command.set_defaults(run=_cache)


def _add_image_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help="a name that `keras-attention list` prints")
    command.add_argument("image", help="path of a picture")
    command.add_argument("--top", type=int, default=5, help="how many labels; default: 5")


class _Version(argparse.Action):
    def __call__(self, parser, *_):
        from . import __version__

        print(__version__)
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
