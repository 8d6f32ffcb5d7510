"""Entry points and a drop-in folder -> plugin classes.

Built-ins are found exactly like anyone's plugins: an entry point in one of the groups
`automl_cnn.architectures`, `automl_cnn.optimizers`, `automl_cnn.regularizers`, or a class in a
.py file of a folder that the user names. Two plugins of one kind with one name are an error.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from automl_cnn import backend, elapsed, foreign
from automl_cnn.errors import BackendError, PluginError, did_you_mean
from automl_cnn.paths import unusable
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Pretrained, Regularizer
from automl_cnn.text import readable

KINDS: Mapping[str, type[Plugin]] = {"architecture": Architecture, "optimizer": Optimizer, "regularizer": Regularizer}

SECONDS = 60.0  # that all plugins together may take to be imported; some import Keras
LEAST_OF_ALL = 20.0  # that they may take together however small the budget
LEAST_SECONDS = 5.0  # that each may take even so


@dataclass(frozen=True)
class Entry:
    """One plugin and where it came from (a distribution's name, or a file)."""

    plugin: type[Plugin]
    source: str

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.plugin) or "").strip().partition("\n")[0]


@dataclass(frozen=True)
class Registry:
    """Plugin classes by kind and name. `broken` holds, by source, why a plugin could not be loaded; `folder` is the one that was read."""

    entries: Mapping[str, Mapping[str, Entry]]
    broken: Mapping[str, str]
    folder: Path | None = None

    def names(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(self.entries[kind]))

    def get(self, kind: str, name: str) -> type[Plugin]:
        """The class.

        Raises:
            PluginError: no such plugin; the message names the nearest and all installed.
        """
        return self.entry(kind, name).plugin

    def entry(self, kind: str, name: str) -> Entry:
        if name not in self.entries[kind]:
            raise PluginError(f"No {kind} plugin named '{name}'. {did_you_mean(name, self.entries[kind])}{self._broken()}")
        return self.entries[kind][name]

    def find(self, name: str) -> Entry:
        """A plugin of any kind by its name."""
        matches = [entries[name] for entries in self.entries.values() if name in entries]
        if not matches:
            everything = [known for entries in self.entries.values() for known in entries]
            raise PluginError(f"No plugin named '{name}'. {did_you_mean(name, everything)}{self._broken()}")
        return matches[0]

    def only(self, kind: str, names: Iterable[str] | None) -> tuple[str, ...]:
        """`names`, each of which must exist; every name of the kind where `names` is None."""
        if names is None:
            return self.names(kind)
        return tuple(dict.fromkeys(self.get(kind, name).name for name in names))

    def _broken(self) -> str:
        own = "" if self.folder else "\nA plugin of your own takes part through --plugins-dir FOLDER, or through the entry point of an installed package."
        return own + "".join(f"\nCould not load {source}: {why}" for source, why in self.broken.items())


def load(plugins_dir: Path | None = None, *, without: Mapping[str, str] | None = None, budget: float | None = None) -> Registry:
    """Every installed plugin, and those in the .py files of `plugins_dir`.

    A plugin that fails to load is set aside with its reason, so that one bad plugin never stops a search: whatever it raises, and
    where it tries to end the process or takes too long. What plugins print while they are imported goes to standard error.
    With a `budget` in seconds, they may take about a quarter of it at most. `without` names, with their reasons,
    those that are broken in another process already, and are not tried again.

    Raises:
        PluginError: `plugins_dir` is not a folder, or two plugins of one kind share a name.
    """
    with contextlib.suppress(BackendError):  # a plugin's file may import Keras, which then takes the backend that everything else takes
        backend.require()
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    broken = dict(without or {})
    left = SECONDS if budget is None else min(SECONDS, max(LEAST_OF_ALL, budget / 4))

    def attempt(source: str, find: Callable[[], list[type[Plugin]]]) -> list[type[Plugin]]:
        nonlocal left
        if source in broken:
            return []
        began = elapsed.now()
        try:
            plugins = foreign.call(find, source, seconds=max(LEAST_SECONDS, left))
        except foreign.ForeignError as error:
            broken[source] = foreign.placed(error)
            return []
        finally:
            left -= elapsed.now() - began
        return plugins

    for kind in KINDS:
        for point in importlib.metadata.entry_points(group=f"automl_cnn.{kind}s"):
            source = point.dist.name if point.dist else point.value
            for plugin in attempt(f"{source}:{point.name}", partial(_installed, point, kind)):
                _add(entries, plugin, source)
    broken.update(_in_no_group())
    if plugins_dir is not None:
        for path in _files(plugins_dir):
            for plugin in attempt(str(path), partial(read, path)):
                _add(entries, plugin, str(path))
    return Registry(entries, broken, plugins_dir)


