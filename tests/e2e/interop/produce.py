"""Writes the records of the test with Confluent's serializers, and prints what it wrote, one JSON line a record, and the descriptors of
messages that columns have.

Arguments: bootstrap servers, registry, what topics' names end with, the folder of Debezium's samples, the key of masks.
"""

import base64
import datetime
import decimal
import fractions
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import uuid

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry import topic_subject_name_strategy as by_topic
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.schema_registry.confluent.types import decimal_pb2
from confluent_kafka.serialization import MessageField, SerializationContext, StringSerializer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.type import date_pb2, timeofday_pb2

BOOTSTRAP, REGISTRY, SUFFIX, SAMPLES, MASK_KEY = sys.argv[1:]
UTC = datetime.timezone.utc
# Newer clients ask for associations first, which not every registry has.
CONFIG = {"subject.name.strategy": by_topic}
registry = SchemaRegistryClient({"url": REGISTRY})
producer = Producer({"bootstrap.servers": BOOTSTRAP})

FIRST = dict(
    b=True, i=-9007199254740993, f=0.1, g=0.5, n=decimal.Decimal("12345678901234567890.123456789"), s="größe ✓",
    e="RED", y=b"\x00\xff\x10", d=datetime.date(2024, 2, 29),
    t=datetime.datetime(2024, 2, 29, 12, 34, 56, 789012, UTC), j={"k": [1, 2], "m": {"a": "b"}}, a=["a", "ü"],
    l=[1, -2], u=uuid.UUID("67e55044-10b1-426f-9247-bb680e5fe0c8"), nested={"x": "inner"},
    c=datetime.time(1, 2, 3), w=2**64 - 1,
)
NOTHING = dict.fromkeys(FIRST) | {"a": [], "l": []}
LAST = dict(
    b=False, i=2**63 - 1, f=1e300, g=-2.25, n=decimal.Decimal("-0.000000001"), s="", e="GREEN", y=b"",
    d=datetime.date(1, 1, 1), t=datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), j={"k": [], "m": {}},
    a=["x"], l=[2**63 - 1], u=uuid.UUID(int=1), nested={"x": ""}, c=datetime.time(23, 59, 59), w=0,
)
# Which row, and its values; nothing is a tombstone.
RECORDS = [(1, FIRST), (2, NOTHING), (1, LAST), (3, FIRST), (3, None)]


def send(topic, key, value, **more):
    def written(error, message):
        if error:
            raise SystemExit(f"{topic}: {error}")
        print(json.dumps({"topic": topic, "offset": message.offset()} | more))

    producer.produce(f"{topic}-{SUFFIX}", key=key, value=value, partition=0, on_delivery=written)
    producer.poll(0)


def contexts(topic):
    name = f"{topic}-{SUFFIX}"
    return SerializationContext(name, MessageField.KEY), SerializationContext(name, MessageField.VALUE)


def sequence(topic, key_serializer, value_serializer):
    of_key, of_value = contexts(topic)
    for number, row in RECORDS:
        value = None if row is None else value_serializer(row | {"id": number}, of_value)
        send(topic, key_serializer({"id": number}, of_key), value)


