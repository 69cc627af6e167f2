-- Version 2: the stream's time beside the position, by which late records of windows are told.

ALTER TABLE BridgePositions ADD COLUMN IF NOT EXISTS EventTime TIMESTAMP;
