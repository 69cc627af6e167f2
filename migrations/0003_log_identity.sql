-- Version 3: positions know the log that they belong to.

-- The last record that was applied before the position: its offset, and 16 bytes of a digest of its timestamp, key and
-- value. NULL if no record has been applied, or if an earlier version has written the row.
ALTER TABLE BridgePositions ADD COLUMN IF NOT EXISTS LastOffset INT64;
ALTER TABLE BridgePositions ADD COLUMN IF NOT EXISTS LastDigest BYTES(16);

-- The first record that was applied, in the same form. FirstOffset is NULL after an operator has set the position to an
-- offset within the log.
ALTER TABLE BridgePartitions ADD COLUMN IF NOT EXISTS FirstRecordOffset INT64;
ALTER TABLE BridgePartitions ADD COLUMN IF NOT EXISTS FirstRecordDigest BYTES(16);

-- Why the position moved from FromOffset to ToOffset: expired, truncated or replaced. After the latter two, ToOffset may
-- be the lower one.
ALTER TABLE BridgeGaps ADD COLUMN IF NOT EXISTS Kind STRING(16);