def avro():
    def logical(kind, name, **more):
        return {"type": kind, "logicalType": name} | more

    def record(name, **fields):
        return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields.items()]}

    optional = dict(
        b="boolean", i="long", f="double", g="float", n=logical("bytes", "decimal", precision=29, scale=9), s="string",
        e={"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}, y="bytes", d=logical("int", "date"),
        t=logical("long", "timestamp-micros"),
        j=record("Json", k={"type": "array", "items": "long"}, m={"type": "map", "values": "string"}),
        u=logical("string", "uuid"), nested=record("Nested", x="string"), c=logical("long", "time-micros"),
        w=logical("bytes", "decimal", precision=20, scale=0),
    )
    lists = dict(a={"type": "array", "items": "string"}, l={"type": "array", "items": "long"})
    every = record("Every", id="long", **{name: ["null", kind] for name, kind in optional.items()}, **lists)
    key = AvroSerializer(registry, json.dumps(record("Key", id="long")), conf=CONFIG)

    def as_decimal(row, _):
        return row | {"w": None if row["w"] is None else decimal.Decimal(row["w"])}

    sequence("avro", key, AvroSerializer(registry, json.dumps(every), as_decimal, conf=CONFIG))

    _, context = contexts("evolved")
    old = record("Evolved", id="long", a="string")
    new = record("Evolved", id="long", a="string")
    new["fields"].append({"name": "b", "type": "string", "default": "none"})
    for number, schema, value in [(1, old, {"a": "old"}), (2, new, {"a": "new", "b": "given"}), (3, new, {"a": "default"})]:
        serialize = AvroSerializer(registry, json.dumps(schema), conf=CONFIG)
        send("evolved", None, serialize({"id": number} | value, context))

    _, context = contexts("referenced")
    place = f"place-{SUFFIX}"
    registry.register_schema(place, Schema(json.dumps(record("shop.Place", city="string")), "AVRO"))
    visit = record("shop.Visit", id="long", place="shop.Place")
    references = [SchemaReference("shop.Place", place, 1)]
    serialize = AvroSerializer(registry, Schema(json.dumps(visit), "AVRO", references), conf=CONFIG)
    send("referenced", None, serialize({"id": 1, "place": {"city": "Ulm"}}, context))


def plain(row):
    """What JSON has for it."""
    texts = {"n": str, "u": str, "d": datetime.date.isoformat, "t": datetime.datetime.isoformat, "c": datetime.time.isoformat}
    return {
        name: texts[name](value) if name in texts and value is not None else value
        for name, value in row.items() if name != "y"
    }


def json_schema():
    def nullable(kind):
        return {"type": [kind, "null"]}

    fields = dict(
        id={"type": "integer"}, b=nullable("boolean"), i=nullable("integer"), f=nullable("number"), g=nullable("number"),
        n=nullable("string"), s=nullable("string"), e={"enum": ["RED", "GREEN", None]}, d=nullable("string"),
        t=nullable("string"), j=nullable("object"), a={"type": "array", "items": {"type": "string"}},
        l={"type": "array", "items": {"type": "integer"}}, u=nullable("string"), nested=nullable("object"),
        c=nullable("string"), w=nullable("integer"),
    )
    draft = "http://json-schema.org/draft-07/schema#"
    every = {"$schema": draft, "title": "Every", "type": "object", "properties": fields, "required": ["id"]}
    key = {"$schema": draft, "title": "Key", "type": "object", "properties": {"id": {"type": "integer"}}}
    value = JSONSerializer(json.dumps(every), registry, to_dict=lambda row, _: plain(row), conf=CONFIG)
    sequence("json-schema", JSONSerializer(json.dumps(key), registry, conf=CONFIG), value)


def schemaless():
    def dump(row, _):
        return json.dumps({name: value for name, value in plain(row).items() if value is not None}).encode()

    sequence("json", dump, dump)


def protobuf():
    F = descriptor_pb2.FieldDescriptorProto
    pool = descriptor_pool.Default()

    def file(name, *imports):
        return descriptor_pb2.FileDescriptorProto(name=name, package="interop", syntax="proto3", dependency=imports)

    def field(message, name, kind, repeated=False, optional=False):
        number = len(message.field) + 1
        made = message.field.add(name=name, number=number, label=F.LABEL_REPEATED if repeated else F.LABEL_OPTIONAL)
        if isinstance(kind, str):
            made.type, made.type_name = F.TYPE_MESSAGE, kind
        else:
            made.type = kind
        if optional:
            made.proto3_optional, made.oneof_index = True, len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
        return made

    common = file("interop/common.proto")
    field(common.message_type.add(name="Nested"), "x", F.TYPE_STRING)
    color = common.enum_type.add(name="Color")
    for number, name in enumerate(["UNKNOWN", "RED", "GREEN"]):
        color.value.add(name=name, number=number)
    every = file(
        "interop/every.proto", "interop/common.proto", "google/protobuf/timestamp.proto", "google/type/date.proto",
        "google/type/timeofday.proto", "confluent/type/decimal.proto",
    )
    field(every.message_type.add(name="Key"), "id", F.TYPE_INT64)
    inner = every.message_type.add(name="Json")
    field(inner, "k", F.TYPE_INT64, repeated=True)
    field(inner, "m", ".interop.Json.MEntry", repeated=True)
    entry = inner.nested_type.add(name="MEntry")
    entry.options.map_entry = True
    field(entry, "key", F.TYPE_STRING)
    field(entry, "value", F.TYPE_STRING)
    # Neither the first of its file nor at the top: its message index is [2, 0].
    message = every.message_type.add(name="Outer").nested_type.add(name="Every")
    field(message, "id", F.TYPE_INT64)
    scalars = dict(b=F.TYPE_BOOL, i=F.TYPE_SINT64, f=F.TYPE_DOUBLE, g=F.TYPE_FLOAT, s=F.TYPE_STRING, y=F.TYPE_BYTES,
                   u=F.TYPE_STRING, w=F.TYPE_UINT64, e=F.TYPE_ENUM)
    for name, kind in scalars.items():
        made = field(message, name, kind, optional=True)
        if name == "e":
            made.type_name = ".interop.Color"
    field(message, "n", ".confluent.type.Decimal")
    field(message, "d", ".google.type.Date")
    field(message, "t", ".google.protobuf.Timestamp")
    field(message, "c", ".google.type.TimeOfDay")
    field(message, "j", ".interop.Json")
    field(message, "nested", ".interop.Nested")
    field(message, "a", F.TYPE_STRING, repeated=True)
    field(message, "l", F.TYPE_INT64, repeated=True)
    descriptors = descriptor_pb2.FileDescriptorSet(file=[common]).SerializeToString()
    print("descriptors", base64.b64encode(descriptors).decode())
    for made in (common, every):
        pool.Add(made) if hasattr(pool, "Add") else pool.AddSerializedFile(made.SerializeToString())

    def class_of(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"interop.{name}"))

    Key, Every, Color = class_of("Key"), class_of("Outer.Every"), pool.FindEnumTypeByName("interop.Color")

    def decimal_of(value):
        unscaled = int(fractions.Fraction(value) * 10**9)
        size = unscaled.bit_length() // 8 + 1
        return decimal_pb2.Decimal(value=unscaled.to_bytes(size, "big", signed=True), precision=29, scale=9)

    def timestamp_of(value):
        made = timestamp_pb2.Timestamp()
        made.FromDatetime(value)
        return made

    special = dict(
        e=lambda name: Color.values_by_name[name].number,
        n=decimal_of,
        u=str,
        d=lambda day: date_pb2.Date(year=day.year, month=day.month, day=day.day),
        t=timestamp_of,
        c=lambda at: timeofday_pb2.TimeOfDay(hours=at.hour, minutes=at.minute, seconds=at.second),
    )
    keys = ProtobufSerializer(Key, registry, conf=CONFIG)
    values = ProtobufSerializer(Every, registry, conf=CONFIG)

    def value(row, context):
        given = {name: special.get(name, lambda value: value)(value) for name, value in row.items() if value is not None}
        return values(Every(**given), context)

    sequence("protobuf", lambda row, context: keys(Key(**row), context), value)


