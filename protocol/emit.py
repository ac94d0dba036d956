"""The C++ of one struct: its members, and the functions that read and write it."""

import schema as model

CPP = {
    'bool': 'bool', 'int8': 'std::int8_t', 'int16': 'std::int16_t', 'uint16': 'std::uint16_t', 'int32': 'std::int32_t',
    'uint32': 'std::uint32_t', 'int64': 'std::int64_t', 'float64': 'double', 'uuid': 'Uuid', 'string': 'std::string',
    'bytes': 'ByteBuffer', 'records': 'Records',
}
KEYWORDS = {'default', 'delete', 'operator', 'private', 'public', 'new', 'class', 'struct', 'template', 'register', 'union',
            'switch', 'case', 'short', 'long', 'int', 'float', 'double', 'export', 'namespace', 'this', 'version_min',
            'version_max', 'flexible_min', 'api_key', 'record_type', 'message_name'}


def cpp_name(field):
    return field.name + '_' if field.name in KEYWORDS else field.name


def element_type(field):
    return field.type if field.struct else CPP[field.type]


def is_optional(field):
    return field.nullable is not None and field.type != 'records'


def member_type(field):
    name = f'std::vector<{element_type(field)}>' if field.is_array else element_type(field)
    return f'std::optional<{name}>' if is_optional(field) else name


def initializer(field):
    """What follows the member's name."""
    if is_optional(field):
        inner = member_type(field)[len('std::optional<'):-1]
        return '' if field.default == 'null' else f' = {inner}{{}}'
    if field.is_array or field.struct or field.type in ('string', 'bytes', 'records', 'uuid'):
        return ''
    return f' = {number(field)}'


def number(field):
    """The default of a field that is a number or a bool, as C++."""
    if field.type == 'bool':
        return field.default or 'false'
    value = int(field.default or 0)
    if value == -(1 << 63):
        return f'{value + 1} - 1'
    return str(value)


def is_default(field):
    """A condition: the member of `m` has its default."""
    name = f'm.{cpp_name(field)}'
    if is_optional(field):
        if field.default == 'null':
            return f'!{name}'
        empty = f'*{name} == {element_type_qualified(field)}{{}}' if field.struct and not field.is_array else f'{name}->empty()'
        return f'({name} && {empty})'
    if field.is_array or field.type in ('string', 'bytes'):
        return f'{name}.empty()'
    if field.struct:
        return f'{name} == {element_type_qualified(field)}{{}}'
    if field.type == 'records':
        return f'{name} == Records{{}}'
    if field.type == 'uuid':
        return f'{name}.is_zero()'
    if field.type == 'bool':
        return name if field.default == 'true' else f'!{name}'
    return f'{name} == {number(field)}'


def element_type_qualified(field):
    return f'std::remove_cvref_t<decltype(m.{cpp_name(field)}{".value()" if is_optional(field) else ""})>'


def condition(versions, within):
    """A condition on `v`, known to be in `within`; None if it always holds."""
    low, high = versions[0] > within[0], versions[1] < within[1]
    if low and high:
        return f'v == {versions[0]}' if versions[0] == versions[1] else f'v >= {versions[0]} && v <= {versions[1]}'
    return f'v >= {versions[0]}' if low else f'v <= {versions[1]}' if high else None


def negated(versions, within):
    low, high = versions[0] > within[0], versions[1] < within[1]
    if low and high:
        return f'(v < {versions[0]} || v > {versions[1]})'
    return f'v < {versions[0]}' if low else f'v > {versions[1]}'


def flexible(message, versions):
    """Whether versions in a range are flexible: 'true', 'false', or a condition on `v`."""
    if message.flexible is None or message.flexible > versions[1]:
        return 'false'
    return 'true' if message.flexible <= versions[0] else f'v >= {message.flexible}'


