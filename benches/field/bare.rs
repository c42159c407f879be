//! The ceiling: a client that only puts, over connections that stay open, and does nothing else. Requests are made before
//! the clock starts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fastflow_archive_testkit::Keys;

use crate::measure::{Figures, cpu_time};
use crate::sign::{metadata, signed_put};

/// One object to put.
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// Who the requests come from.
pub(crate) enum As<'a> {
    /// Anybody: no signature, no digests; the bucket must allow it.
    Anybody,
    /// The same, with the metadata that belongs to the objects.
    AnybodyWithMetadata,
    /// This user, with the headers, digests and signature that ours sends.
    User(&'a Keys),
}

/// Puts all objects over so many connections; the times count from the first byte to the last answer.
pub(crate) fn put_all(
    address: SocketAddr,
    host: &str,
    bucket: &str,
    objects: &[Object],
    who: &As<'_>,
    connections: usize,
) -> Result<Figures> {
    let heads: Vec<String> = objects
        .iter()
        .map(|object| {
            let path = format!("/{bucket}/{}", percent_encoded(&object.key));
            match who {
                As::Anybody => unsigned_put(host, &path, &object.bytes, &[]),
                As::AnybodyWithMetadata => unsigned_put(host, &path, &object.bytes, &metadata(&object.bytes)),
                As::User(keys) => signed_put(host, &path, &object.bytes, keys),
            }
        })
        .collect();
    let next = AtomicUsize::new(0);
    let (began, cpu) = (Instant::now(), cpu_time(std::process::id())?);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let mut answers = BufReader::new(stream.try_clone()?);
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(head), Some(object)) = (heads.get(index), objects.get(index)) else { return Ok(()) };
                stream.write_all(&[head.as_bytes(), &object.bytes].concat())?;
                read_answer(&mut answers).map(drop).with_context(|| format!("put `{}`", object.key))?;
            }
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a connection panicked")))
    })?;
    let (wall, cpu) = (began.elapsed(), cpu_time(std::process::id())?.saturating_sub(cpu));
    Ok(Figures { wall, cpu, ..Figures::default() })
}

/// The head of a PUT by anybody.
fn unsigned_put(host: &str, path: &str, body: &[u8], headers: &[(&str, String)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {}\r\n\r\n", body.len())
}

/// Lists a bucket that anybody may list, a page after the other: how many keys, and how long.
pub(crate) fn list_all(address: SocketAddr, host: &str, bucket: &str) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let (mut keys, mut query) = (0, String::new());
    loop {
        let request = format!("GET /{bucket}?list-type=2{query} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let page = read_answer(&mut answers)?;
        keys += page.matches("<Key>").count() as u64;
        let token = page.split_once("<NextContinuationToken>").and_then(|(_, rest)| rest.split_once('<'));
        match token {
            Some((token, _)) => query = format!("&continuation-token={}", percent_encoded(token)),
            None => return Ok((keys, began.elapsed())),
        }
    }
}

fn read_answer(answers: &mut BufReader<TcpStream>) -> Result<String> {
    let (mut status, mut length) = (String::new(), 0);
    answers.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if !status.contains(" 200 ") {
        bail!("{} {body}", status.trim());
    }
    Ok(body)
}

/// As SigV4 wants paths: everything but unreserved characters and slashes.
fn percent_encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
