//! What the hub keeps, in PostgreSQL. Every writer first locks the one row of `push_place`, so writers take turns, and none
//! can deadlock with another. Those who take what is due do not: they pass over what others hold, and wait for nobody.

mod statements;

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Postgres, Transaction};

use self::statements as sql;
use super::{PostgresState, StateError, count, within};
use crate::domain::clock::Timestamp;
use crate::domain::scope::Scope;
use crate::state::push::{
    Accepted, Backlog, DeadLetter, Delivery, NewRequest, Request, RequestLimits, Settled, Subscription, Subscriptions,
    Verdict, Wish,
};
use crate::state::push_row::{self, AskedRow, BacklogRow, EndedRow};
use crate::state::row::{self, limit, micros};

impl PostgresState {
    async fn write_push(&self) -> Result<Transaction<'static, Postgres>, StateError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(sql::BEGIN_WRITE).execute(&mut *transaction).await?;
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
        let query = sqlx::query_as(sql::ENQUEUE).bind(push_row::enqueued_to(place, written)).bind(micros(now));
        let query = query.bind(after).bind(push_row::PART_ROWS);
        let (rows, last, new): (i64, Option<i64>, i64) = query.fetch_one(&mut *transaction).await?;
        let owed = owed + new.cast_unsigned();
        let more = last.filter(|_| rows == push_row::PART_ROWS);
        if more.is_none() {
            sqlx::query(sql::MOVE_PLACE).bind(written).bind(place).execute(&mut *transaction).await?;
            count(&mut transaction, sql::WAKE, owed).await?;
        }
        transaction.commit().await?;
        Ok((owed, more))
    }

    /// Ends so many leases as one transaction should; those that are left are known by a part that is full.
    async fn expire_part(&self, now: Timestamp, keep: Duration) -> Result<u64, StateError> {
        let mut transaction = self.write_push().await?;
        let query = sqlx::query(sql::BURY_EXPIRED).bind(micros(now)).bind(push_row::LEASE_OVER);
        query.bind(push_row::PART_ROWS).execute(&mut *transaction).await?;
        let query = sqlx::query(sql::EXPIRE).bind(micros(now)).bind(push_row::PART_ROWS);
        let ended = query.execute(&mut *transaction).await?.rows_affected();
        sqlx::query(sql::FORGET).bind(push_row::before(now, keep)).execute(&mut *transaction).await?;
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
            let query = sqlx::query_scalar(sql::REFUSED_BY).bind(&rows).bind(micros(now));
            let query = query.bind(push_row::most(limits.requests_per_host_max));
            let query = query.bind(push_row::most(limits.requests_max));
            let query = query.bind(push_row::most(limits.subscriptions_per_host_max));
            let query = query.bind(push_row::most(limits.subscriptions_max));
            let query = query.bind(push_row::most(limits.requests_per_client_max));
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
            let has_due = sqlx::query_scalar(sql::HAS_REQUESTS_DUE).bind(micros(now));
            let has_due: bool = has_due.fetch_one(&self.pool).await?;
            if !has_due {
                return Ok(Vec::new());
            }
            let query = sqlx::query_scalar(sql::CLAIM_REQUESTS).bind(limit(max)).bind(limit(per_host_max));
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
                Verdict::Postponed { until, tries } => {
                    let query = sqlx::query(sql::POSTPONE).bind(request.id).bind(micros(*until));
                    query.bind(i64::from(*tries)).execute(&mut *transaction).await?;
                }
                Verdict::Dropped => {
                    sqlx::query(sql::DROP_REQUEST).bind(request.id).execute(&mut *transaction).await?;
                }
                Verdict::Confirmed { asked_at, sequence } => {
                    let dropped = sqlx::query(sql::DROP_REQUEST).bind(request.id).execute(&mut *transaction).await?;
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
            let places: (i64, i64) =
                within(async { Ok(sqlx::query_as(sql::PLACE).fetch_one(&self.pool).await?) }).await?;
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
            let query = sqlx::query_scalar(sql::HOSTS_DUE).bind(after).bind(limit(max)).bind(micros(now));
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
            let query = sqlx::query_scalar(sql::CLAIM).bind(turns).bind(micros(now)).bind(micros(until));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::deliveries(&packed.unwrap_or_default(), until)
        }))
    }

    fn settle<'a>(&'a self, settled: &'a [Settled], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            for (fate, statement) in sql::SETTLE {
                if let Some(rows) = push_row::settled(settled, fate)? {
                    sqlx::query(statement).bind(rows).bind(micros(now)).execute(&mut *transaction).await?;
                }
            }
            Ok(transaction.commit().await?)
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
            let row: BacklogRow = sqlx::query_as(sql::BACKLOG).bind(micros(now)).fetch_one(&self.pool).await?;
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
            let query = sqlx::query_scalar(sql::LIST).bind(callback).bind(after).bind(limit(max));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::subscriptions(&packed.unwrap_or_default())
        }))
    }

    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StateError>> {
        Box::pin(within(async move {
            let query = sqlx::query_scalar(sql::DEAD_LETTERS).bind(limit(max));
            let packed: Option<String> = query.fetch_one(&self.pool).await?;
            push_row::dead_letters(&packed.unwrap_or_default())
        }))
    }

    fn remove<'a>(&'a self, id: i64, reason: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            let ended: Option<EndedRow> = sqlx::query_as(sql::END).bind(id).fetch_optional(&mut *transaction).await?;
            let Some(ended) = ended else { return Ok(false) };
            record(&mut transaction, row::json([AskedRow::denial(ended, reason)])?, now).await?;
            transaction.commit().await?;
            Ok(true)
        }))
    }

    fn retry(&self, id: i64, now: Timestamp) -> BoxFuture<'_, Result<bool, StateError>> {
        Box::pin(within(async move {
            let mut transaction = self.write_push().await?;
            let query = sqlx::query(sql::RETRY).bind(id).bind(micros(now));
            let due = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, sql::WAKE, due).await?;
            transaction.commit().await?;
            Ok(due > 0)
        }))
    }

    fn subscribed(&self) -> BoxFuture<'_, Result<Vec<Scope>, StateError>> {
        Box::pin(within(async move {
            let names: Vec<String> = sqlx::query_scalar(sql::SUBSCRIBED).fetch_all(&self.pool).await?;
            push_row::scopes(&names)
        }))
    }

    fn rehome<'a>(&'a self, pairs: &'a [(Scope, Scope)], now: Timestamp) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(within(async move {
            let (rows, mut transaction) = (push_row::pairs(pairs)?, self.write_push().await?);
            sqlx::query(sql::END_EXPIRED).bind(&rows).bind(micros(now)).execute(&mut *transaction).await?;
            sqlx::query(sql::REHOME).bind(&rows).execute(&mut *transaction).await?;
            let query = sqlx::query(sql::OWE_REHOMED).bind(rows).bind(micros(now));
            let owed = query.execute(&mut *transaction).await?.rows_affected();
            count(&mut transaction, sql::WAKE, owed).await?;
            Ok(transaction.commit().await?)
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
    let recorded = sqlx::query(sql::REQUEST).bind(rows).bind(micros(now)).execute(&mut **transaction).await?;
    count(transaction, sql::WAKE, recorded.rows_affected()).await
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
            let query = sqlx::query_scalar(sql::SUBSCRIBE).bind(row::json([AskedRow::from(asked)])?).bind(micros(now));
            let query = query.bind(push_row::lease_end(asked_at, *lease_s)).bind(sequence.cast_signed());
            let id: i64 = query.fetch_one(&mut **transaction).await?;
            let owed = sqlx::query(sql::OWE).bind(id).bind(micros(now)).execute(&mut **transaction).await?;
            count(transaction, sql::WAKE, owed.rows_affected()).await?;
        }
        Wish::Unsubscribe => {
            let query = sqlx::query(sql::UNSUBSCRIBE).bind(asked.key.scope.to_string());
            let query = query.bind(asked.key.format.extension()).bind(&asked.callback);
            query.execute(&mut **transaction).await?;
        }
        Wish::Deny { .. } => {}
    }
    Ok(())
}