class Sizes:
    """The least bytes that things take on the wire, over the versions that carry them."""

    def __init__(self, message):
        self.message = message

    def compact(self, version, field=None):
        if field is not None and field.inflexible:
            return False
        return self.message.flexible is not None and version >= self.message.flexible

    def plain(self, type_name, compact):
        return model.PRIMITIVES[type_name] or (1 if compact else 2 if type_name == 'string' else 4)

    def struct(self, struct, version):
        fields = sum(self.field(field, version) for field in struct.fields)
        return fields + (1 if self.compact(version) else 0)

    def field(self, field, version):
        if not field.versions[0] <= version <= field.versions[1] or field.tag is not None:
            return 0
        if field.is_array:
            return 1 if self.compact(version, field) else 4
        if field.struct:
            return 1 if field.nullable else self.struct(field.struct, version)
        return self.plain(field.type, self.compact(version, field))

    def element(self, field):
        versions = range(field.versions[0], field.versions[1] + 1)
        if field.struct:
            return max(1, min(self.struct(field.struct, version) for version in versions))
        return min(self.plain(field.type, self.compact(version, field)) for version in versions)


class Code:
    """Lines of C++ with indentation."""

    def __init__(self):
        self.lines, self.depth = [], 0

    def __call__(self, line=''):
        if line.startswith('}'):
            self.depth -= 1
        self.lines.append(('  ' * self.depth + line).rstrip())
        if line.endswith('{'):
            self.depth += 1

    def flat(self, line):
        self.lines.append(line)

    def text(self):
        return '\n'.join(self.lines) + '\n'


class FieldCode:
    """The statements that read and write one field of a struct."""

    def __init__(self, message, struct, field, compact):
        self.message, self.field = message, field
        self.within = struct.versions
        self.compact = 'false' if field.inflexible else compact
        self.name = f'm.{cpp_name(field)}'
        self.where = f'"{message.name}.{field.name}"' if struct is message else f'"{message.name}.{struct.name}.{field.name}"'
        if field.nullable is None:
            self.nullable = 'false'
        else:
            self.nullable = condition(field.nullable, field.versions) or 'true'

    def read(self):
        field, name = self.field, self.name
        if field.is_array:
            least = Sizes(self.message).element(field)
            return f'read_array(r, {name}, {self.compact}, {self.nullable}, {least}, [&](auto& e) {{ {self.read_one("e", True)} }});'
        if field.struct and field.nullable:
            return f'if (r.present()) {{ read(r, v, {name}.emplace()); }} else {{ {name}.reset(); }}'
        return self.read_one(name, False)

    def read_one(self, name, in_array):
        kind = self.field.type
        if self.field.struct:
            return f'read(r, v, {name});'
        if kind == 'records':
            return f'r.records({name}, {self.compact}, {self.nullable});'
        if kind in ('string', 'bytes'):
            nullable = f', {self.nullable}' if is_optional(self.field) and not in_array else ''
            return f'r.{kind}({name}, {self.compact}{nullable});'
        return f'r.value({name});'

    def write(self):
        field, name = self.field, self.name
        if field.is_array:
            each = self.write_one('e', True)
            return f'write_array(w, {name}, {self.compact}, {self.nullable}, {self.where}, [&](const auto& e) {{ {each} }});'
        if field.struct and field.nullable:
            return f'w.present({name}.has_value()); if ({name}) write(w, v, *{name});'
        return self.write_one(name, False)

    def write_one(self, name, in_array):
        kind = self.field.type
        if self.field.struct:
            return f'write(w, v, {name});'
        if kind == 'records':
            return f'w.records({name}, {self.compact}, {self.nullable}, {self.where});'
        if kind in ('string', 'bytes'):
            nullable = f'{self.nullable}, ' if is_optional(self.field) and not in_array else ''
            return f'w.{kind}({name}, {self.compact}, {nullable}{self.where});'
        return f'w.value({name});'

    def forget(self):
        """Gives the field its default: the message may have been used before, and this version does not set it."""
        field, name = self.field, self.name
        if is_optional(field):
            return f'{name}.reset();' if field.default == 'null' else f'{name}.emplace();'
        if field.is_array or field.type in ('string', 'bytes'):
            return f'{name}.clear();'
        return f'{name} = {{}};' if field.struct or field.type in ('records', 'uuid') else f'{name} = {number(field)};'

    def present(self):
        return condition(self.field.versions, self.within)

    def refusal(self):
        """Fails when a value is set that the version lacks; None if that cannot be or does not matter."""
        if self.present() is None or self.field.ignorable:
            return None
        return f'w.fail({self.where}, "is set, but this version has no such field");'


