"""Plain text: one sentence a line, its tokens separated by blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .errors import WriteError
from .files import BOM, Readable, Writable, numbered_lines, open_output
from .sentence import Sentence

# A no-break space or an ideographic space may be part of a token, so `str.split()` would cut too much.
_TOKEN = re.compile(r"[^ \t\r\n\f\v]+")


def read_plain(source: Readable) -> Iterator[Sentence]:
    """Yield one sentence for each line that is not blank; its id is the number of the line, from 1.

    Tokens are separated by ASCII white space; lemmas and tags are "_".

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.

    Raises:
        DataError: the text is not UTF-8.
    """
    for number, line in numbered_lines(source):
        forms = tuple(_TOKEN.findall(line.removeprefix(BOM) if number == 1 else line))
        if forms:
            missing = ("_",) * len(forms)
            yield Sentence(id=str(number), forms=forms, lemmas=missing, tags=missing)


def write_plain(sentences: Iterable[Sentence], target: Writable) -> None:
    """Write the forms of each sentence on a line, with blanks between them.

    Raises:
        ValueError: there are no forms, or one holds white space, which would make it two; the message names the
            sentence.
    """
    with open_output(target) as file:
        for sentence in sentences:
            if not sentence.forms:
                raise WriteError(f"sentence {sentence.id}: expected tokens, got none")
            for form in sentence.forms:
                if not _TOKEN.fullmatch(form):
                    raise WriteError(f"sentence {sentence.id}: expected forms without blanks, got {form!r}")
            file.write(" ".join(sentence.forms) + "\n")
