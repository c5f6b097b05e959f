//! One document as bytes, in every encoding that was asked for, with its validators (RFC 9110 section 8.8).

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::domain::clock::Timestamp;
use crate::domain::format::Format;

/// A content coding (RFC 9110 section 8.4.1), or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
    /// As it is.
    Identity,
}

impl Encoding {
    /// Every coding, the preferred one first where a client likes several equally.
    pub const ALL: [Self; 4] = [Self::Zstd, Self::Brotli, Self::Gzip, Self::Identity];

    /// The token in `Content-Encoding`; `identity` is never written there.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }
}

/// The levels, one each: `docs/decisions/encodings.md`.
const ZSTD_LEVEL: i32 = 9;
const BROTLI_QUALITY: u32 = 5;
const GZIP_LEVEL: i32 = 5;
/// Window of the brotli encoder, as a power of two of bytes: 4 MiB holds every document.
const BROTLI_WINDOW: u32 = 22;
/// The bytes of a document in one coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub bytes: Bytes,
    /// Strong entity tag with its quotes: a hash of these bytes; before it a feed's sequence and a hyphen.
    pub etag: String,
}

/// Bytes that are served, in every coding that was asked for.
#[derive(Debug)]
pub struct Body {
    /// What its entity tags begin with.
    tag_prefix: String,
    identity: Encoded,
    coded: [OnceCell<Encoded>; 3],
}

impl Body {
    /// Takes what is to be served. Its entity tags are hashes of the bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self::tagged(String::new(), bytes.into())
    }

    fn tagged(tag_prefix: String, bytes: Bytes) -> Self {
        let identity = encoded(&tag_prefix, bytes);
        Self { tag_prefix, identity, coded: [const { OnceCell::const_new() }; 3] }
    }

    /// The bytes as they are.
    #[must_use]
    pub const fn identity(&self) -> &Encoded {
        &self.identity
    }

    /// The bytes in a coding, if they were made already.
    #[must_use]
    pub fn made(&self, encoding: Encoding) -> Option<&Encoded> {
        self.cell(encoding).map_or(Some(&self.identity), OnceCell::get)
    }

    /// The codings that were made already, for who makes the next document before anybody asks for it.
    #[must_use]
    pub fn codings(&self) -> Vec<Encoding> {
        let is_coded = |encoding: &Encoding| *encoding != Encoding::Identity && self.made(*encoding).is_some();
        Encoding::ALL.into_iter().filter(is_coded).collect()
    }

    /// Bytes in memory, in all codings that were made.
    #[must_use]
    pub fn weight(&self) -> usize {
        Encoding::ALL.into_iter().filter_map(|encoding| self.made(encoding)).map(|encoded| encoded.bytes.len()).sum()
    }

    /// The bytes in a coding: made once, by the first who asks, off the async threads. Should the encoder fail, they
    /// come as they are, so look at which coding came back.
    pub async fn encoded(&self, encoding: Encoding) -> (Encoding, &Encoded) {
        let Some(cell) = self.cell(encoding) else { return (Encoding::Identity, &self.identity) };
        let made = cell.get_or_try_init(|| async {
            let (body, prefix) = (self.identity.bytes.clone(), self.tag_prefix.clone());
            let work = move || compress(encoding, &body).map(|bytes| encoded(&prefix, bytes));
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
        });
        match made.await {
            Ok(encoded) => (encoding, encoded),
            Err(error) => {
                tracing::error!(encoding = encoding.token(), %error, "a document cannot be compressed, it goes out as it is");
                (Encoding::Identity, &self.identity)
            }
        }
    }

    /// Makes a coding on this thread, for who makes documents before anybody asks for them. Should the encoder fail, the
    /// first who asks is told.
    pub fn encode(&self, encoding: Encoding) {
        let Some(cell) = self.cell(encoding).filter(|cell| !cell.initialized()) else { return };
        if let Ok(bytes) = compress(encoding, &self.identity.bytes) {
            // Who asked meanwhile has made the same.
            drop(cell.set(encoded(&self.tag_prefix, bytes)));
        }
    }

    /// Where the bytes in a coding are kept; `None`: as they are.
    const fn cell(&self, encoding: Encoding) -> Option<&OnceCell<Encoded>> {
        let [zstd, brotli, gzip] = &self.coded;
        match encoding {
            Encoding::Zstd => Some(zstd),
            Encoding::Brotli => Some(brotli),
            Encoding::Gzip => Some(gzip),
            Encoding::Identity => None,
        }
    }
}

/// One document of a feed.
#[derive(Debug)]
pub struct Document {
    format: Format,
    sequence: u64,
    changed_at: Option<Timestamp>,
    body: Body,
}

