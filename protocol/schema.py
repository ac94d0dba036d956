"""Reads the schema files of protocol/schemas into a checked model. The format is described in docs/formats/schema.md."""

import os
import re

OPEN = 1 << 15  # the upper bound of "3+"
PRIMITIVES = {
    'bool': 1, 'int8': 1, 'int16': 2, 'uint16': 2, 'int32': 4, 'uint32': 4, 'int64': 8, 'float64': 8, 'uuid': 16,
    'string': None, 'bytes': None, 'records': None,
}
INTEGERS = {'int8': (8, True), 'int16': (16, True), 'uint16': (16, False), 'int32': (32, True), 'uint32': (32, False),
            'int64': (64, True)}
KINDS = {'request': False, 'response': False, 'record': True, 'key': True, 'value': True, 'message': False}
FIELD = re.compile(r'([a-z][a-z0-9_]*)(\?(\S*))?:\s+(\[?)(\w+)(\]?)(?:\s+(.*))?$')
VERSIONS = re.compile(r'(\d+)(\+|-(\d+))?$')


class SchemaError(Exception):
    def __init__(self, path, line, message):
        super().__init__(f'{path}:{line}: {message}')


def snake(name):
    """`AddPartitionsToTxn` -> `add_partitions_to_txn`; KRaft is one word."""
    name = name.replace('KRaft', 'Kraft')
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    return re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name).lower()


def meet(a, b):
    """The versions in both ranges, or None."""
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if low <= high else None


class Field:
    def __init__(self, line, name, type_name, is_array):
        self.line, self.name, self.type, self.is_array = line, name, type_name, is_array
        self.versions = None  # within those of the struct
        self.nullable = None  # within self.versions
        self.tag = None
        self.ignorable = self.inflexible = False
        self.default = None  # 'null', 'true', or a number, as written
        self.struct = None


class Struct:
    def __init__(self, line, name, versions):
        self.line, self.name, self.versions, self.fields = line, name, versions, []


class Message(Struct):
    def __init__(self, line, name, versions, kind, key, flexible, api):
        super().__init__(line, name, versions)
        self.kind, self.key, self.flexible, self.api = kind, key, flexible, api
        self.structs = []  # each after those that it holds


class Api:
    def __init__(self, line, key, name, listeners, unstable):
        self.line, self.key, self.name, self.listeners, self.unstable = line, key, name, listeners, unstable
        self.request = self.response = None


class Schema:
    """One file: its messages, its APIs, and the name of the family of records that it lists (or None)."""

    def __init__(self, path, stem):
        self.path, self.stem, self.family, self.messages, self.apis = path, stem, None, [], []


