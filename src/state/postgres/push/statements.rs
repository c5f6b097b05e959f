//! What the hub says to PostgreSQL.

use crate::state::push_row::Fate;

/// The newsroom's writers do not wait for these: they lock another row.
pub(super) const BEGIN_WRITE: &str = "
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '30s';
    SELECT FROM loa.push_place FOR UPDATE";
/// As the transaction is committed.
pub(super) const WAKE: &str = "SELECT pg_notify('loa_push', '')";
/// First all are counted, which is cheap. What replaces another request, or a subscription, needs no room.
pub(super) const REFUSED_BY: &str = "
    SELECT CASE
        WHEN (SELECT count(*) FROM loa.subscription_requests AS r WHERE r.host = asked.host AND r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= $3
            THEN 'requests_per_host'
        WHEN asked.client IS NOT NULL
            AND (SELECT count(*) FROM loa.subscription_requests AS r WHERE r.client = asked.client AND r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= $7
            THEN 'requests_per_client'
        WHEN (SELECT count(*) FROM loa.subscription_requests) >= $4
            AND (SELECT count(*) FROM loa.subscription_requests AS r WHERE r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= $4
            THEN 'requests'
        WHEN asked.wish <> 'subscribe' OR EXISTS (SELECT FROM loa.subscriptions AS s WHERE s.scope = asked.scope
            AND s.format = asked.format AND s.callback = asked.callback AND s.expires_at > $2)
            THEN NULL
        WHEN (SELECT count(*) FROM loa.subscriptions AS s WHERE s.host = asked.host AND s.expires_at > $2) >= $5
            THEN 'subscriptions_per_host'
        WHEN (SELECT count(*) FROM loa.subscriptions) >= $6
            AND (SELECT count(*) FROM loa.subscriptions AS s WHERE s.expires_at > $2) >= $6
            THEN 'subscriptions'
        END
    FROM json_to_recordset($1::json) AS asked (scope text, format text, callback text, host text, wish text,
        client text)";
/// One that is replaced gets a new number. While its callback is being asked, it is not asked once more.
pub(super) const REQUEST: &str = "
    INSERT INTO loa.subscription_requests AS old (scope, format, topic, callback, host, wish, lease_s, secret, reason,
        client, next_at)
    SELECT scope, format, topic, callback, host, wish, lease_s, secret, reason, client, $2
    FROM json_to_recordset($1::json) AS asked (scope text, format text, topic text, callback text, host text, wish text,
        lease_s bigint, secret text, reason text, client text)
    ON CONFLICT (scope, format, callback) DO UPDATE SET id = excluded.id, topic = excluded.topic, host = excluded.host,
        wish = excluded.wish, lease_s = excluded.lease_s, secret = excluded.secret, reason = excluded.reason,
        client = excluded.client, attempts = 0, next_at = excluded.next_at,
        claimed_until = CASE WHEN old.claimed_until > excluded.next_at THEN old.claimed_until END";
pub(super) const HAS_REQUESTS_DUE: &str = "
    SELECT EXISTS (SELECT FROM loa.subscription_requests WHERE next_at <= $1 AND coalesce(claimed_until, 0) <= $1)";
/// However many are due, only the first are ranked. Those of a host that has its share do not keep the others out.
pub(super) const CLAIM_REQUESTS: &str = "
    WITH taken AS (
        SELECT host, count(*) AS requests FROM loa.subscription_requests WHERE claimed_until > $3 GROUP BY host
    ), free AS (
        SELECT r.id, r.host, r.next_at, coalesce(taken.requests, 0) AS taken
        FROM loa.subscription_requests AS r LEFT JOIN taken ON taken.host = r.host
        WHERE r.next_at <= $3 AND coalesce(r.claimed_until, 0) <= $3 AND coalesce(taken.requests, 0) < $2
        ORDER BY r.next_at, r.id LIMIT 1000
    ), turns AS (
        SELECT id, taken + row_number() OVER (PARTITION BY host ORDER BY next_at, id) AS turn FROM free
    ), due AS (
        SELECT r.id FROM loa.subscription_requests AS r JOIN turns ON turns.id = r.id
        WHERE turns.turn <= $2 AND r.next_at <= $3 AND coalesce(r.claimed_until, 0) <= $3
        ORDER BY r.next_at, r.id LIMIT $1 FOR UPDATE OF r SKIP LOCKED
    ), claimed AS (
        UPDATE loa.subscription_requests AS r SET claimed_until = $4 FROM due WHERE r.id = due.id RETURNING r.*
    )
    SELECT string_agg(json_build_array(id, attempts, json_build_array(scope, format, topic, callback, host, wish,
        lease_s, secret, reason, client))::text, E'\n' ORDER BY next_at, id)
    FROM claimed";
pub(super) const POSTPONE: &str = "
    UPDATE loa.subscription_requests SET attempts = attempts + $3, next_at = $2, claimed_until = NULL WHERE id = $1";
pub(super) const DROP_REQUEST: &str = "DELETE FROM loa.subscription_requests WHERE id = $1";
pub(super) const SUBSCRIBE: &str = "
    INSERT INTO loa.subscriptions (scope, format, topic, callback, host, secret, verified_at, expires_at, sequence)
    SELECT scope, format, topic, callback, host, secret, $2, $3, $4
    FROM json_to_recordset($1::json) AS asked (scope text, format text, topic text, callback text, host text,
        secret text)
    ON CONFLICT (scope, format, callback) DO UPDATE SET topic = excluded.topic, secret = excluded.secret,
        verified_at = excluded.verified_at, expires_at = excluded.expires_at
    RETURNING id";
/// What was enqueued for the others before this one subscribed.
pub(super) const OWE: &str = "
    INSERT INTO loa.deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, $2
    FROM loa.subscriptions AS s JOIN loa.feeds AS f ON f.scope = s.scope WHERE s.id = $1 AND s.sequence < f.sequence
    ON CONFLICT (subscription) DO NOTHING";
pub(super) const UNSUBSCRIBE: &str = "DELETE FROM loa.subscriptions WHERE scope = $1 AND format = $2 AND callback = $3";
pub(super) const END: &str =
    "DELETE FROM loa.subscriptions WHERE id = $1 RETURNING scope, format, topic, callback, host";
pub(super) const RETRY: &str = "
    INSERT INTO loa.deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, greatest(s.sequence, f.sequence), $2, $2
    FROM loa.subscriptions AS s LEFT JOIN loa.feeds AS f ON f.scope = s.scope WHERE s.id = $1
    ON CONFLICT (subscription) DO UPDATE SET attempts = 0, next_at = excluded.next_at, failure = NULL";
pub(super) const SUBSCRIBED: &str = "SELECT DISTINCT scope FROM loa.subscriptions";
/// Before: nobody is kept from going on by what is over.
pub(super) const END_EXPIRED: &str = "
    DELETE FROM loa.subscriptions WHERE expires_at <= $2
        AND scope IN (SELECT value ->> 1 FROM json_array_elements($1::json) AS told (value))";
/// New ones, for deliveries of the old ones may be under way, and their sequences are those of another feed.
pub(super) const REHOME: &str = "
    WITH pair AS (
        SELECT value ->> 0 AS gone_from, value ->> 1 AS gone_to FROM json_array_elements($1::json) AS told (value)
    ), gone AS (
        DELETE FROM loa.subscriptions AS s USING pair WHERE s.scope = pair.gone_from RETURNING pair.gone_to, s.*
    )
    INSERT INTO loa.subscriptions (scope, format, topic, callback, host, secret, verified_at, expires_at, sequence,
        delivered_at)
    SELECT gone_to, format, topic, callback, host, secret, verified_at, expires_at, 0, delivered_at FROM gone
    ORDER BY expires_at DESC
    ON CONFLICT (scope, format, callback) DO NOTHING";
pub(super) const OWE_REHOMED: &str = "
    INSERT INTO loa.deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, $2
    FROM loa.subscriptions AS s JOIN loa.feeds AS f ON f.scope = s.scope
    WHERE s.scope IN (SELECT value ->> 1 FROM json_array_elements($1::json) AS told (value))
        AND s.sequence < f.sequence
    ON CONFLICT (subscription) DO NOTHING";
pub(super) const PLACE: &str = "
    SELECT place.written, CASE WHEN EXISTS (SELECT FROM loa.subscriptions) THEN control.written ELSE place.written END
    FROM loa.push_place AS place, loa.control";
/// Unless another process has moved it meanwhile.
pub(super) const MOVE_PLACE: &str = "UPDATE loa.push_place SET written = $1 WHERE written = $2";
/// One part: how many are in it, the last of them, and how many are owed something new.
pub(super) const ENQUEUE: &str = "
    WITH part AS (
        SELECT s.id, s.host, f.sequence, f.changed_at
        FROM loa.feeds AS f JOIN loa.subscriptions AS s ON s.scope = f.scope
        WHERE f.written > $1 AND s.sequence < f.sequence AND s.expires_at > $2 AND s.id > $3
        ORDER BY s.id LIMIT $4
    ), owed AS (
        INSERT INTO loa.deliveries AS waiting (subscription, host, sequence, since, next_at)
        SELECT id, host, sequence, changed_at, $2 FROM part
        ON CONFLICT (subscription) DO UPDATE SET sequence = excluded.sequence,
            since = least(waiting.since, excluded.since)
        WHERE waiting.sequence < excluded.sequence
        RETURNING waiting.subscription
    )
    SELECT count(*), max(id), (SELECT count(*) FROM owed) FROM part";
/// From host to host by the index, however much waits for each.
pub(super) const HOSTS_DUE: &str = "
    WITH RECURSIVE hosts (host) AS (
        SELECT min(host) FROM loa.deliveries WHERE host > $1
        UNION ALL
        SELECT (SELECT min(d.host) FROM loa.deliveries AS d WHERE d.host > hosts.host) FROM hosts
        WHERE hosts.host IS NOT NULL)
    SELECT host FROM hosts WHERE EXISTS (SELECT FROM loa.deliveries AS d
        WHERE d.host = hosts.host AND d.next_at <= $3 AND coalesce(d.claimed_until, 0) <= $3)
    LIMIT $2";
pub(super) const CLAIM: &str = "
    WITH due AS (
        SELECT of_host.subscription FROM json_array_elements($1::json) AS turn (value) CROSS JOIN LATERAL (
            SELECT d.subscription FROM loa.deliveries AS d
            WHERE d.host = turn.value ->> 0 AND d.next_at <= $2 AND coalesce(d.claimed_until, 0) <= $2
            ORDER BY d.next_at, d.subscription LIMIT (turn.value ->> 1)::bigint FOR UPDATE SKIP LOCKED
        ) AS of_host
    ), claimed AS (
        UPDATE loa.deliveries AS d SET claimed_at = $2, claimed_until = $3 FROM due WHERE d.subscription = due.subscription
        RETURNING d.*
    )
    SELECT string_agg(json_build_array(s.id, s.scope, s.format, s.topic, s.callback, s.host, s.secret, d.sequence,
        d.since, d.attempts, s.expires_at)::text, E'\n' ORDER BY d.host, d.next_at, s.id)
    FROM claimed AS d JOIN loa.subscriptions AS s ON s.id = d.subscription";
/// What was raised while it was under way stays, and is due, unless somebody has taken it anew.
pub(super) const DELIVERED: &str = "
    WITH told AS (
        SELECT * FROM json_to_recordset($1::json) AS told (subscription bigint, claim bigint, sequence bigint)
    ), noted AS (
        UPDATE loa.push_place SET delivered_at = greatest(delivered_at, $2)
    ), had AS (
        UPDATE loa.subscriptions AS s SET sequence = greatest(s.sequence, told.sequence), delivered_at = $2
        FROM told WHERE s.id = told.subscription
    ), done AS (
        DELETE FROM loa.deliveries AS d USING told WHERE d.subscription = told.subscription
            AND d.sequence <= told.sequence
    )
    UPDATE loa.deliveries AS d SET attempts = 0, since = $2, next_at = $2, claimed_until = NULL, failure = NULL
    FROM told WHERE d.subscription = told.subscription AND d.sequence > told.sequence AND d.claimed_until = told.claim";
pub(super) const PUT_OFF: &str = "
    UPDATE loa.deliveries AS d SET attempts = d.attempts + told.tries, next_at = told.until, claimed_until = NULL,
        failure = coalesce(told.failure, d.failure)
    FROM json_to_recordset($1::json) AS told (subscription bigint, claim bigint, until bigint, tries integer,
        failure text)
    WHERE d.subscription = told.subscription AND d.claimed_until = told.claim";
pub(super) const GIVEN_UP: &str = "
    WITH given_up AS (
        DELETE FROM loa.deliveries AS d
        USING json_to_recordset($1::json) AS told (subscription bigint, claim bigint, failure text)
        WHERE d.subscription = told.subscription AND d.claimed_until = told.claim
        RETURNING d.subscription, d.sequence, d.since, d.attempts, told.failure
    ), letters AS (
        INSERT INTO loa.dead_letters (subscription, scope, format, callback, sequence, since, given_up_at, attempts,
            failure)
        SELECT s.id, s.scope, s.format, s.callback, d.sequence, d.since, $2, d.attempts + 1, d.failure
        FROM given_up AS d JOIN loa.subscriptions AS s ON s.id = d.subscription
    )
    UPDATE loa.subscriptions AS s SET sequence = greatest(s.sequence, d.sequence)
    FROM given_up AS d WHERE s.id = d.subscription";
/// What was verified again while it was under way stays, and is due.
pub(super) const GONE: &str = "
    WITH own AS (
        SELECT d.subscription, d.claimed_at < s.verified_at AS is_back
        FROM json_to_recordset($1::json) AS told (subscription bigint, claim bigint)
        JOIN loa.deliveries AS d ON d.subscription = told.subscription AND d.claimed_until = told.claim
        JOIN loa.subscriptions AS s ON s.id = d.subscription FOR UPDATE OF d
    ), gone AS (
        DELETE FROM loa.subscriptions AS s USING own WHERE s.id = own.subscription AND NOT own.is_back
    )
    UPDATE loa.deliveries AS d SET next_at = $2, claimed_until = NULL
    FROM own WHERE d.subscription = own.subscription AND own.is_back";
/// Each takes the rows and the present instant.
pub(super) const SETTLE: [(Fate, &str); 4] =
    [(Fate::Delivered, DELIVERED), (Fate::PutOff, PUT_OFF), (Fate::GivenUp, GIVEN_UP), (Fate::Gone, GONE)];
pub(super) const BURY_EXPIRED: &str = "
    INSERT INTO loa.dead_letters (subscription, scope, format, callback, sequence, since, given_up_at, attempts,
        failure)
    SELECT s.id, s.scope, s.format, s.callback, d.sequence, d.since, $1, d.attempts, coalesce(d.failure, $2)
    FROM (SELECT * FROM loa.subscriptions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $3) AS s
    JOIN loa.deliveries AS d ON d.subscription = s.id";
/// Those whose deliveries were buried.
pub(super) const EXPIRE: &str = "
    DELETE FROM loa.subscriptions WHERE id IN (
        SELECT id FROM loa.subscriptions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";
pub(super) const FORGET: &str = "DELETE FROM loa.dead_letters WHERE given_up_at < $1";
pub(super) const BACKLOG: &str = "
    SELECT count(*), min(since), (SELECT count(*) FROM loa.subscriptions WHERE expires_at > $1),
        (SELECT count(*) FROM loa.subscription_requests WHERE wish <> 'deny'), (SELECT count(*) FROM loa.dead_letters),
        (SELECT delivered_at FROM loa.push_place)
    FROM loa.deliveries";
pub(super) const LIST: &str = "
    SELECT string_agg(json_build_array(s.id, s.scope, s.format, s.topic, s.callback, s.host, s.secret IS NOT NULL,
        s.verified_at, s.expires_at, s.sequence, s.delivered_at, d.sequence, d.since, d.attempts, d.next_at,
        d.failure)::text, E'\n' ORDER BY s.id)
    FROM (SELECT * FROM loa.subscriptions WHERE id > $2 AND ($1::text IS NULL OR strpos(callback, $1) > 0)
        ORDER BY id LIMIT $3) AS s
    LEFT JOIN loa.deliveries AS d ON d.subscription = s.id";
pub(super) const DEAD_LETTERS: &str = "
    SELECT string_agg(json_build_array(subscription, scope, format, callback, sequence, since, given_up_at, attempts,
        failure)::text, E'\n' ORDER BY given_up_at DESC, id DESC)
    FROM (SELECT * FROM loa.dead_letters ORDER BY given_up_at DESC, id DESC LIMIT $1) AS letters";