impl Document {
    /// Takes a rendered document. `sequence` and `changed_at` are the feed's; 0 and `None` for one that never held an
    /// article.
    #[must_use]
    pub fn new(format: Format, sequence: u64, changed_at: Option<Timestamp>, body: impl Into<Bytes>) -> Self {
        Self { format, sequence, changed_at, body: Body::tagged(format!("{sequence}-"), body.into()) }
    }

    /// How it is written.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The feed's change sequence when it was made.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The instant of the feed's last change; `None` if it never held an article.
    #[must_use]
    pub const fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at
    }

    /// Its bytes.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The document as it is.
    #[must_use]
    pub const fn identity(&self) -> &Encoded {
        self.body.identity()
    }
}

/// The hash in an entity tag: the first 64 bits of SHA-256, in hexadecimal.
fn tag_hash(bytes: &[u8]) -> String {
    let first = Sha256::digest(bytes).first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    format!("{first:016x}")
}

fn encoded(tag_prefix: &str, bytes: Bytes) -> Encoded {
    Encoded { etag: format!("\"{tag_prefix}{}\"", tag_hash(&bytes)), bytes }
}

/// What compressing works in, kept for the next document: a buffer as large as a document may become, that was made among
/// documents which stay, would leave a hole of that size behind each.
struct Workplace {
    gzip: libdeflater::Compressor,
    out: Vec<u8>,
}

/// The workplaces that nobody is at. They are as many as ever compressed at the same time, up to [`WORKPLACES_MAX`].
static WORKPLACES: Mutex<Vec<Workplace>> = Mutex::new(Vec::new());
/// More of them are not kept: a place takes about a megabyte.
const WORKPLACES_MAX: usize = 4;

fn workplaces() -> MutexGuard<'static, Vec<Workplace>> {
    WORKPLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it is: what a buffer has beyond that would be kept with the document.
fn compress(encoding: Encoding, body: &[u8]) -> io::Result<Bytes> {
    let free = workplaces().pop();
    let mut place = free.unwrap_or_else(|| Workplace {
        gzip: libdeflater::Compressor::new(libdeflater::CompressionLvl::new(GZIP_LEVEL).unwrap_or_default()),
        out: Vec::new(),
    });
    let coded = place.compress(encoding, body).map(Bytes::copy_from_slice);
    let mut free = workplaces();
    if free.len() < WORKPLACES_MAX {
        free.push(place);
    }
    coded
}

impl Workplace {
    fn compress<'a>(&'a mut self, encoding: Encoding, body: &'a [u8]) -> io::Result<&'a [u8]> {
        self.out.clear();
        match encoding {
            Encoding::Identity => return Ok(body),
            Encoding::Zstd => {
                self.out.reserve(zstd::zstd_safe::compress_bound(body.len()));
                zstd::bulk::Compressor::new(ZSTD_LEVEL)?.compress_to_buffer(body, &mut self.out)?;
            }
            Encoding::Gzip => {
                self.out.resize(self.gzip.gzip_compress_bound(body.len()), 0);
                let length = self.gzip.gzip_compress(body, &mut self.out).map_err(io::Error::other)?;
                self.out.truncate(length);
            }
            Encoding::Brotli => {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: i32::try_from(BROTLI_QUALITY).unwrap_or_default(),
                    lgwin: i32::try_from(BROTLI_WINDOW).unwrap_or_default(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &body[..], &mut self.out, &params)?;
            }
        }
        Ok(&self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_coding_has_its_own_tag_and_is_made_of_the_same_bytes() {
        let body = "tin địa phương ".repeat(500);
        let document = Document::new(Format::Rss, 7, None, body.clone());
        let mut tags = Vec::new();
        for encoding in Encoding::ALL {
            let (came, encoded) = document.body().encoded(encoding).await;
            assert_eq!(came, encoding);
            assert_eq!(document.body().encoded(encoding).await.1, encoded, "made once");
            assert_eq!(decode(encoding, &encoded.bytes), body.as_bytes());
            assert!(encoded.etag.starts_with("\"7-"), "{}", encoded.etag);
            tags.push(encoded.etag.clone());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), Encoding::ALL.len());
    }

    #[tokio::test]
    async fn a_coding_made_before_anybody_asks_is_the_one_that_would_be_made_then() {
        let body = || Body::new("tin địa phương ".repeat(500));
        let (early, late) = (body(), body());
        for encoding in Encoding::ALL {
            early.encode(encoding);
            assert_eq!(early.made(encoding), Some(late.encoded(encoding).await.1), "{encoding:?}");
        }
        assert_eq!(early.codings(), [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip]);
        assert_eq!(body().codings(), []);
    }

    fn decode(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        use std::io::Read as _;
        let mut out = Vec::new();
        match encoding {
            Encoding::Identity => out.extend_from_slice(bytes),
            Encoding::Zstd => out = zstd::stream::decode_all(bytes).unwrap(),
            Encoding::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Encoding::Brotli => brotli::BrotliDecompress(&mut &bytes[..], &mut out).unwrap(),
        }
        out
    }
}
