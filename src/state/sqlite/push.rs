//! What the hub keeps, in a SQLite file. Nobody is woken from here: a hub looks every second anyway.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Sqlite, Transaction};

use super::{SqliteState, packed};
use crate::domain::clock::Timestamp;
use crate::domain::scope::Scope;
use crate::state::StateError;
use crate::state::push::{
    Accepted, Backlog, DeadLetter, Delivery, NewRequest, Request, RequestLimits, Settled, Subscription, Subscriptions,
    Verdict, Wish,
};
use crate::state::push_row::{self, AskedRow, BacklogRow, EndedRow, Fate};
use crate::state::row::{self, limit, micros};

/// First all are counted, which is cheap. What replaces another request, or a subscription, needs no room.
const REFUSED_BY: &str = "
    SELECT CASE
        WHEN (SELECT count(*) FROM subscription_requests AS r WHERE r.host = asked.host AND r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= ?3
            THEN 'requests_per_host'
        WHEN asked.client IS NOT NULL
            AND (SELECT count(*) FROM subscription_requests AS r WHERE r.client = asked.client AND r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= ?7
            THEN 'requests_per_client'
        WHEN (SELECT count(*) FROM subscription_requests) >= ?4
            AND (SELECT count(*) FROM subscription_requests AS r WHERE r.wish <> 'deny'
            AND (r.scope, r.format, r.callback) <> (asked.scope, asked.format, asked.callback)) >= ?4
            THEN 'requests'
        WHEN asked.wish <> 'subscribe' OR EXISTS (SELECT 1 FROM subscriptions AS s WHERE s.scope = asked.scope
            AND s.format = asked.format AND s.callback = asked.callback AND s.expires_at > ?2)
            THEN NULL
        WHEN (SELECT count(*) FROM subscriptions AS s WHERE s.host = asked.host AND s.expires_at > ?2) >= ?5
            THEN 'subscriptions_per_host'
        WHEN (SELECT count(*) FROM subscriptions) >= ?6
            AND (SELECT count(*) FROM subscriptions AS s WHERE s.expires_at > ?2) >= ?6
            THEN 'subscriptions'
        END
    FROM (SELECT value ->> 'scope' AS scope, value ->> 'format' AS format, value ->> 'callback' AS callback,
        value ->> 'host' AS host, value ->> 'wish' AS wish, value ->> 'client' AS client FROM json_each(?1)) AS asked";
/// One that is replaced takes its number with it. While its callback is being asked, it is not asked once more.
const REQUEST: &str = "
    INSERT OR REPLACE INTO subscription_requests (scope, format, topic, callback, host, wish, lease_s, secret, reason,
        client, next_at, claimed_until)
    SELECT value ->> 'scope', value ->> 'format', value ->> 'topic', value ->> 'callback', value ->> 'host',
        value ->> 'wish', value ->> 'lease_s', value ->> 'secret', value ->> 'reason', value ->> 'client', ?2,
        (SELECT r.claimed_until FROM subscription_requests AS r WHERE r.scope = value ->> 'scope'
            AND r.format = value ->> 'format' AND r.callback = value ->> 'callback' AND r.claimed_until > ?2)
    FROM json_each(?1)";
const HAS_REQUESTS_DUE: &str = "
    SELECT EXISTS (SELECT 1 FROM subscription_requests WHERE next_at <= ?1 AND coalesce(claimed_until, 0) <= ?1)";
/// However many are due, only the first are ranked. Those of a host that has its share do not keep the others out.
const REQUESTS_DUE: &str = "
    WITH taken AS (
        SELECT host, count(*) AS requests FROM subscription_requests WHERE claimed_until > ?3 GROUP BY +host
    ), free AS (
        SELECT r.*, coalesce(taken.requests, 0) AS taken
        FROM subscription_requests AS r LEFT JOIN taken ON taken.host = r.host
        WHERE r.next_at <= ?3 AND coalesce(r.claimed_until, 0) <= ?3 AND coalesce(taken.requests, 0) < ?2
        ORDER BY r.next_at, r.id LIMIT 1000
    )
    SELECT group_concat(json_array(id, attempts, json_array(scope, format, topic, callback, host, wish, lease_s,
        secret, reason, client)), char(10) ORDER BY next_at, id)
    FROM (SELECT * FROM (
            SELECT *, taken + row_number() OVER (PARTITION BY host ORDER BY next_at, id) AS turn FROM free)
        WHERE turn <= ?2 ORDER BY next_at, id LIMIT ?1)";
const CLAIM_REQUESTS: &str =
    "UPDATE subscription_requests SET claimed_until = ?2 WHERE id IN (SELECT value FROM json_each(?1))";
const POSTPONE: &str = "
    UPDATE subscription_requests SET attempts = attempts + ?3, next_at = ?2, claimed_until = NULL WHERE id = ?1";
const DROP_REQUEST: &str = "DELETE FROM subscription_requests WHERE id = ?1";
const SUBSCRIBE: &str = "
    INSERT INTO subscriptions (scope, format, topic, callback, host, secret, verified_at, expires_at, sequence)
    SELECT value ->> 'scope', value ->> 'format', value ->> 'topic', value ->> 'callback', value ->> 'host',
        value ->> 'secret', ?2, ?3, ?4
    FROM json_each(?1) WHERE true
    ON CONFLICT (scope, format, callback) DO UPDATE SET topic = excluded.topic, secret = excluded.secret,
        verified_at = excluded.verified_at, expires_at = excluded.expires_at
    RETURNING id";
/// What was enqueued for the others before this one subscribed.
const OWE: &str = "
    INSERT INTO deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, ?2
    FROM subscriptions AS s JOIN feeds AS f ON f.scope = s.scope WHERE s.id = ?1 AND s.sequence < f.sequence
    ON CONFLICT (subscription) DO NOTHING";
const UNSUBSCRIBE: &str = "DELETE FROM subscriptions WHERE scope = ?1 AND format = ?2 AND callback = ?3";
const END: &str = "DELETE FROM subscriptions WHERE id = ?1 RETURNING scope, format, topic, callback, host";
const RETRY: &str = "
    INSERT INTO deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, max(s.sequence, coalesce(f.sequence, 0)), ?2, ?2
    FROM subscriptions AS s LEFT JOIN feeds AS f ON f.scope = s.scope WHERE s.id = ?1
    ON CONFLICT (subscription) DO UPDATE SET attempts = 0, next_at = excluded.next_at, failure = NULL";
const SUBSCRIBED: &str = "SELECT DISTINCT scope FROM subscriptions";
/// New ones, for deliveries of the old ones may be under way, and their sequences are those of another feed.
const REHOME: &[&str] = &[
    // Nobody is kept from going on by what is over.
    "DELETE FROM subscriptions WHERE expires_at <= ?2 AND scope IN (SELECT value ->> 1 FROM json_each(?1))",
    "INSERT INTO subscriptions (scope, format, topic, callback, host, secret, verified_at, expires_at, sequence,
        delivered_at)
    SELECT pair.value ->> 1, s.format, s.topic, s.callback, s.host, s.secret, s.verified_at, s.expires_at, 0,
        s.delivered_at
    FROM json_each(?1) AS pair JOIN subscriptions AS s ON s.scope = pair.value ->> 0 WHERE true
    ORDER BY s.expires_at DESC
    ON CONFLICT (scope, format, callback) DO NOTHING",
    "DELETE FROM subscriptions WHERE scope IN (SELECT value ->> 0 FROM json_each(?1))",
    "INSERT INTO deliveries (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, ?2
    FROM subscriptions AS s JOIN feeds AS f ON f.scope = s.scope
    WHERE s.scope IN (SELECT value ->> 1 FROM json_each(?1)) AND s.sequence < f.sequence
    ON CONFLICT (subscription) DO NOTHING",
];
/// How far is enqueued, and how far there is something to enqueue: nothing, while nobody has subscribed.
const PLACE: &str = "
    SELECT place.written, CASE WHEN EXISTS (SELECT 1 FROM subscriptions) THEN control.written ELSE place.written END
    FROM push_place AS place, control";
/// Unless another process has moved it meanwhile.
const MOVE_PLACE: &str = "UPDATE push_place SET written = ?1 WHERE written = ?2";
/// How many are in the next part, and the last of them. From the few feeds that have changed to their subscriptions.
const NEXT_PART: &str = "
    SELECT count(*), max(id) FROM (
        SELECT s.id FROM feeds AS f CROSS JOIN subscriptions AS s ON s.scope = f.scope
        WHERE f.written > ?1 AND s.sequence < f.sequence AND s.expires_at > ?2 AND s.id > ?3
        ORDER BY s.id LIMIT ?4)";
const ENQUEUE: &str = "
    INSERT INTO deliveries AS waiting (subscription, host, sequence, since, next_at)
    SELECT s.id, s.host, f.sequence, f.changed_at, ?2
    FROM subscriptions AS s CROSS JOIN feeds AS f ON f.scope = s.scope
    WHERE s.id > ?3 AND s.id <= ?4 AND f.written > ?1 AND s.sequence < f.sequence AND s.expires_at > ?2
    ON CONFLICT (subscription) DO UPDATE SET sequence = excluded.sequence, since = min(waiting.since, excluded.since)
    WHERE waiting.sequence < excluded.sequence";
/// From host to host by the index, however much waits for each.
const HOSTS_DUE: &str = "
    WITH RECURSIVE hosts (host) AS (
        SELECT min(host) FROM deliveries WHERE host > ?1
        UNION ALL
        SELECT (SELECT min(d.host) FROM deliveries AS d WHERE d.host > hosts.host) FROM hosts
        WHERE hosts.host IS NOT NULL)
    SELECT host FROM hosts WHERE EXISTS (SELECT 1 FROM deliveries AS d
        WHERE d.host = hosts.host AND d.next_at <= ?3 AND coalesce(d.claimed_until, 0) <= ?3)
    LIMIT ?2";
const CLAIM: &str = "
    UPDATE deliveries SET claimed_at = ?3, claimed_until = ?4 WHERE subscription IN (
        SELECT subscription FROM deliveries
        WHERE host = ?1 AND next_at <= ?3 AND coalesce(claimed_until, 0) <= ?3
        ORDER BY next_at, subscription LIMIT ?2)
    RETURNING subscription";
const CLAIMED: &str = "
    SELECT group_concat(json_array(s.id, s.scope, s.format, s.topic, s.callback, s.host, s.secret, d.sequence, d.since,
        d.attempts, s.expires_at), char(10) ORDER BY d.host, d.next_at, s.id)
    FROM deliveries AS d JOIN subscriptions AS s ON s.id = d.subscription
    WHERE d.subscription IN (SELECT value FROM json_each(?1))";
/// What was raised while it was under way stays, and is due, unless somebody has taken it anew.
const DELIVERED: &[&str] = &[
    "UPDATE subscriptions AS s SET sequence = max(s.sequence, told.value ->> 'sequence'), delivered_at = ?2
    FROM json_each(?1) AS told WHERE s.id = told.value ->> 'subscription'",
    "DELETE FROM deliveries WHERE subscription IN (
        SELECT d.subscription FROM json_each(?1) AS told
        JOIN deliveries AS d ON d.subscription = told.value ->> 'subscription'
        WHERE d.sequence <= told.value ->> 'sequence')",
    "UPDATE deliveries AS d SET attempts = 0, since = ?2, next_at = ?2, claimed_until = NULL, failure = NULL
    FROM json_each(?1) AS told
    WHERE d.subscription = told.value ->> 'subscription' AND d.claimed_until = told.value ->> 'claim'",
    "UPDATE push_place SET delivered_at = max(coalesce(delivered_at, 0), ?2)",
];
const PUT_OFF: &[&str] = &["UPDATE deliveries AS d SET attempts = d.attempts + (told.value ->> 'tries'),
        next_at = told.value ->> 'until', claimed_until = NULL,
        failure = coalesce(told.value ->> 'failure', d.failure)
    FROM json_each(?1) AS told
    WHERE d.subscription = told.value ->> 'subscription' AND d.claimed_until = told.value ->> 'claim'"];
const GIVEN_UP: &[&str] = &[
    "INSERT INTO dead_letters (subscription, scope, format, callback, sequence, since, given_up_at, attempts, failure)
    SELECT s.id, s.scope, s.format, s.callback, d.sequence, d.since, ?2, d.attempts + 1, told.value ->> 'failure'
    FROM json_each(?1) AS told JOIN deliveries AS d ON d.subscription = told.value ->> 'subscription'
    JOIN subscriptions AS s ON s.id = d.subscription WHERE d.claimed_until = told.value ->> 'claim'",
    "UPDATE subscriptions AS s SET sequence = max(s.sequence, d.sequence)
    FROM json_each(?1) AS told JOIN deliveries AS d ON d.subscription = told.value ->> 'subscription'
    WHERE s.id = d.subscription AND d.claimed_until = told.value ->> 'claim'",
    "DELETE FROM deliveries WHERE subscription IN (
        SELECT d.subscription FROM json_each(?1) AS told
        JOIN deliveries AS d ON d.subscription = told.value ->> 'subscription'
        WHERE d.claimed_until = told.value ->> 'claim')",
];
/// What was verified again while it was under way stays, and is due.
const GONE: &[&str] = &[
    "DELETE FROM subscriptions WHERE id IN (
        SELECT s.id FROM json_each(?1) AS told JOIN deliveries AS d ON d.subscription = told.value ->> 'subscription'
        JOIN subscriptions AS s ON s.id = d.subscription
        WHERE d.claimed_until = told.value ->> 'claim' AND d.claimed_at >= s.verified_at)",
    "UPDATE deliveries AS d SET next_at = ?2, claimed_until = NULL
    FROM json_each(?1) AS told
    WHERE d.subscription = told.value ->> 'subscription' AND d.claimed_until = told.value ->> 'claim'",
];
const SETTLE: [(Fate, &[&str]); 4] =
    [(Fate::Delivered, DELIVERED), (Fate::PutOff, PUT_OFF), (Fate::GivenUp, GIVEN_UP), (Fate::Gone, GONE)];
