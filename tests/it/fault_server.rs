//! A minimal S3 server that misbehaves as told: it stores what it is sent and keeps count, and one fault at a time
//! decides what else happens.
//!
//! No authentication: who may do what is the embedded server's and MinIO's to show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use md5::{Digest as _, Md5};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The only bucket; its name is not looked at.
pub(crate) const BUCKET: &str = "fastflow-logs";
const PROBE: &str = "/_probe/";

/// What goes wrong with an object, or with a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    Nothing,
    /// The object is stored, and the connection closed without an answer.
    LoseAnswer,
    /// The same for the end of a multipart upload only.
    LoseCompleteAnswer,
    /// This status and XML error code, and `Retry-After` in seconds; nothing is stored.
    Refuse(u16, &'static str, Option<u64>),
    /// Status 200 with an XML error in the body, no ETag; nothing is stored.
    OkWithError,
    /// The same for the end of a multipart upload only.
    CompleteOkWithError,
    /// Status 200 with an XML error that ends in its middle; nothing is stored.
    OkWithHalfAnError,
    /// The end of a multipart upload leaves out the last part.
    LosePart,
    /// HEAD says 404.
    HideFromHead,
    /// GET breaks off before its end.
    CutGet,
    /// Status 200 without ETag and body; nothing is stored.
    OkWithoutStoring,
    /// A page of HTML with this status; nothing is stored.
    Html(u16),
    /// Stored, and answered with an ETag of 32 hex digits that is not the MD5.
    WrongEtag,
    /// The body is read frame by frame, with pauses.
    SlowRead,
    /// The connection is closed before the body is read.
    CloseEarly,
    /// The connection is reset after a part of the body.
    ResetInBody,
    /// Redirects to another host with this status.
    Redirect(u16, &'static str),
    /// A bit is flipped before the server looks at the body.
    FlipInTransit,
    /// A bit of the stored object is flipped after the right answer; `x-amz-meta-sha256` stays.
    FlipStored,
    /// The last byte of the stored object gets lost after the right answer.
    StoreShort,
    /// HEAD shows another `x-amz-meta-sha256`.
    OtherMetadata,
    /// Metadata is not kept, and a bit is flipped as in [`Fault::FlipStored`].
    ForgetMetadataAndFlip,
}

/// What ETags the server gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Etag {
    Md5,
    Empty,
    Absent,
    /// Not hex.
    Opaque,
    /// `{32 hex}-2`, for a single upload.
    MultipartShaped,
    /// 32 hex digits that are not the MD5, and the answer says `aws:kms`.
    Kms,
}

/// Which digests of a request the server compares with the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Checks {
    Both,
    OnlyMd5,
    OnlySha256,
    Neither,
}

/// How the server speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tls {
    Plain,
    /// With a good certificate of the private CA.
    Good,
    /// With one that ended in 2020.
    Expired,
    /// With one for another host.
    OtherHost,
}

/// What kind of server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    pub(crate) fault: Fault,
    /// How often the fault happens to each key (and part).
    pub(crate) times: usize,
    /// Whether the fault leaves the probe of digests alone.
    pub(crate) spares_probe: bool,
    /// What the probe is answered with, whatever its digests.
    pub(crate) probe_refusal: Option<&'static str>,
    pub(crate) etag: Etag,
    pub(crate) checks: Checks,
    pub(crate) tls: Tls,
}

/// A stored object.
#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    etag: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// What a single upload said before its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    /// As it was sent, escapes included.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

#[derive(Default)]
struct State {
    heads: Vec<Head>,
    objects: BTreeMap<String, Object>,
    /// Parts of multipart uploads by key and number.
    parts: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    metadata: BTreeMap<String, BTreeMap<String, String>>,
    /// Single uploads, and begun multipart uploads.
    tries: BTreeMap<String, usize>,
    failed_handshakes: usize,
    /// How often the fault happened to what.
    happened: BTreeMap<String, usize>,
}

