//! An S3 server inside the test process: s3s over a folder, on loopback, with a user who may only put.
//!
//! Stricter than plain s3s-fs: a missing bucket is NoSuchBucket, an unknown key InvalidAccessKeyId, and a body whose digests
//! are not those it came with is refused before anything is stored. What stays lax: checksums other than SHA-256.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::content::{Digest, digest_of};
use crate::store::{BUCKET, Keys, StoreOptions};
use crate::strict::StrictFs;
use crate::tls::PrivateCa;
use crate::tree::tree_files;

/// Folder of the buckets.
const DATA: &str = "data";
const ADMIN: (&str, &str) = ("kit-admin", "kit-admin-secret-0123456789");
const WRITER: (&str, &str) = ("kit-writer", "kit-writer-secret-9876543210");
const PUT_ONLY: [&str; 5] =
    ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"];

/// s3s says no more about a wrong signature; every store has a message.
const BARE_REFUSAL: &str = "<Code>SignatureDoesNotMatch</Code></Error>";
const REFUSAL: &str = "<Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the \
    signature you provided. Check your key and signing method.</Message></Error>";

/// A request that reached the server, in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// S3's name of the operation, `PutObject` for example.
    pub operation: String,
    /// Bucket, empty for requests to the server itself.
    pub bucket: String,
    /// Key, empty for requests to a bucket.
    pub key: String,
    /// The error code it was turned away with before any work was done.
    pub refused: Option<String>,
}

type Fault = Box<dyn Fn(&Request) -> Option<&'static str> + Send>;

/// What requests and the test share.
#[derive(Default)]
struct Journal {
    requests: Mutex<Vec<Request>>,
    fault: Mutex<Option<Fault>>,
}

/// The running server; it stops and removes its folder when dropped.
pub struct EmbeddedS3 {
    folder: TempDir,
    bucket: String,
    address: SocketAddr,
    ca: Option<PrivateCa>,
    service: S3Service,
    journal: Arc<Journal>,
    running: Option<Running>,
    /// Keeps the port ours while the server is dead; a bound socket that does not listen refuses connections.
    reserved: Option<TcpSocket>,
}

/// What listens; it ends when the sender is gone.
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl EmbeddedS3 {
    /// Starts a server with the bucket `fastflow-logs`, without encryption, over plain HTTP.
    pub fn start() -> Result<Self> {
        Self::start_with(StoreOptions::default())
    }

    /// Starts a server of that kind.
    pub fn start_with(options: StoreOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join(DATA);
        fs::create_dir(&root)?;
        let ca = options.tls.then(|| PrivateCa::create(folder.path())).transpose()?;
        if let Some(bucket) = &options.bucket {
            fs::create_dir(root.join(bucket))?;
        }
        let journal = Arc::new(Journal::default());
        let files = s3s_fs::FileSystem::new(&root).map_err(|error| anyhow!("open s3s-fs: {error:?}"))?;
        let mut service = S3ServiceBuilder::new(StrictFs::new(files, options.encryption));
        service.set_auth(TwoUsers);
        service.set_access(Gate { root, journal: Arc::clone(&journal) });
        let service = service.build();

        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = socket.local_addr()?;
        let bucket = options.bucket.unwrap_or_else(|| BUCKET.to_owned());
        let mut server =
            EmbeddedS3 { folder, bucket, address, ca, service, journal, running: None, reserved: Some(socket) };
        server.restart()?;
        Ok(server)
    }

    /// Ends the server at once, as a crash would: connections die, new ones are refused.
    pub fn kill(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            drop(stop);
            let _ = thread.join();
            self.reserved = bind(self.address).ok();
        }
    }

    /// Starts the server again on the same port, with the same data.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let socket = self.reserved.take().map_or_else(|| bind(self.address), Ok)?;
        let acceptor = self.ca.as_ref().map(PrivateCa::acceptor).transpose()?;
        let service = self.service.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            socket.listen(1024)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("embedded-s3".to_owned()).spawn(move || {
            runtime.block_on(serve(listener, acceptor, service, stopped));
            runtime.shutdown_timeout(Duration::from_secs(5));
        })?;
        self.running = Some(Running { stop, thread });
        Ok(())
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.ca.is_some() { "https" } else { "http" }, self.address)
    }

    /// PEM file of the private CA, where the server speaks TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.ca.as_ref().map(|ca| ca.ca_file.clone())
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Keys of the user who may only put, multipart included.
    pub fn writer(&self) -> Keys {
        Keys::new(WRITER.0, WRITER.1)
    }

    /// Keys of the user who may do all.
    pub fn admin(&self) -> Keys {
        Keys::new(ADMIN.0, ADMIN.1)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.journal.requests).clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.journal.requests).clear();
    }

    /// How many uploads each key got (PutObject and completed multipart uploads that were let in).
    pub fn uploads(&self) -> BTreeMap<String, usize> {
        let mut uploads = BTreeMap::new();
        for request in self.requests() {
            let is_upload = matches!(request.operation.as_str(), "PutObject" | "CompleteMultipartUpload");
            if is_upload && request.refused.is_none() {
                *uploads.entry(request.key).or_default() += 1;
            }
        }
        uploads
    }

    /// From now on asks `fault` for each request whether to turn it away, and with which error code (`SlowDown`...).
    pub fn set_fault(&self, fault: impl Fn(&Request) -> Option<&'static str> + Send + 'static) {
        *lock(&self.journal.fault) = Some(Box::new(fault));
    }

    /// All is well again.
    pub fn clear_fault(&self) {
        *lock(&self.journal.fault) = None;
    }

    /// Every object of the bucket with length and SHA-256.
    pub fn objects(&self) -> Result<BTreeMap<String, Digest>> {
        let mut objects = tree_files(&self.root().join(&self.bucket), &[])?;
        objects.retain(|key, _| !key.ends_with('/'));
        Ok(objects)
    }

    /// Keys with lengths.
    pub fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        Ok(self.objects()?.into_iter().map(|(key, digest)| (key, digest.bytes)).collect())
    }

    /// Length and SHA-256 of one object.
    pub fn digest(&self, key: &str) -> Result<Digest> {
        digest_of(File::open(self.path(key)).with_context(|| format!("no object {key}"))?)
    }

    /// Bytes of one object.
    pub fn object(&self, key: &str) -> Result<Vec<u8>> {
        fs::read(self.path(key)).with_context(|| format!("no object {key}"))
    }

    /// Where the bytes of an object are; a test that spoils or removes an object does it there.
    pub fn path(&self, key: &str) -> PathBuf {
        self.root().join(&self.bucket).join(key)
    }

    /// Stores an object as another client does, without metadata.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(key);
        path.parent().map(fs::create_dir_all).transpose()?;
        Ok(fs::write(path, bytes)?)
    }

    /// Removes an object.
    pub fn remove(&self, key: &str) -> Result<()> {
        Ok(fs::remove_file(self.path(key))?)
    }

    /// Metadata of one object: names without `x-amz-meta-`, and `content-type`.
    pub fn metadata(&self, key: &str) -> Result<BTreeMap<String, String>> {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let name = format!(".bucket-{}.object-{}.metadata.json", encode(&self.bucket), encode(key));
        let text = fs::read(self.root().join(name)).with_context(|| format!("no metadata of {key}"))?;
        let json: serde_json::Value = serde_json::from_slice(&text)?;
        let mut metadata = BTreeMap::new();
        for (name, value) in json["user_metadata"].as_object().into_iter().flatten() {
            metadata.insert(name.to_lowercase(), value.as_str().unwrap_or_default().to_owned());
        }
        if let Some(value) = json["content_type"].as_str() {
            metadata.insert("content-type".to_owned(), value.to_owned());
        }
        Ok(metadata)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join(DATA)
    }
}

