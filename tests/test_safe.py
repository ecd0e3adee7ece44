import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskctl.safe import safe

COMMANDS = {
    "set-output", "set-env", "add-path", "add-mask", "save-state", "debug", "warning", "error", "notice", "group",
    "endgroup", "echo", "add-matcher", "remove-matcher", "stop-commands", "internal-set-repo-path",
}  # fmt: skip
SKIPPED = {chr(code) for code in (*range(0xFE00, 0xFE10), 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)}
"""Default-ignorable letters and marks: the runner compares by culture, which does not see them."""


def unseen(character: str) -> bool:
    return character in SKIPPED or unicodedata.category(character) in ("Cc", "Cf")


def commands_a_runner(line: str) -> bool:
    """Whether a GitHub Actions runner takes this line for a command, in either of its two notations."""
    return _by_colons(line) or _by_brackets(line)


def _by_colons(line: str) -> bool:
    text = "".join(character for character in line.lstrip() if not unseen(character)).lstrip()
    if not text.startswith("::"):
        return False
    end = text.find("::", 2)
    return end >= 0 and text[2:end].split(" ")[0] in COMMANDS


def _by_brackets(line: str) -> bool:
    text = "".join(character for character in line if not unseen(character))
    start = text.find("##[")
    end = text.find("]", start)
    return start >= 0 and end >= 0 and text[start + 3 : end].split(" ")[0] in COMMANDS


pieces = st.sampled_from(
    [
        *("::", ":", "#", "##", "##[", "[", "]", " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1b", "\x9b", "\x85"),
        *("\u2028", "\u2029", "\u202e", "\u200b", "\u200d", "\ufeff", "\ufe0f", "\u034f", "\u3164", "\u00a0", "\u3000"),
        *("::add-mask::x", "##[error]x", "::error file=a,line=1::x", "set-output name=a", "\ud800", "\x00", "😀", "|"),
    ]
)
texts = st.text() | st.lists(pieces | st.text(max_size=3), max_size=12).map("".join)


def test_the_oracle_knows_commands() -> None:
    for line in (
        "::add-mask::x",
        "  \t::error file=a::x",
        "\u00a0::debug::",
        "a ##[error]x",
        "###[group] x",
        "##[endgroup]",
    ):
        assert commands_a_runner(line), line
    for line in ("a ::error::x", "::nothing::x", "::error:x", "## [error]", "##[nothing]"):
        assert not commands_a_runner(line), line


@settings(max_examples=200)
@given(texts, st.booleans())
@example("###[error]x", False)
@example("####[error]x", True)
@example("\n::error::x", True)
@example("x\n  ::error::x", True)
@example("\u034f::error::x", False)
@example("#\ufe0f#[error]", False)
@example(":::error::x", False)
@example("# #\u200d[error]", False)
def test_no_line_commands_a_ci_runner(text: str, multiline: bool) -> None:
    shown = safe(text, multiline=multiline)
    for line in shown.split("\n"):
        assert not commands_a_runner(line)
        assert "##" not in line
    for mark in ("##vso[", "##teamcity["):
        assert mark not in shown


@settings(max_examples=50)
@given(texts, st.booleans())
def test_nothing_moves_a_terminal_or_hides(text: str, multiline: bool) -> None:
    shown = safe(text, multiline=multiline)
    for place, character in enumerate(shown):
        if character == "\n":
            assert multiline
        elif character == "\u200d":
            assert shown[place - 1] in "\ufe0e\ufe0f" or unicodedata.category(shown[place - 1]) in ("So", "Sk")
        elif character in "\ufe0e\ufe0f":
            assert unicodedata.category(shown[place - 1]) in ("So", "Sk")
        else:
            assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
            assert character not in SKIPPED
    shown.encode()


@settings(max_examples=50)
@given(texts)
def test_one_line_stays_one_line(text: str) -> None:
    assert len(safe(text).splitlines()) <= 1


@settings(max_examples=50)
@given(texts)
def test_every_further_line_starts_with_a_bar(text: str) -> None:
    _, *others = safe(text, multiline=True).split("\n")
    assert all(line.startswith("| ") for line in others)
    assert len(others) == text.replace("\r\n", "\n").count("\n")


@settings(max_examples=50)
@given(texts)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    once = safe(text)
    assert safe(once) == once


@settings(max_examples=50)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#:")))
def test_plain_words_pass_untouched(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "<U+001B>]0;title<U+0007>"),
        ("\x1b[31mred", "<U+001B>[31mred"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\x00b\x7fc", "a<U+0000>b<U+007F>c"),
        ("abc\u202edcba", "abc<U+202E>dcba"),
        ("pay\u200bpal", "pay<U+200B>pal"),
        ("\ufeffBOM", "<U+FEFF>BOM"),
        ("half \ud83d", "half <U+D83D>"),
        ("a\rb", "a<U+000D>b"),
        ("a\r\nb", "a b"),
        ("a\tb", "a b"),
        ("  a \n\n b  ", "a b"),
        ("ok\n::error::x", "ok : :error::x"),
        ("::error::x", ": :error::x"),
        ("a ::b:: c", "a ::b:: c"),
        ("std::vector", "std::vector"),
        ("## Title", "# # Title"),
        ("###[x]", "# # #[x]"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("👩🏽\u200d🚀 ❤\ufe0f\u200d🔥", "👩🏽\u200d🚀 ❤\ufe0f\u200d🔥"),
        ("a\u200db", "a<U+200D>b"),
        ("😀\u200d😀", "😀\u200d😀"),
        ("😀\u200da", "😀<U+200D>a"),
        ("a\u200d😀", "a<U+200D>😀"),
        ("😀\u202e😀", "😀<U+202E>😀"),
        ("😀\u202e", "😀<U+202E>"),
        ("\u200d", "<U+200D>"),
        ("\ufe0f", "<U+FE0F>"),
        ("ünï čödé 漢字 العربية", "ünï čödé 漢字 العربية"),
        ("", ""),
    ],
)
def test_foreign_text_is_shown_as(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_several_lines_are_kept_apart_where_asked_for() -> None:
    assert safe("a\n::error::x\n", multiline=True) == "a\n| : :error::x\n| "
