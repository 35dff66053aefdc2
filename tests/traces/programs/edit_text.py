"""An editor's session on a text: typing, undo and redo, search and replace, and reflowing."""

import difflib
import random
import re
import textwrap

WORDS = ["heap", "block", "word", "free", "live", "hole", "merge", "split", "page", "list", "tree"]


def write_text(pick):
    """Paragraphs, as lines of a file."""
    for _ in range(40):
        yield from textwrap.wrap(" ".join(pick.choices(WORDS, k=pick.randrange(20, 120))), 80)
        yield ""


class Editor:
    """A list of lines, and what each change replaced."""

    def __init__(self, lines):
        self.lines = list(lines)
        self.undone = []
        self.done = []

    def replace(self, start, stop, lines):
        """Puts other lines in the place of some."""
        self.done.append((start, self.lines[start:stop], lines))
        self.undone.clear()
        self.lines[start:stop] = lines

    def undo(self):
        """Takes the last change back."""
        if self.done:
            start, old, new = self.done.pop()
            self.lines[start : start + len(new)] = old
            self.undone.append((start, old, new))

    def redo(self):
        """Makes the change again that was taken back last."""
        if self.undone:
            start, old, new = self.undone.pop()
            self.lines[start : start + len(old)] = new
            self.done.append((start, old, new))


def type_words(editor, pick):
    """A line grows letter by letter, and some of it is rubbed out."""
    at = pick.randrange(len(editor.lines))
    line = bytearray(editor.lines[at].encode())
    for letter in " ".join(pick.choices(WORDS, k=pick.randrange(1, 12))).encode():
        line.append(letter)
        if pick.random() < 0.05:
            del line[-3:]
    editor.replace(at, at + 1, textwrap.wrap(line.decode(), 80))


def main():
    pick = random.Random(11)
    editor = Editor(write_text(pick))
    saved = list(editor.lines)
    for turn in range(48):
        match pick.randrange(8):
            case 0:
                editor.undo()
            case 1:
                editor.redo()
            case 2:
                word = re.compile(pick.choice(WORDS))
                hits = [at for at, line in enumerate(editor.lines) if word.search(line)]
                for at in pick.sample(hits, min(len(hits), 6)):
                    changed = word.sub(str.upper(word.pattern), editor.lines[at])
                    editor.replace(at, at + 1, [changed])
            case 3:
                start = pick.randrange(len(editor.lines))
                stop = start + pick.randrange(1, 30)
                text = " ".join(editor.lines[start:stop])
                editor.replace(start, stop, textwrap.wrap(text, pick.choice([60, 72, 80])))
            case _:
                type_words(editor, pick)
        if turn % 16 == 15:
            changes = list(difflib.unified_diff(saved, editor.lines, lineterm=""))
            saved = list(editor.lines)
            print(len("\n".join(saved)), len(changes))


main()
