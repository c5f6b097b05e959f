CREATE TABLE IF NOT EXISTS @log (
    -- Names this installation: made anew whenever a trigger had to be made, for then lines may be missing.
    id text NOT NULL,
    -- Lines of transactions before this one may have been deleted.
    pruned bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE @log IS 'Names the change log of loa (loa store install)';
CREATE TABLE IF NOT EXISTS @changes (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid bigint NOT NULL DEFAULT txid_current(),
    -- Every transaction before this one had ended when the line was written.
    horizon bigint NOT NULL DEFAULT txid_snapshot_xmin(txid_current_snapshot()),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL CHECK (what IN ('articles', 'categories', 'everything')),
    articles text[]
);
COMMENT ON TABLE @changes IS 'The change log of loa (loa store install): one line for each statement that wrote';
CREATE INDEX IF NOT EXISTS @changes_index ON @changes (txid, line);
CREATE OR REPLACE FUNCTION @function() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $loa$
DECLARE
    -- What the statement wrote; %1$s is what to select.
    written CONSTANT text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT %1$s FROM new_rows'
        WHEN 'DELETE' THEN 'SELECT %1$s FROM old_rows'
        WHEN 'UPDATE' THEN 'SELECT %1$s FROM old_rows UNION ALL SELECT %1$s FROM new_rows'
    END;
    wrote boolean;
    first_line bigint;
    last_line bigint;
    kept bigint;
BEGIN
    IF TG_OP <> 'TRUNCATE' AND TG_ARGV[0] = 'articles' THEN
        EXECUTE format(
            'WITH told AS (
                INSERT INTO @changes (what, articles)
                SELECT ''articles'', array_agg(article) FROM (
                    SELECT article, (row_number() OVER () - 1) / @chunk_ids AS chunk
                    FROM (SELECT DISTINCT article FROM (' || written || ') AS written (article)) AS once
                    WHERE article IS NOT NULL
                ) AS numbered
                GROUP BY chunk
                RETURNING line
            ) SELECT min(line), max(line) FROM told', quote_ident(TG_ARGV[1]) || '::text')
        INTO first_line, last_line;
    ELSE
        wrote := TG_OP = 'TRUNCATE';
        IF NOT wrote THEN
            EXECUTE 'SELECT EXISTS (' || format(written, '') || ')' INTO wrote;
        END IF;
        IF wrote THEN
            INSERT INTO @changes (what)
            VALUES (CASE TG_ARGV[0] WHEN 'articles' THEN 'everything' ELSE TG_ARGV[0] END)
            RETURNING line, line INTO first_line, last_line;
        END IF;
    END IF;
    IF last_line IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_notify(@channel, '');
    -- Now and then the oldest lines are deleted, by one transaction at a time, and none waits for another. Only where no
    -- snapshot is held: the rows that another one has deleted would be an error there.
    IF (first_line - 1) / @prune_every < last_line / @prune_every
        AND current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM FROM @log FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            -- Never what is not over yet: after a restore the lines have the numbers of another server.
            SELECT max(least(oldest.horizon, txid_snapshot_xmin(txid_current_snapshot()))) INTO kept
            FROM (SELECT c.horizon, c.at FROM @changes c ORDER BY c.line LIMIT @prune_lines) AS oldest
            WHERE oldest.at < clock_timestamp() - interval '@keep_days days';
            DELETE FROM @changes WHERE txid < kept;
            UPDATE @log SET pruned = kept WHERE pruned < kept;
        END IF;
    END IF;
    RETURN NULL;
END $loa$;
REVOKE ALL ON FUNCTION @function() FROM PUBLIC;
