-- Reason: what a person must not miss is posted where they asked, once, however often whoever posts it dies.

ALTER TABLE messages ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN due_at INTEGER;
CREATE INDEX messages_due ON messages (due_at) WHERE due_at IS NOT NULL;
