#!/usr/bin/python3
"""Link check: every relative link and every `path/in/backquotes` of the Markdown pages leads to something in the tree."""

import re
import sys

from common import FOLDERS, root_from_arguments, tell

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`(?:\./)?((?:" + "|".join(FOLDERS + ("docs", "\\.ci")) + r")/[\w./+-]*)`")


def anchors(text):
    """The anchors that a page's headings make."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", text, re.M):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


def check_page(root, page):
    findings = []
    text = (root / page).read_text()
    without_code = re.sub(r"^```.*?^```", lambda block: "\n" * block.group(0).count("\n"), text, flags=re.M | re.S)
    for number, line in enumerate(without_code.splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            file_part, _, anchor = target.partition("#")
            path = (root / page).parent / file_part if file_part else root / page
            if not path.exists():
                findings.append(f"{page}:{number}: broken link {target}")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text()):
                findings.append(f"{page}:{number}: no heading for {target}")
        for path in QUOTED.findall(line):
            if not (root / path.rstrip(".")).exists():
                findings.append(f"{page}:{number}: names {path}, which does not exist")
    return findings


def check_tree(root):
    pages = sorted({*root.glob("*.md"), *(root / "docs").rglob("*.md")})
    pages = [page.relative_to(root) for page in pages]
    return [finding for page in pages for finding in check_page(root, page)], len(pages)


if __name__ == "__main__":
    sys.exit(tell(*check_tree(root_from_arguments(__doc__)), "links"))
