CREATE TABLE IF NOT EXISTS BridgePartitions (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  CreatedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
  FirstOffset INT64,
) PRIMARY KEY (Pipeline, Topic, KafkaPartition);

CREATE TABLE IF NOT EXISTS BridgePositions (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  NextOffset INT64 NOT NULL,
  Revision INT64 NOT NULL,
  UpdatedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
  EventTime TIMESTAMP,
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, NextOffset, Revision),
  INTERLEAVE IN PARENT BridgePartitions;

CREATE TABLE IF NOT EXISTS BridgeDeadLetters (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  KafkaOffset INT64 NOT NULL,
  Code STRING(64) NOT NULL,
  Message STRING(MAX) NOT NULL,
  RecordKey BYTES(MAX),
  RecordValue BYTES(MAX),
  Headers JSON,
  RecordTimestamp TIMESTAMP,
  TraceId STRING(32),
  FailedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, KafkaOffset);

CREATE TABLE IF NOT EXISTS BridgeReplays (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  KafkaOffset INT64 NOT NULL,
  RequestedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, KafkaOffset),
  INTERLEAVE IN PARENT BridgeDeadLetters ON DELETE CASCADE;

CREATE TABLE IF NOT EXISTS BridgeGaps (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  FromOffset INT64 NOT NULL,
  ToOffset INT64 NOT NULL,
  RecordedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, FromOffset);

CREATE TABLE IF NOT EXISTS BridgeVersions (
  Pipeline STRING(64) NOT NULL,
  Active INT64 NOT NULL,
  Previous INT64,
  Dropping INT64,
  SwitchedAt TIMESTAMP OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline);

CREATE TABLE IF NOT EXISTS BridgeSchemaVersion (
  Version INT64 NOT NULL,
  AppliedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Version);

ALTER TABLE BridgeDeadLetters ADD COLUMN IF NOT EXISTS Envelope JSON;

ALTER TABLE BridgePositions ADD COLUMN IF NOT EXISTS LastOffset INT64;

ALTER TABLE BridgePositions ADD COLUMN IF NOT EXISTS LastDigest BYTES(16);

ALTER TABLE BridgePartitions ADD COLUMN IF NOT EXISTS FirstRecordOffset INT64;

ALTER TABLE BridgePartitions ADD COLUMN IF NOT EXISTS FirstRecordDigest BYTES(16);

ALTER TABLE BridgeGaps ADD COLUMN IF NOT EXISTS Kind STRING(16);
