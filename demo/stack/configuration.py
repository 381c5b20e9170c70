"""The committed configuration, written for compose, with loopback addresses and local paths in its place. Pure.

The text is rewritten as YAML nodes, not as values: `17:00` stays what was written, whatever a loader takes it for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from demo.stack.loopback import ADDRESS

_TEXT: Final = "tag:yaml.org,2002:str"
# Hosts of compose are single words; a name with dots belongs to somebody outside and stays.
_HOST: Final = re.compile(
    r"(?<![\w.-])(?P<with_port>[A-Za-z_][\w-]*:\d{2,5})(?![\w.])"
    r"|://(?:[^/@\s]*@)?(?P<in_url>[A-Za-z_][\w-]*(?::\d+)?)(?=[/?]|$)"
)
_FILE: Final = re.compile(r"(?<![\w.-])/(?:boot|data|etc|home|media|mnt|opt|root|run|srv|tmp|usr|var)/[^\s\"'}]*")
_LOCAL_NAMES: Final = frozenset({"localhost"})


class NotLocalised(ValueError):
    """The configuration names hosts or paths that do not exist here; the message lists them with their keys."""


@dataclass(frozen=True, slots=True)
class Places:
    """What stands for what: `host:port` for `host:port`, and a folder or file for each known path or path prefix.

    A prefix ends with a slash.
    """

    addresses: Mapping[str, str]
    paths: Mapping[str, Path]


def localise(text: str, places: Places, source: str) -> str:
    """Return the YAML text for this machine. `source` names it in messages. Raises NotLocalised, or yaml.YAMLError."""
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    if document is None:
        return ""
    troubles: list[str] = []
    for key, node in _texts(document):
        told = _foreign(node.value, places)
        troubles += [f"{source}: {key}: {what} has no place on this machine" for what in told]
        node.value = _replaced(node.value, places)
    if troubles:
        raise NotLocalised("\n".join(troubles))
    changed: str = yaml.serialize(document, width=1000, allow_unicode=True)
    return f"# Made from {source} at every start: change that file, not this one.\n{changed}"


def _texts(document: yaml.Node) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Give every text of the document with its key; what an alias repeats is one node, given once."""
    seen: set[int] = set()
    waiting = [("", document)]
    while waiting:
        name, here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, yaml.CollectionNode):
            # In braces the emitter would write `17:00` as `!!int '17:00'`, which only YAML 1.1 understands.
            here.flow_style = False
        if isinstance(here, yaml.MappingNode):
            waiting += [(f"{name}.{field.value}".removeprefix("."), value) for field, value in reversed(here.value)]
        elif isinstance(here, yaml.SequenceNode):
            waiting += [
                (f"{name}.{index}".removeprefix("."), value) for index, value in reversed(list(enumerate(here.value)))
            ]
        elif isinstance(here, yaml.ScalarNode) and here.tag == _TEXT:
            yield name, here


def _replaced(text: str, places: Places) -> str:
    if text == "0.0.0.0":  # noqa: S104 - compared, not listened on
        return ADDRESS
    text = _known(places.addresses).sub(lambda found: places.addresses[found[0]], text)
    return _known(places.paths).sub(lambda found: str(places.paths[found[0]]) + "/" * found[0].endswith("/"), text)


def _foreign(text: str, places: Places) -> list[str]:
    """Return what in the text is of compose's world and has no place here."""
    without_addresses = _known(places.addresses).sub("\0", text)
    hosts = [found["with_port"] or found["in_url"] for found in _HOST.finditer(without_addresses)]
    hosts = [host for host in hosts if host.partition(":")[0] not in _LOCAL_NAMES]
    return hosts + _FILE.findall(_known(places.paths).sub("\0", text))


def _known(places: Mapping[str, object]) -> re.Pattern[str]:
    """Return the pattern of all places, each whole: `demo:80` is not in `demo:8083`. The longest wins."""
    longest_first = sorted(places, key=len, reverse=True)
    known = [re.escape(place) + ("" if place.endswith("/") else r"(?![\w-])") for place in longest_first]
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(known) or '(?!)'})")
