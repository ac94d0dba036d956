#!/usr/bin/python3
"""Compares protocol/schemas with the published facts, field by field: schema_facts_test.py PROTOCOL_FOLDER FACTS_FOLDER SCHEMA...

Exit code 77 (skipped) where the facts are absent. Names are compared as the C++ has them; versions only where a message has
them (a field of no valid version must not be there).
"""
import glob
import json
import os
import sys

OPEN = 1 << 15
KINDS = {'request': 'request', 'response': 'response', 'metadata': 'record', 'coordinator-key': 'key',
         'coordinator-value': 'value', 'data': 'message', 'header': 'message'}
LISTENERS = {'broker': 'broker', 'controller': 'controller', 'zkBroker': 'zookeeper_broker'}


def versions(text):
    if text in (None, 'none'):
        return None
    text = str(text)
    if text.endswith('+'):
        return int(text[:-1]), OPEN
    low, _, high = text.partition('-')
    return int(low), int(high or low)


class Comparison:
    def __init__(self, model):
        self.model, self.problems, self.fields = model, [], 0

    def same(self, where, what, ours, fact):
        if ours != fact:
            self.problems.append(f'{where}: {what} is {ours}, but in fact {fact}')

    def message(self, ours, fact):
        name = fact['name']
        valid = versions(fact['validVersions'])
        flexible = versions(fact['flexibleVersions'])
        self.same(name, 'kind', ours.kind, KINDS[fact['type']])
        self.same(name, 'key', ours.key, fact.get('apiKey'))
        self.same(name, 'versions', ours.versions, valid)
        self.same(name, 'first flexible version', ours.flexible, flexible and flexible[0])
        if fact['type'] == 'request':
            self.same(name, 'listeners', sorted(ours.api.listeners), sorted(LISTENERS[x] for x in fact['listeners']))
            self.same(name, 'instability', ours.api.unstable, bool(fact.get('latestVersionUnstable')))
        self.shared = {struct['name']: struct for struct in fact.get('commonStructs', [])}
        self.valid = valid
        self.struct(name, ours, fact['fields'], valid)

    def struct(self, where, ours, facts, within):
        present = []
        for fact in facts:
            if self.model.meet(versions(fact.get('versions') or fact.get('taggedVersions')), within):
                present.append(fact)
        self.same(where, 'fields', [field.name for field in ours.fields], [self.model.snake(fact['name']) for fact in present])
        for field, fact in zip(ours.fields, present):
            self.field(f'{where}.{fact["name"]}', field, fact, within)

    def field(self, where, ours, fact, within):
        self.fields += 1
        meet = self.model.meet
        present = meet(versions(fact.get('versions') or fact.get('taggedVersions')), within)
        nullable = versions(fact.get('nullableVersions'))
        tagged = versions(fact.get('taggedVersions'))
        self.same(where, 'versions', ours.versions, present)
        self.same(where, 'type', ('[]' if ours.is_array else '') + ours.type, fact['type'])
        self.same(where, 'nullable versions', ours.nullable, nullable and meet(nullable, present))
        self.same(where, 'tag', ours.tag, fact.get('tag'))
        self.same(where, 'tagged versions', ours.versions if ours.tag is not None else None, tagged and meet(tagged, present))
        self.same(where, 'ignorable', ours.ignorable, str(fact.get('ignorable')).lower() == 'true')
        self.same(where, 'inflexible', ours.inflexible, fact.get('flexibleVersions') == 'none')
        self.same(where, 'default', self.our_default(ours), self.fact_default(ours, fact.get('default')))
        if ours.struct:
            declared = fact if 'fields' in fact else self.shared[ours.type]
            carried = present if 'fields' in fact else meet(versions(declared['versions']), self.valid)
            self.same(where, 'versions of the struct', ours.struct.versions, carried)
            self.struct(where, ours.struct, declared['fields'], carried)

    @staticmethod
    def our_default(field):
        if field.default == 'null':
            return None
        if field.is_array or field.struct or field.type in ('string', 'bytes', 'records', 'uuid'):
            return ''
        if field.type == 'bool':
            return field.default == 'true'
        return int(field.default or 0)

    @staticmethod
    def fact_default(field, default):
        if default == 'null':
            return None
        if field.is_array or field.struct or field.type in ('string', 'bytes', 'records', 'uuid'):
            return default or ''
        if field.type == 'bool':
            return str(default).lower() == 'true'
        return int(str(default or 0), 0)


def main(folder, facts_folder, *paths):
    files = sorted(glob.glob(os.path.join(facts_folder, '*.json')))
    if not files:
        print(f'SKIPPED: no facts of Kafka\'s messages in {facts_folder}; the schemas were compared with nothing', file=sys.stderr)
        sys.exit(77)
    sys.path.insert(0, folder)
    import schema as model
    ours = {message.name: message for schema in model.read_all(paths) for message in schema.messages}
    facts = {}
    for path in files:
        with open(path, encoding='utf-8') as file:
            for fact in json.load(file):
                if fact['validVersions'] != 'none':
                    facts[fact['name']] = fact
    comparison = Comparison(model)
    comparison.same('all', 'messages', sorted(ours), sorted(facts))
    for name in sorted(set(ours) & set(facts)):
        comparison.message(ours[name], facts[name])
    print('\n'.join(comparison.problems))
    print(f'{len(facts)} messages, {comparison.fields} fields compared, {len(comparison.problems)} differences')
    sys.exit(1 if comparison.problems or comparison.fields < 2000 else 0)


if __name__ == '__main__':
    main(*sys.argv[1:])
