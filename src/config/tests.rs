use super::*;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str, &'static str)],
) -> Result<Config, String> {
    let mut faults = Vec::new();
    let mut layers = Layers::defaults(&mut faults);
    layers.add_toml("loa.toml", file, &mut faults);
    layers.add_environment(environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), &mut faults);
    layers.add_flags(flags.iter().map(|(k, v, f)| (*k, (*v).to_owned(), *f)), &mut faults);
    Config::of(&layers, faults).0.map_err(|error| error.to_string())
}

fn refused(file: &str, expect: &str) {
    let error = load(file, &[], &[]).expect_err(file);
    let lines: Vec<_> = error.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(lines.join("\n"), expect, "{file}");
}

#[test]
fn every_documented_key_is_read_and_every_key_read_is_documented() {
    let mut faults = Vec::new();
    let layers = Layers::defaults(&mut faults);
    let (config, asked) = Config::of(&layers, faults);
    config.expect("the defaults are valid");
    assert_eq!(asked, layers.keys().map(str::to_owned).collect());
}

#[test]
fn the_documented_ranges_are_the_real_ones() {
    let lines: Vec<_> = include_str!("../../config/default.toml").lines().collect();
    let mut section = "";
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let Some((key, value)) = line.split_once(" = ") else { continue };
        if !line.starts_with('#') && value.parse::<i64>().is_ok() {
            let error = load(&format!("[{section}]\n{key} = -1"), &[], &[]).expect_err(key);
            let range = error.lines().find_map(|line| line.split("out of range, expected ").nth(1)).expect(key);
            let notes = lines[at.saturating_sub(4)..at].join(" ").replace("# ", "");
            assert!(notes.contains(range), "{section}.{key}: `{range}` is not in `{notes}`");
        }
    }
}

#[test]
fn the_example_is_valid_but_for_its_secret_file() {
    let example = include_str!("../../config/example.toml");
    let error = load(example, &[], &[]).unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains("store.url_file (loa.toml, line "), "{error}");
    let config = load(example, &[("LOA_STORE_URL", "postgres://loa:secret@db/newsroom")], &[]).unwrap();
    assert_eq!(config.store.url.expose(), "postgres://loa:secret@db/newsroom");
    assert_eq!(config.identity.unwrap().to_string(), "tag:baovidu.example,2022-03-18");
    assert_eq!(config.feeds.content_of.get("category/xay-dung-dang"), Some(&Content::Full));
    assert!(!format!("{:?}", config.store).contains("secret"));
}

#[test]
fn later_layers_win() {
    let file = "[http]\nlisten = '127.0.0.1:1'\nhost_names = ['a.example']\n[store]\npoll_interval_ms = 500";
    let environment =
        [("LOA_HTTP_LISTEN", "127.0.0.1:2"), ("LOA_HTTP_HOST_NAMES", "b.example, c.example"), ("PATH", "/")];
    let config = load(file, &environment, &[("http.listen", "127.0.0.1:3", "--listen")]).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.host_names, ["b.example", "c.example"]);
    assert_eq!(config.store.poll_interval, Duration::from_millis(500));
}

#[test]
fn a_base_address_gets_its_slash() {
    let config = load("[site]\nbase_url = 'https://baovidu.example/tin'", &[], &[]).unwrap();
    assert_eq!(config.site.base_url.unwrap().as_str(), "https://baovidu.example/tin/");
}

#[test]
fn faults_name_key_place_and_way_out() {
    refused("[http]\nlistn = ''", "http.listn (loa.toml, line 2): is no known key, did you mean `http.listen`?");
    refused("title = 'x'", "title (loa.toml, line 1): is no known key");
    refused("[site]\n\ntitle = 3", "site.title (loa.toml, line 3): is a whole number, expected a text in quotes");
    refused("[site]\ntitle = 1.5", "site.title (loa.toml, line 2): is of a type that no key has (float)");
    refused("[site\n", "loa.toml, line 1: is not TOML: unclosed table, expected `]`");
    refused(
        "[http]\nlisten = 'x'",
        "http.listen (loa.toml, line 2): `x` cannot be used, expected ADDRESS:PORT such as `127.0.0.1:8090`",
    );
    refused("[feeds]\nttl_minutes = 0", "feeds.ttl_minutes (loa.toml, line 2): 0 is out of range, expected 1 to 1440");
    refused(
        "[feeds]\ncontent = 'all'",
        "feeds.content (loa.toml, line 2): `all` is unknown, expected `summary` or `full`",
    );
    refused(
        "[store]\nurl = 'mysql://x:geheim@h/d'",
        "store.url (loa.toml, line 2): is no address of a database, expected `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`",
    );
    refused(
        "[http]\ncache_max_age_seconds = 150",
        "http.stale_while_revalidate_seconds (built-in default): and `http.cache_max_age_seconds` together are 210, at most 180 are allowed; lower one of them",
    );
    refused(
        "[identity]\nsince = '2022'",
        "identity.since (loa.toml, line 2): needs `identity.authority` beside it; set both or none",
    );
}

