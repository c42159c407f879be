//! Mail servers of the tests: one in this process, whose protocol is the crate `mailin`'s, or aiosmtpd, and some that misbehave.
//!
//! `FASTFLOW_ARCHIVE_TEST_AIOSMTPD` names a Python that has aiosmtpd and makes it obligatory; without it the tests run on the
//! embedded server and say so.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use fastflow_archive_testkit::PrivateCa;
use mailin::response::{AUTH_OK, INVALID_CREDENTIALS, NO_MAILBOX, OK, Response};
use mailin::{Action, AuthMechanism, Handler, SessionBuilder};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Who may send, where the server asks.
pub(crate) const USER: &str = "mailer@example.org";
pub(crate) const PASSWORD: &str = "smtp-secret-4711";
/// Whom the servers refuse.
pub(crate) const UNKNOWN: &str = "nobody@example.org";

/// A mail as it arrived.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
    /// Who sent it, where the server asked.
    pub(crate) user: Option<String>,
    pub(crate) is_encrypted: bool,
}

impl Mail {
    /// A header's text, decoded.
    pub(crate) fn header(&self, name: &str) -> String {
        let message = mail_parser::MessageParser::default().parse(self.data.as_bytes()).unwrap();
        match message.header(name) {
            Some(value) => value.as_text().map_or_else(|| format!("{value:?}"), str::to_owned),
            None => panic!("no header {name} in\n{}", self.data),
        }
    }

    pub(crate) fn text(&self) -> String {
        let message = mail_parser::MessageParser::default().parse(self.data.as_bytes()).unwrap();
        message.body_text(0).unwrap().replace("\r\n", "\n")
    }

    pub(crate) fn html(&self) -> String {
        let message = mail_parser::MessageParser::default().parse(self.data.as_bytes()).unwrap();
        message.body_html(0).unwrap().into_owned()
    }
}

/// How a server speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Security {
    Plain,
    StartTls,
    Implicit,
}

/// A running mail server.
pub(crate) struct MailServer {
    address: SocketAddr,
    ca: PrivateCa,
    running: Running,
    _folder: TempDir,
}

enum Running {
    Embedded(Arc<Mutex<Vec<Mail>>>),
    Aiosmtpd { child: Child, mails: PathBuf },
}

impl MailServer {
    /// aiosmtpd where the variable names it, else the embedded one.
    pub(crate) fn start(security: Security, asks_who: bool) -> MailServer {
        match std::env::var_os("FASTFLOW_ARCHIVE_TEST_AIOSMTPD") {
            Some(python) => MailServer::aiosmtpd(python.into(), security, asks_who),
            None => {
                println!("on the embedded SMTP server: FASTFLOW_ARCHIVE_TEST_AIOSMTPD is not set");
                MailServer::embedded(security, asks_who)
            }
        }
    }