/// The running server; it stops when dropped.
pub(crate) struct FaultServer {
    address: SocketAddr,
    tls: Tls,
    ca_pem: Option<String>,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultServer {
    pub(crate) fn start(behaviour: Behaviour) -> FaultServer {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, ca_pem) = match acceptor(behaviour.tls) {
            Some((acceptor, pem)) => (Some(acceptor), Some(pem)),
            None => (None, None),
        };
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, mut stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = &mut stopped => return,
                    };
                    let Ok((socket, _)) = accepted else { continue };
                    let _ = socket.set_nodelay(true);
                    if behaviour.fault == Fault::ResetInBody {
                        socket.set_zero_linger().unwrap();
                    }
                    let (state, acceptor) = (Arc::clone(&shared), acceptor.clone());
                    tokio::spawn(async move {
                        match acceptor {
                            None => converse(socket, behaviour, state).await,
                            Some(acceptor) => match acceptor.accept(socket).await {
                                Ok(stream) => converse(stream, behaviour, state).await,
                                Err(_) => lock(&state).failed_handshakes += 1,
                            },
                        }
                    });
                }
            });
        });
        FaultServer { address, tls: behaviour.tls, ca_pem, state, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}://{}", if self.tls == Tls::Plain { "http" } else { "https" }, self.address)
    }

    /// The CA's certificate, where the server speaks TLS.
    pub(crate) fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What is stored under this key.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).map(|object| object.bytes.clone())
    }

    /// What was said of single uploads, in their order.
    pub(crate) fn heads(&self) -> Vec<Head> {
        self.state().heads.clone()
    }

    /// How often an upload of this key was begun.
    pub(crate) fn tries(&self, key: &str) -> usize {
        self.state().tries.get(key).copied().unwrap_or_default()
    }

    /// How often a client hung up because of the certificate.
    pub(crate) fn failed_handshakes(&self) -> usize {
        self.state().failed_handshakes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the fault server hangs up")
    }
}

impl std::error::Error for HangUp {}

/// On an answer: its body ends in the middle.
#[derive(Clone)]
struct CutShort;

/// A body that may promise more than it gives.
struct Reply {
    whole: Full<Bytes>,
    is_cut: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        let is_cut = self.is_cut;
        let whole = Pin::new(&mut self.whole).poll_frame(context);
        whole.map(|frame| match frame {
            Some(_) if is_cut => Some(Err(HangUp)),
            frame => frame.map(|frame| frame.map_err(|never| match never {})),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.whole.size_hint()
    }
}

type Answer = Result<Response<Full<Bytes>>, HangUp>;

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    behaviour: Behaviour,
    state: Arc<Mutex<State>>,
) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move {
            let response = answer(request, behaviour, &state).await?;
            let is_cut = response.extensions().get::<CutShort>().is_some();
            Ok::<_, HangUp>(response.map(|whole| Reply { whole, is_cut }))
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, behaviour: Behaviour, state: &Mutex<State>) -> Answer {
    let (parts, body) = request.into_parts();
    let key = parts.uri.path().trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    match parts.method {
        Method::PUT => put(&parts, key, body, behaviour, state).await,
        Method::POST => multipart(&parts, key, body, behaviour, state).await,
        Method::HEAD if behaviour.fault == Fault::HideFromHead => Ok(empty(404)),
        Method::GET
            if fault(&format!("GET {key}"), behaviour, state, |fault| fault == Fault::CutGet) == Fault::CutGet =>
        {
            let mut response = get(&key, behaviour, state)?;
            response.extensions_mut().insert(CutShort);
            Ok(response)
        }
        Method::HEAD | Method::GET => get(&key, behaviour, state),
        Method::DELETE => Ok(empty(204)),
        _ => Ok(error(405, "MethodNotAllowed", None)),
    }
}

/// The fault of this request, if it is its turn.
fn fault(what: &str, behaviour: Behaviour, state: &Mutex<State>, concerns: impl Fn(Fault) -> bool) -> Fault {
    if !concerns(behaviour.fault) || (behaviour.spares_probe && what.contains(PROBE)) {
        return Fault::Nothing;
    }
    let mut state = lock(state);
    let happened = state.happened.entry(what.to_owned()).or_default();
    *happened += 1;
    if *happened <= behaviour.times { behaviour.fault } else { Fault::Nothing }
}

fn is_of_complete(fault: Fault) -> bool {
    matches!(fault, Fault::CompleteOkWithError | Fault::LoseCompleteAnswer | Fault::LosePart)
}

