#!/usr/bin/python3
"""kafkajs, the third codec: topics, produce (plain, gzip, idempotent), offsets, DeleteRecords. Skips, loudly, where it could not be fetched."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from harness import BUILD, BrokerTest, consume

MODULES = BUILD / "kafkajs" / "node_modules"


class KafkaJs(BrokerTest):
    def test_topics_records_and_offsets(self):
        broker = self.broker()
        script = pathlib.Path(__file__).with_name("kafkajs_client.js")
        run = subprocess.run(["node", str(script), broker.address], capture_output=True, text=True, timeout=90,
                             env={**os.environ, "NODE_PATH": str(MODULES), "KAFKAJS_NO_PARTITIONER_WARNING": "1"})
        self.assertEqual(run.stdout.strip(), "passed", run.stderr + broker.output()[-2000:])
        records = [json.loads(line) for line in consume(broker, "js", "-p", "0", "-J")]
        self.assertEqual(len(records), 1900)
        self.assertEqual(records[0]["offset"], 100)
        for record in records:
            number = record["offset"] % 500
            self.assertEqual((record["key"], record["payload"], record["headers"]),
                             (f"k{number}", None if number % 5 == 0 else f"v{number}", ["n", f"{number}"]))


if __name__ == "__main__":
    if not shutil.which("node") or not (MODULES / "kafkajs").exists():
        print(f"SKIPPED: no node, or no kafkajs in {MODULES} (tests/clients/fetch_kafkajs.sh fetches it)")
        sys.exit(77)
    unittest.main()
