"""XMP packets (ISO 16684-1): texts written as Adobe's programs, exiftool and search engines read them, and read back.

Reading needs no XML parser, so that entities that unfold endlessly stay what they are.
"""

import html
import re
from collections.abc import Mapping, Sequence

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "imgflow": "https://github.com/imgflow/imgflow/xmp/1/",
}
"""By prefix. The last one is ours; a URI names it, and nothing need be found there."""

_LISTS = {
    "dc:rights": '<rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt>',
    "dc:description": '<rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt>',
    "dc:creator": "<rdf:Seq><rdf:li>{}</rdf:li></rdf:Seq>",
}
"""Properties whose type is a list of one text (ISO 16684-1, 8.3)."""

_MOST = 20_000
"""Characters of a property that are looked at."""


def write_xmp(properties: Mapping[str, str | Sequence[str]]) -> bytes:
    """A packet, UTF-8, the same bytes for the same properties; empty when there are none.

    Args:
        properties: by name with prefix; a sequence is written as an ordered list.
    """
    if not properties:
        return b""
    used = [prefix for prefix in NAMESPACES if any(name.startswith(f"{prefix}:") for name in properties)]
    declared = "".join(f'\n  xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in used)
    elements = "".join(f"\n  <{name}>{_value(name, value)}</{name}>" for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        f' <rdf:Description rdf:about=""{declared}>{elements}\n </rdf:Description>\n'
        '</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="r"?>'
    ).encode()


def xmp_text(xmp: str, name: str) -> str:
    """The text of a property, written as an element or as an attribute; of a list, all texts. Empty: there is none."""
    if (content := _content(xmp, name)) is None:
        attribute = re.search(rf"\s{name}\s*=\s*(?:\"([^\"<]{{0,{_MOST}}})\"|'([^'<]{{0,{_MOST}}})')", xmp)
        content = (attribute[1] or attribute[2] or "") if attribute else ""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", content).split()))


def xmp_list(xmp: str, name: str) -> list[str]:
    """The texts of a property that is a list; empty if there is none."""
    content = _content(xmp, name) or ""
    return [html.unescape(text.strip()) for text in re.findall(r"<rdf:li\b[^>]*>([^<]*)</rdf:li>", content)]


def _content(xmp: str, name: str) -> str | None:
    found = re.search(rf"<{name}\b[^>]*>(.{{0,{_MOST}}}?)</{name}>", xmp, re.DOTALL)
    return found[1] if found else None


def _value(name: str, value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        return (
            "<rdf:Seq>" + "".join(f"\n   <rdf:li>{html.escape(text, False)}</rdf:li>" for text in value) + "</rdf:Seq>"
        )
    return _LISTS.get(name, "{}").format(html.escape(value, False))
