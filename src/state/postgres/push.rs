//! What the hub keeps, in PostgreSQL. Every writer first locks the one row of `push_place`, so writers take turns, and none
//! can deadlock with another. Those who take what is due do not: they pass over what others hold, and wait for nobody.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Postgres, Transaction};

use super::{PostgresState, StateError, count, within};
use crate::domain::clock::Timestamp;
use crate::state::push::{
    Accepted, Backlog, DeadLetter, Delivery, NewRequest, Request, RequestLimits, Settled, Subscription, Subscriptions,
    Verdict, Wish,
};
use crate::state::push_row::{self, AskedRow, BacklogRow, EndedRow, Fate};
use crate::state::row::{self, limit, micros};

/// The newsroom's writers do not wait for these: they lock another row.
const BEGIN_WRITE: &str = "
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '30s';
    SELECT FROM loa.push_place FOR UPDATE";
/// As the transaction is committed.
const WAKE: &str = "SELECT pg_notify('loa_push', '')";
/// First all are counted, which is cheap. What replaces another request, or a subscription, needs no room.
const REFUSED_BY: &str = "
    SELECT CASE
        WHEN (SELECT count(*) FROM loa.subscription_requests AS r WHERE r.host = asked.host AND r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= $3
            THEN 'requests_per_host'
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
    FROM json_to_recordset($1::json) AS asked (scope text, format text, callback text, host text, wish text)";
/// One that is replaced gets a new number. While its callback is being asked, it is not asked once more.
const REQUEST: &str = "
    INSERT INTO loa.subscription_requests AS old (scope, format, topic, callback, host, wish, lease_s, secret, reason,
        client, next_at)
    SELECT scope, format, topic, callback, host, wish, lease_s, secret, reason, client, $2
    FROM json_to_recordset($1::json) AS asked (scope text, format text, topic text, callback text, host text, wish text,
        lease_s bigint, secret text, reason text, client text)
    ON CONFLICT (scope, format, callback) DO UPDATE SET id = excluded.id, topic = excluded.topic, host = excluded.host,
        wish = excluded.wish, lease_s = excluded.lease_s, secret = excluded.secret, reason = excluded.reason,
        client = excluded.client, attempts = 0, next_at = excluded.next_at,
        claimed_until = CASE WHEN old.claimed_until > excluded.next_at THEN old.claimed_until END";
const HAS_REQUESTS_DUE: &str = "
    SELECT EXISTS (SELECT FROM loa.subscription_requests WHERE next_at <= $1 AND coalesce(claimed_until, 0) <= $1)";
/// However many are due, only the first are ranked. Those of a host that has its share do not keep the others out.
const CLAIM_REQUESTS: &str = "
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
const POSTPONE: &str = "
    UPDATE loa.subscription_requests SET attempts = attempts + 1, next_at = $2, claimed_until = NULL WHERE id = $1";
const DROP_REQUEST: &str = "DELETE FROM loa.subscription_requests WHERE id = $1";
const SUBSCRIBE: &str = "
    INSERT INTO loa.subscriptions (scope, format, topic, callback, host, secret, verified_at, expires_at, sequence)
    SELECT scope, format, topic, callback, host, secret, $2, $3, $4
    FROM json_to_recordset($1::json) AS asked (scope text, format text, topic text, callback text, host text,
        secret text)
    ON CONFLICT (scope, format, callback) DO UPDATE SET topic = excluded.topic, secret = excluded.secret,
        verified_at = excluded.verified_at, expires_at = excluded.expires_at
    RETURNING id";
/// What was enqueued for the others before this one subscribed.
const OWE: &str = "
    INSERT INTO loa.deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, $2
    FROM loa.subscriptions AS s JOIN loa.feeds AS f ON f.scope = s.scope WHERE s.id = $1 AND s.sequence < f.sequence
    ON CONFLICT (subscription) DO NOTHING";
const UNSUBSCRIBE: &str = "DELETE FROM loa.subscriptions WHERE scope = $1 AND format = $2 AND callback = $3";
const END: &str = "DELETE FROM loa.subscriptions WHERE id = $1 RETURNING scope, format, topic, callback, host";
const RETRY: &str = "
    INSERT INTO loa.deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, greatest(s.sequence, f.sequence), $2, $2
    FROM loa.subscriptions AS s LEFT JOIN loa.feeds AS f ON f.scope = s.scope WHERE s.id = $1
    ON CONFLICT (subscription) DO UPDATE SET attempts = 0, next_at = excluded.next_at";
const PLACE: &str = "SELECT place.written, control.written FROM loa.push_place AS place, loa.control";
/// Unless another process has moved it meanwhile.
const MOVE_PLACE: &str = "UPDATE loa.push_place SET written = $1 WHERE written = $2";
/// One part: how many are in it, the last of them, and how many are owed something new.
const ENQUEUE: &str = "
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
const HOSTS_DUE: &str = "
    WITH RECURSIVE hosts (host) AS (
        SELECT min(host) FROM loa.deliveries WHERE host > $1
        UNION ALL
        SELECT (SELECT min(d.host) FROM loa.deliveries AS d WHERE d.host > hosts.host) FROM hosts
        WHERE hosts.host IS NOT NULL)
    SELECT host FROM hosts WHERE EXISTS (SELECT FROM loa.deliveries AS d
        WHERE d.host = hosts.host AND d.next_at <= $3 AND coalesce(d.claimed_until, 0) <= $3)
    LIMIT $2";
const CLAIM: &str = "
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
/// What was raised while it was under way stays, and is due.
const DELIVERED: &str = "
    WITH told AS (
        SELECT * FROM json_to_recordset($1::json) AS told (subscription bigint, sequence bigint)
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
    FROM told WHERE d.subscription = told.subscription AND d.sequence > told.sequence";
const PUT_OFF: &str = "
    UPDATE loa.deliveries AS d SET attempts = d.attempts + told.tries, next_at = told.until, claimed_until = NULL,
        failure = coalesce(told.failure, d.failure)
    FROM json_to_recordset($1::json) AS told (subscription bigint, until bigint, tries integer, failure text)
    WHERE d.subscription = told.subscription";
const GIVEN_UP: &str = "
    WITH given_up AS (
        DELETE FROM loa.deliveries AS d
        USING json_to_recordset($1::json) AS told (subscription bigint, failure text)
        WHERE d.subscription = told.subscription
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
const GONE: &str = "
    WITH told AS (
        SELECT * FROM json_to_recordset($1::json) AS told (subscription bigint)
    ), gone AS (
        DELETE FROM loa.subscriptions AS s USING told WHERE s.id = told.subscription AND NOT EXISTS (
            SELECT FROM loa.deliveries AS d WHERE d.subscription = s.id AND d.claimed_at < s.verified_at)
    )
    UPDATE loa.deliveries AS d SET next_at = $2, claimed_until = NULL
    FROM told JOIN loa.subscriptions AS s ON s.id = told.subscription
    WHERE d.subscription = s.id AND d.claimed_at < s.verified_at";
/// Each takes the rows and the present instant.
const SETTLE: [(Fate, &str); 4] =
    [(Fate::Delivered, DELIVERED), (Fate::PutOff, PUT_OFF), (Fate::GivenUp, GIVEN_UP), (Fate::Gone, GONE)];
const NEXT_DUE: &str = "
    SELECT min(at) FROM (
        SELECT min(next_at) AS at FROM loa.deliveries WHERE next_at > $1
        UNION ALL SELECT min(claimed_until) FROM loa.deliveries WHERE claimed_until > $1
        UNION ALL SELECT min(next_at) FROM loa.subscription_requests WHERE next_at > $1
        UNION ALL SELECT min(claimed_until) FROM loa.subscription_requests WHERE claimed_until > $1) AS dates";
const BURY_EXPIRED: &str = "
    INSERT INTO loa.dead_letters (subscription, scope, format, callback, sequence, since, given_up_at, attempts,
        failure)
    SELECT s.id, s.scope, s.format, s.callback, d.sequence, d.since, $1, d.attempts, coalesce(d.failure, $2)
    FROM (SELECT * FROM loa.subscriptions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $3) AS s
    JOIN loa.deliveries AS d ON d.subscription = s.id";
/// Those whose deliveries were buried.
const EXPIRE: &str = "
    DELETE FROM loa.subscriptions WHERE id IN (
        SELECT id FROM loa.subscriptions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2)";
const FORGET: &str = "DELETE FROM loa.dead_letters WHERE given_up_at < $1";
const BACKLOG: &str = "
    SELECT count(*), min(since), (SELECT count(*) FROM loa.subscriptions WHERE expires_at > $1),
        (SELECT count(*) FROM loa.subscription_requests WHERE wish <> 'deny'), (SELECT count(*) FROM loa.dead_letters),
        (SELECT delivered_at FROM loa.push_place)
    FROM loa.deliveries";
const LIST: &str = "
    SELECT string_agg(json_build_array(s.id, s.scope, s.format, s.topic, s.callback, s.host, s.secret IS NOT NULL,
        s.verified_at, s.expires_at, s.sequence, s.delivered_at, d.sequence, d.since, d.attempts, d.next_at,
        d.failure)::text, E'\n' ORDER BY s.id)
    FROM (SELECT * FROM loa.subscriptions WHERE id > $2 AND ($1::text IS NULL OR strpos(callback, $1) > 0)
        ORDER BY id LIMIT $3) AS s
    LEFT JOIN loa.deliveries AS d ON d.subscription = s.id";
const DEAD_LETTERS: &str = "
    SELECT string_agg(json_build_array(subscription, scope, format, callback, sequence, since, given_up_at, attempts,
        failure)::text, E'\n' ORDER BY given_up_at DESC, id DESC)
    FROM (SELECT * FROM loa.dead_letters ORDER BY given_up_at DESC, id DESC LIMIT $1) AS letters";

impl PostgresState {
    async fn write_push(&self) -> Result<Transaction<'static, Postgres>, StateError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(BEGIN_WRITE).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// Enqueues those after this number, so many before them being owed something: how many are now, and after which number
    /// there are more. The place moves last: what is cut off before is begun anew, and what is there already stays as it is.
    async fn enqueue_part(
        &self,
        (place, written): (i64, i64),
        after: i64,
        owed: u64,
        now: Timestamp,
    ) -> Result<(u64, Option<i64>), StateError> {
        let mut transaction = self.write_push().await?;
        let query = sqlx::query_as(ENQUEUE).bind(push_row::enqueued_to(place, written)).bind(micros(now));
        let query = query.bind(after).bind(push_row::PART_ROWS);
        let (rows, last, new): (i64, Option<i64>, i64) = query.fetch_one(&mut *transaction).await?;
        let owed = owed + new.cast_unsigned();
        let more = last.filter(|_| rows == push_row::PART_ROWS);
        if more.is_none() {
            sqlx::query(MOVE_PLACE).bind(written).bind(place).execute(&mut *transaction).await?;
            count(&mut transaction, WAKE, owed).await?;
        }
        transaction.commit().await?;
        Ok((owed, more))
    }

    /// Ends so many leases as one transaction should; those that are left are known by a part that is full.
    async fn expire_part(&self, now: Timestamp, keep: Duration) -> Result<u64, StateError> {
        let mut transaction = self.write_push().await?;
        let query = sqlx::query(BURY_EXPIRED).bind(micros(now)).bind(push_row::LEASE_OVER);
        query.bind(push_row::PART_ROWS).execute(&mut *transaction).await?;
        let query = sqlx::query(EXPIRE).bind(micros(now)).bind(push_row::PART_ROWS);
        let ended = query.execute(&mut *transaction).await?.rows_affected();
        sqlx::query(FORGET).bind(push_row::before(now, keep)).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(ended)
    }
}

impl Subscriptions for PostgresState {
    fn request<'a>(
        &'a self,
        request: &'a NewRequest,
        limits: &'a RequestLimits,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Accepted, StateError>> {
        Box::pin(within(async move {
            let rows = row::json([AskedRow::from(request)])?;
            let mut transaction = self.write_push().await?;
            let query = sqlx::query_scalar(REFUSED_BY).bind(&rows).bind(micros(now));
            let query = query.bind(push_row::most(limits.requests_per_host_max));
            let query = query.bind(push_row::most(limits.requests_max));
            let query = query.bind(push_row::most(limits.subscriptions_per_host_max));
            let query = query.bind(push_row::most(limits.subscriptions_max));
            let refused_by: Option<String> = query.fetch_one(&mut *transaction).await?;
            if refused_by.is_none() {
                record(&mut transaction, rows, now).await?;
            }
            transaction.commit().await?;
            Ok(push_row::accepted(refused_by.as_deref()))
        }))
    }

    fn claim_requests(
        &self,
        max: usize,
        per_host_max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Request>, StateError>> {
        Box::pin(within(async move {
            let has_due = sqlx::query_scalar(HAS_REQUESTS_DUE).bind(micros(now));
            let has_due: bool = has_due.fetch_one(&self.pool).await?;
            if !has_due {
                return Ok(Vec::new());
            }
            let query = sqlx::query_scalar(CLAIM_REQUESTS).bind(limit(max)).bind(limit(per_host_max));
            let query = query.bind(micros(now)).bind(micros(until));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::requests(&packed.unwrap_or_default())
        }))
    }

    fn settle_request<'a>(
        &'a self,
        request: &'a Request,
        verdict: &'a Verdict,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            match verdict {
                Verdict::Postponed { until } => {
                    let query = sqlx::query(POSTPONE).bind(request.id).bind(micros(*until));
                    query.execute(&mut *transaction).await?;
                }
                Verdict::Dropped => {
                    sqlx::query(DROP_REQUEST).bind(request.id).execute(&mut *transaction).await?;
                }
                Verdict::Confirmed { asked_at, sequence } => {
                    let dropped = sqlx::query(DROP_REQUEST).bind(request.id).execute(&mut *transaction).await?;
                    if dropped.rows_affected() > 0 {
                        confirm(&mut transaction, &request.asked, *asked_at, *sequence, now).await?;
                    }
                }
            }
            Ok(transaction.commit().await?)
        }))
    }

    fn enqueue(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let places: (i64, i64) = within(async { Ok(sqlx::query_as(PLACE).fetch_one(&self.pool).await?) }).await?;
            let (mut owed, mut after) = (0, (places.0 != places.1).then_some(0));
            while let Some(id) = after {
                (owed, after) = within(self.enqueue_part(places, id, owed, now)).await?;
            }
            Ok(owed)
        })
    }

    fn hosts_due<'a>(
        &'a self,
        after: &'a str,
        max: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        Box::pin(within(async move {
            let query = sqlx::query_scalar(HOSTS_DUE).bind(after).bind(limit(max)).bind(micros(now));
            Ok(query.fetch_all(&self.pool).await?)
        }))
    }

    fn claim<'a>(
        &'a self,
        hosts: &'a [(String, usize)],
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, StateError>> {
        Box::pin(within(async move {
            let turns = row::json(hosts.iter().map(|(host, max)| (host, limit(*max))))?;
            let query = sqlx::query_scalar(CLAIM).bind(turns).bind(micros(now)).bind(micros(until));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::deliveries(&packed.unwrap_or_default())
        }))
    }

    fn settle<'a>(&'a self, settled: &'a [Settled], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            for (fate, statement) in SETTLE {
                if let Some(rows) = push_row::settled(settled, fate)? {
                    sqlx::query(statement).bind(rows).bind(micros(now)).execute(&mut *transaction).await?;
                }
            }
            Ok(transaction.commit().await?)
        }))
    }

    fn next_due(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Timestamp>, StateError>> {
        Box::pin(within(async move {
            let at: Option<i64> = sqlx::query_scalar(NEXT_DUE).bind(micros(now)).fetch_one(&self.pool).await?;
            at.map(|at| row::instant("deliveries", at)).transpose()
        }))
    }

    fn expire(&self, now: Timestamp, keep: Duration) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let mut ended = 0;
            loop {
                let part = within(self.expire_part(now, keep)).await?;
                ended += part;
                if part < push_row::PART_ROWS.cast_unsigned() {
                    return Ok(ended);
                }
            }
        })
    }

    fn backlog(&self, now: Timestamp) -> BoxFuture<'_, Result<Backlog, StateError>> {
        Box::pin(within(async move {
            let row: BacklogRow = sqlx::query_as(BACKLOG).bind(micros(now)).fetch_one(&self.pool).await?;
            push_row::backlog(row)
        }))
    }

    fn list<'a>(
        &'a self,
        callback: Option<&'a str>,
        after: i64,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StateError>> {
        Box::pin(within(async move {
            let query = sqlx::query_scalar(LIST).bind(callback).bind(after).bind(limit(max));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::subscriptions(&packed.unwrap_or_default())
        }))
    }

    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StateError>> {
        Box::pin(within(async move {
            let query = sqlx::query_scalar(DEAD_LETTERS).bind(limit(max));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::dead_letters(&packed.unwrap_or_default())
        }))
    }

    fn remove<'a>(&'a self, id: i64, reason: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            let ended: Option<EndedRow> = sqlx::query_as(END).bind(id).fetch_optional(&mut *transaction).await?;
            let Some(ended) = ended else { return Ok(false) };
            record(&mut transaction, row::json([AskedRow::denial(ended, reason)])?, now).await?;
            transaction.commit().await?;
            Ok(true)
        }))
    }

    fn retry(&self, id: i64, now: Timestamp) -> BoxFuture<'_, Result<bool, StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            let query = sqlx::query(RETRY).bind(id).bind(micros(now));
            let due = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, WAKE, due).await?;
            transaction.commit().await?;
            Ok(due > 0)
        }))
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.waker.woken())
    }
}

