#!/usr/bin/python3
"""Compares our codec, byte for byte and both ways, with that of python3-kafka: codec_peer_test.py CODEC_PEER

Every request and response of every version that both know (python3-kafka knows no flexible ones). Exit code 77 (skipped)
where python3-kafka is not installed.
"""
import importlib
import io
import itertools
import json
import os
import random
import subprocess
import sys

try:
    from kafka.protocol import types
    from kafka.protocol.api import Request, Response
except ImportError:
    print('SKIPPED: python3-kafka is not installed; the codec was compared with nothing', file=sys.stderr)
    sys.exit(77)

COUNT = 12
SEED = int(os.environ.get('SQUALL_TEST_SEED', '1'))
# Where python3-kafka 2.0.2 departs from the protocol.
THEIR_MISTAKES = {
    ('DescribeConfigsResponse', 1): 'has is_default where version 1 has config_source',
    ('DescribeGroupsResponse', 3): 'has authorized_operations outside the group',
    ('FindCoordinatorResponse', 1): 'lacks throttle_time_ms',
    ('ListOffsetsRequest', 4): 'has current_leader_epoch as int64',
    ('ListOffsetsRequest', 5): 'has current_leader_epoch as int64',
    ('ProduceResponse', 8): 'has record_errors outside the partition',
}


def usable(kind):
    """Some of their schemas hold the class String where an instance must be: they can neither write nor read them."""
    if isinstance(kind, types.Schema):
        return all(usable(field) for field in kind.fields)
    return usable(kind.array_of) if isinstance(kind, types.Array) else kind is not types.String


def their_messages():
    """{(kind, API key, version): schema}"""
    for module in ('admin', 'commit', 'fetch', 'group', 'metadata', 'offset', 'produce'):
        importlib.import_module('kafka.protocol.' + module)
    found = {}
    for kind, base in (('request', Request), ('response', Response)):
        for message in base.__subclasses__():
            found[kind, message.API_KEY, message.API_VERSION] = message.SCHEMA
    return found


def fit(value, kind):
    """Our values in the shape of their type: a struct of one field is that field alone to them."""
    if value is None:
        return None
    if isinstance(kind, types.Schema):
        if len(value) == len(kind.fields):
            return [fit(each, field) for each, field in zip(value, kind.fields)]
        left = iter(value)  # they group fields that are not grouped on the wire
        return [fit(list(itertools.islice(left, len(field.fields))) if isinstance(field, types.Schema) else next(left), field)
                for field in kind.fields]
    if isinstance(kind, types.Array):
        if not isinstance(kind.array_of, (types.Schema, types.Array)):
            if len(value) == 1 and isinstance(value[0], list):
                return value[0]
            return [each[0] if isinstance(each, list) and len(each) == 1 else each for each in value]
        return [fit(each, kind.array_of) for each in value]
    return value


def to_theirs(value):
    if isinstance(value, dict):
        return bytes.fromhex(value['hex'])
    return [to_theirs(each) for each in value] if isinstance(value, list) else value


def to_ours(value):
    if isinstance(value, bytes):
        return {'hex': value.hex()}
    return [to_ours(each) for each in value] if isinstance(value, (list, tuple)) else value


def invent(kind, draw):
    """A random value of one of their types."""
    if isinstance(kind, types.Schema):
        return [invent(field, draw) for field in kind.fields]
    if isinstance(kind, types.Array):
        return [invent(kind.array_of, draw) for _ in range(draw.randrange(4))]
    if isinstance(kind, types.String):
        return ''.join(draw.choice('abc-XYZ_. 019') for _ in range(draw.randrange(12)))
    if kind is types.Bytes:
        return draw.randbytes(draw.randrange(20))
    if kind is types.Boolean:
        return draw.random() < 0.5
    bits = {types.Int8: 8, types.Int16: 16, types.Int32: 32, types.Int64: 64}[kind]
    return draw.randrange(-(1 << (bits - 1)), 1 << (bits - 1))


class Comparison:
    def __init__(self, tool):
        self.tool, self.messages, self.values, self.problems = tool, 0, 0, []

    def run(self, *words, given=''):
        return subprocess.run([self.tool, *words], input=given, capture_output=True, text=True, check=True).stdout.splitlines()

    def fail(self, where, what):
        self.problems.append(f'{where}: {what}')

    def message(self, name, version, schema):
        where = f'{name} v{version}'
        self.messages += 1
        before = len(self.problems)
        for line in self.run('random', name, str(version), str(COUNT), str(SEED)):
            self.ours_first(where, schema, *line.split('\t'))
        draw = random.Random(f'{SEED} {where}')
        theirs = [invent(schema, draw) for _ in range(COUNT)]
        encodings = [schema.encode(value).hex() for value in theirs]
        answers = self.run('read', name, str(version), given='\n'.join(encodings) + '\n')
        for value, encoding, answer in zip(theirs, encodings, answers, strict=True):
            self.values += 1
            text, _, again = answer.partition('\t')
            if again != encoding or fit(json.loads(text), schema) != to_ours(value):
                self.fail(where, f'of {to_ours(value)} = {encoding} we make {answer}')
        del self.problems[before + 1:]

    def ours_first(self, where, schema, text, encoding):
        self.values += 1
        value = fit(json.loads(text), schema)
        try:
            theirs = schema.encode(to_theirs(value)).hex()
            back = to_ours(schema.decode(io.BytesIO(bytes.fromhex(encoding))))
        except (ValueError, TypeError, AttributeError) as error:
            return self.fail(where, f'they cannot take {text}: {error}')
        if theirs != encoding:
            self.fail(where, f'{text} is {encoding} to us, but {theirs} to them')
        elif back != value:
            self.fail(where, f'{encoding} is {text} to us, but {back} to them')


def main(tool):
    comparison = Comparison(tool)
    theirs = their_messages()
    for line in comparison.run('list'):
        name, kind, key, first, last, flexible = line.split()
        for version in range(int(first), min(int(last) + 1, int(flexible))):
            schema = theirs.get((kind, int(key), version))
            if not schema:
                continue
            mistake = THEIR_MISTAKES.get((name, version)) or ('' if usable(schema) else 'has a type that is none')
            if mistake:
                print(f'left out: {name} v{version} of python3-kafka {mistake}')
            else:
                comparison.message(name, version, schema)
    print('\n'.join(comparison.problems))
    print(f'{comparison.messages} messages of one version, {comparison.values} values, {len(comparison.problems)} differ')
    sys.exit(1 if comparison.problems or comparison.messages < 100 else 0)


if __name__ == '__main__':
    main(*sys.argv[1:])