def unstructured():
    def hashed(data):
        return hmac.new(MASK_KEY.encode(), data, hashlib.sha256).hexdigest()

    def sequence(topic, serialize, keys, values):
        for key, value in [(0, 0), (1, 1), (0, 2), (2, 0), (2, None)]:
            of_key, of_value = contexts(topic)
            data = None if value is None else serialize(values[value], of_value)
            text = data if isinstance(values[0], bytes) else str(values[value or 0]).encode()
            send(topic, serialize(keys[key], of_key), data, hash=None if data is None else hashed(text))

    sequence("string", StringSerializer("utf_8"), ["k1", "k2", "k3"], ["12.5", "-3", "98765432"])
    sequence("int64", lambda number, _: struct.pack(">q", number), [1, 2, 3], [-5, 2**53, 7])
    sequence("bytes", lambda data, _: data, [b"\x01", b"\x02", b"\x03"], [b"\x00\xff", b"", b"\x01"])


def debezium():
    samples = [json.loads(path.read_text()) for path in sorted(pathlib.Path(SAMPLES).glob("*.json"))]
    for number, (events, bare) in {1: (samples, False), 2: (samples[:2], False), 3: (samples[:1], True)}.items():
        for event in events:
            key, value = (json.loads(json.dumps(event[part])) for part in ("key", "value"))
            for payload in filter(None, [key["payload"], *((value["payload"][row] for row in ("before", "after")) if value else ())]):
                payload["id"] = number
            if bare:
                key, value = key["payload"], value["payload"]
            send("debezium", json.dumps(key), None if value is None else json.dumps(value))


for write in (avro, json_schema, schemaless, protobuf, unstructured, debezium):
    write()
producer.flush()
