"""Events made of dataclasses as a few plain arrays, and back: what a ``Work`` needs for the disk.

An event's form goes into one JSON text; its arrays, thousands of small ones, are stacked by shape
and kind, so that a file holds a handful. Only the classes that are named here are ever made again,
whatever a file says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

_FORM = "form"
Group = tuple[tuple[int, ...], str]  # shape and dtype


class Flat:
    """To and from arrays, for events of these dataclasses.

    In them may be numbers, texts, None, arrays of numbers, tuples, dictionaries with texts for
    keys, and more of these classes. Anything else is a TypeError.
    """

    def __init__(self, *classes: type) -> None:
        self._classes = {each.__name__: each for each in classes}

    def encode(self, events: Sequence[Any]) -> dict[str, np.ndarray]:
        groups: dict[Group, list[np.ndarray]] = {}
        form = json.dumps([self._form(event, groups) for event in events])
        stacks = {str(n): np.stack(arrays) for n, arrays in enumerate(groups.values())}
        return {_FORM: np.frombuffer(form.encode(), np.uint8), **stacks}

    def decode(self, arrays: Mapping[str, np.ndarray]) -> list[Any]:
        stacks = [arrays[str(n)] for n in range(len(arrays) - 1)]
        for stack in stacks:
            stack.setflags(write=False)  # shared by all who look
        forms = json.loads(arrays[_FORM].tobytes())
        return [self._event(form, stacks) for form in forms]

    def _form(self, value: Any, groups: dict[Group, list[np.ndarray]]) -> Any:
        """A value as JSON: a single value as it is, anything else as a list that starts with its
        kind."""
        match value:
            case None | bool() | int() | str():
                return value
            case float() if not isinstance(value, np.generic):
                return value
            case np.ndarray() | np.generic():
                return self._place(value, groups)
            case tuple():
                return ["tuple", *(self._form(part, groups) for part in value)]
            case dict():
                return ["dict", {key: self._form(part, groups) for key, part in value.items()}]
        name = type(value).__name__
        if not is_dataclass(value) or self._classes.get(name) is not type(value):
            raise TypeError(f"an event holds a {name}, which is none of {sorted(self._classes)}")
        return [name, *(self._form(getattr(value, f.name), groups) for f in fields(value))]

    def _place(self, value: np.ndarray | np.generic, groups: dict) -> list[Any]:
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        group = groups.setdefault((value.shape, value.dtype.str), [])
        group.append(np.asarray(value))
        return [kind, [*groups].index((value.shape, value.dtype.str)), len(group) - 1]

    def _event(self, form: Any, stacks: Sequence[np.ndarray]) -> Any:
        match form:
            case ["array", group, place]:
                return stacks[group][place, ...]
            case ["scalar", group, place]:
                return stacks[group][place]
            case ["tuple", *parts]:
                return tuple(self._event(part, stacks) for part in parts)
            case ["dict", parts]:
                return {key: self._event(part, stacks) for key, part in parts.items()}
            case [str(name), *parts]:
                return self._classes[name](*(self._event(part, stacks) for part in parts))
        return form
