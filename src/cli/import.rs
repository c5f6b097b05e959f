//! `loa import`: articles into the embedded store.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::found::FindPolicy;
use crate::import::ndjson::CategoryWish;
use crate::import::writer::Writer;
use crate::import::{Format, Import, Options, Remark, Summary};
use crate::state;
use crate::store::sqlite::embedded::Embedded;
use crate::text::stamp::Zones;

const SOURCE_BUFFER_BYTES: usize = 1 << 18;

/// Brings articles into the embedded store: NDJSON (an article a line), or an article's page as text. What cannot be
/// read is listed with its line, all the rest goes in. Importing twice changes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Slug of the category of the pages, and of NDJSON articles that name none; made if it is missing.
    #[arg(long, value_name = "SLUG")]
    category: Option<String>,
    /// Name of the category if it has to be made; by default it is made of the slug.
    #[arg(long, value_name = "NAME", requires = "category")]
    category_name: Option<String>,
    /// Localities of a page's story: official codes or names, parted by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    locality: Vec<String>,
    /// What is done about places that the texts themselves name, whatever `localities.find` in the configuration says:
    /// `assign` puts stories that carry no locality into the feeds of these places, `suggest` keeps them for editors
    /// (`loa localities explain`), `off` looks for none. It is remembered for these articles.
    #[arg(long, value_name = "POLICY", value_parser = PossibleValuesParser::new(FindPolicy::ALL.map(FindPolicy::as_str)))]
    localities: Option<String>,
    /// Id of a page's story; by default derived from its title and first known stamp, and kept since.
    #[arg(long)]
    id: Option<String>,
    /// Address of a page's story.
    #[arg(long)]
    url: Option<url::Url>,
    /// What the files are; by default told by their first character.
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Do everything but keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    /// An article a line.
    Ndjson,
    /// An article's page as text.
    Page,
}

/// Where the command finds what it needs.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The embedded store: `sqlite:PATH`.
    pub store_url: &'a str,
    /// Loa's own memory.
    pub state_url: &'a str,
    /// Zones of stamps that name none.
    pub zones: Zones,
}

/// Runs the command. Says whether there were faults, which it has listed.
///
/// # Errors
/// If the store cannot be opened or written, or a file cannot be read.
pub async fn run(args: &Args, setting: Setting<'_>) -> anyhow::Result<bool> {
    if args.files.len() > 1 && (args.id.is_some() || args.url.is_some()) {
        anyhow::bail!("--id and --url are those of one story: give one page with them");
    }
    let path = Embedded::path_of(setting.store_url)?;
    let opened = if args.dry_run { Writer::open_dry(&path).await } else { Writer::open(&path).await };
    let mut writer = opened.with_context(|| format!("the embedded store `{}` cannot be opened", path.display()))?;
    let begun = Instant::now();
    let options = options(args, setting.zones);
    let mut import = Import::new(&mut writer, &options);
    for file in &args.files {
        take_in(&mut import, file).await?;
    }
    let Import { summary, taken, .. } = import;
    writer.close().await?;
    if let Some(policy) = options.find.filter(|_| !args.dry_run) {
        state::open(setting.state_url).await?.set_find_policy(&taken, policy).await?;
    }
    let text = if args.json { json(&summary, args.dry_run)? } else { told(&summary, args.dry_run, begun.elapsed()) };
    std::io::stdout().lock().write_all(text.as_bytes()).context("the summary cannot be written")?;
    Ok(summary.faulty > 0)
}

fn options(args: &Args, zones: Zones) -> Options {
    let category = args.category.as_ref().map(|slug| CategoryWish {
        key: slug.clone(),
        name: args.category_name.clone(),
        ..CategoryWish::default()
    });
    let format = args.format.map(|format| match format {
        FormatArg::Ndjson => Format::Ndjson,
        FormatArg::Page => Format::Page,
    });
    let localities = args.locality.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let url = args.url.as_ref().map(ToString::to_string);
    let find = args.localities.as_deref().and_then(FindPolicy::from_word);
    Options { format, category, localities, find, id: args.id.clone(), url, zones }
}

async fn take_in(import: &mut Import<'_>, file: &Path) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let bar = ProgressBar::no_length();
    let mut source: Box<dyn BufRead> = if name == "-" {
        Box::new(BufReader::with_capacity(SOURCE_BUFFER_BYTES, bar.wrap_read(std::io::stdin())))
    } else {
        let opened = File::open(file).with_context(|| format!("`{name}` cannot be opened"))?;
        bar.set_length(opened.metadata().map_or(0, |metadata| metadata.len()));
        Box::new(BufReader::with_capacity(SOURCE_BUFFER_BYTES, bar.wrap_read(opened)))
    };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {msg}")?);
    let mut progress = |summary: &Summary| bar.set_message(format!("{} articles", summary.articles()));
    let done = import.run(&name, &mut source, &mut progress).await;
    bar.finish_and_clear();
    Ok(done?)
}

fn json(summary: &Summary, is_dry: bool) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(summary)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("dry_run".to_owned(), is_dry.into());
    }
    Ok(format!("{value:#}\n"))
}

fn told(summary: &Summary, is_dry: bool, took: Duration) -> String {
    let mut text = String::new();
    for (kind, remarks) in [("fault", &summary.faults), ("note", &summary.notes)] {
        for Remark { source, line, text: reason } in remarks {
            line_to(&mut text, format_args!("{kind}: {source}:{line}: {reason}"));
        }
    }
    for (slug, name) in &summary.categories_made {
        line_to(&mut text, format_args!("category `{slug}` was made, named `{name}`"));
    }
    if !summary.unknown_names.is_empty() {
        let names: Vec<&str> = summary.unknown_names.iter().map(String::as_str).collect();
        line_to(&mut text, format_args!("left alone, names that mean nothing here: {}", names.join(", ")));
    }
    let per_second = u128::from(summary.articles()) * 1000 / took.as_millis().max(1);
    let (tally, completed, faulty) = (summary.tally, summary.completed, summary.faulty);
    line_to(
        &mut text,
        format_args!(
            "{} articles in {:.1} s ({per_second}/s): {} new, {} changed (of these {completed} completed), {} unchanged; \
             {faulty} faulty",
            summary.articles(),
            took.as_secs_f64(),
            tally.new,
            tally.changed,
            tally.unchanged,
        ),
    );
    if is_dry {
        line_to(&mut text, format_args!("dry run: nothing was kept"));
    }
    text
}

fn line_to(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}