fn is_of_reading(fault: Fault) -> bool {
    matches!(fault, Fault::HideFromHead | Fault::CutGet)
}

async fn put(parts: &Parts, key: String, mut body: Incoming, behaviour: Behaviour, state: &Mutex<State>) -> Answer {
    let part = query(parts, "partNumber").and_then(|number| number.parse::<u32>().ok());
    if part.is_none() {
        let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        lock(state).heads.push(Head { path: parts.uri.path().to_owned(), headers });
        *lock(state).tries.entry(key.clone()).or_default() += 1;
    }
    let what = format!("{key}?{}", part.unwrap_or_default());
    let fault = fault(&what, behaviour, state, |fault| !is_of_complete(fault) && !is_of_reading(fault));
    match fault {
        Fault::CloseEarly => return Err(HangUp),
        Fault::ResetInBody => {
            let _ = body.frame().await;
            return Err(HangUp);
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.map_err(|_| HangUp)?.data_ref() {
            bytes.extend_from_slice(data);
        }
        if fault == Fault::SlowRead {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
    match fault {
        Fault::Refuse(status, code, retry_after) => return Ok(error(status, code, retry_after)),
        Fault::OkWithError => return Ok(error(200, "InternalError", None)),
        Fault::OkWithHalfAnError => return Ok(xml(200, "<Error><Code>SlowDown</Code><Mess".to_owned())),
        Fault::OkWithoutStoring => return Ok(empty(200)),
        Fault::Html(status) => return Ok(html(status)),
        Fault::Redirect(status, code) => {
            let mut response = error(status, code, None);
            response.headers_mut().insert("location", "http://127.0.0.1:9/elsewhere".parse().unwrap());
            return Ok(response);
        }
        Fault::FlipInTransit => flip(&mut bytes),
        _ => {}
    }
    if let Some(code) = behaviour.probe_refusal.filter(|_| key.contains(PROBE)) {
        return Ok(error(400, code, None));
    }
    let claimed = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let md5 = STANDARD.encode(Md5::digest(&bytes));
    if matches!(behaviour.checks, Checks::Both | Checks::OnlyMd5) && claimed("content-md5").is_some_and(|of| of != md5)
    {
        return Ok(error(400, "BadDigest", None));
    }
    let sha256 = hex(&Sha256::digest(&bytes));
    if matches!(behaviour.checks, Checks::Both | Checks::OnlySha256)
        && claimed("x-amz-content-sha256").is_some_and(|of| of.len() == 64 && of != sha256)
    {
        return Ok(error(400, "XAmzContentSHA256Mismatch", None));
    }
    let etag = match (fault, behaviour.etag) {
        (Fault::WrongEtag, _) => Some(hex(&Md5::digest(b"other"))),
        (_, Etag::Md5) => Some(hex(&Md5::digest(&bytes))),
        (_, Etag::Empty) => Some(String::new()),
        (_, Etag::Absent) => None,
        (_, Etag::Opaque) => Some(format!("opaque~{}", &sha256[..16])),
        (_, Etag::MultipartShaped) => Some(format!("{}-2", hex(&Md5::digest(b"parts")))),
        (_, Etag::Kms) => Some(hex(&Md5::digest(format!("kms {sha256}")))),
    };
    if let Some(number) = part {
        lock(state).parts.entry(key).or_default().insert(number, bytes);
    } else {
        let mut metadata = metadata(parts);
        match fault {
            Fault::FlipStored => flip(&mut bytes),
            Fault::StoreShort => drop(bytes.pop()),
            Fault::OtherMetadata => drop(metadata.insert("x-amz-meta-sha256".into(), hex(&Sha256::digest(b"other")))),
            Fault::ForgetMetadataAndFlip => {
                metadata.clear();
                flip(&mut bytes);
            }
            _ => {}
        }
        lock(state).objects.insert(key, Object { bytes, etag: etag.clone(), metadata });
    }
    if fault == Fault::LoseAnswer {
        return Err(HangUp);
    }
    Ok(stored(empty(200), etag.as_deref(), behaviour))
}

async fn multipart(parts: &Parts, key: String, body: Incoming, behaviour: Behaviour, state: &Mutex<State>) -> Answer {
    let _ = body.collect().await;
    if query(parts, "uploads").is_some() {
        let mut state = lock(state);
        *state.tries.entry(key.clone()).or_default() += 1;
        state.parts.insert(key.clone(), BTreeMap::new());
        state.metadata.insert(key, metadata(parts));
        let text = "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>";
        return Ok(stored(xml(200, text.to_owned()), None, behaviour));
    }
    let fault = fault(&key, behaviour, state, is_of_complete);
    if fault == Fault::CompleteOkWithError {
        // With the white space by which S3 keeps the connection open meanwhile.
        return Ok(xml(200, format!("{}<Error><Code>InternalError</Code></Error>", " \n".repeat(20))));
    }
    let Some(mut pieces) = lock(state).parts.remove(&key) else { return Ok(error(404, "NoSuchUpload", None)) };
    if fault == Fault::LosePart {
        pieces.pop_last();
    }
    let digests: Vec<u8> = pieces.values().flat_map(|piece| Md5::digest(piece).to_vec()).collect();
    let etag = match behaviour.etag {
        Etag::Md5 => format!("{}-{}", hex(&Md5::digest(&digests)), pieces.len()),
        Etag::Empty | Etag::Absent => String::new(),
        _ => "opaque~whole".to_owned(),
    };
    let bytes = pieces.into_values().flatten().collect();
    let metadata = lock(state).metadata.remove(&key).unwrap_or_default();
    lock(state).objects.insert(key, Object { bytes, etag: Some(etag.clone()), metadata });
    if fault == Fault::LoseCompleteAnswer {
        return Err(HangUp);
    }
    let text =
        format!("<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>");
    Ok(xml(200, text))
}

/// HEAD too: hyper leaves the body out and keeps its length.
fn get(key: &str, behaviour: Behaviour, state: &Mutex<State>) -> Answer {
    let Some(object) = lock(state).objects.get(key).cloned() else { return Ok(error(404, "NoSuchKey", None)) };
    let mut response = stored(Response::new(Full::new(object.bytes.into())), object.etag.as_deref(), behaviour);
    for (name, value) in object.metadata {
        response.headers_mut().insert(hyper::header::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    Ok(response)
}

fn stored(mut response: Response<Full<Bytes>>, etag: Option<&str>, behaviour: Behaviour) -> Response<Full<Bytes>> {
    if let Some(etag) = etag {
        let quoted = if etag.is_empty() { String::new() } else { format!("\"{etag}\"") };
        response.headers_mut().insert("etag", quoted.parse().unwrap());
    }
    if behaviour.etag == Etag::Kms {
        response.headers_mut().insert("x-amz-server-side-encryption", "aws:kms".parse().unwrap());
    }
    response
}

fn empty(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).header("x-amz-request-id", "F0").body(Full::default()).unwrap()
}

fn xml(status: u16, text: String) -> Response<Full<Bytes>> {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
    let response = Response::builder().status(status).header("content-type", "application/xml");
    response.header("x-amz-request-id", "F0").body(Full::new(text.into())).unwrap()
}

fn error(status: u16, code: &str, retry_after: Option<u64>) -> Response<Full<Bytes>> {
    let mut response = xml(status, format!("<Error><Code>{code}</Code><Message>as told</Message></Error>"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn html(status: u16) -> Response<Full<Bytes>> {
    let page = "<!DOCTYPE html><html><body><h1>The proxy says hello</h1></body></html>";
    Response::builder().status(status).header("content-type", "text/html").body(Full::new(page.into())).unwrap()
}

fn metadata(parts: &Parts) -> BTreeMap<String, String> {
    let ours = parts.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"));
    ours.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect()
}

/// The value of a parameter; empty where it has none.
fn query<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).find(|(found, _)| *found == name).map(|pair| pair.1)
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a TLS server shakes hands with, and its CA.
fn acceptor(tls: Tls) -> Option<(TlsAcceptor, String)> {
    let host = match tls {
        Tls::Plain => return None,
        Tls::OtherHost => "s3.example.com",
        Tls::Good | Tls::Expired => "127.0.0.1",
    };
    let mut ca = CertificateParams::new(Vec::default()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let mut server = CertificateParams::new(vec![host.to_owned()]).unwrap();
    if tls == Tls::Expired {
        (server.not_before, server.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Some((TlsAcceptor::from(Arc::new(config)), ca_pem))
}
