//! A store that takes objects, keeps none, and refuses what is over its limit as AWS does: 503 `SlowDown`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// What one request takes.
const SERVICE: Duration = Duration::from_millis(10);
const REFUSAL: &str = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// What the store is able to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// So many requests at the same time.
    AtOnce(usize),
    /// So many requests in a second, and a tenth of that in a burst.
    PerSecond(u32),
}

/// The store; it lives as long as this process.
pub(crate) struct Store {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
}

struct Counts {
    limit: Limit,
    at_once: AtomicUsize,
    /// Requests that may come at once, and when that was so.
    bucket: Mutex<(f64, Instant)>,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Store {
    /// Requests that were taken, and that were refused.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.counts.taken.load(Ordering::Relaxed), self.counts.refused.load(Ordering::Relaxed))
    }
}

/// Starts the store.
pub(crate) fn start(limit: Limit) -> Result<Store> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let counts = Arc::new(Counts {
        limit,
        at_once: AtomicUsize::new(0),
        bucket: Mutex::new((0.0, Instant::now())),
        taken: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    let shared = Arc::clone(&counts);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                let counts = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, &counts));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
    });
    Ok(Store { address, counts })
}

async fn answer(request: Request<Incoming>, counts: &Counts) -> Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    drop(body.collect().await?);
    let before = counts.at_once.fetch_add(1, Ordering::Relaxed);
    let is_over = match counts.limit {
        Limit::AtOnce(most) => before >= most,
        Limit::PerSecond(rate) => counts.is_over(f64::from(rate)),
    };
    if !is_over {
        tokio::time::sleep(SERVICE).await;
    }
    counts.at_once.fetch_sub(1, Ordering::Relaxed);
    if is_over {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(Response::builder().status(503).body(Full::from(REFUSAL))?);
    }
    counts.taken.fetch_add(1, Ordering::Relaxed);
    let md5 = parts.headers.get("content-md5").map_or(&b""[..], |value| value.as_bytes());
    let etag: String = STANDARD.decode(md5)?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Response::builder().header("etag", format!("\"{etag}\"")).body(Full::default())?)
}

impl Counts {
    fn is_over(&self, rate: f64) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, at) = *bucket;
        let now = Instant::now();
        let tokens = (tokens + rate * now.duration_since(at).as_secs_f64()).min(rate / 10.0);
        let is_over = tokens < 1.0;
        *bucket = (if is_over { tokens } else { tokens - 1.0 }, now);
        is_over
    }
}
