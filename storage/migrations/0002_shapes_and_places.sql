-- Reason: some offers are told a picture's shape, and some tell a job's place in their own queue.

ALTER TABLE inputs ADD COLUMN width_px INTEGER;
ALTER TABLE inputs ADD COLUMN height_px INTEGER;
ALTER TABLE jobs ADD COLUMN provider_place INTEGER;
