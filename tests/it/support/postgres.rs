//! A PostgreSQL database of one test's own, on the server that `tests/run` names.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use url::Url;

use super::{Database, own_name};

/// A database on the test server.
pub(crate) struct Postgres {
    name: String,
}

impl Postgres {
    /// The database's name; roles that a test makes begin with it, too.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its address for another role.
    pub(crate) fn url_as(&self, role: &str) -> String {
        let mut url = Url::parse(&self.url()).unwrap();
        url.set_username(role).unwrap();
        url.into()
    }
}

impl Postgres {
    /// The two text columns of every row.
    pub(crate) async fn pairs(&self, query: &str) -> Vec<(String, String)> {
        let mut connection = self.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
        sqlx::query_as(AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await.unwrap()
    }

    /// Statements in one transaction, again and again until no other transaction is in their way.
    pub(crate) async fn sql_retried(&self, statements: &str) {
        loop {
            let mut connection = self.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
            match sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await {
                Ok(_) => return,
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("40P01") => {}
                Err(error) => panic!("{statements}: {error}"),
            }
        }
    }
}

impl Database for Postgres {
    async fn create() -> Self {
        let name = own_name();
        run(&server(), &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
        Self { name }
    }

    async fn sql(&self, statements: &str) {
        run(&self.url(), statements).await;
    }

    fn url(&self) -> String {
        let mut url = Url::parse(&server()).unwrap();
        url.set_path(&self.name);
        url.into()
    }

    async fn remove(self) {
        run(&server(), &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

/// The superuser's address of the test server.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration; tests/run tells them by this variable")]
pub(crate) fn server() -> String {
    std::env::var("LOA_TEST_POSTGRES_URL").expect("LOA_TEST_POSTGRES_URL is not set: run tests/run")
}

async fn run(url: &str, statements: &str) {
    let mut connection: PgConnection = url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
}
