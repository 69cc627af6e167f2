"""Reads what publish wrote with Confluent's deserializers, and prints key and value of each record, one JSON line a record.

Arguments: bootstrap servers, registry, and for each topic its name, its format and its number of records, as name=format=2.
"""

import datetime
import decimal
import json
import sys
import uuid

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry import topic_subject_name_strategy as by_topic
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

BOOTSTRAP, REGISTRY, *TOPICS = sys.argv[1:]
registry = SchemaRegistryClient({"url": REGISTRY})
# Newer clients ask for associations first, which not every registry has.
CONFIG = {"subject.name.strategy": by_topic}
DESERIALIZERS = {
    "avro": lambda: AvroDeserializer(registry, conf=CONFIG),
    "json-schema": lambda: JSONDeserializer(None, schema_registry_client=registry, conf=CONFIG),
    "json": lambda: lambda data, context: json.loads(data),
}
deadline = datetime.datetime.now() + datetime.timedelta(minutes=2)


def printable(value):
    if isinstance(value, (decimal.Decimal, datetime.date, uuid.UUID)):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value))


for topic in TOPICS:
    name, form, count = topic.split("=")
    deserialize = DESERIALIZERS[form]()
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": f"interop-{name}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([name])
    found = 0
    while found < int(count):
        message = consumer.poll(1)
        if message is None or message.error():
            if datetime.datetime.now() > deadline:
                raise SystemExit(f"{name}: {found} of {count} records, {message and message.error()}")
            continue
        found += 1
        key = deserialize(message.key(), SerializationContext(name, MessageField.KEY))
        value = message.value() and deserialize(message.value(), SerializationContext(name, MessageField.VALUE))
        print(json.dumps({"topic": name, "key": key, "value": value}, default=printable))
    consumer.close()
