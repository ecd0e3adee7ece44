"""What a terminal shows after all that was written to it."""

import re

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


def screen(written: str) -> list[str]:
    """The lines that are left: of the escape sequences, the few that bars are drawn with."""
    rows: dict[int, str] = {}
    row = column = 0
    for match in _TOKEN.finditer(written):
        parameters, letter, returned, fed, text = match.groups()
        if letter == "A":
            row -= int(parameters or 1)
        elif letter == "K":
            rows[row] = ""
        elif returned:
            column = 0
        elif fed:
            row += 1
        elif text:
            line = rows.get(row, "").ljust(column)
            rows[row] = line[:column] + text + line[column + len(text) :]
            column += len(text)
        else:
            assert letter in "mhl", f"an escape sequence that no bar needs: {match[0]!r}"
    return [rows[number].rstrip() for number in sorted(rows) if rows[number].strip()]
