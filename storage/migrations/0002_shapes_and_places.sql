-- Reason: some offers are told a picture's shape, and some tell a job's place in their own queue; a ticket may be an operator's own.

ALTER TABLE inputs ADD COLUMN width_px INTEGER;
ALTER TABLE inputs ADD COLUMN height_px INTEGER;
ALTER TABLE jobs ADD COLUMN provider_place INTEGER;
ALTER TABLE jobs ADD COLUMN ticket_by_hand INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_ended ON jobs (offer, id) WHERE state IN ('delivered', 'failed');
