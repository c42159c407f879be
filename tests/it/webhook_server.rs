//! An HTTP server that remembers what is posted to it and answers as told: Teams, and the checks that are pinged.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// What a request is answered with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Status, `Retry-After`, body.
    Say(u16, Option<&'static str>, &'static str),
    /// A redirect to here.
    Redirect(&'static str),
    /// Nothing, ever.
    Hang,
    /// The connection is closed.
    Drop,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl Posted {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The adaptive card in it.
    pub(crate) fn card(&self) -> Value {
        self.json()["attachments"][0]["content"].clone()
    }
}

/// The running server.
pub(crate) struct WebhookServer {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl WebhookServer {
    /// Answers the first requests with `replies`, all others as Workflows does: 202 without a body.
    pub(crate) fn start(replies: &[Reply]) -> WebhookServer {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let (shared, replies) = (Arc::clone(&posted), replies.to_vec());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let (posted, replies) = (Arc::clone(&shared), replies.clone());
                    let service = service_fn(move |request| answer(request, Arc::clone(&posted), replies.clone()));
                    tokio::spawn(async move {
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
                    });
                }
            });
        });
        WebhookServer { address, posted }
    }

    /// The address with a path that nobody may see.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/webhook-secret-0815", self.address)
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.posted().into_iter().map(|posted| posted.path.replace("/webhook-secret-0815", "")).collect()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn only_post(&self) -> Posted {
        let mut posted = self.posted();
        assert_eq!(posted.len(), 1, "{posted:#?}");
        posted.remove(0)
    }
}

async fn answer(
    request: Request<Incoming>,
    posted: Arc<Mutex<Vec<Posted>>>,
    replies: Vec<Reply>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let reply = {
        let mut posted = posted.lock().unwrap();
        posted.push(Posted { path, body: String::from_utf8(body.to_vec()).unwrap(), at: Instant::now() });
        replies.get(posted.len() - 1).copied().unwrap_or(Reply::Say(202, None, ""))
    };
    let response = Response::builder();
    Ok(match reply {
        Reply::Say(status, None, body) => response.status(status).body(Full::from(body)),
        Reply::Say(status, Some(after), body) => {
            response.status(status).header("Retry-After", after).body(Full::from(body))
        }
        Reply::Redirect(to) => response.status(307).header("Location", to).body(Full::default()),
        Reply::Drop => return Err(std::io::Error::other("dropped")),
        Reply::Hang => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return Err(std::io::Error::other("hung"));
        }
    }
    .unwrap())
}