impl Drop for EmbeddedS3 {
    fn drop(&mut self) {
        self.kill();
    }
}

impl std::fmt::Debug for EmbeddedS3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedS3").field("endpoint", &self.endpoint()).field("bucket", &self.bucket).finish()
    }
}

/// A socket of that address, which does not listen yet: connections are refused, and nobody else is given the port.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections until the sender is gone.
async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    service: S3Service,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => continue,
            },
            _ = &mut stopped => return,
        };
        let _ = socket.set_nodelay(true);
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            match acceptor {
                None => converse(socket, service).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        converse(stream, service).await;
                    }
                }
            }
        });
    }
}

/// Answers what comes over one connection; every answer has a number, as with every store.
async fn converse(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, service: S3Service) {
    static ANSWERS: AtomicU64 = AtomicU64::new(1);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let service = service.clone();
        async move {
            let mut response = service.call(request.map(s3s::Body::from)).await?;
            if let Some(body) = response.body().bytes().filter(|body| body.ends_with(BARE_REFUSAL.as_bytes())) {
                let text = String::from_utf8_lossy(&body).replace(BARE_REFUSAL, REFUSAL);
                *response.body_mut() = s3s::Body::from(text);
            }
            let number = format!("{:016X}", ANSWERS.fetch_add(1, Ordering::Relaxed));
            response.headers_mut().insert("x-amz-request-id", number.parse().expect("hex digits"));
            Ok::<_, s3s::HttpError>(response)
        }
    });
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Knows the administrator and the writer.
struct TwoUsers;

#[async_trait::async_trait]
impl S3Auth for TwoUsers {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match [ADMIN, WRITER].into_iter().find(|keys| keys.0 == access_key) {
            Some(keys) => Ok(SecretKey::from(keys.1)),
            None => Err(s3_error!(InvalidAccessKeyId, "The access key Id you provided does not exist in our records.")),
        }
    }
}

/// Writes every request down, and lets in what the user may do.
struct Gate {
    root: PathBuf,
    journal: Arc<Journal>,
}

impl Gate {
    fn verdict(&self, user: Option<&str>, request: &Request) -> Option<S3Error> {
        if let Some(code) = lock(&self.journal.fault).as_ref().and_then(|fault| fault(request)) {
            return Some(S3Error::new(S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError)));
        }
        let allowed = match user {
            Some(user) if user == ADMIN.0 => true,
            Some(user) if user == WRITER.0 => PUT_ONLY.contains(&request.operation.as_str()),
            _ => false,
        };
        if !allowed {
            return Some(s3_error!(AccessDenied, "Access Denied."));
        }
        let missing = !request.bucket.is_empty() && !self.root.join(&request.bucket).is_dir();
        (missing && request.operation != "CreateBucket")
            .then(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let mut request = Request {
            operation: context.s3_op().name().to_owned(),
            bucket: context.s3_path().get_bucket_name().unwrap_or_default().to_owned(),
            key: context.s3_path().get_object_key().unwrap_or_default().to_owned(),
            refused: None,
        };
        let user = context.credentials().map(|credentials| credentials.access_key.clone());
        let verdict = self.verdict(user.as_deref(), &request);
        request.refused = verdict.as_ref().map(|error| error.code().as_str().to_owned());
        lock(&self.journal.requests).push(request);
        verdict.map_or(Ok(()), Err)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
