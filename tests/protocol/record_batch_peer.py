"""The independent codec of record batches: python3-kafka's kafka.record.

record_batch_peer.py codecs             the codecs it can write, one a line
record_batch_peer.py write CODEC FILE   writes the batch of the agreed records
record_batch_peer.py read FILE          prints the records of a batch: offset, timestamp, key, value and headers, in hexadecimal
Exit code 77 where python3-kafka is not installed.
"""
import sys

try:
    from kafka import codec
    from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
except ImportError:
    sys.exit(77)

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
RECORDS = 50


def available():
    checks = {"none": lambda: True, "gzip": codec.has_gzip, "snappy": codec.has_snappy, "lz4": codec.has_lz4, "zstd": codec.has_zstd}
    return [name for name, has in checks.items() if has()]


def agreed_records():
    for i in range(RECORDS):
        key = None if i % 5 == 0 else b"key-%d" % i
        value = None if i % 7 == 3 else b"v" * (i * 13 % 200)
        headers = [("h%d" % j, None if j == 1 else b"x" * j) for j in range(i % 3)]
        yield 1600000000000 + i * 7 - (i % 3) * 20, key, value, headers


def write(name, path):
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=CODECS[name], is_transactional=1, producer_id=4711, producer_epoch=3, base_sequence=17,
        batch_size=1 << 20)
    for offset, (timestamp, key, value, headers) in enumerate(agreed_records()):
        assert builder.append(offset, timestamp, key, value, headers) is not None
    with open(path, "wb") as file:
        file.write(builder.build())


def hexadecimal(data):
    return "null" if data is None else "=" + data.hex()


def read(path):
    with open(path, "rb") as file:
        batch = DefaultRecordBatch(file.read())
    assert batch.validate_crc()
    for record in batch:
        headers = ",".join(name + hexadecimal(value) for name, value in record.headers)
        print(record.offset, record.timestamp, hexadecimal(record.key), hexadecimal(record.value), headers)


if sys.argv[1] == "codecs":
    print("\n".join(available()))
elif sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3])
else:
    read(sys.argv[2])