const BURY_EXPIRED: &str = "
    INSERT INTO dead_letters (subscription, scope, format, callback, sequence, since, given_up_at, attempts, failure)
    SELECT s.id, s.scope, s.format, s.callback, d.sequence, d.since, ?1, d.attempts, coalesce(d.failure, ?2)
    FROM (SELECT * FROM subscriptions WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?3) AS s
    JOIN deliveries AS d ON d.subscription = s.id";
/// Those whose deliveries were buried.
const EXPIRE: &str = "
    DELETE FROM subscriptions WHERE id IN (
        SELECT id FROM subscriptions WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2)";
const FORGET: &str = "DELETE FROM dead_letters WHERE given_up_at < ?1";
const BACKLOG: &str = "
    SELECT count(*), min(since), (SELECT count(*) FROM subscriptions WHERE expires_at > ?1),
        (SELECT count(*) FROM subscription_requests WHERE wish <> 'deny'), (SELECT count(*) FROM dead_letters),
        (SELECT delivered_at FROM push_place)
    FROM deliveries";
const LIST: &str = "
    SELECT group_concat(json_array(s.id, s.scope, s.format, s.topic, s.callback, s.host,
        json(iif(s.secret IS NULL, 'false', 'true')), s.verified_at, s.expires_at, s.sequence, s.delivered_at,
        d.sequence, d.since, d.attempts, d.next_at, d.failure), char(10) ORDER BY s.id)
    FROM (SELECT * FROM subscriptions WHERE id > ?2 AND (?1 IS NULL OR instr(callback, ?1) > 0)
        ORDER BY id LIMIT ?3) AS s
    LEFT JOIN deliveries AS d ON d.subscription = s.id";
