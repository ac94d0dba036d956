#!/usr/bin/python3
"""Makes, for tests, what walks the fields of any message: visitors.py PROTOCOL_FOLDER OUT_DIRECTORY SCHEMA...

One visitors_<n>.cc for each part, each with the function `add_messages_<n>`.
"""
import os
import sys

PARTS = 4


def visit_field(emit, out, struct, field):
    nulls = field.nullable or (1, 0)
    facts = (f'{{"{field.name}", {field.versions[0]}, {field.versions[1]}, {nulls[0]}, {nulls[1]}, '
             f'{str(field.tag is not None).lower()}}}')
    name = f'm.{emit.cpp_name(field)}'
    inner = 'f.begin_struct(); visit_fields(f, {0}); f.end_struct();' if field.struct else 'f.value({0});'
    if field.is_array:
        walk = f'visit_array(f, FACTS, {name}, [&](auto& e) {{ {inner.format("e")} }});'
    elif emit.is_optional(field):
        walk = f'visit_optional(f, FACTS, {name}, [&](auto& e) {{ {inner.format("e")} }});'
    elif field.type == 'records':
        walk = f'f.records(FACTS, {name});'
    else:
        walk = inner.format(name)
    out(f'if (f.begin_field({facts})) {{')
    out(walk.replace('FACTS', facts))
    out('}')


def part(emit, model, generate, number, schemas):
    out = emit.Code()
    for schema in schemas:
        for name, _ in generate.headers(schema):
            out(f'#include "protocol/messages/{name}"')
    out('#include "tests/protocol/any_message.h"')
    out()
    out.flat('namespace squall::protocol {')
    out.flat('namespace {')
    for schema in schemas:
        for message in schema.messages:
            for struct in message.structs + [message]:
                name = message.name if struct is message else f'{model.snake(message.name)}::{struct.name}'
                out(f'void visit_fields([[maybe_unused]] FieldVisitor& f, [[maybe_unused]] {name}& m) {{')
                for field in struct.fields:
                    visit_field(emit, out, struct, field)
                out('}')
    out.flat('}  // namespace')
    out(f'void add_messages_{number}(std::vector<MessageKind>& kinds) {{')
    for schema in schemas:
        for message in schema.messages:
            key = -1 if message.key is None else message.key
            out(f'kinds.push_back(message_kind<{message.name}>("{message.kind}", {key}, '
                f'[](FieldVisitor& f, {message.name}& m) {{ visit_fields(f, m); }}));')
    out('}')
    out.flat('}  // namespace squall::protocol')
    return out.text()


def main(folder, directory, *paths):
    sys.path.insert(0, folder)
    import emit
    import generate
    import schema as model
    schemas = model.read_all(paths)
    for number in range(PARTS):
        text = part(emit, model, generate, number, schemas[number::PARTS])
        generate.put(os.path.join(directory, f'visitors_{number}.cc'), text)


if __name__ == '__main__':
    main(*sys.argv[1:])
