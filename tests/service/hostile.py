"""The hostile inputs, by the numbers of the catalogue, that are one record or one body."""

import json
from typing import NamedTuple

from house import record

TAKEN = ""
"""The field of a case that is taken as it is."""


class Case(NamedTuple):
    """One record among good ones. `field` is the one at fault; `broken`: it is no JSON."""

    number: int
    name: str
    raw: bytes
    field: str
    broken: bool = False

    @property
    def id(self):
        return f"{self.number} {self.name}"


def raw(**changes):
    """A record as JSON, with some values as the bytes that are written."""
    given = {"record_id": b'"hostile"', "model_version": b'"v1"', "predicted_label": b'"a"',
             "latency_ms": b"5", "created_at": b'"2026-01-01T00:00:00Z"'}  # fmt: skip
    given |= {
        name: value if isinstance(value, bytes) else json.dumps(value).encode()
        for name, value in changes.items()
    }
    kept = [b'"%s":%s' % (name.encode(), value) for name, value in given.items() if value != b""]
    return b"{" + b",".join(kept) + b"}"


def features(value, name=b'"x"'):
    return raw(features=b"{%s:%s}" % (name, value))


def nested(depth, start=b"[", end=b"]"):
    return start * depth + end * depth


def objects(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


BIG = 10**7
MANY = b"{" + b",".join(b'"f%d":1' % n for n in range(100_000)) + b"}"
SOME = b"{" + b",".join(b'"f%d":1' % n for n in range(2_001)) + b"}"
FULL = b"{" + b",".join(b'"f%d":1' % n for n in range(2_000)) + b"}"
KEYS = b"{" + b",".join(b'"f%d":1' % n for n in range(129)) + b"}"

NUMBERS = [
    Case(1, "NaN latency", raw(latency_ms=b"NaN"), "latency_ms", True),
    Case(1, "NaN feature", features(b"NaN"), "record", True),
    Case(1, "NaN label", raw(predicted_label=b"NaN"), "predicted_label", True),
    Case(2, "Infinity", raw(latency_ms=b"Infinity"), "latency_ms", True),
    Case(2, "-Infinity", features(b"-Infinity"), "features.x", True),
    Case(3, "1e400 latency", raw(latency_ms=b"1e400"), "latency_ms"),
    Case(3, "1e400 feature", features(b"1e400"), "features[...]"),
    Case(4, "-0.0", raw(latency_ms=b"-0.0", features=b'{"x":-0.0}'), TAKEN),
    Case(5, "5e-324", features(b"5e-324"), TAKEN),
    Case(6, "2^53", features(b"9007199254740992"), TAKEN),
    Case(6, "2^53+1", features(b"9007199254740993"), "features.x"),
    Case(6, "2^53+1 latency", raw(latency_ms=2**53 + 1), "latency_ms"),
    Case(6, "2^53+1 label", raw(predicted_label=2**53 + 1), TAKEN),
    Case(7, "2^63", features(b"9223372036854775808"), TAKEN),
    Case(8, "2^64", features(b"18446744073709551616"), TAKEN),
    Case(8, "2^64 label", raw(predicted_label=b"18446744073709551616"), "predicted_label"),
    Case(9, "5,000 digits", features(b"9" * 5000), "features[...]"),
    Case(9, "5,000 digits label", raw(predicted_label=b"9" * 5000), "predicted_label"),
    Case(9, "400 digits label", raw(predicted_label=b"9" * 400), "predicted_label"),
    Case(8, "2^64-1 label", raw(predicted_label=b"18446744073709551615"), TAKEN),
    Case(8, "-2^63 label", raw(predicted_label=b"-9223372036854775808"), TAKEN),
    Case(8, "-2^63-1 label", raw(predicted_label=b"-9223372036854775809"), "predicted_label"),
    Case(8, "2^64 metadata", raw(metadata={"a": [2**64]}), "metadata"),
    Case(9, "65 digits feature", features(b"9" * 65), "features.x"),
    Case(10, "5,000 decimals", features(b"0." + b"9" * 5000), TAKEN),
    Case(11, "negative latency", raw(latency_ms=-1), "latency_ms"),
    Case(12, "latency 1e12", raw(latency_ms=b"1e12"), TAKEN),
    Case(12, "latency 2^128", raw(latency_ms=2**128), "latency_ms"),
    Case(13, "score 1.0000001", raw(score=1.0000001, scores={"a": -0.1, "b": 0.3}), TAKEN),
    Case(13, "score as text", raw(score="high"), "score"),
    Case(14, "true as number", raw(latency_ms=True), "latency_ms"),
    Case(15, "text as number", raw(latency_ms="1.0"), "latency_ms"),
    Case(16, "another type", features(b'"text"'), TAKEN),
    Case(17, "decimal comma", raw(latency_ms=b"1,5"), "record", True),
    Case(18, "hexadecimal", raw(latency_ms=b"0x10"), "record", True),
    Case(18, "leading zero", raw(latency_ms=b"007"), "record", True),
]

TIMES = [
    Case(22, "missing", raw(created_at=b""), "created_at"),
    Case(22, "null", raw(created_at=None), "created_at"),
    Case(23, "naive", raw(created_at="2026-01-01T00:00:00"), "created_at"),
    Case(24, "future", raw(created_at="2999-01-01T00:00:00Z"), "created_at"),
    Case(25, "year 9999 west", raw(created_at="9999-12-31T23:59:59-14:00"), "created_at"),
    Case(26, "year 1 east", raw(created_at="0001-01-01T00:00:00+14:00"), "created_at"),
    Case(26, "year 1", raw(created_at="0001-01-01T00:00:00Z"), TAKEN),
    Case(27, "1969", raw(created_at="1969-07-20T20:17:40Z"), TAKEN),
    Case(28, "milliseconds", raw(created_at=1700000000000), "created_at"),
    Case(29, "NaN", raw(created_at=b"NaN"), "created_at", True),
    Case(29, "1e18", raw(created_at=b"1e18"), "created_at"),
    Case(30, "second 60", raw(created_at="2016-12-31T23:59:60Z"), TAKEN),
    Case(31, "24:00", raw(created_at="2026-01-01T24:00:00Z"), "created_at"),
    Case(32, "February 30", raw(created_at="2026-02-30T00:00:00Z"), "created_at"),
    Case(33, "compact date", raw(created_at="20240101"), "created_at"),
    Case(33, "week date", raw(created_at="2024-W01-1"), "created_at"),
    Case(34, "offset 25 h", raw(created_at="2026-01-01T00:00:00+25:00"), "created_at"),
]

TEXTS = [
    Case(38, "surrogate label", raw(predicted_label=rb'"\ud800"'), "predicted_label", True),
    Case(38, "surrogate name", features(b"1", rb'"\ud800"'), "a name in features", True),
    Case(38, "surrogate metadata", raw(metadata=rb'"\ud800"'), "metadata", True),
    Case(38, "surrogate model", raw(model=rb'"\ud800"'), "model", True),
    Case(38, "surrogate id", raw(record_id=rb'"\ud800"'), "record_id", True),
    Case(39, "NUL label", raw(predicted_label=rb'"a\u0000b"'), "predicted_label"),
    Case(39, "NUL id", raw(record_id=rb'"a\u0000b"'), "record_id"),
    Case(39, "NUL raw", raw(predicted_label=b'"a\0b"'), "record", True),
    Case(40, "invalid UTF-8", raw(predicted_label=b'"\xff"'), "predicted_label", True),
    Case(41, "overlong UTF-8", raw(predicted_label=b'"\xc0\xaf"'), "predicted_label", True),
    Case(44, "right-to-left model", raw(model="a\u202eb"), "model"),
    Case(44, "zero-width model", raw(model="a\u200bb"), "model"),
    Case(44, "Cyrillic model", raw(model="\u0430bc"), "model"),
    Case(44, "right-to-left id", raw(record_id="a\u202eb"), "record_id"),
    Case(44, "right-to-left label", raw(predicted_label="a\u202eb"), TAKEN),
    Case(45, "composed model", raw(model="caf\u00e9"), "model"),
    Case(45, "decomposed model", raw(model="cafe\u0301"), "model"),
    *(
        Case(47, f"model {name!r}", raw(model=name), "model")
        for name in ("", " ", ".", "..", " a", "-a", "a b", "a\n")
    ),
    *(
        Case(48, f"model {name}", raw(model=name), "model")
        for name in ("../../etc/passwd", "%2e%2e%2f", "%252e", "..\\\\", "/abs", "file://x", "a/b")
    ),
    *(
        Case(number, f"model {name}", raw(model=name), "model")
        for number, name in (
            (49, "<script>alert(1)</script>"),
            (49, '"><img onerror=x>'),
            (49, "{{7*7}}"),
            (49, "${jndi:ldap://x}"),
            (50, "'; DROP TABLE models; --"),
            (50, "%"),
            (51, "a\r\nSet-Cookie: x"),
            (51, "\x1b[2J"),
            (52, "=cmd|' /C calc'!A0"),
            (55, "__proto__"),
            (56, 'a"b'),
            (56, "a\\b"),
        )
    ),
    Case(49, "script label", raw(predicted_label="</script><script>alert(1)"), TAKEN),
    Case(50, "SQL id", raw(record_id="'; DROP TABLE journal; --"), TAKEN),
    Case(51, "CRLF id", raw(record_id="a\r\nb"), "record_id"),
    Case(51, "escape id", raw(record_id="\x1b[2J"), "record_id"),
    Case(51, "CRLF label", raw(predicted_label="a\r\n\x1b[2J"), TAKEN),
    Case(51, "escape field", raw(**{"\x1b[2J": 1}), "record", True),
    Case(52, "formula label", raw(predicted_label="@SUM(A1)"), TAKEN),
    Case(53, "10 MB label", raw(predicted_label="x" * BIG), "record"),
    Case(53, "4,097 bytes", raw(predicted_label="x" * 4097), "predicted_label"),
    Case(53, "4,096 bytes", raw(predicted_label="x" * 4096), TAKEN),
    Case(53, "1,025 emoji", features(json.dumps("🙂" * 1025).encode()), "features.x"),
    Case(53, "long name", features(b"1", b'"%s"' % (b"x" * 129)), "a name in features"),
    Case(54, "emoji", raw(predicted_label="🙂", features={"🙂": "🙂"}), TAKEN),
    Case(55, "prototype field", raw(__proto__={"a": 1}), "__proto__"),
    Case(55, "class field", raw(__class__="x"), "__class__"),
    Case(55, "prototype feature", features(b"1", b'"__proto__"'), TAKEN),
    Case(55, "prototype metadata", raw(metadata={"__proto__": {}, "constructor": 1}), TAKEN),
]

STRUCTURES = [
    Case(58, "null", b"null", "record"),
    Case(59, "array", b"[1]", "record"),
    Case(59, "number", b"1", "record"),
    Case(59, "text", b'"record"', "record"),
    Case(60, "field twice", raw()[:-1] + b',"latency_ms":6}', "latency_ms"),
    Case(60, "field twice, blank", raw()[:-1] + b',"latency_ms"\t:6}', "latency_ms"),
    Case(60, "field twice, lines", raw()[:-1] + b',"latency_ms"\r \r:6}', "latency_ms"),
    Case(60, "field twice, escaped", raw()[:-1] + rb',"latency_m\u0073":6}', "latency_ms"),
    Case(60, "id twice", raw()[:-1] + b',"record_id":"x"}', "record_id"),
    Case(60, "feature twice", raw(features=b'{"x":1,"x":2}'), "x"),
    Case(60, "score twice", raw(scores=b'{"x":1,"x":2}'), "x"),
    Case(60, "metadata twice", raw(metadata=b'{"x":{"y":1,"y":2}}'), "y"),
    Case(61, "depth 32", raw(metadata=nested(32)), TAKEN),
    Case(61, "depth 33", raw(metadata=nested(33)), "metadata"),
    Case(61, "depth 33 objects", raw(metadata=objects(33)), "metadata"),
    Case(61, "depth 900", raw(metadata=nested(900)), "metadata"),
    Case(61, "depth 2,000", raw(metadata=nested(2_000)), "record", True),
    Case(61, "depth 100,000", raw(metadata=nested(100_000)), "record", True),
    Case(61, "depth of features", features(nested(900)), "features.x"),
    Case(62, "100,000 features", raw(features=MANY), "record"),
    Case(62, "2,001 features", raw(features=SOME), "features"),
    Case(62, "2,000 features", raw(features=FULL), TAKEN),
    Case(62, "129 keys of metadata", raw(metadata=KEYS), "metadata"),
    Case(63, "10 MB metadata", raw(metadata="x" * BIG), "record"),
    Case(63, "16 KiB + 1 metadata", raw(metadata=["x" * 4000] * 4 + ["x" * 369]), "metadata"),
    Case(63, "16 KiB metadata", raw(metadata=["x" * 4000] * 4 + ["x" * 368]), TAKEN),
    Case(65, "truncated", raw()[:-5], "record", True),
    Case(66, "trailing garbage", raw() + b"x", "record", True),
    Case(66, "two in one", raw() + raw(record_id="b"), "record", True),
    Case(68, "unknown field", raw(colour="red"), "colour"),
    Case(69, "no version", raw(model_version=b""), "model_version"),
    Case(69, "empty", b"{}", "model_version"),
    Case(75, "id of 10 KB", raw(record_id="x" * 10_240), "record_id"),
    Case(75, "id of 129 bytes", raw(record_id="x" * 129), "record_id"),
    Case(75, "id of 128 bytes", raw(record_id="x" * 128), TAKEN),
    Case(75, "id of 33 emoji", raw(record_id="🙂" * 33), "record_id"),
    Case(75, "empty id", raw(record_id=""), "record_id"),
]

RECORDS = NUMBERS + TIMES + TEXTS + STRUCTURES

WHOLE = record()
BODIES = [
    (57, "empty", b"", 400),
    (57, "blank", b" \n\t ", 400),
    (58, "null", b"null", 422),
    (59, "true", b"true", 422),
    (59, "text", b'"x"', 422),
    (59, "empty array", b"[]", 200),
    (42, "BOM", b"\xef\xbb\xbf" + json.dumps([WHOLE]).encode(), 400),
    (43, "UTF-16", json.dumps([WHOLE]).encode("utf-16"), 400),
    (43, "UTF-32", json.dumps([WHOLE]).encode("utf-32"), 400),
    (61, "arrays", b"[" * 100_000, 400),
    (61, "objects", b'{"a":' * 100_000, 400),
    (64, "10,001 records", json.dumps([WHOLE] * 10_001).encode(), 413),
    (64, "a million numbers", b"[" + b"0," * 1_000_000 + b"0]", 400),
    (64, "a million objects", b"[" + b"{}," * 1_000_000 + b"{}]", 413),
    (64, "millions of objects", b"[" + b"{}," * 2_100_000 + b"{}]", 413),
    (65, "truncated array", b"[" + raw() + b",", 400),
    (66, "array and more", b"[" + raw() + b"]]", 400),
    (67, "CR only", raw() + b"\r" + raw(record_id="x"), 400),
]
"""Bodies that are JSON as a whole, and the status they are answered."""
