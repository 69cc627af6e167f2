-- Version 1: what the bridge keeps in the database that it writes to.

-- One row for each topic partition that a pipeline has registered, with the offset it began at; see BridgePositions.
-- Here and below, Pipeline is the name of a pipeline, or name@version for a version other than 1.
CREATE TABLE IF NOT EXISTS BridgePartitions (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  CreatedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
  FirstOffset INT64,
) PRIMARY KEY (Pipeline, Topic, KafkaPartition);

-- How far a pipeline has applied a topic partition: exactly one row for each. Its key holds the next offset, and
-- the revision that grows when the partition's rows change without a move of the offset; so each commit consumes
-- the row of the one before. EventTime is the stream's time, by which late records of windows are told.
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

-- Records that could not be decoded, mapped or stored, with all that is needed to replay them.
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

-- Dead letters that an operator wants replayed. The partition's owner does it: the commit that applies the record
-- deletes the letter, and this row with it.
CREATE TABLE IF NOT EXISTS BridgeReplays (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  KafkaOffset INT64 NOT NULL,
  RequestedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, KafkaOffset),
  INTERLEAVE IN PARENT BridgeDeadLetters ON DELETE CASCADE;

-- Offsets [FromOffset, ToOffset) that the log no longer held and that `on_gap = "skip"` passed over.
CREATE TABLE IF NOT EXISTS BridgeGaps (
  Pipeline STRING(64) NOT NULL,
  Topic STRING(249) NOT NULL,
  KafkaPartition INT64 NOT NULL,
  FromOffset INT64 NOT NULL,
  ToOffset INT64 NOT NULL,
  RecordedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline, Topic, KafkaPartition, FromOffset);

-- Which version of a pipeline is read through its Live views, and which was before. Pipeline is the name alone.
-- Dropping is a version whose tables are going away, so that nobody switches to it.
CREATE TABLE IF NOT EXISTS BridgeVersions (
  Pipeline STRING(64) NOT NULL,
  Active INT64 NOT NULL,
  Previous INT64,
  Dropping INT64,
  SwitchedAt TIMESTAMP OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Pipeline);

-- The versions of this schema that were applied; the highest is the present one.
CREATE TABLE IF NOT EXISTS BridgeSchemaVersion (
  Version INT64 NOT NULL,
  AppliedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Version);