#[test]
fn redirects_lead_from_elsewhere_to_a_document_of_ours() {
    let file = "[redirects]\n'/rss/th%E1%BB%9Di-s%E1%BB%B1.rss' = '/feeds/category/thoi-su.rss'\n'/rss.xml' = '/feeds/all.rss'";
    let redirects = load(file, &[], &[]).unwrap().redirects;
    let lines: Vec<_> = redirects.iter().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(lines, ["/rss.xml /feeds/all.rss", "/rss/thời-sự.rss /feeds/category/thoi-su.rss"]);
    let check = |line: &str, expect: &str| {
        let error = load(&format!("[redirects]\n{line}"), &[], &[]).unwrap_err();
        assert!(error.contains("(loa.toml, line 2): ") && error.contains(expect), "{error}");
    };
    check("'rss.xml' = '/feeds/all.rss'", "`rss.xml` is no path");
    check("'/rss.aspx?id=3' = '/feeds/all.rss'", "has a query");
    check("'/feeds/cu.rss' = '/feeds/all.rss'", "an address of Loa's own");
    for own in ["/", "/opml.xml", "/healthz", "/hub", "/readyz", "/%66eeds/cu.rss", "/feeds%2fcu.rss", "/%6Fpml.xml"] {
        check(&format!("'{own}' = '/feeds/all.rss'"), &format!("`{own}` is an address of Loa's own"));
    }
    check("'/rss.xml' = '/feeds/all'", "is no document of ours");
    check("'/rss.xml' = 'https://tin.example/feeds/all.rss'", "is no document of ours");
    check("'/rss.xml' = 7", "is a whole number, expected a text in quotes");
}

#[test]
fn every_fault_is_in_one_message() {
    let error = load(
        "[site]\nlogo_url = 'logo.png'\n[log]\nlevel = 'loud'",
        &[("LOA_HTTP_LISTN", "x"), ("LOA_SERVICE_HOST", "10.0.0.1")],
        &[],
    );
    assert_eq!(
        error.unwrap_err(),
        "the configuration cannot be used\n  \
         environment variable LOA_HTTP_LISTN: is no setting, did you mean `LOA_HTTP_LISTEN`?; unset it or correct it\n  \
         site.logo_url (loa.toml, line 2): `logo.png` cannot be used, expected an absolute address such as `https://baovidu.example/`, without user and fragment\n  \
         log.level (loa.toml, line 4): `loud` is unknown, expected `error` or `warn` or `info` or `debug` or `trace`"
    );
}

#[test]
fn two_places_for_one_secret_contradict_each_other_unless_one_wins() {
    let file = "[store]\nurl = 'sqlite:a'\nurl_file = '/nowhere/at/all'";
    let error = load(file, &[], &[]).unwrap_err();
    assert!(error.contains("store.url_file (loa.toml, line 3): contradicts `store.url`"), "{error}");
    let config = load(file, &[], &[("store.url", "sqlite:b", "--store")]).unwrap();
    assert_eq!(config.store.url.expose(), "sqlite:b");
}

#[test]
fn a_cache_is_told_in_one_of_two_ways() {
    let hook = |lines: &str| load(&format!("[purge]\n{lines}"), &[], &[]).map(|config| config.purge.hook);
    assert_eq!(hook(""), Ok(None));
    let command = vec!["/usr/local/bin/purge".to_owned(), "--all".to_owned()];
    assert_eq!(hook("command = ['/usr/local/bin/purge', '--all']"), Ok(Some(PurgeHook::Command(command))));
    let request = hook("url = 'https://cdn.example/x{path}?u={url}'\nheader = 'Api-Key: geheim'").unwrap().unwrap();
    assert!(matches!(&request, PurgeHook::Request { method, host: None, header: Some((name, value)), .. }
        if method.as_str() == "PURGE" && name == "api-key" && value == "geheim"));
    assert!(!format!("{request:?}").contains("geheim"));
    let check = |lines: &str, expect: &str| {
        let error = hook(lines).unwrap_err();
        assert!(error.contains(expect) && !error.contains("geheim"), "{error}");
    };
    check("url = 'http://cache.example/'", "purge.url (loa.toml, line 2): `http://cache.example/` cannot be used");
    check("url = 'ftp://cache.example{path}'", "purge.url (loa.toml, line 2)");
    check("url = 'http://c{path}'\ncommand = ['x']", "contradicts `purge.command`; keep one of the two");
    check("method = 'G ET'", "purge.method (loa.toml, line 2): `G ET` cannot be used");
    check("header = 'geheim'", "purge.header (loa.toml, line 2): is no header");
}

