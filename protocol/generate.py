#!/usr/bin/python3
"""Generates the messages of Kafka's protocol as C++ from schema files.

    generate.py --list SCHEMA...     names the files that will be made
    generate.py --out DIR SCHEMA...  makes them: a header for each API or file of records, a source for each schema file

A file that would not change is not touched.
"""

import os
import sys

import emit
import schema as model

BANNER = '// Made from protocol/schemas/{0}.schema by protocol/generate.py.\n'


def declare_struct(out, struct):
    out(f'struct {struct.name} {{')
    for field in struct.fields:
        out(f'{emit.member_type(field)} {emit.cpp_name(field)}{emit.initializer(field)};')
    out()
    out(f'bool operator==(const {struct.name}&) const = default;')
    out('};')


def declare_message(out, message):
    if message.structs:
        out.flat(f'namespace {model.snake(message.name)} {{')
        for struct in message.structs:
            out()
            declare_struct(out, struct)
        out()
        out.flat(f'}}  // namespace {model.snake(message.name)}')
        out()
    first_flexible = 32767 if message.flexible is None else message.flexible
    out(f'struct {message.name} {{')
    for struct in message.structs:
        out(f'using {struct.name} = {model.snake(message.name)}::{struct.name};')
    out(f'static constexpr std::string_view message_name = "{message.name}";')
    if message.key is not None:
        out(f'static constexpr std::int16_t {"api_key" if message.api else "record_type"} = {message.key};')
    out(f'static constexpr std::int16_t version_min = {message.versions[0]};')
    out(f'static constexpr std::int16_t version_max = {message.versions[1]};')
    out(f'static constexpr std::int16_t flexible_min = {first_flexible};')
    out()
    for field in message.fields:
        out(f'{emit.member_type(field)} {emit.cpp_name(field)}{emit.initializer(field)};')
    out()
    out(f'bool operator==(const {message.name}&) const = default;')
    out('};')
    out()
    out(f'DecodeResult decode(Reader& reader, std::int16_t version, {message.name}& out);')
    out(f'EncodeResult encode(Writer& writer, std::int16_t version, const {message.name}& message);')
    out()


def families(schema):
    """(variant's name, its messages) for each kind of record in a file that names a family."""
    if not schema.family:
        return []
    kinds = [kind for kind in ('record', 'key', 'value') if any(m.kind == kind for m in schema.messages)]
    return [(schema.family + kind.capitalize(), [m for m in schema.messages if m.kind == kind]) for kind in kinds]


def header(schema, messages):
    out = emit.Code()
    out.flat(BANNER.format(schema.stem) + '#pragma once')
    out()
    for include in ('cstdint', 'optional', 'string', 'string_view', 'variant', 'vector'):
        out(f'#include <{include}>')
    out()
    for include in ('base/bytes.h', 'base/uuid.h', 'protocol/message.h'):
        out(f'#include "{include}"')
    out()
    out.flat('namespace squall::protocol {')
    out()
    for message in messages:
        declare_message(out, message)
    for name, members in families(schema):
        out(f'using {name} = std::variant<{", ".join(m.name for m in members)}>;')
        out(f'std::int16_t type_of(const {name}& any);')
        out(f'DecodeResult decode_any(Reader& reader, std::int16_t type, std::int16_t version, {name}& out);')
        out(f'EncodeResult encode_any(Writer& writer, std::int16_t version, const {name}& any);')
        out()
    out.flat('}  // namespace squall::protocol')
    return out.text()


def define_message(out, message):
    out(f'DecodeResult decode(Reader& reader, std::int16_t version, {message.name}& out) {{')
    out(f'if (version < {message.versions[0]} || version > {message.versions[1]}) '
        'reader.fail("this message has no such version");')
    out('read(reader, version, out);')
    out('return reader.result();')
    out('}')
    out()
    out(f'EncodeResult encode(Writer& writer, std::int16_t version, const {message.name}& message) {{')
    out('const Writer::Mark begin = writer.mark();')
    out(f'if (version < {message.versions[0]} || version > {message.versions[1]}) {{')
    out(f'writer.fail("{message.name}", "has no such version");')
    out('} else {')
    out('write(writer, version, message);')
    out('}')
    out('return writer.end_message(begin);')
    out('}')
    out()


def define_family(out, name, members):
    out(f'std::int16_t type_of(const {name}& any) {{')
    out('return std::visit([](const auto& record) { return std::remove_cvref_t<decltype(record)>::record_type; }, any);')
    out('}')
    out()
    out(f'DecodeResult decode_any(Reader& reader, std::int16_t type, std::int16_t version, {name}& out) {{')
    out('switch (type) {')
    for member in members:
        out(f'case {member.key}:')
        out(f'  return decode(reader, version, out.emplace<{member.name}>());')
    out('default:')
    out('  reader.fail("a record of unknown type");')
    out('  return reader.result();')
    out('}')
    out('}')
    out()
    out(f'EncodeResult encode_any(Writer& writer, std::int16_t version, const {name}& any) {{')
    out('return std::visit([&](const auto& record) { return encode(writer, version, record); }, any);')
    out('}')
    out()