/// Records a request.
async fn record(
    transaction: &mut Transaction<'static, Postgres>,
    rows: String,
    now: Timestamp,
) -> Result<(), StateError> {
    let recorded = sqlx::query(REQUEST).bind(rows).bind(micros(now)).execute(&mut **transaction).await?;
    count(transaction, WAKE, recorded.rows_affected()).await
}

/// Does what was asked.
async fn confirm(
    transaction: &mut Transaction<'static, Postgres>,
    asked: &NewRequest,
    asked_at: Timestamp,
    sequence: u64,
    now: Timestamp,
) -> Result<(), StateError> {
    match &asked.wish {
        Wish::Subscribe { lease_s, .. } => {
            let query = sqlx::query_scalar(SUBSCRIBE).bind(row::json([AskedRow::from(asked)])?).bind(micros(now));
            let query = query.bind(push_row::lease_end(asked_at, *lease_s)).bind(sequence.cast_signed());
            let id: i64 = query.fetch_one(&mut **transaction).await?;
            let owed = sqlx::query(OWE).bind(id).bind(micros(now)).execute(&mut **transaction).await?;
            count(transaction, WAKE, owed.rows_affected()).await?;
        }
        Wish::Unsubscribe => {
            let query = sqlx::query(UNSUBSCRIBE).bind(asked.key.scope.to_string());
            let query = query.bind(asked.key.format.extension()).bind(&asked.callback);
            query.execute(&mut **transaction).await?;
        }
        Wish::Deny { .. } => {}
    }
    Ok(())
}