class StructCode:
    """The two functions of one struct."""

    def __init__(self, out, message, struct):
        self.out, self.message, self.struct = out, message, struct
        self.type = message.name if struct is message else f'{model.snake(message.name)}::{struct.name}'
        self.flexible = flexible(message, struct.versions)
        self.compact = self.flexible if self.flexible in ('true', 'false') else 'compact'
        fields = [FieldCode(message, struct, field, self.compact) for field in struct.fields]
        self.plain = [field for field in fields if field.field.tag is None]
        self.tagged = sorted((field for field in fields if field.field.tag is not None), key=lambda field: field.field.tag)

    def begin(self, signature):
        self.out(f'{signature} {{')
        if self.compact == 'compact':
            self.out(f'const bool compact = {self.flexible};')

    def read(self):
        out = self.out
        self.begin(f'void read(Reader& r, [[maybe_unused]] std::int16_t v, [[maybe_unused]] {self.type}& m)')
        for field in self.tagged:
            out(field.forget())
        for field in self.plain:
            present = field.present()
            if present:
                out(f'if ({present}) {{')
                out(field.read())
                out('} else {')
                out(field.forget())
                out('}')
            else:
                out(field.read())
        if self.compact != 'false':
            self.in_flexible(self.read_tagged if self.tagged else lambda: out('r.skip_tagged_fields();'))
        elif not self.plain:
            out('(void)r;')
        out('}')
        out()

    def in_flexible(self, body):
        if self.compact == 'compact':
            self.out('if (compact) {')
        body()
        if self.compact == 'compact':
            self.out('}')

    def read_tagged(self):
        out = self.out
        out('for (std::uint32_t left = r.unsigned_varint(); left > 0 && !r.failed(); --left) {')
        out('const std::uint32_t tag = r.unsigned_varint();')
        out('const std::uint8_t* outer = r.enter(r.unsigned_varint());')
        branch = ''
        for field in self.tagged:
            present = field.present()
            out(f'{branch}if (tag == {field.field.tag}{" && " + present if present else ""}) {{')
            out(field.read())
            branch = '} else '
        out('} else {')
        out('(void)r.take(r.remaining());')
        out('}')
        out('r.leave(outer);')
        out('}')

    def write(self):
        out = self.out
        self.begin(f'void write(Writer& w, [[maybe_unused]] std::int16_t v, [[maybe_unused]] const {self.type}& m)')
        for field in self.plain:
            present, refusal = field.present(), field.refusal()
            if present:
                out(f'if ({present}) {{')
                out(field.write())
                out('}')
                if refusal:
                    out(f'if ({negated(field.field.versions, self.struct.versions)} && !({is_default(field.field)})) {refusal}')
            else:
                out(field.write())
        for field in self.tagged:
            present, refusal = field.present(), field.refusal()
            out(f'const bool has_{field.field.name} = {present + " && " if present else ""}!({is_default(field.field)});')
            if refusal:
                out(f'if ({negated(field.field.versions, self.struct.versions)} && !({is_default(field.field)})) {refusal}')
        if self.compact != 'false':
            self.in_flexible(self.write_tagged)
        elif not self.plain:
            out('(void)w;')
        out('}')
        out()

    def write_tagged(self):
        out = self.out
        out(f'w.unsigned_varint({" + ".join(f"std::uint32_t{{has_{f.field.name}}}" for f in self.tagged) or "0"});')
        for field in self.tagged:
            out(f'if (has_{field.field.name}) {{')
            out(f'const Writer::Mark begin = w.begin_tagged({field.field.tag});')
            out(field.write())
            out('w.end_tagged(begin);')
            out('}')