def source(schema):
    out = emit.Code()
    out.flat(BANNER.format(schema.stem).rstrip())
    for name, _ in headers(schema):
        out(f'#include "protocol/messages/{name}"')
    out()
    out('#include <type_traits>')
    out()
    out('#include "protocol/codec.h"')
    out()
    out.flat('namespace squall::protocol {')
    out.flat('namespace {')
    out()
    for message in schema.messages:
        for struct in message.structs + [message]:
            code = emit.StructCode(out, message, struct)
            code.read()
            code.write()
    out.flat('}  // namespace')
    out()
    for message in schema.messages:
        define_message(out, message)
    for name, members in families(schema):
        define_family(out, name, members)
    out.flat('}  // namespace squall::protocol')
    return out.text()


def headers(schema):
    """(name, messages) of the headers of a file: one for each API, one for what belongs to none."""
    found = [(model.snake(api.name) + '.h', [api.request, api.response]) for api in schema.apis]
    rest = [message for message in schema.messages if not message.api]
    return found + ([(schema.stem + '.h', rest)] if rest else [])


def api_keys(apis):
    lines = ['// Made from protocol/schemas by protocol/generate.py.', '#pragma once', '', '#include <cstdint>', '',
             'namespace squall::protocol {', '', 'enum class ApiKey : std::int16_t {']
    lines += [f'  {model.snake(api.name)} = {api.key},' for api in apis]
    return '\n'.join(lines + ['};', '', '}  // namespace squall::protocol']) + '\n'


def api_table(apis):
    lines = ['// Made from protocol/schemas by protocol/generate.py.']
    for api in apis:
        request, response = (32767 if m.flexible is None else m.flexible for m in (api.request, api.response))
        on = ', '.join(str(name in api.listeners).lower() for name in ('broker', 'controller', 'zookeeper_broker'))
        low, high = api.request.versions
        lines.append(f'{{ApiKey::{model.snake(api.name)}, "{api.name}", {low}, {high}, {request}, {response}, '
                     f'{str(api.unstable).lower()}, {on}}},')
    return '\n'.join(lines) + '\n'


def any_request(apis):
    out = emit.Code()
    out('// Made from protocol/schemas by protocol/generate.py.')
    for api in apis:
        out(f'#include "protocol/messages/{model.snake(api.name)}.h"')
    out('#include "protocol/reader.h"')
    out('#include "protocol/request.h"')
    out()
    out.flat('namespace squall::protocol {')
    out.flat('namespace {')
    out()
    out('template <class Request>')
    out('DecodeResult decode_and_drop(Reader& reader, std::int16_t version) {')
    out('Request request;')
    out('return decode(reader, version, request);')
    out('}')
    out()
    out.flat('}  // namespace')
    out()
    out('DecodeResult decode_request_body(Reader& reader, std::int16_t api_key, std::int16_t version) {')
    out('switch (api_key) {')
    for api in apis:
        out(f'case {api.key}:')
        out(f'  return decode_and_drop<{api.request.name}>(reader, version);')
    out('default:')
    out('  reader.fail("an unknown API key");')
    out('  return reader.result();')
    out('}')
    out('}')
    out()
    out.flat('}  // namespace squall::protocol')
    return out.text()


def outputs(schemas):
    """{file name: function that gives its text}"""
    apis = sorted((api for schema in schemas for api in schema.apis), key=lambda api: api.key)
    files = {'api_key.h': lambda: api_keys(apis), 'api_table.inc': lambda: api_table(apis),
             'any_request.cc': lambda: any_request(apis)}
    for schema in schemas:
        files[schema.stem + '.cc'] = lambda schema=schema: source(schema)
        for name, messages in headers(schema):
            files[name] = lambda schema=schema, messages=messages: header(schema, messages)
    return files


def put(path, text):
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ('--list', '--out'):
        sys.exit(__doc__)
    mode, paths = arguments[0], arguments[1:]
    directory = None if mode == '--list' else paths.pop(0)
    try:
        schemas = model.read_all(paths)
    except model.SchemaError as error:
        sys.exit(str(error))
    files = outputs(schemas)
    if mode == '--list':
        print('\n'.join(files))
        return
    for name, text in files.items():
        put(os.path.join(directory, name), text())


if __name__ == '__main__':
    main(sys.argv[1:])