class Parser:
    def __init__(self, path, stem):
        self.schema = Schema(path, stem)
        self.api = self.message = None
        self.open = []  # the structs that a field may join, by depth

    def fail(self, message, line=None):
        raise SchemaError(self.schema.path, line or self.line, message)

    def parse(self, text):
        for self.line, line in enumerate(text.splitlines(), 1):
            line = line.split('#')[0].rstrip()
            if not line:
                continue
            indent = len(line) - len(line.lstrip(' '))
            if indent % 2:
                self.fail('indentation is by two spaces')
            if indent == 0:
                self.heading(line.split())
            else:
                self.member(indent // 2, line.strip())
        self.line = 0
        for api in self.schema.apis:
            if not (api.request and api.response):
                self.fail(f'api {api.name} needs a request and a response', api.line)
        for message in self.schema.messages:
            self.check(message, message)
        return self.schema

    def versions(self, text, within=(0, OPEN)):
        found = VERSIONS.match(text)
        if not found:
            self.fail(f'"{text}" is not a range of versions (3, 3-5 or 3+)')
        low = int(found[1])
        high = low if not found[2] else OPEN if found[2] == '+' else int(found[3])
        if high < low:
            self.fail(f'versions {text} run backwards')
        if not (within[0] <= low and (found[2] == '+' or high <= within[1]) and low <= within[1]):
            self.fail(f'versions {text} reach outside {within[0]}-{within[1]}')
        return low, min(high, within[1])

    def heading(self, words):
        if words[0] == 'family' and len(words) == 2:
            self.schema.family = words[1]
        elif words[0] == 'api':
            self.begin_api(words)
        elif words[0] in KINDS:
            self.begin_message(words)
        else:
            self.fail(f'"{words[0]}" begins no block (api, family, {", ".join(KINDS)})')

    def begin_api(self, words):
        text = ' '.join(words)
        found = re.match(r'api (\d+) (\w+) on ([a-z_]+(?:, [a-z_]+)*)( latest unstable)?$', text)
        if not found:
            self.fail('an api is "api KEY Name on listener, listener"')
        listeners = found[3].split(', ')
        for listener in listeners:
            if listener not in ('broker', 'controller', 'zookeeper_broker'):
                self.fail(f'"{listener}" is no listener')
        self.api = Api(self.line, int(found[1]), found[2], listeners, bool(found[4]))
        self.schema.apis.append(self.api)
        self.message = None

    def begin_message(self, words):
        kind, rest, key, name, api = words[0], words[1:], None, None, None
        if kind in ('request', 'response'):
            if not self.api:
                self.fail(f'a {kind} belongs to an api')
            api, key, name = self.api, self.api.key, self.api.name + kind.capitalize()
        else:
            if KINDS[kind]:
                key, rest = int(rest[0]) if rest and rest[0].isdigit() else self.fail(f'a {kind} has a number'), rest[1:]
            name, rest = rest[0] if rest else self.fail(f'a {kind} has a name'), rest[1:]
            self.api = None
        if len(rest) not in (1, 3) or (len(rest) == 3 and rest[1] != 'flexible'):
            self.fail('after the name stand the versions, and "flexible VERSIONS" if any are')
        valid = self.versions(rest[0])
        if valid[1] == OPEN:
            self.fail('the versions of a message have an end')
        flexible = self.versions(rest[2])[0] if len(rest) == 3 else None
        self.message = Message(self.line, name, valid, kind, key, flexible, api)
        if api:
            if getattr(api, kind):
                self.fail(f'a second {kind} of api {api.name}')
            setattr(api, kind, self.message)
        if any(name == other.name for other in self.schema.messages):
            self.fail(f'a second message {name}')
        self.schema.messages.append(self.message)
        self.open = [self.message]

    def member(self, depth, text):
        if not self.message:
            self.fail('a field stands in a message')
        if depth > len(self.open) or self.open[depth - 1] is None:
            self.fail('this indentation continues nothing')
        del self.open[depth:]
        if text.startswith('struct '):
            words = text.split()
            if depth != 1 or len(words) not in (2, 3):
                self.fail('a shared struct is "  struct Name [versions]", directly in a message')
            versions = self.versions(words[2], self.message.versions) if len(words) == 3 else self.message.versions
            self.open.append(self.declare(words[1], versions))
            return
        self.field(self.open[depth - 1], text)

    def declare(self, name, versions):
        if any(name == struct.name for struct in self.message.structs):
            self.fail(f'a second struct {name} in {self.message.name}')
        struct = Struct(self.line, name, versions)
        self.message.structs.append(struct)
        return struct

    def field(self, owner, text):
        found = FIELD.match(text)
        if not found or bool(found[4]) != bool(found[6]):
            self.fail('a field is "name: type", with "?" after the name if it may be null')
        field = Field(self.line, found[1], found[5], bool(found[4]))
        if any(field.name == other.name for other in owner.fields):
            self.fail(f'a second field {field.name}')
        head, equals, default = (found[7] or '').partition('=' if (found[7] or '').startswith('=') else ' =')
        field.versions = owner.versions
        for position, word in enumerate(head.split()):
            if position == 0 and VERSIONS.match(word):
                field.versions = self.versions(word, owner.versions)
            elif re.match(r'tag=\d+$', word):
                field.tag = int(word[4:])
            elif word in ('ignorable', 'inflexible'):
                setattr(field, word, True)
            else:
                self.fail(f'"{word}" says nothing of a field')
        if equals:
            field.default = default.strip()
        if found[2]:
            field.nullable = self.versions(found[3], field.versions) if found[3] else field.versions
        owner.fields.append(field)
        if field.type not in PRIMITIVES:
            field.struct = next((s for s in self.message.structs if s.name == field.type), None)
            if not field.struct:
                field.struct = self.declare(field.type, field.versions)
                self.open.append(field.struct)

    def check(self, message, struct, holders=()):
        """Whole-message rules; puts `message.structs` in the order that C++ needs."""
        if message is struct:
            message.structs = []
        if any(struct is holder for holder in holders):
            self.fail(f'struct {struct.name} holds itself', struct.line)
        tags = sorted(field.tag for field in struct.fields if field.tag is not None)
        if tags != list(range(len(tags))):
            self.fail(f'the tags of {struct.name} are not 0, 1, 2, ...', struct.line)
        if not struct.fields and struct is not message:
            self.fail(f'"{struct.name}" is neither a type nor a struct with fields', struct.line)
        for field in struct.fields:
            self.check_field(message, field)
            if field.struct and field.struct not in message.structs:
                self.check(message, field.struct, holders + (struct,))
        if struct is not message:
            message.structs.append(struct)

    def check_field(self, message, field):
        if field.tag is not None and (message.flexible is None or field.versions[0] < message.flexible):
            self.fail(f'{field.name} is tagged in a version that is not flexible', field.line)
        nullable_types = field.is_array or field.struct or field.type in ('string', 'bytes', 'records')
        if field.nullable and not nullable_types:
            self.fail(f'{field.name} cannot be null: it is a {field.type}', field.line)
        if field.struct and not field.is_array and field.nullable not in (None, field.versions):
            self.fail(f'{field.name} is a struct: it may be null in all its versions or in none', field.line)
        default = field.default
        if default is None:
            return
        if default == 'null':
            valid = field.nullable is not None
        elif field.is_array or field.struct:
            valid = False
        elif field.type == 'bool':
            valid = default in ('true', 'false')
        elif field.type in INTEGERS and re.match(r'-?\d+$', default):
            bits, signed = INTEGERS[field.type]
            low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            valid = low <= int(default) <= high
        else:
            valid = False
        if not valid:
            self.fail(f'{default} is no default for {field.name}', field.line)


def read_all(paths):
    """The schemas of some files; names and API keys are of one file each."""
    schemas, names, keys = [], {}, {}
    for path in paths:
        with open(path, encoding='utf-8') as file:
            schema = Parser(path, os.path.basename(path).removesuffix('.schema')).parse(file.read())
        for seen, things in ((names, [(m.name, m) for m in schema.messages]), (keys, [(api.key, api) for api in schema.apis])):
            for name, thing in things:
                if name in seen:
                    raise SchemaError(path, thing.line, f'{name} is already in {seen[name]}')
                seen[name] = f'{path}:{thing.line}'
        schemas.append(schema)
    return schemas