#[test]
fn the_hub_is_read_and_its_limits_agree() {
    let push = |lines: &str| load(&format!("[push]\n{lines}"), &[], &[]).map(|config| config.push);
    let defaults = push("").unwrap();
    assert!(defaults.enabled && !defaults.callbacks_may_be_local);
    assert_eq!((defaults.hubs.len(), defaults.client_header), (0, None));
    assert_eq!(defaults.callback_ports, [80, 443, 8080, 8443]);
    assert_eq!(defaults.dead_letters_keep, Duration::from_hours(720));
    let set =
        push("hubs = ['https://hub.example/?a=1']\nclient_header = 'X-Real-IP'\ncallback_ports = [8000]").unwrap();
    assert_eq!(set.hubs, [Url::parse("https://hub.example/?a=1").unwrap()]);
    assert_eq!(set.client_header.unwrap(), "x-real-ip");
    assert_eq!(set.callback_ports, [8000]);
    let environment = [("LOA_PUSH_ENABLED", "false"), ("LOA_PUSH_CALLBACK_PORTS", "80, 8000")];
    let set = load("", &environment, &[]).unwrap().push;
    assert_eq!((set.enabled, set.callback_ports), (false, vec![80, 8000]));
    // Of the time before there was a limit of each client.
    let set = push("requests_max = 500\nrequests_per_host_max = 500").unwrap();
    assert!(set.requests_per_client_max > set.requests_max);

    let refused = |lines: &str, expect: &str| refused(&format!("[push]\n{lines}"), &format!("push.{expect}"));
    refused(
        "lease_max_seconds = 60",
        "lease_default_seconds (built-in default): 864000 is more than `push.lease_max_seconds` (60); lower it or raise the other",
    );
    refused(
        "requests_per_host_max = 10001",
        "requests_per_host_max (loa.toml, line 2): 10001 is more than `push.requests_max` (10000); lower it or raise the other",
    );
    refused(
        "retry_first_ms = 3000\nretry_max_ms = 2000",
        "retry_first_ms (loa.toml, line 2): 3000 is more than `push.retry_max_ms` (2000); lower it or raise the other",
    );
    refused(
        "hubs = ['hub.example']",
        "hubs (loa.toml, line 2): `hub.example` cannot be used, expected an absolute address such as `https://baovidu.example/`, without user and fragment",
    );
    refused(
        "client_header = 'X Y'",
        "client_header (loa.toml, line 2): `X Y` cannot be used, expected the name of a header such as `X-Forwarded-For`",
    );
    refused(
        "callback_ports = []",
        "callback_ports (loa.toml, line 2): is empty, expected at least one number; leave the key out to get the default",
    );
    refused(
        "hubs = ['https://hub.example', 'https://other.example/', 'https://HUB.example/']",
        "hubs (loa.toml, line 2): `https://hub.example/` stands there more than once; leave it there once",
    );
    refused(
        "verification_retry_first_ms = 3000\nverification_retry_max_ms = 2000",
        "verification_retry_first_ms (loa.toml, line 2): 3000 is more than `push.verification_retry_max_ms` (2000); lower it or raise the other",
    );
    refused("callback_ports = [0]", "callback_ports (loa.toml, line 2): 0 is out of range, expected 1 to 65535");
    refused(
        "callback_ports = ['80']",
        "callback_ports (loa.toml, line 2): is a list of texts, expected a list of whole numbers",
    );
    let error = load("", &[("LOA_PUSH_CALLBACK_PORTS", "")], &[]).unwrap_err();
    assert!(error.contains("push.callback_ports (environment variable LOA_PUSH_CALLBACK_PORTS): is empty"), "{error}");
}
