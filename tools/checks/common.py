"""What the checks share: which files are ours, and how findings are told."""

import pathlib
import sys

FOLDERS = ("base", "runtime", "protocol", "log", "raft", "zookeeper", "client", "broker", "sim", "scenarios", "reports",
           "tools", "tests")
CODE = {".h", ".cc"}
SKIPPED_DIRECTORIES = {".git", "subprojects", "node_modules", "__pycache__"}


def files(root, suffixes, folders=FOLDERS):
    """Paths under the folders (relative to root, sorted) whose suffix is wanted."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not SKIPPED_DIRECTORIES & set(path.parts):
                found.append(path.relative_to(root))
    return found


def root_from_arguments(description):
    """The tree to check: the first argument, or the tree this file stands in."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(f"{description}\nusage: {sys.argv[0]} [ROOT]", file=sys.stderr)
        sys.exit(2)
    return pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2]


def tell(findings, checked, what):
    """Prints the findings; the exit code. A check that looked at nothing has failed."""
    for finding in findings:
        print(finding)
    print(f"{what}: {checked} checked, {len(findings)} findings")
    return 1 if findings or not checked else 0
