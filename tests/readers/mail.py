"""Reads report mails with an independent reader and prints what they say and what is wrong with them.

Usage: mail.py EML [EML...]. Prints a JSON array with one object per file: its defects, headers, recipients, date,
texts, the texts and tables of its HTML part, and its attachments. Ends with 0 whenever the files could be read; the
caller judges the defects.

The texts keep their line ends as sent. Text in a nested table belongs to the innermost cell only; the title of the page
is not part of its texts, and neither are empty paragraphs and cells (the tables do keep their empty cells).
"""

import collections
import datetime
import email.parser
import email.policy
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LONGEST_LINE = 998
REQUIRED = ("date", "from", "message-id", "mime-version")
ONCE = ("date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject")
VOID = set("area base br col embed hr img input link meta param source track wbr".split())
UNSHOWN = {"script", "style", "title"}
BREAKING = set(
    "address article aside blockquote body caption center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 "
    "h4 h5 h6 head header hr html li main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
REFERENCES = ("src", "href", "background")
REMOTE = re.compile(r"\s*(https?:|//)", re.IGNORECASE)


def collapsed(pieces):
    """Pieces of text as one, with the whitespace of HTML collapsed (which a no-break space is not)."""
    return re.sub(r"[ \t\r\n\f]+", " ", "".join(pieces)).strip(" ")


class Texts(HTMLParser):
    """Collects the paragraphs and the tables of a page."""

    def __init__(self):
        super().__init__()
        self.paragraphs = []
        self.tables = []
        self.pieces = []
        self.open_tables = []
        self.open_cells = []
        self.unshown = 0

    def handle_starttag(self, tag, attrs):
        if tag in UNSHOWN:
            self.unshown += 1
        self.separate(tag)
        if tag == "table":
            self.tables.append([])
            self.open_tables.append(self.tables[-1])
            self.open_cells.append(None)
        elif tag == "tr" and self.open_tables:
            self.open_tables[-1].append([])
            self.open_cells[-1] = None
        elif tag in ("td", "th") and self.open_tables:
            self.start_cell()

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag in UNSHOWN:
            self.unshown = max(0, self.unshown - 1)
        self.separate(tag)
        if tag == "table" and self.open_tables:
            self.open_tables.pop()
            self.open_cells.pop()
        elif tag in ("td", "th", "tr") and self.open_cells:
            self.open_cells[-1] = None

    def handle_data(self, data):
        if not self.unshown:
            self.add(data)

    def close(self):
        super().close()
        self.end_paragraph()
        self.tables = [[[collapsed(cell) for cell in row] for row in table] for table in self.tables]

    def start_cell(self):
        rows = self.open_tables[-1]
        if not rows:
            rows.append([])
        rows[-1].append([])
        self.open_cells[-1] = rows[-1][-1]

    def separate(self, tag):
        """Keeps the texts on both sides of a tag apart."""
        if tag in BREAKING or tag == "br":
            self.add(" ")
        if tag in BREAKING:
            self.end_paragraph()

    def add(self, text):
        self.pieces.append(text)
        if self.open_cells and self.open_cells[-1] is not None:
            self.open_cells[-1].append(text)

    def end_paragraph(self):
        paragraph = collapsed(self.pieces)
        if paragraph:
            self.paragraphs.append(paragraph)
        self.pieces = []


class Problems(HTMLParser):
    """Collects what a page in a mail must not have: unbalanced tags, scripts and remote references."""

    def __init__(self):
        super().__init__()
        self.problems = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.report("<script>")
        for name, value in attrs:
            self.check_attribute(tag, name, value or "")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag not in self.open:
            self.report(f"</{tag}> closes nothing")
            return
        while (last := self.open.pop()) != tag:
            self.report(f"<{last}> is not closed before </{tag}>")

    def close(self):
        super().close()
        for tag in reversed(self.open):
            self.report(f"<{tag}> is never closed")

    def check_attribute(self, tag, name, value):
        if name.startswith("on"):
            self.report(f"attribute {name} of <{tag}>")
        if name in REFERENCES and (tag, name) != ("a", "href") and REMOTE.match(value):
            self.report(f"remote {name} of <{tag}>: {value}")

    def report(self, problem):
        self.problems.append(f"line {self.getpos()[0]}: {problem}")


def fed(parser, page):
    parser.feed(page or "")
    parser.close()
    return parser


def fields(part):
    """The header fields of a part in order, as (lower-case name, parsed value)."""
    return [(name.lower(), part.policy.header_fetch_parse(name, raw)) for name, raw in part.raw_items()]


def addresses(headers, wanted):
    return [address.addr_spec for name, value in headers if name == wanted for address in value.addresses]


def date(headers):
    """The Date in UTC; one of the zone -0000 is in UTC already."""
    moment = next((value.datetime for name, value in reversed(headers) if name == "date"), None)
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.astimezone(datetime.timezone.utc).isoformat()


def parameter(part, header, name):
    value = part[header]
    return None if value is None else value.params.get(name)


def file_name(part):
    name = parameter(part, "content-disposition", "filename")
    return parameter(part, "content-type", "name") if name is None else name


def leaves(part):
    """The parts that hold content, in order; an attached message is one of them, not its parts."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for child in part.iter_parts() for leaf in leaves(child)]
    return [part]


def is_body(part):
    return part.get_content_disposition() != "attachment" and file_name(part) is None


def body(parts, content_type):
    """The first part that is a text of this type, not a file."""
    return next((part for part in parts if part.get_content_type() == content_type and is_body(part)), None)


def content(part):
    """The decoded bytes of a part. The parser notes further defects in the part here, each time: call it once."""
    if part.is_multipart():
        return b"".join(child.as_bytes() for child in part.get_payload())
    return part.get_payload(decode=True) or b""


def decoded(part, data, defects):
    """The text of a part in its charset."""
    if part is None:
        return None
    charset = parameter(part, "content-type", "charset") or "us-ascii"
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError) as error:
        defects.append(f"{part.get_content_type()}: {error}")
        return data.decode("utf-8", "replace")


def attachment(part, data):
    return {
        "filename": file_name(part),
        "content_type": part.get_content_type(),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def line_defects(raw):
    defects = []
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", raw), 1):
        if len(line) > LONGEST_LINE:
            defects.append(f"line {number} has {len(line)} bytes, more than {LONGEST_LINE}")
    for name, pattern in (("LF", rb"(?<!\r)\n"), ("CR", rb"\r(?!\n)")):
        count = len(re.findall(pattern, raw))
        if count:
            defects.append(f"bare {name}: {count} times")
    return defects


def field_defects(headers):
    counts = collections.Counter(name for name, _ in headers)
    defects = [f"header {name} occurs {counts[name]} times" for name in ONCE if counts[name] > 1]
    defects += [f"header {name} is missing" for name in REQUIRED if not counts[name]]
    if counts["bcc"]:
        defects.append("header bcc is present")
    return defects


def has_eight_bit(part):
    """Whether a part has an 8-bit byte as sent, in its content or in the parts in it (RFC 2045, 6.4)."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return not (payload or "").isascii()
    around = (part.preamble or "") + (part.epilogue or "")
    inner_headers = "".join(raw for child in payload for _, raw in child.raw_items())
    return not (around + inner_headers).isascii() or any(has_eight_bit(child) for child in payload)


def alternative_defects(part):
    if part.get_content_type() != "multipart/alternative":
        return []
    counts = collections.Counter(leaf.get_content_type() for leaf in leaves(part) if is_body(leaf))
    return [f"{counts[kind]} parts of {kind}" for kind in ("text/plain", "text/html") if counts[kind] > 1]


def described(defect):
    return f"{type(defect).__name__}: {defect}".rstrip(": ")


def part_defects(part):
    defects = [described(defect) for defect in part.defects]
    for (name, raw), (_, value) in zip(part.raw_items(), fields(part)):
        defects += [f"header {name}: {described(defect)}" for defect in value.defects]
        if not raw.isascii():
            defects.append(f"header {name}: 8-bit byte")
    encoding = part["content-transfer-encoding"]
    if (encoding is None or encoding.cte == "7bit") and has_eight_bit(part):
        defects.append("8-bit byte, but the encoding is 7bit")
    return defects + alternative_defects(part)


def all_defects(message, headers, raw):
    defects = line_defects(raw) + field_defects(headers)
    for number, part in enumerate(message.walk()):
        defects += [f"part {number} ({part.get_content_type()}): {defect}" for defect in part_defects(part)]
    return defects


def read(raw):
    message = email.parser.BytesParser(policy=email.policy.SMTP).parsebytes(raw)
    headers = fields(message)
    parts = leaves(message)
    contents = {part: content(part) for part in message.walk() if part in parts or not part.is_multipart()}
    defects = all_defects(message, headers, raw)
    plain, page = body(parts, "text/plain"), body(parts, "text/html")
    text = decoded(plain, contents.get(plain), defects)
    html = decoded(page, contents.get(page), defects)
    texts = fed(Texts(), html)
    return {
        "defects": defects,
        "headers": {name: str(value) for name, value in headers},
        "to": addresses(headers, "to"),
        "cc": addresses(headers, "cc"),
        "date": date(headers),
        "text": text,
        "html": html,
        "html_text": texts.paragraphs,
        "html_tables": texts.tables,
        "html_problems": fed(Problems(), html).problems,
        "attachments": [attachment(part, contents[part]) for part in parts if part not in (plain, page)],
    }


def unreadable(raw, error):
    """What is left to say of a mail on which the parser itself failed."""
    result = {"defects": line_defects(raw) + [f"unreadable: {described(error)}"], "headers": {}}
    result |= {name: None for name in ("date", "text", "html")}
    return result | {name: [] for name in ("to", "cc", "html_text", "html_tables", "html_problems", "attachments")}


def read_file(path):
    raw = Path(path).read_bytes()
    try:
        return read(raw)
    except Exception as error:  # the parser raises anything on some malformed headers
        return unreadable(raw, error)


def main(paths):
    if not paths:
        sys.exit("usage: mail.py EML [EML...]")
    json.dump([read_file(path) for path in paths], sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
