#!/usr/bin/python3
"""Broken files and disks: a clear error or a full recovery, and nothing that was acknowledged is lost."""

import os
import pathlib
import random
import resource
import shutil
import signal
import stat
import struct
import subprocess
import unittest

from harness import PROGRAM, SEED, BrokerTest, connect, consume, frame, kcat, produce, request, text

VALUES = [b"value %05d " % i + b"x" * 600 for i in range(5000)]  # three segments of the smallest size
STORAGE_FAILED, CORRUPT_METADATA, BAD_USAGE, CUT_SHORT = 4, 5, 2, 7


class BrokenFiles(BrokerTest):
    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)

    def filled(self, clean):
        """A broker that has acknowledged VALUES and was stopped, cleanly or by SIGKILL."""
        broker = self.broker(log_segment_bytes=1 << 20)
        produce(broker, "kept", VALUES, "-X", "batch.num.messages=100")
        if clean:
            self.assertEqual(broker.stop(), 0, broker.output())
        else:
            broker.kill()
        return broker

    def partition(self, broker):
        return broker.log_dir / "kept-0"

    def test_garbage_after_the_last_batch_is_cut_off(self):
        broker = self.filled(clean=False)
        active = sorted(self.partition(broker).glob("*.log"))[-1]
        with open(active, "ab") as file:
            file.write(self.rng.randbytes(1000))
        broker.start()
        self.assertEqual(consume(broker, "kept"), VALUES)
        produce(broker, "kept", [b"and on"])
        self.assertEqual(consume(broker, "kept"), VALUES + [b"and on"])

    def test_a_torn_last_batch_is_cut_off(self):
        broker = self.filled(clean=False)
        active = sorted(self.partition(broker).glob("*.log"))[-1]
        with open(active, "r+b") as file:
            file.truncate(max(active.stat().st_size - 7, 0))
        broker.start()
        left = consume(broker, "kept")
        self.assertEqual(left, VALUES[:len(left)])
        self.assertGreaterEqual(len(left), len(VALUES) - 100)

    def test_indexes_of_garbage_are_built_anew(self):
        for clean in (False, True):
            with self.subTest(clean=clean):
                broker = self.filled(clean)
                for index in [*self.partition(broker).glob("*.index"), *self.partition(broker).glob("*.timeindex")]:
                    index.write_bytes(self.rng.randbytes(self.rng.randint(1, 400)))
                broker.start()
                self.assertEqual(consume(broker, "kept"), VALUES)
                self.assertEqual(consume(broker, "kept", "-o", "4321"), VALUES[4321:])
                broker.kill()
                shutil.rmtree(broker.log_dir)

    def test_missing_indexes_are_built_anew(self):
        broker = self.filled(clean=True)
        for index in [*self.partition(broker).glob("*.index"), *self.partition(broker).glob("*.timeindex")]:
            index.unlink()
        broker.start()
        self.assertEqual(consume(broker, "kept", "-o", "2500"), VALUES[2500:])

    def test_checkpoints_of_garbage_are_ignored(self):
        for clean in (False, True):
            with self.subTest(clean=clean):
                broker = self.filled(clean)
                spoilt = [path for path in [*broker.log_dir.glob("*-checkpoint"), *self.partition(broker).glob("*-checkpoint"),
                                            *self.partition(broker).glob("*.snapshot")] if path.is_file()]
                self.assertTrue(spoilt)
                for path in spoilt:
                    path.write_bytes(self.rng.randbytes(50))
                broker.start()
                self.assertEqual(consume(broker, "kept"), VALUES)
                broker.kill()
                shutil.rmtree(broker.log_dir)

    def test_a_flipped_bit_in_a_segment_is_never_served(self):
        broker = self.filled(clean=False)
        segments = sorted(self.partition(broker).glob("*.log"))
        victim = segments[-1]
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 16
        victim.write_bytes(data)
        broker.start()
        left = consume(broker, "kept")
        self.assertEqual(left, VALUES[:len(left)])
        self.assertLess(len(left), len(VALUES))

    def assert_refuses(self, broker, code, *words):
        broker.launch()
        self.assertEqual(broker.wait(), code, broker.output())
        for word in words:
            self.assertIn(word, broker.output())

    def test_a_corrupt_meta_properties_is_named(self):
        broker = self.filled(clean=True)
        (broker.log_dir / "meta.properties").write_bytes(b"\0\1\2 garbage")
        self.assert_refuses(broker, CORRUPT_METADATA, "meta.properties")

    def test_garbage_is_shown_without_what_a_terminal_would_obey(self):
        broker = self.filled(clean=True)
        (broker.log_dir / "meta.properties").write_bytes(b"\x1b[31m\x07 garbage")
        self.assert_refuses(broker, CORRUPT_METADATA, "\\x1b[31m\\x07 garbage", "restore it from a copy")
        self.assertNotIn("\x1b", broker.output())

    def test_damaged_metadata_is_told_as_what_it_is(self):
        def flip(data):
            data[len(data) // 2] ^= 16

        def break_chain(data):
            data[8:12] = b"\x7f\xff\xff\xff"  # the length of the first batch

        def cut(data):
            del data[len(data) // 2:]

        cases = [(flip, ["the batch at offset", "the CRC does not match"]), (break_chain, ["the metadata log is damaged at offset 0", "broken-chain"]),
                 (cut, ["the metadata log is damaged at offset"])]
        broker = self.filled(clean=True)
        segment = sorted((broker.log_dir / "__cluster_metadata-0").glob("*.log"))[-1]
        (broker.log_dir / ".kafka_cleanshutdown").unlink()
        whole = segment.read_bytes()
        for damage, words in cases:
            with self.subTest(damage.__name__):
                data = bytearray(whole)
                damage(data)
                segment.write_bytes(data)
                self.assert_refuses(broker, CORRUPT_METADATA, *words, "restore the directory")

    def test_directories_in_another_order_are_told(self):
        first, second = self.directory / "l1", self.directory / "l2"
        broker = self.broker(log_dir=f"{first},{second}")
        self.assertEqual(broker.stop(), 0, broker.output())
        broker.properties["log.dirs"] = f"{second},{first}"
        self.assert_refuses(broker, CORRUPT_METADATA, f"{first}/__cluster_metadata-0: the metadata log is here", "metadata.log.dir")

    def test_an_empty_first_directory_is_not_given_another_cluster(self):
        first, second = self.directory / "l1", self.directory / "l2"
        broker = self.broker(log_dir=f"{first},{second}")
        kcat(broker, "-L")
        self.assertEqual(broker.stop(), 0, broker.output())
        identity = [line for line in (second / "meta.properties").read_text().splitlines() if line.startswith("cluster.id")]
        shutil.rmtree(first)
        broker.start()
        self.assertIn(identity[0], (first / "meta.properties").read_text())

    def test_a_wrong_option_is_told_in_one_line_with_the_name_of_the_program(self):
        run = subprocess.run([str(PROGRAM), "--nonsense"], capture_output=True, text=True)
        self.assertEqual(run.returncode, BAD_USAGE)
        self.assertTrue(run.stderr.startswith("squall-broker: "), run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)

    def test_topics_whose_metadata_is_gone_are_not_forgotten(self):
        broker = self.filled(clean=True)
        metadata = broker.log_dir / "__cluster_metadata-0"
        aside = self.directory / "aside"
        shutil.move(metadata, aside)
        self.assert_refuses(broker, CORRUPT_METADATA, "__cluster_metadata-0", "the metadata log ends at offset 0", "restore the directory")
        shutil.move(aside, metadata)
        broker.start()
        self.assertEqual(consume(broker, "kept"), VALUES)

    def test_a_log_that_cannot_be_read_is_not_an_empty_one(self):
        broker = self.filled(clean=True)
        with open(sorted(self.partition(broker).glob("*.log"))[-1], "r+b") as file:
            file.truncate(1000)
        broker.start()
        run = kcat(broker, "-Q", "-t", "kept:0:-2", check=False)
        self.assertIn(b"offsets_for_times failed", run.stderr)
        self.assertEqual(run.stdout, b"")

    def test_a_directory_of_another_node_is_refused(self):
        broker = self.filled(clean=True)
        broker.properties["node.id"] = "2"
        self.assert_refuses(broker, CORRUPT_METADATA, "meta.properties", "node 1, not 2")

    def test_a_bad_property_is_named_with_its_line(self):
        broker = self.make(log_segment_bytes="many")
        self.assert_refuses(broker, BAD_USAGE, "log.segment.bytes", "server.properties:")

    def test_the_limit_of_open_files_is_raised_to_what_is_allowed(self):
        broker = self.make()
        broker.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 700)))
        self.assertEqual(resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE), (700, 700))
        self.assertIn("open files: limit raised from 256 to 700\n", broker.output())
        self.assert_serves(broker)

    def test_connections_do_not_take_the_descriptors_of_files(self):
        broker = self.make(log_flush_offset_checkpoint_interval_ms=200, replica_high_watermark_checkpoint_interval_ms=200)
        broker.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
        open_files = pathlib.Path(f"/proc/{broker.process.pid}/fd")
        streams = [connect(broker) for _ in range(350)]
        produced = subprocess.Popen(["kcat", "-b", broker.address, "-P", "-t", "kept", "-X", "acks=all"], stdin=subprocess.PIPE)
        self.assertLess(len(list(open_files.iterdir())), 240)
        for stream in streams:
            stream.close()
        produced.communicate(b"after all\n", timeout=60)
        self.assertEqual(produced.returncode, 0)
        self.assertEqual(consume(broker, "kept"), [b"after all"])
        self.assertEqual(broker.stop(), 0, broker.output())

    def test_a_limit_of_open_files_that_is_high_enough_is_not_spoken_of(self):
        broker = self.make()
        broker.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (700, 700)))
        self.assertNotIn("open files", broker.output())

    def test_a_repeated_signal_does_not_cut_a_clean_stop_short(self):
        broker = self.broker()
        for _ in range(3):
            broker.process.send_signal(signal.SIGTERM)
        self.assertEqual(broker.wait(), 0, broker.output())
        self.assertIn("node-stopped", broker.output())
        self.assertTrue((broker.log_dir / ".kafka_cleanshutdown").exists())

    def test_a_late_second_signal_ends_a_stop_and_says_so(self):
        broker = self.broker(squall_shutdown_grace_ms=60000)
        produce(broker, "kept", VALUES)
        fetch = request(1, 4, 1, struct.pack(">iiiibi", -1, 100, 0, 1 << 20, 0, 1) + text("kept") + struct.pack(">iiqi", 1, 0, 0, 1 << 20))
        with connect(broker) as slow_reader:  # what it does not read keeps the stop waiting
            slow_reader.settimeout(1)
            with self.assertRaises(TimeoutError):
                for _ in range(1 << 20):
                    slow_reader.sendall(frame(fetch))
            while broker.alive:
                broker.process.send_signal(signal.SIGTERM)
                try:
                    broker.process.wait(timeout=0.3)
                except subprocess.TimeoutExpired:
                    pass
            self.assertEqual(broker.wait(), CUT_SHORT, broker.output())
        self.assertIn("squall-broker: ended by a second signal", broker.output())
        broker.start()
        self.assertEqual(consume(broker, "kept"), VALUES)

    def test_a_missing_properties_file_is_named(self):
        broker = self.make()
        broker.write_properties = lambda: self.directory / "gone.properties"
        self.assert_refuses(broker, BAD_USAGE, "gone.properties")

    def test_two_brokers_do_not_share_a_directory(self):
        broker = self.filled(clean=True)
        broker.start()
        other = self.make(log_dir=broker.log_dir)
        self.assert_refuses(other, STORAGE_FAILED, "another process")
        self.assert_serves(broker)

    def test_a_log_dir_that_cannot_be_written_is_named(self):
        in_the_way = self.directory / "file"
        in_the_way.write_text("")
        broker = self.make(log_dir=in_the_way / "data")
        self.assert_refuses(broker, STORAGE_FAILED, str(in_the_way))

    def test_a_read_only_log_dir_is_named(self):
        target = self.directory / "data"
        target.mkdir()
        self.directory.chmod(0o755)
        target.chmod(stat.S_IRUSR | stat.S_IXUSR | 0o055)
        broker = self.make()
        if os.geteuid() == 0:
            def unprivileged():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            # Others may not be allowed to look into the folder that the build is in.
            broker.launch(shutil.copy2(PROGRAM, self.directory / "squall-broker"), preexec_fn=unprivileged)
            self.assertEqual(broker.wait(), STORAGE_FAILED, broker.output())
            self.assertIn(str(target), broker.output())
        else:
            self.assert_refuses(broker, STORAGE_FAILED, str(target))

    def test_a_full_disk_refuses_and_keeps_what_it_has(self):
        """The disk is a small tmpfs where mounting is allowed; elsewhere a limit on the size of files plays it."""
        room = self.directory / "room"
        room.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "squall-test", str(room)], capture_output=True).returncode == 0
        if mounted:
            self.addCleanup(subprocess.run, ["umount", "-l", str(room)])
        print("full disk:", "tmpfs of 24 MiB" if mounted else "files limited to 6 MiB (mounting is not allowed here)")

        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, 6 << 20))
        broker = self.make(log_dir=room / "data")
        broker.start(**({} if mounted else {"preexec_fn": limited}))
        produce(broker, "kept", VALUES)
        filler = self.directory / "filler.txt"
        filler.write_bytes(b"".join(b"%06d " % i + b"x" * 990 + b"\n" for i in range(40_000)))
        run = subprocess.run(["kcat", "-b", broker.address, "-P", "-t", "filler", "-l", str(filler), "-X", "message.timeout.ms=3000",
                              "-X", "acks=all"], capture_output=True, timeout=120)
        self.assertNotEqual(run.returncode, 0, "a full disk acknowledged everything")
        if broker.alive:
            broker.stop()
        else:
            self.assertEqual(broker.wait(), STORAGE_FAILED, broker.output())
        shutil.rmtree(room / "data" / "filler-0")
        broker.start()
        self.assertEqual(consume(broker, "kept"), VALUES)


if __name__ == "__main__":
    unittest.main()
