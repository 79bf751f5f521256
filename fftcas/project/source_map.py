"""Where a line of rendered SQL comes from in the model's file."""

from __future__ import annotations

from difflib import SequenceMatcher


def template_line(template: str, rendered: str, line: int) -> int:
    """The line of `template` that most likely gave line `line` of `rendered`; both count from 1.

    Jinja keeps no map from output to source, so the two texts are aligned on the lines that they share.
    """
    source, output = template.splitlines(), rendered.splitlines()
    matcher = SequenceMatcher(None, [s.strip() for s in source], [o.strip() for o in output], autojunk=False)
    for _, source_start, source_end, output_start, output_end in matcher.get_opcodes():
        if output_start <= line - 1 < output_end:
            inside = source_start + (line - 1 - output_start)
            return min(inside, max(source_end - 1, source_start)) + 1
    return max(1, min(line, len(source)))
