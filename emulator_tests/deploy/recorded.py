"""Read `gcloud.json`, the arguments that gcloud accepts, which `record.py` has written.

Used by the tests and by `fake_cloud.py`. Pure, and with the standard library alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RECORDED: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("gcloud.json").read_text())
COMMANDS: Final[dict[str, Any]] = RECORDED["commands"]


class NotAccepted(Exception):
    """gcloud, or the API behind it, would refuse this. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Call:
    """
    The arguments of one call.

    Attributes:
        command: The words of the command, such as `services enable`.
        positionals: The values without a flag.
        flags: The values by flag; `True` for a flag without a value, `False` for its `--no-` form.
    """

    command: str
    positionals: tuple[str, ...]
    flags: dict[str, str | bool]


def _arguments(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in group["arguments"]:
        if "arguments" in one:
            yield from _arguments(one)
        else:
            yield one


def parsed(words: Sequence[str]) -> Call:
    """
    Return the call that `gcloud WORDS…` makes.

    Raises:
        NotAccepted: gcloud refuses these words.
    """
    command = next((" ".join(words[:length]) for length in (4, 3, 2) if " ".join(words[:length]) in COMMANDS), None)
    if command is None:
        raise NotAccepted(f"There is no such command in gcloud.json: {' '.join(words[:4])}")
    group = COMMANDS[command]
    known = {one["flag"]: one for one in [*RECORDED["global_flags"], *_arguments(group)] if "flag" in one}
    positionals: list[str] = []
    flags: dict[str, str | bool] = {}
    rest = iter(words[command.count(" ") + 1 :])
    for word in rest:
        if not word.startswith("--"):
            positionals.append(word)
            continue
        name, sign, value = word.partition("=")
        positive = name.replace("--no-", "--", 1)
        if name not in known and positive in known and not known[positive]["takes_value"] and not sign:
            flags[positive] = False
        elif name not in known:
            raise NotAccepted(f"{command} has no flag {name}")
        elif not known[name]["takes_value"]:
            if sign:
                raise NotAccepted(f"{command} takes no value for {name}")
            flags[name] = True
        else:
            flags[name] = value if sign else next(rest, "--")
            if str(flags[name]).startswith("--"):
                raise NotAccepted(f"{command} needs a value for {name}")
            if flags[name] not in known[name].get("choices", [flags[name]]):
                raise NotAccepted(f"{command} {name} is none of {known[name]['choices']}: {flags[name]}")
    _check_positionals(command, [one for one in _arguments(group) if "positional" in one], len(positionals))
    _check_group(command, group, set(flags) | ({"positional"} if positionals else set()))
    return Call(command, tuple(positionals), flags)


def _check_positionals(command: str, wanted: Sequence[dict[str, Any]], count: int) -> None:
    most = sum(999 if one["nargs"] in ("*", "+") else 1 for one in wanted)
    least = sum(one["nargs"] in ("1", "+") for one in wanted)
    if not least <= count <= most:
        raise NotAccepted(f"{command} takes {least} to {most} values without a flag, not {count}")


def _named(one: dict[str, Any]) -> str:
    return str(one.get("flag", "positional"))


def _check_group(command: str, group: dict[str, Any], given: set[str]) -> None:
    used = []
    for one in group["arguments"]:
        if "arguments" in one:
            if {_named(inner) for inner in _arguments(one)} & given:
                used.append(one)
                _check_group(command, one, given)
            elif one["required"]:
                raise NotAccepted(f"{command} needs one of {[_named(inner) for inner in _arguments(one)]}")
        elif _named(one) in given:
            used.append(one)
        elif one["required"]:
            raise NotAccepted(f"{command} needs {_named(one)}")
    if group["mutex"] and len(used) > 1:
        raise NotAccepted(f"{command} takes only one of {[_named(one) for one in _arguments(group)]}")


def check_message(kind: str, value: object) -> None:
    """
    Check the JSON of a message of an API: every field exists, has the right type, and one of its constants.

    Args:
        kind: `AlertPolicy`, `Dashboard` or `LogMetric`.
        value: The message.

    Raises:
        NotAccepted: The API refuses it.
    """
    _check_message(RECORDED[kind], kind, kind, value)


def _check_message(kinds: dict[str, Any], kind: str, path: str, value: object) -> None:
    if not isinstance(value, dict):
        raise NotAccepted(f"{path} must be an object")
    for name, inner in value.items():
        field = kinds[kind].get(name)
        if field is None:
            raise NotAccepted(f"{path} has no field {name}")
        if bool(field.get("repeated")) != isinstance(inner, list):
            raise NotAccepted(f"{path}.{name} must{'' if field.get('repeated') else ' not'} be a list")
        for one in inner if isinstance(inner, list) else [inner]:
            _check_field(kinds, field, f"{path}.{name}", one)


def _check_field(kinds: dict[str, Any], field: dict[str, Any], path: str, value: object) -> None:
    if "message" in field:
        _check_message(kinds, field["message"], path, value)
    elif field.get("map"):
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise NotAccepted(f"{path} must be a map of texts")
    elif "values" in field:
        if value not in field["values"]:
            raise NotAccepted(f"{path} is none of {field['values']}: {value}")
    else:
        # JSON has 64-bit numbers as texts.
        types: dict[str, tuple[type, ...]] = {
            "string": (str,),
            "int64": (str, int),
            "int32": (int,),
            "bool": (bool,),
            "double": (int, float),
        }
        if not isinstance(value, types[field["value"]]):
            raise NotAccepted(f"{path} must be of type {field['value']}")