    pub(crate) fn embedded(security: Security, asks_who: bool) -> MailServer {
        let folder = tempfile::tempdir().unwrap();
        let ca = PrivateCa::create(folder.path()).unwrap();
        let acceptor = ca.acceptor().unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&mails);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((socket, from)) = listener.accept().await {
                    let (acceptor, mails) = (acceptor.clone(), Arc::clone(&shared));
                    tokio::spawn(converse(socket, from.ip(), security, asks_who, acceptor, mails));
                }
            });
        });
        MailServer { address, ca, running: Running::Embedded(mails), _folder: folder }
    }

    fn aiosmtpd(python: PathBuf, security: Security, asks_who: bool) -> MailServer {
        let folder = tempfile::tempdir().unwrap();
        let ca = PrivateCa::create(folder.path()).unwrap();
        let mails = folder.path().join("mails.jsonl");
        std::fs::write(&mails, "").unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/aiosmtpd_server.py");
        let security = format!("{security:?}").to_lowercase();
        let login = if asks_who { format!("{USER}:{PASSWORD}") } else { String::new() };
        let mut child = Command::new(python)
            .args([script, &security, &login, UNKNOWN])
            .args([&ca.certs_dir, &mails])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().unwrap_or_else(|_| panic!("aiosmtpd does not start: {port}"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        MailServer { address, ca, running: Running::Aiosmtpd { child, mails }, _folder: folder }
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// The CA's certificate.
    pub(crate) fn ca_file(&self) -> String {
        self.ca.ca_file.to_string_lossy().into_owned()
    }

    /// What has arrived.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        match &self.running {
            Running::Embedded(mails) => mails.lock().unwrap().clone(),
            Running::Aiosmtpd { mails, .. } => {
                let text = std::fs::read_to_string(mails).unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
        }
    }

    /// The only mail that has arrived.
    #[track_caller]
    pub(crate) fn only_mail(&self) -> Mail {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:#?}");
        mails.remove(0)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Running::Aiosmtpd { child, .. } = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What `mailin` asks of us.
struct Inbox {
    mail: Mail,
    raw: Vec<u8>,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Handler for Inbox {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        from.clone_into(&mut self.mail.from);
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if to == UNKNOWN {
            return NO_MAILBOX;
        }
        self.mail.to.push(to.to_owned());
        OK
    }

    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.raw.extend(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.mail.data = String::from_utf8(std::mem::take(&mut self.raw)).unwrap();
        self.mails.lock().unwrap().push(self.mail.clone());
        OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        if (user, password) != (USER, PASSWORD) {
            return INVALID_CREDENTIALS;
        }
        self.mail.user = Some(user.to_owned());
        AUTH_OK
    }
}

async fn converse(
    socket: TcpStream,
    from: IpAddr,
    security: Security,
    asks_who: bool,
    acceptor: TlsAcceptor,
    mails: Arc<Mutex<Vec<Mail>>>,
) {
    let mut builder = SessionBuilder::new("mail.example.org");
    if security == Security::StartTls {
        builder.enable_start_tls();
    }
    if asks_who {
        builder.enable_auth(AuthMechanism::Plain);
    }
    if security == Security::Plain && asks_who {
        builder.insecure_enable_plaintext_auth();
    }
    let is_encrypted = security != Security::Plain;
    let mail = Mail { from: String::new(), to: Vec::new(), data: String::new(), user: None, is_encrypted };
    let mut session = builder.build(from, Inbox { mail, raw: Vec::new(), mails });
    let greeting = session.greeting().buffer().unwrap();
    if security == Security::Implicit {
        let Ok(mut stream) = acceptor.accept(socket).await else { return };
        session.tls_active();
        let _ = stream.write_all(&greeting).await;
        talk(stream, &mut session).await;
        return;
    }
    let mut socket = socket;
    let _ = socket.write_all(&greeting).await;
    if let Some(socket) = talk(socket, &mut session).await
        && let Ok(stream) = acceptor.accept(socket).await
    {
        session.tls_active();
        talk(stream, &mut session).await;
    }
}

/// Talks until the end; a stream that is to be encrypted comes back.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, session: &mut mailin::Session<Inbox>) -> Option<S> {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        let response = session.process(&line);
        let _ = stream.get_mut().write_all(&response.buffer().unwrap()).await;
        let _ = stream.get_mut().flush().await;
        match response.action {
            Action::Close => return None,
            Action::UpgradeTls => return Some(stream.into_inner()),
            Action::NoReply | Action::Reply => {}
        }
    }
}

/// A server that says `first` and then nothing more, until the client is gone.
/// The receiver hears of each client.
pub(crate) fn one_that_hangs(first: &'static str) -> (u16, Receiver<()>) {
    let (called, calls) = std::sync::mpsc::channel();
    let called = Mutex::new(called);
    let port = misbehaving(move |mut socket| {
        let _ = called.lock().unwrap().send(());
        let _ = std::io::Write::write_all(&mut socket, first.as_bytes());
        let _ = socket.read_to_end(&mut Vec::new());
    });
    (port, calls)
}

/// A server that says `first` and hangs up; how often it was called is counted.
pub(crate) fn one_that_drops(first: &'static str) -> (u16, Arc<Mutex<usize>>) {
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let port = misbehaving(move |mut socket| {
        *counted.lock().unwrap() += 1;
        let _ = std::io::Write::write_all(&mut socket, first.as_bytes());
    });
    (port, calls)
}

fn misbehaving(how: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let how = Arc::new(how);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let how = Arc::clone(&how);
            std::thread::spawn(move || how(socket));
        }
    });
    port
}
