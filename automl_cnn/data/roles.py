"""Recognize a folder's role by its name: training, validation, test, or images without labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Role = Literal["train", "val", "test", "unlabelled"]

_ROLES: dict[Role, str] = {
    "train": "train training trn",
    "val": "val valid validation dev eval evaluation",
    "test": "test testing tests tst holdout",
    "unlabelled": "unlabelled unlabeled predict prediction predictions pred preds submission submissions inference",
}
_ROLE = {word: role for role, words in _ROLES.items() for word in words.split()}
_WORDS_BESIDE = """set sets split data dataset image images img imgs picture pictures pic pics photo photos
                   file files sample samples folder dir to for all stg stage part"""
_GENERIC = frozenset(_WORDS_BESIDE.split())
_JOINED = re.compile(rf"({'|'.join(_ROLE)})(set|data|images|imgs|img|split)")


@dataclass(frozen=True)
class Part:
    """A folder's role. `sure`: the whole name means it (`test`, `test_images`, `testset2`), not just one word (`test tube`)."""

    role: Role
    sure: bool


def part_of(name: str) -> Part | None:
    """The part that a folder's name suggests, or None."""
    words: list[str] = []
    for word in re.findall(r"[^\W\d_]+", name.casefold()):
        joined = _JOINED.fullmatch(word)
        words += joined.groups() if joined else [word]
    roles = {_ROLE[word] for word in words if word in _ROLE}
    if "unlabelled" in roles:  # `unlabelled_test`, `test_predictions`
        roles = {"unlabelled"} if roles <= {"unlabelled", "test"} else roles
    if len(roles) != 1:
        return None
    return Part(roles.pop(), all(word in _ROLE or word in _GENERIC for word in words))
