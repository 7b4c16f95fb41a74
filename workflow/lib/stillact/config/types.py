"""Types shared by the blocks of the config, and their validation errors."""

import os
import unicodedata
from typing import Annotated, Any, ClassVar, Literal, NoReturn, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from stillact.core.errors import did_you_mean
from stillact.core.user_csv import FORMULA

# Names are used in file names and Snakemake wildcards.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


def _path(text: str) -> str:
    if "{" in text or "}" in text:
        fault("a path must not contain { or }, which Snakemake reads as wildcards; rename it")
    return os.path.expanduser(text)


def _label(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable() or text != text.strip() or text.startswith(FORMULA):
        fault(
            "a class name has printable characters, no blank at either end, and none of + - = @ "
            "at the start"
        )
    if unusable := [character for character in "/\\{}" if character in text]:
        fault("a class name must not contain {character}", character=unusable[0])
    return text


# The name of a class, in any language; folders and columns of tables have it.
Label = Annotated[str, AfterValidator(_label), Field(min_length=1, max_length=60)]
# A path, in which ~ is the user's home, as in a shell.
File = Annotated[str, AfterValidator(_path), Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Geometry = Literal["resize_crop", "letterbox"]


class Block(BaseModel):
    """A block of the config; an unknown key is an error that suggests the closest known key."""

    renamed: ClassVar[dict[str, str]] = {}  # keys of earlier versions: their new names
    removed: ClassVar[dict[str, str]] = {}  # keys of earlier versions: what replaces them

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, block: Any) -> Any:
        for key in block if isinstance(block, dict) else ():
            if key in cls.renamed:
                fault("{key} is now {new}; set that", key=repr(key), new=cls.renamed[key])
            if key in cls.removed:
                fault("{key} no longer exists: {why}", key=repr(key), why=cls.removed[key])
            if key not in cls.model_fields:
                hint = did_you_mean(str(key), cls.model_fields)
                known = ", ".join(cls.model_fields)
                fault(
                    "unknown key {key}.{hint} Known keys: {known}",
                    key=repr(key),
                    hint=hint,
                    known=known,
                )
            given = block[key] if isinstance(block[key], list) else [block[key]]
            if bool in map(type, given) and not _admits(cls.model_fields[key].annotation, bool):
                # pydantic takes true for the number 1
                fault("{key}: true and false are not values of this key", key=repr(key))
        return block


def _admits(annotation: Any, wanted: type) -> bool:
    """Whether a type is or contains `wanted`, or is not restricted."""
    return annotation in (wanted, Any) or any(_admits(one, wanted) for one in get_args(annotation))


def fault(message: str, **values: Any) -> NoReturn:
    raise PydanticCustomError("fault", message, values)


def known(where: str, names: Any, known: Any, otherwise: str = "") -> None:
    for name in names:
        if name not in known:
            fault(
                "{where}: unknown name {name}.{hint} Known: {known}{otherwise}",
                where=where,
                name=repr(name),
                hint=did_you_mean(name, known),
                known=", ".join(known),
                otherwise=otherwise,
            )


def unique(where: str, values: list) -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            fault("{where}: {value} is given twice; remove one", where=where, value=str(value))


def ordered(block: Any, low: str, high: str) -> Any:
    if getattr(block, low) > getattr(block, high):
        fault(
            "{low} {low_value} is above {high} {high_value}",
            low=low,
            low_value=getattr(block, low),
            high=high,
            high_value=getattr(block, high),
        )
    return block
