//! A client of its own for the tests: one signed request per connection, with whatever digests a test claims.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::SystemTime;

use fastflow_archive_testkit::{Keys, TestStore};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    /// A header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The ETag without its quotes.
    pub(crate) fn etag(&self) -> &str {
        self.header("etag").unwrap_or_default().trim_matches('"')
    }

    /// The text of an element of the body.
    pub(crate) fn element(&self, name: &str) -> &str {
        let rest = self.body.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
        rest.split_once("</").map_or("", |(text, _)| text)
    }

    /// Status and error code.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.element("Code"))
    }
}

/// A server, its bucket, and a pair of keys.
pub(crate) struct Client {
    host: String,
    bucket: String,
    keys: Keys,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    pub(crate) fn new(store: &TestStore, keys: Keys) -> Client {
        let endpoint = store.endpoint();
        let host = endpoint.split_once("://").unwrap().1.to_owned();
        let tls = store.ca_file().map(|file| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
            let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
            let builder = builder.with_safe_default_protocol_versions().unwrap();
            Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
        });
        Client { host, bucket: store.bucket().to_owned(), keys, tls }
    }

    /// The same client, what it trusts included, at another server.
    pub(crate) fn at(self, store: &TestStore) -> Client {
        Client { host: Client::new(store, store.writer()).host, ..self }
    }

    /// Stores an object.
    pub(crate) fn put(&self, key: &str, body: &[u8]) -> Answer {
        self.send("PUT", key, "", &[], body).unwrap()
    }

    /// Stores an object in parts; gives the answers to the first, the second-last and the last request.
    pub(crate) fn put_parts(&self, key: &str, parts: &[&[u8]]) -> (Answer, Answer, Answer) {
        let created = self.send("POST", key, "uploads=", &[], b"").unwrap();
        let id = created.element("UploadId").to_owned();
        let mut list = String::new();
        let mut last = None;
        for (part, number) in parts.iter().zip(1..) {
            let answer = self.send("PUT", key, &format!("partNumber={number}&uploadId={id}"), &[], part).unwrap();
            list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{}\"</ETag></Part>", answer.etag());
            last = Some(answer);
        }
        (created, last.unwrap(), self.complete(key, &id, &list))
    }

    /// Makes an object of parts.
    pub(crate) fn complete(&self, key: &str, id: &str, list: &str) -> Answer {
        let body = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
        self.send("POST", key, &format!("uploadId={id}"), &[], body.as_bytes()).unwrap()
    }

    /// One request. Headers of the caller stand above those that belong there, `x-amz-content-sha256` too.
    pub(crate) fn send(
        &self,
        method: &str,
        key: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(['-', ':'], "");
        let (date, payload) = (&now[..8], hex(&Sha256::digest(body)));
        let mut all = BTreeMap::from([
            ("content-length", body.len().to_string()),
            ("host", self.host.clone()),
            ("x-amz-content-sha256", payload),
            ("x-amz-date", now.clone()),
        ]);
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));

        let path = encode(&format!("/{}/{key}", self.bucket));
        let names: Vec<&str> = all.keys().copied().collect();
        let lines: String = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = names.join(";");
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", all["x-amz-content-sha256"]);
        let scope = format!("{date}/us-east-1/s3/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut signing = format!("AWS4{}", self.keys.secret_key).into_bytes();
        for word in [date, "us-east-1", "s3", "aws4_request", &text] {
            signing = hmac(&signing, word.as_bytes());
        }
        let credential = format!("{}/{scope}", self.keys.access_key);
        let signature = hex(&signing);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");

        // HTTP/1.0: the answer comes in one piece, and the end of the connection ends it.
        let mut request = format!("{method} {path}?{query} HTTP/1.0\r\nauthorization: {authorization}\r\n");
        all.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
        let request = [(request + "\r\n").as_bytes(), body].concat();
        let socket = TcpStream::connect(&self.host)?;
        let answer = match &self.tls {
            None => exchange(socket, &request)?,
            Some(config) => {
                let name = "127.0.0.1".try_into().unwrap();
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
                exchange(StreamOwned::new(connection, socket), &request)?
            }
        };
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("no answer"))?;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Ok(Answer { status, headers, body: body.replace("&#34;", "\"").replace("&quot;", "\"") })
    }
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> std::io::Result<String> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..key.len()].copy_from_slice(&key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn encode(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    path.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
