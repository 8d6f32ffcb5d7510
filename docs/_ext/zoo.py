"""The built-in plugins, made of the registry: docstring, space, weights and story of each."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from markup import block, escaped, table

from automl_cnn import registry
from automl_cnn.plugin import Architecture, Plugin, Pretrained, Regularizer, Story

HEAD = """\
# The zoo

What a search can use. Each is a plugin, found as yours are, and equal to its paper: tests compare parameters and mult-adds with the published counts.

```sh
automl-cnn plugins list
```

`automl-cnn plugins show resnet --layers` prints what is below, and the cost of every layer.
"""
TITLES = {"architecture": "Architectures", "optimizer": "Optimizers", "regularizer": "Regularizers"}


def page() -> str:
    """The page in Markdown."""
    loaded = registry.load()
    ours = {
        kind: {name: entry.plugin for name, entry in entries.items() if entry.plugin.__module__.startswith("automl_cnn_plugins.")}
        for kind, entries in loaded.entries.items()
    }
    lines = [HEAD]
    for kind, title in TITLES.items():
        lines += [f"## {title}", "", *(_entry(plugin) for _, plugin in sorted(ours[kind].items()))]
    return "\n".join(lines)


def _entry(plugin: type[Plugin]) -> str:
    lines = [f"### {plugin.name}", "", *_doc(plugin)]
    if issubclass(plugin, Regularizer) and plugin.tasks is not None:
        lines += [f"Only for the tasks {' and '.join(f'`{task}`' for task in plugin.tasks)}.", ""]
    if issubclass(plugin, Architecture) and plugin.story is not None:
        lines += _history(plugin.story)
    rows = [(f"`{name}`", escaped(domain.describe()), f"`{domain.default}`") for name, domain in plugin.domains().items()]
    lines += [table(("parameter", "range", "default"), rows), ""] if rows else ["It has nothing to vary.", ""]
    if issubclass(plugin, Architecture):
        lines += [f"Smallest input: {plugin.min_size} px.", ""]
        lines += [_weights(plugin.pretrained), ""] if plugin.pretrained else []
    return "\n".join(lines)


def _doc(plugin: type[Plugin]) -> list[str]:
    return [line for part in (inspect.getdoc(plugin) or "").split("\n\n") for line in (_linked(part), "")]


def _linked(text: str) -> str:
    """Addresses as links, the rest as a paragraph."""
    words = escaped(text).split(" ")
    return " ".join(f"<{word.rstrip('.,;)')}>{word[len(word.rstrip('.,;)')) :]}" if word.startswith("https://") else word for word in words)


def _history(story: Story) -> list[str]:
    lines = [f"*{story.year}.* {escaped(story.idea)}", "", block(textwrap.dedent(story.block)), ""]
    where: list[str] = [f"[{name}](#{name})" for name in (*story.before, *story.after)]
    lines += [f"Related: {', '.join(where)}.", ""] if where else []
    tests = [f"the study [{name}](../studies/{name}.md)" for name in story.studies]
    tests += [f"the lesson [{name[3:].replace('_', ' ')}](../lessons/{name}.md)" for name in story.notebooks]
    return [*lines, f"See {', '.join(tests)}.", ""] if tests else lines


def _weights(weights: tuple[Pretrained, ...]) -> str:
    def row(one: Pretrained) -> tuple[Any, ...]:
        source = one.distribution or ("downloaded by Keras" if one.source.startswith("keras:") else one.source)
        return f"`{one.name}`", f"{one.size} px", "" if one.top_1 is None else f"{one.top_1:.3f}", source

    return table(("weights (`--pretrained`)", "input", "ImageNet top-1", "source"), [row(one) for one in weights])
