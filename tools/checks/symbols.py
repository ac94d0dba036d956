#!/usr/bin/python3
"""Symbol check: symbols.py BUILD_DIRECTORY.

1. The archives above the seam reference no clock, file, socket, thread, entropy or environment symbol.
2. squall and squall-broker link the very same archives, apart from the world under them.
3. No symbol of the virtual world is in squall-broker.
"""

import pathlib
import re
import subprocess
import sys

# Archives that both programs stand on. The worlds themselves are not among them.
PURE = ("base", "runtime", "protocol", "log", "raft", "client", "broker", "sim", "scenarios")
SHARED = ("base", "runtime", "protocol", "log", "broker")
BANNED = re.compile(
    r"^(clock_gettime|clock_getres|gettimeofday|time|localtime(_r)?|gmtime(_r)?|nanosleep|clock_nanosleep|usleep|sleep|"
    r"open(at)?(64)?|creat(64)?|f(d|re)?open(64)?|read|pread(v)?(64)?|write|pwrite(v)?(64)?|writev|readv|fsync|fdatasync|rename(at)?|unlink(at)?|"
    r"mkdir(at)?|opendir|readdir(64)?|stat(64)?|fstat(at)?(64)?|flock|fcntl(64)?|ioctl|sendfile(64)?|splice|"
    r"socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|getaddrinfo|gethostbyname|epoll_\w+|poll|select|"
    r"pthread_(create|mutex_\w+|cond_\w+|join|detach)|fork|vfork|execv\w*|system|popen|"
    r"getrandom|getentropy|arc4random\w*|rand(_r)?|srand|random|drand48|getenv|secure_getenv|"
    r"std::random_device::.*|std::chrono::_V2::.*|std::thread::.*|std::this_thread::.*|std::filesystem::.*|"
    r"std::(basic_)?[io]?f(stream|ilebuf).*|std::condition_variable::.*)(\(.*\))?$")


def undefined_symbols(archive):
    out = subprocess.run(["nm", "-C", "--undefined-only", "-A", str(archive)], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        match = re.match(r".*:([^:]+\.o): +[UVWvw] (.*)$", line)
        if match:
            yield match.group(1), re.sub(r"@.*$", "", match.group(2))


def archives_of(build, program):
    """The archives on a program's link line in build.ninja."""
    text = (build / "build.ninja").read_text().replace("$\n", "")
    lines = re.findall(rf"^build {re.escape(program)}: (.*(?:\n [^\n]*)*)", text, re.M)
    return {name for line in lines for name in re.findall(r"[\w/.-]*libsquall_\w+\.a", line)}


def check_archives(build):
    findings = []
    checked = 0
    for folder in PURE:
        for archive in sorted((build / folder).glob("libsquall_*.a")):
            checked += 1
            for member, symbol in undefined_symbols(archive):
                if BANNED.match(symbol):
                    findings.append(f"{archive.relative_to(build)}({member}): references {symbol}")
    return sorted(set(findings)), checked


def check_programs(build):
    simulator, broker = archives_of(build, "tools/squall"), archives_of(build, "tools/squall-broker")
    findings = []
    for folder in SHARED:
        name = f"{folder}/libsquall_{folder}.a"
        for program, linked in (("squall", simulator), ("squall-broker", broker)):
            if name not in linked:
                findings.append(f"tools/{program} does not link {name}")
    findings += [f"tools/squall-broker links {name}" for name in broker if name.startswith(("sim/", "scenarios/"))]
    symbols = subprocess.run(["nm", "-C", str(build / "tools/squall-broker")], capture_output=True, text=True, check=True).stdout
    inside = sorted({line for line in symbols.splitlines() if re.search(r"\bsquall::(sim|scenarios)::", line)})
    findings += [f"tools/squall-broker contains {line}" for line in inside[:5]]
    return findings


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    build = pathlib.Path(arguments[0])
    findings, checked = check_archives(build)
    if (build / "tools/squall-broker").exists() and (build / "tools/squall").exists():
        findings += check_programs(build)
        checked += 2
    for finding in findings:
        print(finding)
    print(f"symbols: {checked} checked, {len(findings)} findings")
    return 1 if findings or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