const DEAD_LETTERS: &str = "
    SELECT group_concat(json_array(subscription, scope, format, callback, sequence, since, given_up_at, attempts,
        failure), char(10) ORDER BY given_up_at DESC, id DESC)
    FROM (SELECT * FROM dead_letters ORDER BY given_up_at DESC, id DESC LIMIT ?1)";

impl Subscriptions for SqliteState {
    fn request<'a>(
        &'a self,
        request: &'a NewRequest,
        limits: &'a RequestLimits,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Accepted, StateError>> {
        Box::pin(async move {
            let rows = row::json([AskedRow::from(request)])?;
            let mut transaction = self.write().await?;
            let query = sqlx::query_scalar(REFUSED_BY).bind(&rows).bind(micros(now));
            let query = query.bind(push_row::most(limits.requests_per_host_max));
            let query = query.bind(push_row::most(limits.requests_max));
            let query = query.bind(push_row::most(limits.subscriptions_per_host_max));
            let query = query.bind(push_row::most(limits.subscriptions_max));
            let query = query.bind(push_row::most(limits.requests_per_client_max));
            let refused_by: Option<String> = query.fetch_one(&mut *transaction).await?;
            if refused_by.is_none() {
                sqlx::query(REQUEST).bind(rows).bind(micros(now)).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(push_row::accepted(refused_by.as_deref()))
        })
    }

