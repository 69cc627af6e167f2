-- Version 2: dead letters can hold encrypted records, or none.

-- NULL for a record that is stored as it is. Otherwise JSON: how RecordValue is encrypted, which then holds key,
-- value and headers together, or that the record was dropped.
ALTER TABLE BridgeDeadLetters ADD COLUMN IF NOT EXISTS Envelope JSON;
