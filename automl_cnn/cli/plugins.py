"""`automl-cnn plugins`: list the plugins that a search uses, and show one in detail."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding

from automl_cnn import foreign, registry
from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import Text, console, value, write_json
from automl_cnn.cli.plugins_check import check
from automl_cnn.cli.plugins_new import new
from automl_cnn.cli.tables import Folder, Json, table
from automl_cnn.errors import AutomlCnnError, PluginError
from automl_cnn.plugin import Architecture, Plugin, Pretrained, Regularizer, Story
from automl_cnn.quantities import compact

SECONDS = 600.0  # time limit for building a network

app = typer.Typer(no_args_is_help=True, help="The plugins that a search uses: architectures, optimizers, regularizers.")


@app.command("list")
def list_(plugins_dir: Folder = None, as_json: Json = False) -> None:
    """List every installed plugin, and files that could not be loaded."""
    plugins = registry.load(plugins_dir)
    if as_json:
        write_json({"plugins": [_brief(entry) for entries in plugins.entries.values() for _, entry in sorted(entries.items())], "broken": dict(plugins.broken)})
        return
    screen = console()
    for kind in registry.KINDS:
        screen.print(Text(f"{kind}s", style="bold"))
        screen.print(table([(name, plugins.entry(kind, name).summary, plugins.entry(kind, name).source) for name in plugins.names(kind)]))
        screen.print()
    if plugins.broken:
        screen.print(Text("could not be loaded", style="bold red"))
        screen.print(table(list(plugins.broken.items())))
        screen.print()
    screen.print(Text("More of one: automl-cnn plugins show NAME", style="dim"))


@app.command("show")
def show(
    *,
    name: Annotated[str, typer.Argument(help="A plugin's name.", autocompletion=completions.one_of(completions.plugins(*completions.KINDS)))],
    size: Annotated[int, typer.Option(min=8, max=1024, help="Height and width of the input, in pixels (architectures).")] = 224,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes (architectures).")] = 1000,
    width: Annotated[float, typer.Option(min=0.05, max=10, help="The width multiplier (architectures).")] = 1.0,
    depth: Annotated[float, typer.Option(min=0.05, max=10, help="The depth multiplier (architectures).")] = 1.0,
    layers: Annotated[bool, typer.Option("--layers", help="Every layer with its shape and cost (architectures).")] = False,
    plugins_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Show a plugin: when to choose it, its history, its parameters, and the cost of its default network."""
    entry = registry.load(plugins_dir).find(name)
    network = _network(entry.plugin, size, classes, width, depth) if issubclass(entry.plugin, Architecture) else None
    if as_json:
        about: dict[str, Any] = {**_brief(entry), "doc": _doc(entry.plugin), "space": {key: domain.as_dict() for key, domain in entry.plugin.domains().items()}}
        if issubclass(entry.plugin, Architecture):
            about["pretrained"] = [_weights(weights) for weights in entry.plugin.pretrained]
            about["story"] = dataclasses.asdict(entry.plugin.story) if entry.plugin.story is not None else None
        if issubclass(entry.plugin, Regularizer):
            about["tasks"] = None if entry.plugin.tasks is None else list(entry.plugin.tasks)
        if network is not None:
            about["network"] = network if layers else {key: item for key, item in network.items() if key != "layers"}
        write_json(about)
        return
    _print(console(), entry, network, layers)


