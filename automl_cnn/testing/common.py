"""Rules for plugins of every kind; none of them needs Keras, unless the plugin's own file does."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import inspect
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automl_cnn import registry
from automl_cnn.errors import PluginError, SpaceError
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Regularizer
from automl_cnn.space import Domain
from automl_cnn.testing.rules import Rule, Subject, broken, outside, rule

SOURCE_OR_USE = re.compile(r"https?://|doi|\b(19|20)\d\d\b|\bchoose\b|\bchoice\b", re.IGNORECASE)


@rule()
def says_what_it_is_and_when_to_choose_it(subject: Subject) -> None:
    """It has a name and a docstring that begins with a sentence and says when to choose the plugin or cites its source."""
    plugin = subject.plugin
    name = getattr(plugin, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        broken(f"name = {name!r}", "lower-case letters, digits and underscores", f'Write name = "..." into {plugin.__name__}.')
    doc = inspect.cleandoc(plugin.__doc__ or "")
    first = doc.partition("\n")[0].strip()
    if len(first.split()) < 2 or first[-1] not in ".!?":
        broken(f"the docstring's first line {first!r}", "a whole sentence", "Begin the class's docstring with one line that says what the plugin is.")
    if not SOURCE_OR_USE.search(doc):
        broken("a docstring that neither cites a source nor says when to choose it", '"Choose it where ...", or a paper', "Add a sentence to it.")


@rule()
def declares_a_space_that_holds_its_defaults_and_edges(subject: Subject) -> None:
    """Its parameters have names of their own, and every default and edge lies within its range."""
    kind = next(kind for kind in (Architecture, Optimizer, Regularizer) if issubclass(subject.plugin, kind))
    for key, domain in subject.domains.items():
        if hasattr(kind, key) or key == "name":
            broken(f"a parameter called '{key}'", f"a name that {kind.__name__} does not use itself", "Call it something else.")
        lost = [value for value in (domain.default, *domain.edges()) if not domain.contains(value)]
        if lost:
            broken(f"{key} with default or edges {lost}", domain.describe(), "Let the range hold them.")
        json.dumps(domain.as_dict())
    inherited = {key: value for key, value in inspect.getmembers(subject.plugin) if isinstance(value, Domain)}
    hidden = sorted(set(inherited) ^ set(subject.domains))
    if hidden:
        broken(f"parameters that are not what they were declared as: {', '.join(hidden)}", "one space", "Declare each where it belongs, and only once.")
    if issubclass(subject.plugin, Architecture):
        size = subject.plugin.min_size
        if not isinstance(size, int) or size < 1:
            broken(f"min_size = {size!r}", "pixels, a whole number above zero", "Say at which size every point of the space builds.")


@rule()
def refuses_what_its_space_does_not_hold(subject: Subject) -> None:
    """Unknown parameters and values out of range raise SpaceError."""
    wrong: list[tuple[str, object]] = [("no_such_parameter", 1)]
    wrong += [(key, value) for key, domain in subject.domains.items() for value in outside(domain) if not domain.contains(value)]
    for key, value in wrong:
        try:
            subject.plugin(**{key: value})
        except SpaceError:
            continue
        except Exception as error:  # of a constructor of the plugin's own
            broken(f"{type(error).__name__} for {subject.at({key: value})}", "SpaceError", "Leave `__init__` to Plugin.")  # type: ignore[dict-item]  # wrong on purpose
        broken(f"that {subject.at({key: value})} is accepted", "SpaceError", "Leave `__init__` to Plugin.")  # type: ignore[dict-item]  # wrong on purpose


@rule()
def an_instance_is_one_point_and_stays_it(subject: Subject) -> None:
    """An instance holds the values it was given, its repr makes it again, and being used does not change it."""
    for point in (*subject.edges, *subject.mixed):
        plugin = subject.plugin(**point)
        wanted = {key: point.get(key, domain.default) for key, domain in subject.domains.items()}
        if plugin.values != wanted:
            broken(f"{subject.at(point)} with the values {plugin.values}", f"{wanted}", "Leave `__init__` and `values` to Plugin.")
        again = eval(repr(plugin), {subject.plugin.__name__: subject.plugin})  # the text is the plugin's own
        if again != plugin or hash(again) != hash(plugin) or vars(again) != vars(plugin):
            broken(f"that repr gives {plugin!r}, which makes {again!r}", "an equal instance", "Leave `__repr__`, `__eq__` and `__hash__` to Plugin.")
    used = subject.plugin()
    before = dict(used.values)
    _use(used)
    if used.values != before:
        broken(f"the values {used.values} after use, {before} before", "the same", "Do not assign to the parameters; use local variables.")


@rule()
def is_found_by_name(subject: Subject) -> None:
    """Its entry point bears its name; or its file, alone in a folder of plugins, loads."""
    plugin = subject.plugin
    points = importlib.metadata.entry_points(group=f"automl_cnn.{plugin.kind}s")
    file = _file_of(plugin)
    for point in points:
        if point.attr == plugin.__qualname__ and (point.module == plugin.__module__ or _is_from(point.module, file)):
            if point.name != plugin.name:
                broken(f"the entry point '{point.name}' of a plugin called '{plugin.name}'", "one name", "Rename one of them.")
            return
    if file is None:
        return
    with tempfile.TemporaryDirectory(prefix="automl-cnn-check-") as folder, _as_it_was():
        copy = Path(folder) / (file.name.lstrip("_") or "plugin.py")
        shutil.copyfile(file, copy)
        try:
            plugins = registry.load(Path(folder))
        except PluginError as error:
            taken = str(error).replace(str(copy), file.name)
            broken(f"that its name is taken: {taken}", "a name of its own", "Choose another, or uninstall the other plugin.")
        if str(copy) in plugins.broken:
            broken(
                f"that {file.name}, alone in a folder, does not load: {plugins.broken[str(copy)]}",
                "a plugin of one file, or an installed package with an entry point",
                "Put what it needs into the file, or declare the entry point.",
            )
        if plugin.name not in plugins.names(plugin.kind):
            broken(f"no plugin '{plugin.name}' in {file.name} when it is loaded alone", "the same class", "Define it at the top level of the file.")


RULES: tuple[Rule, ...] = (
    says_what_it_is_and_when_to_choose_it,
    declares_a_space_that_holds_its_defaults_and_edges,
    refuses_what_its_space_does_not_hold,
    an_instance_is_one_point_and_stays_it,
    is_found_by_name,
)


def _use(plugin: Plugin) -> None:
    """Use the plugin once as the search would. Another rule checks whether that fails."""
    import numpy as np

    with contextlib.suppress(Exception):
        if isinstance(plugin, Architecture):
            from automl_cnn.testing.networks import shapes

            shapes(plugin, size=plugin.min_size, width=0.25, depth=0.25)
        elif isinstance(plugin, Optimizer):
            plugin.build(10)
        elif isinstance(plugin, Regularizer):
            plugin.penalty()
            plugin.stop(())
            plugin.callbacks()
            plugin.augment(np.zeros((2, 8, 8, 3), np.uint8), np.eye(2, dtype=np.float32), np.random.default_rng(0))
            plugin.targets(np.eye(2, dtype=np.float32), "multiclass")


def _file_of(plugin: type[Plugin]) -> Path | None:
    """The plugin's file, which could be put into a folder of plugins; None for a class of a notebook, a session or a test."""
    module = sys.modules.get(plugin.__module__)
    name = getattr(module, "__file__", None)
    if module is None or name is None or vars(module).get(plugin.__name__) is not plugin or plugin.__module__ == "__main__":
        return None
    path = Path(name)
    return path if path.is_file() and path.suffix == ".py" and not path.name.startswith(("test_", "conftest")) else None


def _is_from(module: str, file: Path | None) -> bool:
    """Whether the installed module is that file: an installed plugin may be checked by its path."""
    with contextlib.suppress(ImportError):
        spec = importlib.util.find_spec(module)
        return file is not None and spec is not None and spec.origin is not None and Path(spec.origin).resolve() == file.resolve()
    return False


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Afterwards, forget the modules loaded within the block, and the layers that they registered a second time."""
    modules = set(sys.modules)
    custom = sys.modules["keras"].saving.get_custom_objects() if "keras" in sys.modules else {}
    before = dict(custom)
    try:
        yield
    finally:
        for name in set(sys.modules) - modules:
            if name.startswith("automl_cnn_dropin_"):
                del sys.modules[name]
        custom.update(before)
