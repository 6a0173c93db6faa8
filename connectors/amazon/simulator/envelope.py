"""AmazonEnvelope: XML read as strictly as its schemas say, and the processing report written.

Shapes follow the release_1_9 schemas (amzn-envelope.xsd, amzn-base.xsd, OrderAcknowledgement.xsd,
ProcessingReport.xsd): elements in the schema's order, each as often as it may be, words of the
enumerations only. Amazon's own error codes and texts for what breaks them are not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

#: "XML Parsing Fatal Error", as sellers quote it.
UNPARSABLE = "5000"


class Unreadable(Exception):
    """The feed breaks its schema: nothing of it is carried out."""


class Refused(Exception):
    """One message is not carried out, and why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One element of a sequence: a text of a pattern, or a sequence of its own."""

    name: str
    pattern: str = ""
    children: tuple[Shape, ...] = ()
    least: int = 1
    most: int | None = 1
    #: attributes it must have
    attributes: tuple[str, ...] = ()

    def check(self, element: Element) -> None:
        """Raises Unreadable."""
        for name in self.attributes:
            if not element.get(name):
                raise Unreadable(f"Attribute {name} is missing in element {self.name}.")
        if self.children:
            _check_sequence(element, self.children)
        elif len(element) or not re.fullmatch(self.pattern, (element.text or "").strip()):
            raise Unreadable(f"The value of element {self.name} is not valid.")


def _check_sequence(element: Element, shapes: Sequence[Shape]) -> None:
    left = list(element)
    for shape in shapes:
        count = 0
        while left and left[0].tag == shape.name and (shape.most is None or count < shape.most):
            shape.check(left.pop(0))
            count += 1
        if count < shape.least:
            raise Unreadable(f"Element {shape.name} is missing in {element.tag}, or out of order.")
    if left:
        raise Unreadable(f"Element {left[0].tag} is not expected in {element.tag}.")


def text_of(name: str, pattern: str, *, optional: bool = False) -> Shape:
    return Shape(name, pattern, least=0 if optional else 1)


@dataclass(frozen=True, slots=True)
class Message:
    number: str
    body: Element


def read(content: bytes, *, message_type: str, body: Shape, merchant: str) -> list[Message]:
    """The messages of a feed of one type. Raises Unreadable."""
    if b"<!DOCTYPE" in content:
        raise Unreadable("A document type declaration is not allowed.")
    try:
        root = fromstring(content)
    except ParseError as error:
        raise Unreadable(f"XML Parsing Fatal Error: {error}") from None
    if root.tag != "AmazonEnvelope":
        raise Unreadable("The root element must be AmazonEnvelope.")
    _check_sequence(root, _envelope(message_type, body))
    if root.findtext("Header/MerchantIdentifier", "").strip() != merchant:
        raise Unreadable("The MerchantIdentifier is not the one of the seller account.")
    found = [
        Message(one.findtext("MessageID", "").strip(), one[-1]) for one in root.findall("Message")
    ]
    if len({one.number for one in found}) != len(found):
        raise Unreadable("A MessageID is used more than once.")
    return found


def _envelope(message_type: str, body: Shape) -> tuple[Shape, ...]:
    header = (text_of("DocumentVersion", r"1\.0\d"), text_of("MerchantIdentifier", r"\S.{0,63}"))
    message = (
        text_of("MessageID", r"0*[1-9]\d{0,19}"),
        text_of("OperationType", "Update|Delete|PartialUpdate", optional=True),
        body,
    )
    return (
        Shape("Header", children=header),
        text_of("MessageType", re.escape(message_type)),
        text_of("PurgeAndReplace", "true|false", optional=True),
        Shape("Message", children=message, most=None),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    #: the MessageID; "0": the feed as a whole
    number: str
    code: str
    words: str
    #: what it is about: {"AmazonOrderID": ...}
    about: Mapping[str, str]


def report(
    feed: str, failures: Sequence[Failure], *, merchant: str, processed: int, complete: bool
) -> bytes:
    """A processing report. It names what failed, and only counts the rest."""
    root = Element("AmazonEnvelope")
    header = SubElement(root, "Header")
    SubElement(header, "DocumentVersion").text = "1.02"
    SubElement(header, "MerchantIdentifier").text = merchant
    SubElement(root, "MessageType").text = "ProcessingReport"
    message = SubElement(root, "Message")
    SubElement(message, "MessageID").text = "1"
    made = SubElement(message, "ProcessingReport")
    SubElement(made, "DocumentTransactionID").text = feed
    SubElement(made, "StatusCode").text = "Complete" if complete else "Rejected"
    summary = SubElement(made, "ProcessingSummary")
    failed = len({one.number for one in failures})
    for name, count in (
        ("Processed", processed),
        ("Successful", max(0, processed - failed)),
        ("WithError", failed),
        ("WithWarning", 0),
    ):
        SubElement(summary, f"Messages{name}").text = str(count)
    for one in failures:
        result = SubElement(made, "Result")
        SubElement(result, "MessageID").text = one.number
        SubElement(result, "ResultCode").text = "Error"
        SubElement(result, "ResultMessageCode").text = one.code
        SubElement(result, "ResultDescription").text = one.words
        if one.about:
            additional = SubElement(result, "AdditionalInfo")
            for name, value in one.about.items():
                SubElement(additional, name).text = value
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