def _print(screen: Console, entry: registry.Entry, network: dict[str, Any] | None, layers: bool) -> None:
    screen.print(Text.assemble((entry.plugin.name, "bold cyan"), f"  {entry.plugin.kind}, from {entry.source}\n"))
    screen.print(Text(_doc(entry.plugin) + "\n"))
    if issubclass(entry.plugin, Regularizer) and entry.plugin.tasks is not None:
        screen.print(Text(f"tasks: {', '.join(entry.plugin.tasks)}; searches of other tasks leave it out\n"))
    if issubclass(entry.plugin, Architecture) and entry.plugin.story is not None:
        _print_story(screen, entry.plugin.story)
    screen.print(Text("space", style="bold"))
    rows = [(key, domain.describe(), value(domain.default)) for key, domain in entry.plugin.domains().items()]
    screen.print(table(rows, ("parameter", "range", "default")) if rows else Text("  nothing to vary"))
    if issubclass(entry.plugin, Architecture) and entry.plugin.pretrained:
        screen.print(Text("\npretrained weights", style="bold"))
        head = ("name", "point", "size", "top-1", "source")
        screen.print(table([_row(weights) for weights in entry.plugin.pretrained], head))
    if network is None:
        return
    screen.print(Text("\nthe default network", style="bold"))
    given = f"{network['size']} px, {network['classes']:,} classes, width {network['width']:g}, depth {network['depth']:g}"
    costs = [(key.replace("_", "-"), f"{network[key]:,}", compact(network[key])) for key in ("params", "mult_adds", "activations")]
    memory = ("memory", f"{network['memory_per_image'] / 1e6:,.1f} MB per image while training", "float32")
    screen.print(table([("at", given, ""), *costs, memory]))
    if layers and network["layers"]:
        screen.print(Text("\nlayers", style="bold"))
        head = tuple(network["layers"][0])
        screen.print(table([tuple(_cell(layer[key]) for key in head) for layer in network["layers"]], tuple(key.replace("_", "-") for key in head)))


def _print_story(screen: Console, story: Story) -> None:
    """Print the idea of an architecture, its block, its predecessors and successors, and the studies that test its claim."""
    screen.print(Text("its story", style="bold"))
    screen.print(Padding(Text(f"{story.year}. {story.idea}"), (0, 2)))
    screen.print(Padding(Text("\n" + story.block + "\n", style="cyan", no_wrap=True), (0, 4)))
    lines = [("before it", ", ".join(story.before)), ("after it", ", ".join(story.after))]
    lines += [("study", f"automl-cnn study {name}") for name in story.studies]
    lines += [("lesson", f"notebooks/{name}.py") for name in story.notebooks]
    screen.print(table([line for line in lines if line[1]]))
    screen.print()


def _network(plugin: type[Architecture], size: int, classes: int, width: float, depth: float) -> dict[str, Any]:
    """The cost of the default network. Building it loads Keras."""
    backend.require()
    with backend.loading("Loading Keras, building the network"):
        from automl_cnn.models.build import build
        from automl_cnn.models.cost import cost

        try:
            counted = foreign.call(
                lambda: cost(build(plugin(), classes=classes, channels=3, size=size, width=width, depth=depth)), plugin.name, seconds=SECONDS
            )
        except foreign.ForeignError as error:
            if isinstance(error.__cause__, AutomlCnnError):
                raise error.__cause__ from None
            raise PluginError(f"The default network of {plugin.name} cannot be built: {error}.") from error
    return {
        "size": size,
        "classes": classes,
        "width": width,
        "depth": depth,
        "params": counted.params,
        "mult_adds": counted.mult_adds,
        "activations": counted.activations,
        "memory_per_image": counted.memory,
        "layers": [dataclasses.asdict(layer) for layer in counted.layers],
    }


def _weights(weights: Pretrained) -> dict[str, Any]:
    return {
        "name": weights.name,
        "point": dict(weights.point),
        "width": weights.width,
        "depth": weights.depth,
        "size": weights.size,
        "top_1": weights.top_1,
        "source": weights.source,
        "distribution": weights.distribution,
    }


def _row(weights: Pretrained) -> tuple[str, ...]:
    point = [f"{key} {value(given)}" for key, given in weights.point.items()]
    point += [f"{key} {given:g}" for key, given in (("width", weights.width), ("depth", weights.depth)) if given != 1]
    top_1 = "-" if weights.top_1 is None else f"{weights.top_1:.3f}"
    return weights.name, ", ".join(point) or "default", f"{weights.size} px", top_1, weights.distribution or weights.source


def _brief(entry: registry.Entry) -> dict[str, Any]:
    return {"kind": entry.plugin.kind, "name": entry.plugin.name, "summary": entry.summary, "source": entry.source}


def _doc(plugin: type[Plugin]) -> str:
    return (inspect.getdoc(plugin) or "").strip()


def _cell(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return f"{given:,}"
    return "x".join(str(part) for part in given) if isinstance(given, (tuple, list)) else str(given)


app.command("check")(check)
app.command("new")(new)