    fn claim_requests(
        &self,
        max: usize,
        per_host_max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Request>, StateError>> {
        Box::pin(async move {
            let has_due = sqlx::query_scalar(HAS_REQUESTS_DUE).bind(micros(now));
            let has_due: bool = has_due.fetch_one(&self.pool).await?;
            if !has_due {
                return Ok(Vec::new());
            }
            let mut transaction = self.write().await?;
            let due = sqlx::query_scalar(REQUESTS_DUE).bind(limit(max)).bind(limit(per_host_max)).bind(micros(now));
            let requests = push_row::requests(&packed(&mut transaction, due).await?)?;
            let ids = row::json(requests.iter().map(|request| request.id))?;
            sqlx::query(CLAIM_REQUESTS).bind(ids).bind(micros(until)).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(requests)
        })
    }

    fn settle_request<'a>(
        &'a self,
        request: &'a Request,
        verdict: &'a Verdict,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            match verdict {
                Verdict::Postponed { until, tries } => {
                    let query = sqlx::query(POSTPONE).bind(request.id).bind(micros(*until));
                    query.bind(i64::from(*tries)).execute(&mut *transaction).await?;
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
        })
    }

    fn enqueue(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let (place, written): (i64, i64) = sqlx::query_as(PLACE).fetch_one(&self.pool).await?;
            if place == written {
                return Ok(0);
            }
            let from = push_row::enqueued_to(place, written);
            let (mut owed, mut after) = (0, 0_i64);
            loop {
                let query = sqlx::query_as(NEXT_PART).bind(from).bind(micros(now)).bind(after);
                let part: (i64, Option<i64>) = query.bind(push_row::PART_ROWS).fetch_one(&self.pool).await?;
                let last = part.1.unwrap_or(after);
                let mut transaction = self.write().await?;
                let query = sqlx::query(ENQUEUE).bind(from).bind(micros(now)).bind(after).bind(last);
                owed += query.execute(&mut *transaction).await?.rows_affected();
                let all = part.0 < push_row::PART_ROWS;
                if all {
                    // Last: what is cut off before is begun anew, and what is there already stays as it is.
                    sqlx::query(MOVE_PLACE).bind(written).bind(place).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                if all {
                    return Ok(owed);
                }
                after = last;
            }
        })
    }

    fn hosts_due<'a>(
        &'a self,
        after: &'a str,
        max: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<String>, StateError>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(HOSTS_DUE).bind(after).bind(limit(max)).bind(micros(now));
            Ok(query.fetch_all(&self.pool).await?)
        })
    }

    fn claim<'a>(
        &'a self,
        hosts: &'a [(String, usize)],
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let mut claimed: Vec<i64> = Vec::new();
            for (host, max) in hosts {
                let query = sqlx::query_scalar(CLAIM).bind(host).bind(limit(*max));
                let query = query.bind(micros(now)).bind(micros(until));
                let of_host: Vec<i64> = query.fetch_all(&mut *transaction).await?;
                claimed.extend(of_host);
            }
            let query = sqlx::query_scalar(CLAIMED).bind(row::json(claimed)?);
            let deliveries = push_row::deliveries(&packed(&mut transaction, query).await?, until)?;
            transaction.commit().await?;
            Ok(deliveries)
        })
    }

    fn settle<'a>(&'a self, settled: &'a [Settled], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            for (fate, statements) in SETTLE {
                let Some(rows) = push_row::settled(settled, fate)? else { continue };
                for statement in statements {
                    let query = sqlx::query(*statement).bind(&rows).bind(micros(now));
                    query.execute(&mut *transaction).await?;
                }
            }
            Ok(transaction.commit().await?)
        })
    }

    fn expire(&self, now: Timestamp, keep: Duration) -> BoxFuture<'_, Result<u64, StateError>> {
        Box::pin(async move {
            let mut ended = 0;
            loop {
                let mut transaction = self.write().await?;
                let query = sqlx::query(BURY_EXPIRED).bind(micros(now)).bind(push_row::LEASE_OVER);
                query.bind(push_row::PART_ROWS).execute(&mut *transaction).await?;
                let query = sqlx::query(EXPIRE).bind(micros(now)).bind(push_row::PART_ROWS);
                let part = query.execute(&mut *transaction).await?.rows_affected();
                ended += part;
                let all = part < push_row::PART_ROWS.cast_unsigned();
                if all {
                    sqlx::query(FORGET).bind(push_row::before(now, keep)).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                if all {
                    return Ok(ended);
                }
            }
        })
    }

    fn backlog(&self, now: Timestamp) -> BoxFuture<'_, Result<Backlog, StateError>> {
        Box::pin(async move {
            let row: BacklogRow = sqlx::query_as(BACKLOG).bind(micros(now)).fetch_one(&self.pool).await?;
            push_row::backlog(row)
        })
    }

    fn list<'a>(
        &'a self,
        callback: Option<&'a str>,
        after: i64,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StateError>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(LIST).bind(callback).bind(after).bind(limit(max));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::subscriptions(&packed.unwrap_or_default())
        })
    }

    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StateError>> {
        Box::pin(async move {
            let packed: Option<String> =
                sqlx::query_scalar(DEAD_LETTERS).bind(limit(max)).fetch_one(&self.pool).await?;
            push_row::dead_letters(&packed.unwrap_or_default())
        })
    }

    fn remove<'a>(&'a self, id: i64, reason: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        Box::pin(async move {
            let mut transaction = self.write().await?;
            let ended: Option<EndedRow> = sqlx::query_as(END).bind(id).fetch_optional(&mut *transaction).await?;
            let Some(ended) = ended else { return Ok(false) };
            let rows = row::json([AskedRow::denial(ended, reason)])?;
            sqlx::query(REQUEST).bind(rows).bind(micros(now)).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(true)
        })
    }

    fn retry(&self, id: i64, now: Timestamp) -> BoxFuture<'_, Result<bool, StateError>> {
        Box::pin(async move {
            let done = sqlx::query(RETRY).bind(id).bind(micros(now)).execute(&self.pool).await?;
            Ok(done.rows_affected() > 0)
        })
    }

    fn subscribed(&self) -> BoxFuture<'_, Result<Vec<Scope>, StateError>> {
        Box::pin(async move {
            let names: Vec<String> = sqlx::query_scalar(SUBSCRIBED).fetch_all(&self.pool).await?;
            push_row::scopes(&names)
        })
    }

    fn rehome<'a>(&'a self, pairs: &'a [(Scope, Scope)], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let (rows, mut transaction) = (push_row::pairs(pairs)?, self.write().await?);
            for statement in REHOME {
                sqlx::query(*statement).bind(&rows).bind(micros(now)).execute(&mut *transaction).await?;
            }
            Ok(transaction.commit().await?)
        })
    }
}

/// Does what was asked.
async fn confirm(
    transaction: &mut Transaction<'static, Sqlite>,
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
            sqlx::query(OWE).bind(id).bind(micros(now)).execute(&mut **transaction).await?;
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