def read(path: Path) -> list[type[Plugin]]:
    """The plugins of a file, which is run.

    Raises:
        PluginError: it has none. TypeError: one declares something that cannot be. And whatever else the file raises.
    """
    return [_declared(plugin) for plugin in defined(path)]


def defined(path: Path) -> list[type[Plugin]]:
    """The same, whatever they declare.

    Raises:
        PluginError: it has none; the message names what each class lacks. And whatever else the file raises.
    """
    module = _import(path)
    plugins = list(_plugins_in(module))
    if not plugins:
        raise PluginError("; ".join(["it defines no Architecture, Optimizer or Regularizer with a name", *_lacking(module)]))
    return plugins


def _add(entries: dict[str, dict[str, Entry]], plugin: type[Plugin], source: str) -> None:
    known = entries[plugin.kind].get(plugin.name)
    if known is not None:
        raise PluginError(f"Two {plugin.kind} plugins are named '{plugin.name}': one from {known.source}, one from {source}. Rename or remove one of them.")
    entries[plugin.kind][plugin.name] = Entry(plugin, source)


def _in_no_group() -> dict[str, str]:
    """Entry points whose group is nearly one of ours, with what is wrong."""
    groups = [f"automl_cnn.{kind}s" for kind in KINDS]
    near = [group for group in importlib.metadata.entry_points().groups if group.startswith("automl_cnn.") and group not in groups]
    return {
        f"{point.dist.name if point.dist else point.value}:{point.name}": f"its entry point is in the group {group}: expected {', '.join(groups)}"
        for group in near
        for point in importlib.metadata.entry_points(group=group)
    }


def _installed(point: importlib.metadata.EntryPoint, kind: str) -> list[type[Plugin]]:
    return [_declared(_checked(point.load(), kind, point.name))]


def _checked(loaded: object, kind: str, name: str) -> type[Plugin]:
    if not (isinstance(loaded, type) and issubclass(loaded, KINDS[kind])):
        raise TypeError(f"expected a subclass of {KINDS[kind].__name__}, received {loaded!r}")
    if loaded.name != name:
        raise TypeError(f"the entry point is called '{name}' but the class calls itself '{loaded.name}'")
    return loaded


def _declared(plugin: type[Plugin]) -> type[Plugin]:
    """The plugin, if what it declares can be read: the rest of the program relies on it.

    Raises:
        TypeError: it declares something of another type. Whatever else its own code raises.
    """
    expected: list[tuple[str, object, type]] = [("domains()", plugin.domains(), dict)]
    if issubclass(plugin, Architecture):
        expected += [("min_size", plugin.min_size, int), ("pretrained", plugin.pretrained, tuple)]
        expected += [("pretrained", weights, Pretrained) for weights in plugin.pretrained]
    if issubclass(plugin, Regularizer):
        expected.append(("default_on", plugin.default_on, bool))
        if plugin.tasks is not None:
            expected.append(("tasks", plugin.tasks, tuple))
            expected += [("tasks", task, str) for task in plugin.tasks if isinstance(plugin.tasks, tuple)]
    for what, value, kind in expected:
        if not isinstance(value, kind):
            raise TypeError(f"{plugin.__name__}.{what} is {value!r}: expected {kind.__name__}")
    inspect.getdoc(plugin)
    return plugin


def _files(folder: Path) -> list[Path]:
    if why := unusable(folder):
        raise PluginError(f"The plugins folder {why}. Expected a folder with .py files.")
    if not folder.is_dir():
        raise PluginError(f"The plugins folder {folder} does not exist. Expected a folder with .py files.")
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _import(path: Path) -> ModuleType:
    """The module of a drop-in file, under a name of its own that is the same in every process."""
    digest = hashlib.blake2b(os.fsencode(path.resolve()), digest_size=4).hexdigest()
    name = f"automl_cnn_dropin_{readable(path.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent.resolve()) not in sys.path:
        sys.path.append(str(path.parent.resolve()))  # for the files beside it; last, so that they take no other module's place
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _plugins_in(module: ModuleType) -> Iterator[type[Plugin]]:
    for value in _classes_in(module):
        if not inspect.isabstract(value) and "name" in vars(value):
            yield value


def _classes_in(module: ModuleType) -> Iterator[type[Plugin]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module.__name__:
            yield value


def _lacking(module: ModuleType) -> Iterator[str]:
    """What the plugin classes of a module lack to be plugins."""
    for plugin in _classes_in(module):
        if "name" not in vars(plugin):
            yield f"{plugin.__name__} has no `name`"
        for method in sorted(plugin.__abstractmethods__):
            near = difflib.get_close_matches(method, vars(plugin), n=1)
            yield f"{plugin.__name__} has no method `{method}`" + (f" (is `{near[0]}` a misspelling of it?)" if near else "")
