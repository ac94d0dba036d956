#!/usr/bin/python3
"""A bad schema gets one clear line with its file, line and reason: generator_test.py PROTOCOL_FOLDER"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv.pop(1))
import generate  # noqa: E402
import schema as model  # noqa: E402

API = 'api 0 Thing on broker\n'


class BadSchemas(unittest.TestCase):
    def refuse(self, text, line, words):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'bad.schema')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            with self.assertRaises(model.SchemaError) as caught:
                model.read_all([path])
            self.assertIn(f'bad.schema:{line}: ', str(caught.exception))
            self.assertIn(words, str(caught.exception))

    def test_an_unknown_block(self):
        self.refuse('# nothing\nmessages X 0\n', 2, '"messages" begins no block')

    def test_an_api_without_a_response(self):
        self.refuse(API + 'request 0\n  a: int8\n', 1, 'needs a request and a response')

    def test_a_request_outside_an_api(self):
        self.refuse('request 0\n', 1, 'belongs to an api')

    def test_an_unknown_listener(self):
        self.refuse('api 0 Thing on moon\n', 1, '"moon" is no listener')

    def test_odd_indentation(self):
        self.refuse('message X 0\n   a: int8\n', 2, 'two spaces')

    def test_indentation_under_a_number(self):
        self.refuse('message X 0\n  a: int8\n    b: int8\n', 3, 'continues nothing')

    def test_an_unknown_type(self):
        self.refuse('message X 0\n  a: int9\n', 2, '"int9" is neither a type nor a struct with fields')

    def test_an_unknown_word(self):
        self.refuse('message X 0\n  a: int8 0+ ignored\n', 2, '"ignored" says nothing')

    def test_versions_outside_those_of_the_message(self):
        self.refuse('message X 1-3\n  a: int8 4+\n', 2, 'versions 4+ reach outside 1-3')

    def test_versions_that_run_backwards(self):
        self.refuse('message X 0-3\n  a: int8 3-1\n', 2, 'run backwards')

    def test_a_message_of_endless_versions(self):
        self.refuse('message X 0+\n', 1, 'have an end')

    def test_a_tag_in_an_inflexible_version(self):
        self.refuse('message X 0-3 flexible 2+\n  a: int8 1+ tag=0\n', 2, 'not flexible')

    def test_a_gap_in_the_tags(self):
        self.refuse('message X 0 flexible 0+\n  a: int8 tag=1\n', 1, 'tags of X')

    def test_a_null_number(self):
        self.refuse('message X 0\n  a?: int8\n', 2, 'cannot be null')

    def test_a_default_that_does_not_fit(self):
        self.refuse('message X 0\n  a: int8 = 200\n', 2, '200 is no default for a')
        self.refuse('message X 0\n  a: string = null\n', 2, 'null is no default for a')
        self.refuse('message X 0\n  a: bool = 1\n', 2, '1 is no default for a')

    def test_two_of_the_same_name(self):
        self.refuse('message X 0\n  a: int8\n  a: int8\n', 3, 'a second field a')
        self.refuse('message X 0\nmessage X 0\n', 2, 'a second message X')
        self.refuse('message X 0\n  a: [S]\n    b: int8\n  struct S\n    c: int8\n', 4, 'a second struct S')

    def test_a_struct_that_holds_itself(self):
        self.refuse('message X 0\n  struct S\n    a: [S]\n  b: S\n', 2, 'holds itself')

    def test_a_command_line_without_schemas(self):
        with self.assertRaises(SystemExit):
            generate.main(['--out'])


class GoodSchemas(unittest.TestCase):
    def test_an_unchanged_file_is_not_touched(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'x.h')
            generate.put(path, 'same')
            os.utime(path, (1, 1))
            generate.put(path, 'same')
            self.assertEqual(os.stat(path).st_mtime, 1)
            generate.put(path, 'other')
            self.assertNotEqual(os.stat(path).st_mtime, 1)

    def test_names_become_words(self):
        for name, words in (('TopicIdPartition', 'topic_id_partition'), ('isKRaftController', 'is_kraft_controller'),
                            ('V0Host', 'v0_host'), ('commitTimestamp', 'commit_timestamp')):
            self.assertEqual(model.snake(name), words)


if __name__ == '__main__':
    unittest.main()
