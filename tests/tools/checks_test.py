#!/usr/bin/python3
"""Every check can fail: each test plants one violation in a small tree and wants exactly that to be found."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "checks"
LIBRARY = "{0}_lib = static_library('squall_{0}', files(), dependencies: [{1}])\n" \
          "{0} = declare_dependency(link_with: {0}_lib, dependencies: [{1}])\n"


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.directory.name)
        for folder, allowed in (("base", "fmt"), ("runtime", "base"), ("log", "base, runtime"), ("sim", "base, runtime")):
            self.write(f"{folder}/meson.build", LIBRARY.format(folder, allowed))
        self.write("base/types.h", "#include <fmt/format.h>\n\nstruct Offset {};\n")
        self.write("runtime/world.h", '#include "base/types.h"\n')
        self.write("log/log.h", '#include "runtime/world.h"\n')

    def tearDown(self):
        self.directory.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_check(self, name):
        return subprocess.run([sys.executable, str(CHECKS / f"{name}.py"), str(self.root)], capture_output=True, text=True)

    def assert_passes(self, name):
        run = self.run_check(name)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def assert_finds(self, name, text):
        run = self.run_check(name)
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn(text, run.stdout)


class Layers(CheckTest):
    def test_accept_what_the_link_list_allows(self):
        self.assert_passes("layers")

    def test_find_an_include_of_a_folder_that_is_not_in_the_link_list(self):
        self.write("log/store.cc", '#include "sim/disk.h"\n')
        self.write("sim/disk.h", "")
        self.assert_finds("layers", "log/store.cc:1: includes sim/disk.h")

    def test_find_the_seam_in_a_pure_core_even_if_the_link_list_had_it(self):
        self.write("raft/meson.build", LIBRARY.format("raft", "base, runtime"))
        self.write("raft/quorum.h", '#include "runtime/world.h"\n')
        self.assert_finds("layers", "a pure core never includes the seam")

    def test_let_the_shells_of_raft_use_the_seam(self):
        self.write("raft/shell/meson.build", LIBRARY.format("raft_shell", "base, runtime, log"))
        self.write("raft/shell/driver.h", '#include "runtime/world.h"\n#include "log/log.h"\n')
        self.assert_passes("layers")

    def test_find_the_log_in_a_core_of_raft_beside_a_shell_that_may_use_it(self):
        self.write("raft/meson.build", LIBRARY.format("raft", "base"))
        self.write("raft/shell/meson.build", LIBRARY.format("raft_shell", "base, raft, log"))
        self.write("raft/quorum.h", '#include "log/log.h"\n')
        self.assert_finds("layers", "a pure core includes pure folders only")

    def test_find_a_shell_in_its_core(self):
        self.write("raft/meson.build", LIBRARY.format("raft", "base"))
        self.write("raft/shell/meson.build", LIBRARY.format("raft_shell", "base, raft"))
        self.write("raft/shell/driver.h", "")
        self.write("raft/quorum.h", '#include "raft/shell/driver.h"\n')
        self.assert_finds("layers", "a pure core includes pure folders only")

    def test_find_the_log_in_the_pure_cores_of_replication(self):
        self.write("broker/meson.build", LIBRARY.format("broker", "base, log"))
        self.write("broker/replication/leader.h", '#include "log/store.h"\n')
        self.assert_finds("layers", "the pure cores of broker/replication/")

    def test_find_the_real_world_above_the_seam(self):
        self.write("runtime/linux/reactor.h", "")
        self.write("log/store.cc", '#include "runtime/linux/reactor.h"\n')
        self.assert_finds("layers", "only the programs know the real world")

    def test_find_a_system_header(self):
        self.write("log/store.cc", "#include <unistd.h>\n")
        self.assert_finds("layers", "reaches past the seam")

    def test_find_a_library_that_is_not_declared(self):
        self.write("log/store.cc", "#include <sqlite3.h>\n")
        self.assert_finds("layers", "does not allow sqlite")

    def test_find_a_page_that_disagrees_with_the_link_list(self):
        self.write("docs/architecture.md", "| `log/` | store | `base` |\n")
        self.assert_finds("layers", "docs/architecture.md: `log/`")


class Words(CheckTest):
    def test_accept_a_clean_tree(self):
        self.assert_passes("words")

    def test_find_each_banned_word(self):
        for line in ("auto now = std::chrono::steady_clock::now();", "std::thread worker;", "std::random_device seed;",
                     "std::uniform_int_distribution<int> die{1, 6};", 'auto home = getenv("HOME");', "std::hash<int> h;",
                     "if (world.is_simulated()) return;", "// TO" + "DO: later", "return; // not " + "implemented"):
            with self.subTest(line=line):
                self.write("log/store.cc", line + "\n")
                self.assert_finds("words", "log/store.cc:1:")

    def test_find_a_walk_over_a_hash_container(self):
        self.write("log/store.h", "std::unordered_map<int, Log> logs_;\n")
        self.write("log/store.cc", "void f() {\n  for (auto& [id, log] : logs_) log.flush();\n}\n")
        self.assert_finds("words", "log/store.cc:2: walks a hash container")

    def test_accept_a_line_that_says_why(self):
        self.write("log/store.cc", "std::thread worker;  // allowed: this is an example\n")
        self.assert_passes("words")

    def test_accept_clocks_in_the_real_world(self):
        self.write("runtime/linux/clock.cc", "auto now = std::chrono::steady_clock::now();\n")
        self.assert_passes("words")


class Sizes(CheckTest):
    def test_accept_a_small_tree(self):
        self.assert_passes("sizes")

    def test_find_a_file_that_is_too_long(self):
        self.write("log/hub.cc", "int x;\n" * 601)
        self.assert_finds("sizes", "log/hub.cc: 601 lines")

    def test_find_a_function_that_is_too_long(self):
        self.write("log/hub.cc", "void Hub::everything(int a) {\n" + "  work();\n" * 120 + "}\n")
        self.assert_finds("sizes", "log/hub.cc:1: a function of 122 lines")


class Links(CheckTest):
    def test_accept_links_that_lead_somewhere(self):
        self.write("README.md", "[log](log/log.h) and `base/types.h`, [below](#what-it-is)\n# What it is\n")
        self.assert_passes("links")

    def test_find_a_broken_link(self):
        self.write("README.md", "[log](log/gone.h)\n")
        self.assert_finds("links", "README.md:1: broken link log/gone.h")

    def test_find_a_path_that_does_not_exist(self):
        self.write("docs/page.md", "see `log/gone.h`\n")
        self.assert_finds("links", "docs/page.md:1: names log/gone.h")

    def test_find_a_missing_heading(self):
        self.write("README.md", "[there](#nowhere)\n")
        self.assert_finds("links", "no heading")


class Format(CheckTest):
    def test_accept_formatted_code(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.assert_passes("format")

    def test_find_code_that_is_not_formatted(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("log/log.cc", "int   x ;\n")
        self.assert_finds("format", "log/log.cc: not formatted")


class Tidy(CheckTest):
    def lint(self, source):
        self.write("log/log.cc", source)
        path = self.root / "log" / "log.cc"
        self.write("compile_commands.json", json.dumps([{"directory": str(self.root), "file": str(path),
                                                         "command": f"c++ -std=c++20 -c {path}"}]))
        self.write(".clang-tidy", (CHECKS.parents[1] / ".clang-tidy").read_text())
        return subprocess.run([sys.executable, str(CHECKS / "tidy.py"), str(self.root), str(path)], capture_output=True, text=True)

    def test_accept_plain_code(self):
        run = self.lint("int twice(int x) { return 2 * x; }\n")
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_find_a_use_after_a_move(self):
        run = self.lint("#include <string>\n#include <utility>\n"
                        "std::size_t f(std::string s) { std::string t = std::move(s); return s.size() + t.size(); }\n")
        self.assertEqual(run.returncode, 1)
        self.assertIn("bugprone-use-after-move", run.stdout)


class Symbols(CheckTest):
    def archive(self, folder, source):
        self.write(f"{folder}/x.cc", source)
        directory = self.root / folder
        subprocess.run(["g++", "-c", "x.cc", "-o", "x.o"], cwd=directory, check=True)
        subprocess.run(["ar", "rc", f"libsquall_{folder}.a", "x.o"], cwd=directory, check=True)

    def test_accept_an_archive_that_asks_nothing_of_the_machine(self):
        self.archive("log", "int twice(int x) { return 2 * x; }\n")
        self.assert_passes("symbols")

    def test_find_a_clock_a_file_a_thread_and_entropy(self):
        for source, symbol in (("#include <time.h>\nlong f() { return time(nullptr); }\n", "references time"),
                               ("#include <fcntl.h>\nint f() { return open(\"x\", O_RDONLY); }\n", "references open"),
                               ("#include <thread>\nvoid f() { std::thread{[] {}}.detach(); }\n", "references std::thread::"),
                               ("#include <chrono>\nauto f() { return std::chrono::steady_clock::now(); }\n", "chrono"),
                               ("#include <random>\nunsigned f() { return std::random_device{}(); }\n", "random_device")):
            with self.subTest(symbol=symbol):
                self.archive("log", source)
                self.assert_finds("symbols", symbol)

    def test_find_the_virtual_world_in_the_production_broker(self):
        self.archive("log", "int x;\n")
        self.write("tools/broker.cc", "namespace squall::sim { int disk() { return 1; } }\nint main() { return squall::sim::disk(); }\n")
        tools = self.root / "tools"
        subprocess.run(["g++", "broker.cc", "-o", "squall-broker"], cwd=tools, check=True)
        subprocess.run(["g++", "broker.cc", "-o", "squall"], cwd=tools, check=True)
        shared = " ".join(f"{name}/libsquall_{name}.a" for name in ("base", "runtime", "protocol", "log", "broker"))
        self.write("build.ninja", f"build tools/squall: LINK tools/x.o | {shared}\n\n"
                                  f"build tools/squall-broker: LINK tools/y.o | {shared} sim/libsquall_sim.a\n")
        self.assert_finds("symbols", "squall::sim::disk")
        self.assert_finds("symbols", "tools/squall-broker links sim/libsquall_sim.a")


class SameHash(CheckTest):
    def program(self, name, body):
        self.write(name, "#!/bin/sh\n" + body + "\n")
        (self.root / name).chmod(0o755)
        return str(self.root / name)

    def compare(self, *programs):
        self.write("scenarios/broker/one.toml", "title = 'x'\n")
        return subprocess.run([sys.executable, str(CHECKS / "same_hash.py"), "--scenarios", str(self.root / "scenarios"),
                               "--seeds", "2", *programs], capture_output=True, text=True)

    def test_accept_programs_that_agree(self):
        program = self.program("a", """echo '{"trace": "1f", "verdict": "held", "events": 3}'""")
        run = self.compare(program, program)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_name_the_first_run_that_differs(self):
        first = self.program("a", """echo '{"trace": "1f", "verdict": "held", "events": 3}'""")
        second = self.program("b", """echo '{"trace": "2e", "verdict": "held", "events": 3}'""")
        run = self.compare(first, second)
        self.assertEqual(run.returncode, 1)
        self.assertIn("one.toml seed 1", run.stdout)


class Tally(unittest.TestCase):
    def tally(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            log.write(text)
            log.flush()
            script = CHECKS.parent / "lib" / "tally.py"
            return subprocess.run([sys.executable, str(script), log.name], capture_output=True, text=True)

    def test_counts_passes_and_failures(self):
        run = self.tally('{"name": "a", "result": "OK"}\n{"name": "b", "result": "FAIL"}\n{"name": "c", "result": "TIMEOUT"}\n')
        self.assertEqual(run.stdout, "1 passed, 2 failed\n")
        self.assertEqual(run.returncode, 1)

    def test_counts_steps(self):
        run = self.tally("ok compile build\n")
        self.assertEqual((run.stdout, run.returncode), ("1 passed, 0 failed\n", 0))

    def test_fails_if_nothing_ran(self):
        self.assertEqual(self.tally("").returncode, 1)


class Patches(CheckTest):
    PATCH = "Bug: {}\n--- a/log/log.h\n+++ b/log/log.h\n@@ -1 +1 @@\n-{}\n+int broken;\n"

    def test_accept_those_that_apply(self):
        self.write("tests/bugs/good.patch", self.PATCH.format("it breaks", '#include "runtime/world.h"'))
        self.assert_passes("patches")

    def test_find_those_that_do_not(self):
        self.write("tests/bugs/old.patch", self.PATCH.format("it breaks", '#include "runtime/another.h"'))
        self.assert_finds("patches", "tests/bugs/old.patch: does not apply to the tree")

    def test_find_those_that_say_nothing(self):
        self.write("tests/bugs/mute.patch", self.PATCH.format("", '#include "runtime/world.h"'))
        self.assert_finds("patches", "tests/bugs/mute.patch: no line `Bug: ...`")


if __name__ == "__main__":
    unittest.main()
