"""The reference of settings, made of `StudyConfig` and its flags."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, get_args, get_origin

from markup import escaped
from pydantic_core import PydanticUndefined

from automl_cnn.config import StudyConfig
from automl_cnn.flags import Flag, flags

HEAD = """\
# Settings

Every setting has one name. It is a flag of `automl-cnn search`, a key of `study.toml`, and a keyword of `automl_cnn.search`. A flag overrides `study.toml`
(`--config FILE`), and `study.toml` overrides the default. Every study writes the `study.toml` that would repeat it.

<!-- not executed: a whole search; parsed by a test -->
```sh
automl-cnn search --config study.toml --budget 20m
```

```toml
data = "images"
budget = "10m"
architectures = ["resnet", "mobilenet_v2"]
max_latency = "20ms"
```

<!-- not executed: a whole search -->
```python
from automl_cnn import search

result = search(
    "images",
    budget="10m",
    architectures=("resnet", "mobilenet_v2"),
    max_latency="20ms",
)
```

**Amounts** have units: `90s`, `10m`, `1h30m` for time, `500k`, `1.5M` for counts, `5MB`, `2GB` for sizes, `20ms` for latencies.

**Part of the study's identity** means: a study that exists goes on only with the same value. Choose another `--name` to begin a new study. All other settings
may change from one run to the next.
"""


def page() -> str:
    """The page in Markdown."""
    lines, panel = [HEAD], ""
    by_panel: dict[str, list[str]] = {}
    for name, flag, default in flags(StudyConfig):
        by_panel.setdefault(flag.panel, []).append(_entry(name, flag, default))
    for panel, entries in by_panel.items():
        lines += [f"## {panel}", "", *entries]
    return "\n".join(lines)


def _entry(name: str, flag: Flag, default: Any) -> str:
    names = flag.names or (f"--{name.replace('_', '-')}",)
    values = _values(StudyConfig.model_fields[name])
    facts = [" or ".join(f"`{one}`" for one in names)]
    facts += [f"one of {', '.join(f'`{value}`' for value in values)}"] if values else []
    facts += ["required"] if default is PydanticUndefined else [f"default `{_toml(default)}`"] if default is not None else []
    facts += [f"environment variable `{flag.variable}`"] if flag.variable else []
    facts += ["part of the study's identity"] if flag.identity else []
    return f"### {name}\n\n{'; '.join(facts)}\n\n{escaped(flag.help)}\n"


def _toml(value: Any) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _values(field: Any) -> tuple[str, ...]:
    """The words that a setting can be, where they are listed in its type."""
    words: list[str] = []
    waiting = [field.annotation]
    while waiting:
        kind = waiting.pop(0)
        if get_origin(kind) is Literal:
            words += get_args(kind)
        elif get_origin(kind) in (Annotated, types.UnionType) or str(get_origin(kind)) == "typing.Union":
            waiting += [one for one in get_args(kind) if one is not type(None)]
    return tuple(words)
