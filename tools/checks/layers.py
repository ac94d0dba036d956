#!/usr/bin/python3
"""Layer check: each folder includes only what its meson.build allows, which is no more than docs/architecture.md says.

The `dependencies` of `FOLDER = declare_dependency(...)` in FOLDER/meson.build are the allowed folders and libraries. On top of that:
the pure folders never include runtime/, and nothing but tools, tests and itself knows runtime/linux/.
"""

import re
import sys

from common import CODE, files, root_from_arguments, tell

# Folders that may use nothing of the seam, nor what stands on it: each other alone.
PURE = ("base", "protocol", "raft")
# The shells of pure folders: folders with a link list of their own, by the name of their library.
SHELLS = {"raft/shell": "raft_shell"}
# Pure cores inside a folder that is not: they include themselves and these folders alone.
PURE_PARTS = ("broker/replication/",)
PURE_PARTS_MAY_USE = ("base/", "protocol/")
# Which declared library an external include belongs to; headers of the language and of C are not listed and always allowed.
LIBRARIES = {
    "fmt/": "fmt", "boost/context": "boost_context", "boost/program_options": "boost_program_options", "isa-l": "isal",
    "zlib.h": "zlib", "lz4": "lz4", "zstd": "zstd", "snappy": "snappy", "xxhash": "xxhash", "CLI/": "cli11",
    "toml++/": "tomlplusplus", "sqlite3.h": "sqlite", "openssl/": "openssl",
}
# The world outside: only the real world and the programs may see it.
SYSTEM = re.compile(r"^(sys/(?!types)|unistd\.h|fcntl\.h|netdb\.h|netinet/|arpa/|poll\.h|pthread\.h|signal\.h|csignal|thread|"
                    r"condition_variable|future|semaphore|latch|barrier|filesystem|fstream|ctime|time\.h|random|linux/)")
SYSTEM_ALLOWED = ("runtime/linux/", "tools/", "tests/", "reports/")
# Memory, not the outside: the pool of fiber stacks maps guard pages.
SYSTEM_EXCEPTIONS = {("runtime/stack_pool.cc", "sys/mman.h"), ("runtime/stack_pool.cc", "unistd.h")}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def declared(root, folder):
    """(own, exported): the names in the dependency lists of a folder's libraries, and those of its declare_dependency alone.

    None if the folder declares nothing. A shell below the folder is not counted.
    """
    own, exported, seen = set(), set(), False
    for build_file in sorted((root / folder).rglob("meson.build")):
        if folder not in SHELLS and build_file.parent.relative_to(root).as_posix() in SHELLS:
            continue
        text = re.sub(r"#.*", "", build_file.read_text())
        for call in re.finditer(r"(\w+)\s*=\s*(declare_dependency|static_library)\((.*?)\n?\)(?=\s*(\n|$))", text, re.S):
            seen = True
            for inner in re.finditer(r"\bdependencies\s*:\s*(\[[^\]]*\]|\w+)", call.group(3)):
                names = set(re.findall(r"\w+", inner.group(1)))
                own |= names
                if call.group(2) == "declare_dependency":
                    exported |= names
    return (own, exported) if seen else None


def with_exported(rules, folder):
    """What a folder may include: its own dependencies, and the external libraries that those hand on."""
    own, _ = rules[folder]
    libraries = set(LIBRARIES.values())
    allowed = set(own)
    for name in own:
        if name in rules and rules[name]:
            allowed |= rules[name][1] & libraries
    return allowed


def documented(root):
    """The 'May use' column of docs/architecture.md: folder -> set of words, or None without such a page."""
    page = root / "docs" / "architecture.md"
    if not page.exists():
        return None
    rows = {}
    for line in page.read_text().splitlines():
        row = re.match(r"\|\s*`([\w/]+)/`\s*\|[^|]*\|([^|]*)\|", line)
        if row:
            rows[row.group(1)] = set(re.findall(r"`(\w+)`", row.group(2)))
    return rows


def library_of(include):
    for prefix, library in LIBRARIES.items():
        if include.startswith(prefix):
            return library
    return None


def unit_of(path):
    """The folder, or the shell in it, whose link list counts for a file."""
    return next((shell for shell in SHELLS if path.as_posix().startswith(f"{shell}/")), path.parts[0])


def check_include(path, include, folders, allowed):
    """What is wrong with one include of one file; None if nothing is."""
    folder = unit_of(path)
    name = path.as_posix()
    target = include.split("/")[0]
    shell = next((shell for shell in SHELLS if include.startswith(f"{shell}/")), None)
    if target in folders:
        if include.startswith("runtime/linux/") and not name.startswith(("runtime/linux/", "tools/", "tests/")):
            return "only the programs know the real world"
        if folder in PURE and target == "runtime":
            return "a pure core never includes the seam"
        if folder in PURE and (shell or target not in PURE):
            return "a pure core includes pure folders only"
        part = next((part for part in PURE_PARTS if name.startswith(part)), None)
        if part and not include.startswith((part, *PURE_PARTS_MAY_USE)):
            return f"the pure cores of {part} include {' and '.join(PURE_PARTS_MAY_USE)} only"
        if shell and shell != folder and SHELLS[shell] not in allowed:
            return f"{folder}/meson.build does not allow {shell}/"
        if not shell and target != folder and target not in allowed:
            return f"{folder}/meson.build does not allow {target}/"
        return None
    library = library_of(include)
    if library and library not in allowed:
        return f"{folder}/meson.build does not allow {library}"
    if SYSTEM.match(include) and not name.startswith(SYSTEM_ALLOWED) and (name, include) not in SYSTEM_EXCEPTIONS:
        return "reaches past the seam"
    return None


def check_tree(root):
    findings = []
    paths = [path for path in files(root, CODE) if path.parts[0] not in ("tools", "tests")]
    folders = {path.parts[0] for path in files(root, CODE)}
    rules = {folder: declared(root, folder) for folder in sorted(folders | set(SHELLS))}
    pages = documented(root)
    for path in paths:
        if rules[unit_of(path)] is None:
            findings.append(f"{path}: its folder declares no library")
            continue
        allowed = with_exported(rules, unit_of(path))
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            include = INCLUDE.match(line)
            wrong = include and check_include(path, include.group(1), folders, allowed)
            if wrong:
                findings.append(f"{path}:{number}: includes {include.group(1)}: {wrong}")
    for folder, rule in rules.items():
        if pages is None or rule is None or folder in ("tools", "tests"):
            continue
        ours = {name for name in rule[0] if name in folders | set(LIBRARIES.values()) and name != folder}
        if not ours <= pages.get(folder, set()):
            findings.append(f"docs/architecture.md: `{folder}/` may use {sorted(pages.get(folder) or [])}, "
                            f"but {folder}/meson.build says {sorted(ours)}")
    return findings, len(paths)


if __name__ == "__main__":
    sys.exit(tell(*check_tree(root_from_arguments(__doc__)), "layers"))
